/* Contents coming in: written under a temporary name, synced, then renamed. */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/uuid.h"
#include "blob/disk.h"
#include "loop/helper.h"

/* The kernel begins to write out what it holds every so many bytes, so that the sync at the end has little left to do. */
#define WRITE_OUT (8u * 1024u * 1024u)

struct blob_writer {
    int32_t tenant;
    int fd;
    char name[DISK_NAME_MAX];
    struct sha256_stream *digest_stream;
    struct sha256 digest;
    uint64_t size, written_out;
    bool is_placed;
};

/* A step on a helper thread. */
struct step {
    struct blob_writer *w;
    const void *data;
    size_t len;
    int fd; /* look's */
    int result;
};

static int run(struct step *s, void (*fn)(void *arg))
{
    int r = helper_run(HELPER_FILE, fn, s);

    return r < 0 ? r : s->result;
}

static int error_of(int e)
{
    return e == EDQUOT ? -ENOSPC : -e;
}

static void do_begin(void *arg)
{
    struct step *s = arg;
    struct blob_writer *w = s->w;
    int root = disk_root();

    s->result = root < 0 ? root : disk_make_way(root, w->name);
    if (s->result < 0)
        return;
    w->fd = openat(root, w->name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    s->result = w->fd < 0 ? error_of(errno) : 0;
}

static int disk_begin(int32_t tenant, struct blob_writer **ret)
{
    struct blob_writer *w = mem_zalloc(sizeof(*w));
    struct step s = {.w = w};
    int r;

    w->tenant = tenant;
    w->fd = -1;
    snprintf(w->name, sizeof(w->name), "%d/tmp/%s", tenant, uuid_format(uuid_new()).s);
    r = run(&s, do_begin);
    if (r < 0) {
        free(w);
        return r;
    }
    w->digest_stream = sha256_begin();
    *ret = w;
    return 0;
}

static void do_write(void *arg)
{
    struct step *s = arg;
    struct blob_writer *w = s->w;
    const char *p = s->data;
    size_t left = s->len;

    while (left) {
        ssize_t n = write(w->fd, p, left);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0) {
            s->result = n < 0 ? error_of(errno) : -EIO;
            return;
        }
        p += n;
        left -= (size_t)n;
    }
    sha256_add(w->digest_stream, (struct text){s->data, s->len});
    w->size += s->len;
    if (w->size - w->written_out >= WRITE_OUT) {
        (void)sync_file_range(
            w->fd, (off_t)w->written_out, (off_t)(w->size - w->written_out), SYNC_FILE_RANGE_WRITE);
        w->written_out = w->size;
    }
}

static int disk_write(struct blob_writer *w, const void *data, size_t len)
{
    struct step s = {.w = w, .data = data, .len = len};

    return run(&s, do_write);
}

static void do_finish(void *arg)
{
    struct step *s = arg;

    s->result = fsync(s->w->fd) < 0 ? error_of(errno) : 0;
}

static int disk_finish(struct blob_writer *w, struct sha256 *ret_digest, uint64_t *ret_size)
{
    struct step s = {.w = w};
    int r = run(&s, do_finish);

    if (r < 0)
        return r;
    w->digest = sha256_so_far(w->digest_stream);
    *ret_digest = w->digest;
    *ret_size = w->size;
    return 0;
}

static void do_place(void *arg)
{
    struct step *s = arg;
    char name[DISK_NAME_MAX], above[DISK_NAME_MAX];
    int root = disk_root(), dir;

    disk_content_name(name, s->w->tenant, &s->w->digest);
    s->result = root < 0 ? root : disk_make_way(root, name);
    if (s->result < 0)
        return;
    if (renameat(root, s->w->name, root, name) < 0) {
        s->result = error_of(errno);
        return;
    }
    s->w->is_placed = true;
    snprintf(above, sizeof(above), "%.*s", (int)(strrchr(name, '/') - name), name);
    dir = openat(root, above, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dir < 0 || fsync(dir) < 0)
        s->result = error_of(errno);
    if (dir >= 0)
        close(dir);
}

static int disk_place(struct blob_writer *w)
{
    struct step s = {.w = w};

    return w->is_placed ? 0 : run(&s, do_place);
}

static void do_end(void *arg)
{
    struct step *s = arg;
    int root = disk_root();

    if (root >= 0 && !s->w->is_placed)
        (void)unlinkat(root, s->w->name, 0);
    close(s->w->fd);
}

static void disk_end(struct blob_writer *w)
{
    struct step s = {.w = w};

    if (!w)
        return;
    if (run(&s, do_end) == -EBUSY)
        close(w->fd); /* what is left is swept */
    sha256_free(w->digest_stream);
    free(w);
}

static void do_look(void *arg)
{
    struct step *s = arg;
    char path[32];

    /* A description of its own: who reads through it moves nobody else's place. */
    snprintf(path, sizeof(path), "/proc/self/fd/%d", s->w->fd);
    s->fd = open(path, O_RDONLY | O_CLOEXEC);
    s->result = s->fd < 0 ? -errno : 0;
}

static int disk_look(struct blob_writer *w, int *ret_fd)
{
    struct step s = {.w = w};
    int r = run(&s, do_look);

    *ret_fd = r == 0 ? s.fd : -1;
    return r;
}

static const struct blob_store disk = {
    .begin = disk_begin,
    .write = disk_write,
    .finish = disk_finish,
    .place = disk_place,
    .end = disk_end,
    .look = disk_look,
    .open = disk_open,
    .file = disk_file,
    .remove = disk_remove,
    .sweep = disk_sweep,
    .list = disk_list,
};

const struct blob_store *blob_store(void)
{
    return &disk;
}
