/* Reading, replacing and judging files. */
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"

#define PIECE 65536u

int file_take(int fd, size_t max, struct buf *out)
{
    for (;;) {
        ssize_t n;

        buf_reserve(out, PIECE);
        n = read(fd, out->data + out->len, PIECE);
        if (n == 0)
            return 0;
        if (n < 0 && errno != EINTR)
            return -errno;
        if (n > 0)
            out->len += (size_t)n;
        out->data[out->len] = '\0';
        if (out->len > max)
            return -EFBIG;
    }
}

static int read_regular(int fd, size_t max, struct buf *out)
{
    struct stat st;

    if (fstat(fd, &st) < 0)
        return -errno;
    if (!S_ISREG(st.st_mode))
        return -EINVAL;
    return (uint64_t)st.st_size > max ? -EFBIG : file_take(fd, max, out);
}

int file_read(const char *path, size_t max, struct buf *out)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK), r;

    if (fd < 0)
        return -errno;
    r = read_regular(fd, max, out);
    close(fd);
    return r;
}

static int write_all(int fd, const char *data, size_t len)
{
    while (len > 0) {
        ssize_t n = write(fd, data, len);

        if (n < 0 && errno != EINTR)
            return -errno;
        if (n > 0) {
            data += n;
            len -= (size_t)n;
        }
    }
    return fsync(fd) < 0 ? -errno : 0;
}

int file_replace(const char *path, struct text content, unsigned mode)
{
    char temporary[PATH_MAX];
    int fd, r;

    if ((size_t)snprintf(temporary, sizeof(temporary), "%s.%d.new", path, (int)getpid()) >= sizeof(temporary))
        return -ENAMETOOLONG;
    if (unlink(temporary) < 0 && errno != ENOENT)
        return -errno;
    fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return -errno;
    r = write_all(fd, content.ptr, content.len);
    if (r == 0 && fchmod(fd, mode) < 0) /* whatever the umask is */
        r = -errno;
    if (close(fd) < 0 && r == 0)
        r = -errno;
    if (r == 0 && rename(temporary, path) < 0)
        r = -errno;
    if (r < 0)
        unlink(temporary);
    return r;
}

int file_lock(const char *path, int64_t patience_ms, int *ret_fd)
{
    int64_t until_ms = clock_mono_ms() + patience_ms;
    struct timespec pause = {.tv_nsec = 2000000};
    char beside[PATH_MAX];
    int fd, r = 0;

    if ((size_t)snprintf(beside, sizeof(beside), "%s.lock", path) >= sizeof(beside))
        return -ENAMETOOLONG;
    fd = open(beside, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return -errno;
    while (flock(fd, LOCK_EX | LOCK_NB) < 0) {
        r = errno == EWOULDBLOCK && clock_mono_ms() >= until_ms ? -EAGAIN
            : errno == EWOULDBLOCK || errno == EINTR            ? 0
                                                                : -errno;
        if (r < 0)
            break;
        nanosleep(&pause, NULL);
    }
    if (r < 0)
        close(fd);
    else
        *ret_fd = fd;
    return r;
}

static int judge(const char *part, char *why)
{
    struct stat st;

    if (lstat(part, &st) < 0) {
        snprintf(why, FILE_WHY_MAX, "%.200s: %s", part, strerror(errno));
        return -errno;
    }
    if (st.st_uid != 0 && st.st_uid != geteuid()) {
        snprintf(why, FILE_WHY_MAX, "%.200s belongs to user %u, expected root or user %u", part,
            (unsigned)st.st_uid, (unsigned)geteuid());
        return -EPERM;
    }
    if ((st.st_mode & (S_IWGRP | S_IWOTH)) && !(S_ISDIR(st.st_mode) && (st.st_mode & S_ISVTX))) {
        snprintf(why, FILE_WHY_MAX, "%.200s may be written by others (mode %04o), expected at most 0755",
            part, (unsigned)(st.st_mode & 07777));
        return -EPERM;
    }
    return 0;
}

int file_is_guarded(const char *path, char *why)
{
    char real[PATH_MAX];
    int r;

    if (!realpath(path, real)) {
        r = -errno;
        snprintf(why, FILE_WHY_MAX, "%.200s: %s", path, strerror(errno));
        return r;
    }
    for (size_t i = 1; real[i]; i++) {
        if (real[i] != '/')
            continue;
        real[i] = '\0';
        r = judge(real, why);
        if (r < 0)
            return r;
        real[i] = '/';
    }
    r = judge("/", why);
    return r < 0 ? r : judge(real, why);
}
