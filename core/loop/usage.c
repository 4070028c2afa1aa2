/* Read from /proc. Plugins run on the main thread; hashing helpers must not count. */
#include "loop/usage.h"

#include <fcntl.h>
#include <time.h>
#include <unistd.h>

#include "base/text.h"

/* The first two numbers of a small file. */
static bool read_two(const char *path, int64_t *ret_first, int64_t *ret_second)
{
    char line[128];
    struct text rest;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n;

    if (fd < 0)
        return false;
    n = read(fd, line, sizeof(line));
    close(fd);
    rest = (struct text){line, n > 0 ? (size_t)n : 0};
    return text_to_i64(text_split(&rest, ' '), 0, INT64_MAX, ret_first) == 0 &&
           text_to_i64(text_split(&rest, ' '), 0, INT64_MAX, ret_second) == 0;
}

int64_t usage_resident(pid_t pid)
{
    char path[64];
    int64_t mapped, resident;

    snprintf(path, sizeof(path), "/proc/%d/statm", (int)pid);
    return read_two(path, &mapped, &resident) ? resident * sysconf(_SC_PAGESIZE) : 0;
}

/* Kernels without the accounting of the scheduler show zeros: then the process's clock has to do. */
static void read_times(pid_t pid, struct usage *ret)
{
    char path[64];
    struct timespec at;
    clockid_t clock;

    snprintf(path, sizeof(path), "/proc/%d/task/%d/schedstat", (int)pid, (int)pid);
    if (read_two(path, &ret->ran_ns, &ret->queued_ns) && ret->ran_ns > 0)
        return;
    ret->ran_ns = -1;
    ret->queued_ns = 0;
    if (clock_getcpuclockid(pid, &clock) == 0 && clock_gettime(clock, &at) == 0)
        ret->ran_ns = (int64_t)at.tv_sec * 1000000000 + at.tv_nsec;
}

void usage_read(pid_t pid, struct usage *ret)
{
    read_times(pid, ret);
    ret->resident_bytes = usage_resident(pid);
}

int64_t usage_blocked_ns(const struct usage *before, const struct usage *after, int64_t wall_ns)
{
    int64_t ran = before->ran_ns < 0 || after->ran_ns < 0 ? 0 : after->ran_ns - before->ran_ns;

    return MAX(wall_ns - ran - (after->queued_ns - before->queued_ns), (int64_t)0);
}
