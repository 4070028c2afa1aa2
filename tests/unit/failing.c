/* The program's own malloc, in front of the C library's or the address sanitizer's: the linker gives the executable's
 * definition to every library of the process. */
#include "failing.h"

#include <errno.h>
#include <sys/mman.h>

#if defined(__SANITIZE_ADDRESS__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SANITIZED 1
#endif
#endif

#ifdef SANITIZED
#define REAL(name) __interceptor_##name
int __lsan_do_recoverable_leak_check(void);
#else
#define REAL(name) __libc_##name
#endif

#define EXPORTED __attribute__((visibility("default")))

void *__wrap_mmap64(void *at, size_t size, int protection, int flags, int fd, off_t offset);
void *__real_mmap64(void *at, size_t size, int protection, int flags, int fd, off_t offset);
void *REAL(malloc)(size_t size);
void *REAL(calloc)(size_t count, size_t size);
void *REAL(realloc)(void *ptr, size_t size);

static __thread bool armed;
static __thread uint64_t passed, fatal;

void failing_arm(uint64_t n)
{
    fatal = n;
    passed = 0;
    armed = true;
}

uint64_t failing_disarm(void)
{
    armed = false;
    return passed;
}

bool failing_can_tell_leaks(void)
{
#ifdef SANITIZED
    return true;
#else
    return false;
#endif
}

bool failing_leaks(void)
{
#ifdef SANITIZED
    return __lsan_do_recoverable_leak_check() != 0;
#else
    return false;
#endif
}

static bool fails(void)
{
    if (!armed || ++passed != fatal)
        return false;
    errno = ENOMEM;
    return true;
}

EXPORTED void *malloc(size_t size)
{
    return fails() ? NULL : REAL(malloc)(size);
}

EXPORTED void *calloc(size_t count, size_t size)
{
    return fails() ? NULL : REAL(calloc)(count, size);
}

EXPORTED void *realloc(void *ptr, size_t size)
{
    return fails() ? NULL : REAL(realloc)(ptr, size);
}

/* Stacks of fibers are mapped; the linker sends the core's calls here (--wrap=mmap64). */
void *__wrap_mmap64(void *at, size_t size, int protection, int flags, int fd, off_t offset)
{
    return fails() ? MAP_FAILED : __real_mmap64(at, size, protection, flags, fd, offset);
}

EXPORTED void *reallocarray(void *ptr, size_t count, size_t size)
{
    size_t total;

    if (__builtin_mul_overflow(count, size, &total)) {
        errno = ENOMEM;
        return NULL;
    }
    return realloc(ptr, total);
}
