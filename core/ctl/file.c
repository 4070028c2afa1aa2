/* Files that commands read. */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "ctl/ctl.h"

int ctl_read_file(struct ctl *c, const char *path, size_t max, struct buf *out)
{
    bool is_stdin = strcmp(path, "-") == 0;
    int fd = is_stdin ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC), r = fd < 0 ? -errno : 0;

    while (r == 0) {
        ssize_t n;

        buf_reserve(out, 65536);
        n = read(fd, out->data + out->len, 65536);
        if (n == 0)
            break;
        if (n > 0)
            out->len += (size_t)n;
        else if (errno != EINTR)
            r = -errno;
        if (out->len > max)
            r = -EFBIG;
    }
    if (fd >= 0 && !is_stdin)
        close(fd);
    buf_addc(out, '\0');
    out->len--;
    if (r < 0)
        ctl_fail(c, r == -ENOENT ? CTL_NOT_FOUND : CTL_FAILED, "%s: %s", path, strerror(-r));
    return r;
}
