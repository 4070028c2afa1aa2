/* Bump allocation in blocks; large pieces get a block of their own. */
#include "base/arena.h"

#include <stdarg.h>

#include "base/mem.h"

#define BLOCK_SIZE 8192u
#define ALIGN 16u

struct block {
    struct block *next;
    size_t used;
    size_t size;
    _Alignas(16) char data[];
};

struct deferred {
    struct deferred *next;
    void (*fn)(void *arg);
    void *arg;
};

struct arena {
    struct block *blocks;
    struct deferred *deferred;
};

struct arena *arena_new(void)
{
    return mem_zalloc(sizeof(struct arena));
}

static void release(struct arena *a)
{
    while (a->deferred) {
        struct deferred *d = a->deferred;

        a->deferred = d->next;
        d->fn(d->arg);
    }
    while (a->blocks) {
        struct block *b = a->blocks;

        a->blocks = b->next;
        free(b);
    }
}

void arena_free(struct arena *a)
{
    if (!a)
        return;
    release(a);
    free(a);
}

void arena_reset(struct arena *a)
{
    release(a);
}

static struct block *block_new(struct arena *a, size_t size)
{
    struct block *b = mem_alloc(sizeof(*b) + size);

    b->used = 0;
    b->size = size;
    /* A large piece goes behind the current block, so that the rest of that one is still used. */
    if (a->blocks && size > BLOCK_SIZE) {
        b->next = a->blocks->next;
        a->blocks->next = b;
    } else {
        b->next = a->blocks;
        a->blocks = b;
    }
    return b;
}

void *arena_alloc(struct arena *a, size_t size)
{
    struct block *b = a->blocks;
    char *ptr;

    if (size > SIZE_MAX / 2)
        abort();
    size = (size + ALIGN - 1) & ~(size_t)(ALIGN - 1);
    if (size > BLOCK_SIZE / 2)
        b = block_new(a, MAX(size, BLOCK_SIZE + 1));
    else if (!b || b->size - b->used < size)
        b = block_new(a, BLOCK_SIZE);
    ptr = b->data + b->used;
    b->used += size;
    memset(ptr, 0, size);
    return ptr;
}

void *arena_array(struct arena *a, size_t count, size_t size)
{
    size_t total;

    if (__builtin_mul_overflow(count, size, &total))
        abort();
    return arena_alloc(a, total);
}

char *arena_ndup(struct arena *a, const char *s, size_t len)
{
    char *copy = arena_alloc(a, len + 1);

    if (len)
        memcpy(copy, s, len);
    return copy;
}

char *arena_dup(struct arena *a, const char *s)
{
    return s ? arena_ndup(a, s, strlen(s)) : NULL;
}

char *arena_printf(struct arena *a, const char *format, ...)
{
    va_list args, again;
    char here[256], *out;
    int len;

    va_start(args, format);
    va_copy(again, args);
    len = vsnprintf(here, sizeof(here), format, args);
    va_end(args);
    if (len < 0)
        abort();
    out = arena_alloc(a, (size_t)len + 1);
    if ((size_t)len < sizeof(here))
        memcpy(out, here, (size_t)len);
    else
        vsnprintf(out, (size_t)len + 1, format, again);
    va_end(again);
    return out;
}

void arena_defer(struct arena *a, void (*fn)(void *arg), void *arg)
{
    struct deferred *d = arena_alloc(a, sizeof(*d));

    d->fn = fn;
    d->arg = arg;
    d->next = a->deferred;
    a->deferred = d;
}
