/* What becomes of contents that nobody wants. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "blob/disk.h"
#include "loop/helper.h"

struct collecting {
    char name[DISK_NAME_MAX]; /* of a content or a directory */
    int64_t before_us;
    struct sha256 *out;
    uint32_t max, count;
    int result;
};

static int64_t changed_us(int dir, const char *name)
{
    struct stat st;

    if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISREG(st.st_mode))
        return INT64_MAX;
    return (int64_t)st.st_mtim.tv_sec * 1000000 + st.st_mtim.tv_nsec / 1000;
}

/* Calls fn for each file that was last written before that moment, until it says no. */
static int each(struct collecting *c, bool (*fn)(struct collecting *c, int dir, const char *name))
{
    int root = disk_root(), fd = root < 0 ? -1 : openat(root, c->name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    struct dirent *entry;
    DIR *dir;

    if (root < 0)
        return root;
    if (fd < 0)
        return errno == ENOENT ? 0 : -errno;
    dir = fdopendir(fd);
    if (!dir) {
        int e = errno;

        close(fd);
        return -e;
    }
    while ((entry = readdir(dir)))
        if (entry->d_name[0] != '.' && changed_us(fd, entry->d_name) < c->before_us &&
            !fn(c, fd, entry->d_name))
            break;
    closedir(dir);
    return 0;
}

static bool drop_one(struct collecting *c, int dir, const char *name)
{
    c->count += unlinkat(dir, name, 0) == 0;
    return true;
}

static void do_sweep(void *arg)
{
    struct collecting *c = arg;

    c->result = each(c, drop_one);
}

int disk_sweep(int32_t tenant, int64_t before_us, uint32_t *ret_count)
{
    struct collecting c = {.before_us = before_us};
    int r;

    snprintf(c.name, sizeof(c.name), "%d/tmp", tenant);
    r = helper_run(HELPER_FILE, do_sweep, &c);
    *ret_count = c.count;
    return r < 0 ? r : c.result;
}

static bool note_one(struct collecting *c, int dir, const char *name)
{
    (void)dir;
    if (hex_parse(text_of(name), c->out[c->count].b, SHA256_LEN) == 0)
        c->count++;
    return c->count < c->max;
}

static void do_list(void *arg)
{
    struct collecting *c = arg;

    c->result = each(c, note_one);
}

int disk_list(
    int32_t tenant, uint8_t first, int64_t before_us, struct sha256 *out, uint32_t max, uint32_t *ret_count)
{
    struct collecting c = {.before_us = before_us, .out = out, .max = max};
    int r;

    snprintf(c.name, sizeof(c.name), "%d/%02x", tenant, first);
    r = helper_run(HELPER_FILE, do_list, &c);
    *ret_count = c.count;
    return r < 0 ? r : c.result;
}

static void do_remove(void *arg)
{
    struct collecting *c = arg;
    int root = disk_root();

    c->result = root < 0 ? root : unlinkat(root, c->name, 0) < 0 && errno != ENOENT ? -errno : 0;
}

int disk_remove(int32_t tenant, const struct sha256 *digest)
{
    struct collecting c = {0};
    int r;

    disk_content_name(c.name, tenant, digest);
    r = helper_run(HELPER_FILE, do_remove, &c);
    return r < 0 ? r : c.result;
}
