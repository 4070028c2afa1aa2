/* Memory helpers that end the process instead of returning NULL. */
#include "base/mem.h"

#include <stdarg.h>
#include <unistd.h>

/* Without the log, which allocates. */
void give_up(const char *why)
{
    char line[160];
    int len = snprintf(line, sizeof(line),
        "{\"level\":\"error\",\"event\":\"process.gives_up\",\"pid\":%d,\"why\":\"%s\"}\n", (int)getpid(),
        why);

    (void)!write(STDERR_FILENO, line, MIN((size_t)len, sizeof(line) - 1));
    _exit(GIVE_UP_STATUS);
}

static void *checked(void *ptr)
{
    if (!ptr)
        give_up("out of memory");
    return ptr;
}

void *mem_alloc(size_t size)
{
    return checked(malloc(size ? size : 1));
}

void *mem_zalloc(size_t size)
{
    return checked(calloc(1, size ? size : 1));
}

void *mem_zarray(size_t count, size_t size)
{
    return checked(calloc(count ? count : 1, size ? size : 1));
}

void *mem_resize(void *ptr, size_t count, size_t size)
{
    return checked(reallocarray(ptr, count ? count : 1, size ? size : 1));
}

void *mem_dup(const void *ptr, size_t size)
{
    void *copy = mem_alloc(size);

    if (size)
        memcpy(copy, ptr, size);
    return copy;
}

char *str_dup(const char *s)
{
    return s ? str_ndup(s, strlen(s)) : NULL;
}

char *str_ndup(const char *s, size_t len)
{
    char *copy = mem_alloc(len + 1);

    memcpy(copy, s, len);
    copy[len] = '\0';
    return copy;
}

char *str_printf(const char *format, ...)
{
    va_list args;
    char *out = NULL;

    va_start(args, format);
    if (vasprintf(&out, format, args) < 0)
        give_up("out of memory");
    va_end(args);
    return out;
}

void mem_freep(void *ptr_to_ptr)
{
    void **ptr = ptr_to_ptr;

    free(*ptr);
    *ptr = NULL;
}
