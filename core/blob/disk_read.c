/* Contents going out, piece by piece: from the page cache at once, from the disk by way of a helper thread. */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/mem.h"
#include "blob/disk.h"
#include "loop/helper.h"
#include "loop/source.h"

#define PIECE (128u * 1024u)

enum reading { READING_NOT, READING_NOW, READING_DONE };

struct disk_source {
    struct source source;
    int fd;
    uint64_t at;
    enum reading reading;
    bool is_closed; /* while a thread reads into it */
    size_t want;
    ssize_t got; /* or -errno */
    struct helper_job job;
    char piece[PIECE];
};

static void free_source(struct disk_source *d)
{
    close(d->fd);
    free(d);
}

static void do_read(void *arg)
{
    struct disk_source *d = arg;

    do
        d->got = pread(d->fd, d->piece, d->want, (off_t)d->at);
    while (d->got < 0 && errno == EINTR);
    if (d->got < 0)
        d->got = -errno;
}

static void read_is_done(void *arg)
{
    struct disk_source *d = arg;

    d->reading = READING_DONE;
    if (d->is_closed)
        free_source(d);
    else
        d->source.ready(d->source.arg);
}

static int give(struct disk_source *d, struct text *ret)
{
    d->reading = READING_NOT;
    if (d->got <= 0)
        return d->got < 0 ? (int)d->got : -EIO; /* shorter than its row says */
    d->at += (uint64_t)d->got;
    d->source.left -= (uint64_t)d->got;
    *ret = (struct text){d->piece, (size_t)d->got};
    return 0;
}

static int source_fetch(struct source *s, struct text *ret)
{
    struct disk_source *d = CONTAINER_OF(s, struct disk_source, source);
    struct iovec to;
    int r;

    if (d->reading == READING_DONE)
        return give(d, ret);
    if (d->reading == READING_NOW)
        return -EAGAIN;
    d->want = (size_t)MIN(s->left, (uint64_t)PIECE);
    to = (struct iovec){d->piece, d->want};
    d->got = preadv2(d->fd, &to, 1, (off_t)d->at, RWF_NOWAIT);
    if (d->got > 0)
        return give(d, ret);
    d->job = (struct helper_job){.fn = do_read, .done = read_is_done, .arg = d};
    r = helper_start(HELPER_FILE, &d->job);
    if (r < 0)
        return r;
    d->reading = READING_NOW;
    return -EAGAIN;
}

static void source_close(struct source *s)
{
    struct disk_source *d = CONTAINER_OF(s, struct disk_source, source);

    if (d->reading == READING_NOW)
        d->is_closed = true;
    else
        free_source(d);
}

static const struct source_ops source_ops = {source_fetch, source_close};

struct opening {
    char name[DISK_NAME_MAX];
    uint64_t end;
    int fd, result;
};

static void do_open(void *arg)
{
    struct opening *o = arg;
    int root = disk_root();
    struct stat st;

    o->result = root;
    if (root < 0)
        return;
    o->fd = openat(root, o->name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (o->fd < 0) {
        o->result = -errno;
        return;
    }
    o->result = fstat(o->fd, &st) < 0 ? -errno : (uint64_t)st.st_size < o->end ? -EIO : 0;
    if (o->result < 0)
        close(o->fd);
}

int disk_open(int32_t tenant, const struct sha256 *digest, uint64_t offset, uint64_t len, struct source **ret)
{
    struct opening o = {.end = offset + len};
    struct disk_source *d;
    int r;

    disk_content_name(o.name, tenant, digest);
    r = helper_run(HELPER_FILE, do_open, &o);
    if (r == 0)
        r = o.result;
    if (r < 0)
        return r;
    d = mem_zalloc(sizeof(*d));
    d->source = (struct source){.ops = &source_ops, .left = len, .held = sizeof(*d)};
    d->fd = o.fd;
    d->at = offset;
    *ret = &d->source;
    return 0;
}

int disk_file(int32_t tenant, const struct sha256 *digest, int *ret_fd)
{
    struct opening o = {.end = 0};
    int r;

    disk_content_name(o.name, tenant, digest);
    r = helper_run(HELPER_FILE, do_open, &o);
    if (r == 0)
        r = o.result;
    if (r == 0)
        *ret_fd = o.fd;
    return r;
}
