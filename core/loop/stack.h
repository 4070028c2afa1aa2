/* Stacks for fibers: mapped with a guard, reused. */
#pragma once

#include "base/base.h"

struct stack {
    struct stack *next; /* while in the pool */
    void *map;          /* guard first, stack above it */
    char *low;          /* lowest usable byte */
};

void stack_pool_init(uint32_t keep);
void stack_pool_done(void);
struct stack *stack_take(void); /* NULL when memory or mappings are exhausted */
void stack_give(struct stack *s);
