/* Files in the making, beside the store that takes them: nameless, so that whatever ends a process drops them. */
#pragma once

#include "blob/blob.h"

/* At start, once: the store's directory; copied. */
void scratch_set_directory(const char *path);
const char *scratch_directory(void); /* NULL: none was set */
/* A nameless file, open for reading and writing, or -errno. Blocks: on a helper thread. */
MUSTCHECK int scratch_file(void);
/* Copies the file to the store, finished and not placed; the caller ends the writer. In a fiber. */
MUSTCHECK int scratch_store(
    int32_t tenant, int fd, struct blob_writer **ret, struct sha256 *ret_digest, uint64_t *ret_size);
