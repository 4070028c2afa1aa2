/* The fence around the libraries. */
#include "media/sandbox.h"

#include <errno.h>
#include <seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#define SECONDS 8
#define MEMORY (512ul << 20)

/* The sanitizers map terabytes and open files of their own: tests with them go without these two. */
#if defined(__SANITIZE_ADDRESS__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SANITIZED 1
#endif
#endif
#ifdef SANITIZED
static const int is_sanitized = 1;
#else
static const int is_sanitized = 0;
#endif

static int limit(int what, rlim_t most)
{
    struct rlimit l = {most, most};

    return setrlimit((__rlimit_resource_t)what, &l) < 0 ? -errno : 0;
}

int sandbox_limit(void)
{
    int r = 0;

    if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        return -errno;
    if (close_range(3, ~0u, 0) < 0)
        return -errno;
    alarm(SECONDS + 2);
    r = limit(RLIMIT_CPU, SECONDS);
    if (r == 0)
        r = limit(RLIMIT_CORE, 0);
    if (r == 0)
        r = limit(RLIMIT_FSIZE, 0);
    if (r == 0 && !is_sanitized)
        r = limit(RLIMIT_AS, MEMORY);
    return r;
}

int sandbox_close(void)
{
    static const int allowed[] = {SCMP_SYS(read), SCMP_SYS(readv), SCMP_SYS(pread64), SCMP_SYS(lseek),
        SCMP_SYS(fstat), SCMP_SYS(newfstatat), SCMP_SYS(write), SCMP_SYS(munmap), SCMP_SYS(mremap),
        SCMP_SYS(madvise), SCMP_SYS(brk), SCMP_SYS(futex), SCMP_SYS(close), SCMP_SYS(exit),
        SCMP_SYS(exit_group), SCMP_SYS(rt_sigreturn), SCMP_SYS(rt_sigprocmask), SCMP_SYS(clock_gettime),
        SCMP_SYS(gettimeofday), SCMP_SYS(getrandom), SCMP_SYS(sched_yield), SCMP_SYS(getpid),
        SCMP_SYS(gettid)};
    static const int mapping[] = {SCMP_SYS(mmap), SCMP_SYS(mprotect)};
    scmp_filter_ctx f;
    int r = 0;

    if (is_sanitized)
        return 0;
    f = seccomp_init(SCMP_ACT_KILL_PROCESS);
    if (!f)
        return -ENOMEM;
    for (size_t i = 0; i < sizeof(allowed) / sizeof(allowed[0]) && r == 0; i++)
        r = seccomp_rule_add(f, SCMP_ACT_ALLOW, allowed[i], 0);
    for (size_t i = 0; i < sizeof(mapping) / sizeof(mapping[0]) && r == 0; i++) /* no new code */
        r = seccomp_rule_add(f, SCMP_ACT_ALLOW, mapping[i], 1, SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
    if (r == 0)
        r = seccomp_load(f);
    seccomp_release(f);
    return r;
}
