/* Nameless files. */
#include "resource/transfer/scratch.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/mem.h"
#include "loop/helper.h"

#define PIECE (256u * 1024u)

static char *directory;

void scratch_set_directory(const char *path)
{
    free(directory);
    directory = str_dup(path);
}

const char *scratch_directory(void)
{
    return directory;
}

int scratch_file(void)
{
    int fd = directory ? open(directory, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600) : -1;

    return fd >= 0 ? fd : !directory ? -ENODEV : errno == ENOENT ? -ENODEV : -errno;
}

struct piece {
    int fd;
    off_t at;
    ssize_t got;
    char *data;
};

static void read_piece(void *arg)
{
    struct piece *p = arg;

    do
        p->got = pread(p->fd, p->data, PIECE, p->at);
    while (p->got < 0 && errno == EINTR);
    if (p->got < 0)
        p->got = -errno;
}

int scratch_store(
    int32_t tenant, int fd, struct blob_writer **ret, struct sha256 *ret_digest, uint64_t *ret_size)
{
    CLEANUP(mem_freep) char *data = mem_alloc(PIECE);
    struct piece p = {.fd = fd, .data = data, .got = 1};
    int r = blob_store()->begin(tenant, ret);

    while (r == 0 && p.got > 0) {
        r = helper_run(HELPER_FILE, read_piece, &p);
        if (r == 0 && p.got > 0)
            r = blob_store()->write(*ret, data, (size_t)p.got);
        if (r == 0 && p.got < 0)
            r = (int)p.got;
        p.at += MAX(p.got, 0);
    }
    return r < 0 ? r : blob_store()->finish(*ret, ret_digest, ret_size);
}
