/* Where the disk's files are. */
#include "blob/disk.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"

static char *directory;
static atomic_int root_fd = -1;

void disk_set_directory(const char *path)
{
    int old = atomic_exchange(&root_fd, -1);

    if (old >= 0)
        close(old);
    free(directory);
    directory = str_dup(path);
}

/* Opened at the first need: a server whose files are on a disk that is not there yet serves everything else. */
int disk_root(void)
{
    int fd = atomic_load(&root_fd), none = -1;

    if (fd >= 0)
        return fd;
    if (!directory)
        return -ENODEV;
    fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT ? -ENODEV : -errno; /* "no such content" is another answer */
    if (!atomic_compare_exchange_strong(&root_fd, &none, fd)) {
        close(fd);
        fd = none;
    }
    return fd;
}

void disk_content_name(char out[DISK_NAME_MAX], int32_t tenant, const struct sha256 *digest)
{
    struct sha256_text hex = sha256_format(digest);

    snprintf(out, DISK_NAME_MAX, "%d/%.2s/%s", tenant, hex.s, hex.s);
}

/* A new entry is safe once the directory that holds it is. */
static int make_one(int root, const char *path)
{
    char above[DISK_NAME_MAX];
    const char *slash = strrchr(path, '/');
    int fd, r = 0;

    if (mkdirat(root, path, 0700) < 0)
        return errno == EEXIST ? 0 : -errno;
    snprintf(above, sizeof(above), "%.*s", slash ? (int)(slash - path) : 1, slash ? path : ".");
    fd = openat(root, above, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 || fsync(fd) < 0)
        r = -errno;
    if (fd >= 0)
        close(fd);
    return r;
}

int disk_make_way(int root, const char *name)
{
    char path[DISK_NAME_MAX];
    int r = 0;

    for (const char *p = strchr(name, '/'); p && r == 0; p = strchr(p + 1, '/')) {
        snprintf(path, sizeof(path), "%.*s", (int)(p - name), name);
        r = make_one(root, path);
    }
    return r;
}
