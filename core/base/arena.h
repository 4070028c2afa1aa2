/* An arena: memory that lives exactly as long as one request (or one load), with cleanups run in reverse order. */
#pragma once

#include "base/base.h"

struct arena;

struct arena *arena_new(void);
void arena_free(struct arena *a);  /* runs the cleanups; NULL is fine */
void arena_reset(struct arena *a); /* as arena_free and arena_new in one */

void *arena_alloc(
    struct arena *a, size_t size); /* zeroed, aligned for any type; gives up when out of memory */
void *arena_array(struct arena *a, size_t count, size_t size);
char *arena_dup(struct arena *a, const char *s); /* NULL stays NULL */
char *arena_ndup(struct arena *a, const char *s, size_t len);
char *arena_printf(struct arena *a, const char *format, ...) PRINTF_LIKE(2, 3);

/* Runs fn(arg) when the arena ends; the last registered runs first. */
void arena_defer(struct arena *a, void (*fn)(void *arg), void *arg);
