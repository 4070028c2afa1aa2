/* Files that commands read. */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/file.h"
#include "base/json.h"
#include "ctl/ctl.h"

int ctl_read_file(struct ctl *c, const char *path, size_t max, struct buf *out)
{
    bool is_stdin = strcmp(path, "-") == 0;
    int fd = is_stdin ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC), r = fd < 0 ? -errno : 0;

    if (r == 0)
        r = file_take(fd, max, out);
    if (fd >= 0 && !is_stdin)
        close(fd);
    return r == 0 ? CTL_OK
                  : ctl_fail(c, r == -ENOENT ? CTL_NOT_FOUND : CTL_FAILED, "%s: %s", path, strerror(-r));
}

int ctl_read_json(struct ctl *c, const char *path, size_t max, json_t **ret)
{
    struct json_fault why;
    int r = json_read_file(path, max, ret, &why);

    if (r == -ENOENT)
        return ctl_fail(c, CTL_NOT_FOUND, "%s: no such file", path);
    return r < 0 ? ctl_fail(c, CTL_REFUSED, "%s:%u:%u: %s", path, why.line, why.column, why.message) : CTL_OK;
}
