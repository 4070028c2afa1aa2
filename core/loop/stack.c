/* Pooled stacks. The guard is 1 MiB: a 300 KB frame jumps a one-page guard into the neighbour's stack (measured). */
#include "loop/stack.h"

#include <sys/mman.h>

#include "base/mem.h"
#include "loop/fiber.h"

static struct stack *pool;
static uint32_t pooled, keep_max;

void stack_pool_init(uint32_t keep)
{
    keep_max = keep;
}

static void unmap(struct stack *s)
{
    munmap(s->map, FIBER_GUARD_SIZE + FIBER_STACK_SIZE);
    free(s);
}

void stack_pool_done(void)
{
    while (pool) {
        struct stack *s = pool;

        pool = s->next;
        unmap(s);
    }
    pooled = 0;
}

struct stack *stack_take(void)
{
    struct stack *s = pool;

    if (s) {
        pool = s->next;
        pooled--;
        return s;
    }
    s = mem_zalloc(sizeof(*s));
    s->map = mmap(NULL, FIBER_GUARD_SIZE + FIBER_STACK_SIZE, PROT_NONE,
        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
    if (s->map == MAP_FAILED) {
        free(s);
        return NULL;
    }
    s->low = (char *)s->map + FIBER_GUARD_SIZE;
    if (mprotect(s->low, FIBER_STACK_SIZE, PROT_READ | PROT_WRITE) < 0) {
        unmap(s);
        return NULL;
    }
    return s;
}

void stack_give(struct stack *s)
{
    if (pooled >= keep_max) {
        unmap(s);
        return;
    }
    s->next = pool;
    pool = s;
    pooled++;
}
