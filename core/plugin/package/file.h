/* Files of plugins: read whole, and only from where nobody but the server's owner can write. */
#pragma once

#include "base/base.h"
#include "base/buf.h"

#define FILE_WHY_MAX 320

/* Reads a regular file of at most max bytes; a symbolic link is not followed. 0 or -errno, -EFBIG. */
MUSTCHECK int file_read(const char *path, size_t max, struct buf *out);
/* Writes through a temporary file in the same directory, synced, and renames. Everybody may read it: workers do, as a
 * user of their own. */
MUSTCHECK int file_replace(const char *path, const struct buf *content);

/* Every part of the path belongs to root or to this process's user, and nobody else may write to it (a sticky directory
 * is fine). -EPERM with `why` (FILE_WHY_MAX bytes) naming the part; other -errno when it cannot be looked at. */
MUSTCHECK int file_is_guarded(const char *path, char *why);
