/* Contents of files, named by their SHA-256, one set for each tenant: what two people of one district upload is kept once,
 * and nobody learns whether another district has it. A disk keeps them (disk.c); an object store is another table of
 * these functions. All suspend the fiber, none blocks the loop, and none knows the database: that a content is there only
 * counts once a row says so, and what no row names is collected (resource/beside/attachment_collect.c).
 *
 * Errors: -ENOSPC (no room: 507), -EBUSY (too much at once: 503), -ENOENT (no such content), -EIO and others of the medium. */
#pragma once

#include "base/base.h"
#include "base/digest.h"

struct source;
struct blob_writer;

struct blob_store {
    /* A new content, under no name yet. */
    int (*begin)(int32_t tenant, struct blob_writer **ret);
    int (*write)(struct blob_writer *w, const void *data, size_t len);
    /* Nothing more comes: it is safe on the medium, and its digest and size are known. */
    int (*finish)(struct blob_writer *w, struct sha256 *ret_digest, uint64_t *ret_size);
    /* Gives it its name, in the unit of work that makes its row: whoever collects waits for that row. Twice is fine. */
    int (*place)(struct blob_writer *w);
    /* Frees the writer; what was not placed is gone. NULL is fine. */
    void (*end)(struct blob_writer *w);
    /* A descriptor to read what was written so far; the caller closes it. */
    int (*look)(struct blob_writer *w, int *ret_fd);
    /* len bytes from offset on. */
    int (*open)(
        int32_t tenant, const struct sha256 *digest, uint64_t offset, uint64_t len, struct source **ret);
    /* A descriptor to read all of it by, for whoever needs more than one pass; the caller closes it. */
    int (*file)(int32_t tenant, const struct sha256 *digest, int *ret_fd);
    /* 0 too when it is not there. */
    int (*remove)(int32_t tenant, const struct sha256 *digest);
    /* Drops what writers that are no more have left before that moment. */
    int (*sweep)(int32_t tenant, int64_t before_us, uint32_t *ret_count);
    /* The contents that were placed before that moment and whose digest begins with that byte, up to `max` of them. */
    int (*list)(int32_t tenant, uint8_t first, int64_t before_us, struct sha256 *out, uint32_t max,
        uint32_t *ret_count);
};

const struct blob_store *blob_store(void);
/* At start: where the disk keeps them; copied. */
void disk_set_directory(const char *path);
