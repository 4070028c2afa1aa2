/* Files: read whole, replaced whole, and judged by who may write them. Everything here blocks: at start, in juxinctl, on a
 * helper thread. */
#pragma once

#include "base/base.h"
#include "base/buf.h"

#define FILE_WHY_MAX 320

/* All that comes from a descriptor, appended; the caller closes it. 0 or -errno, -EFBIG beyond max bytes. */
MUSTCHECK int file_take(int fd, size_t max, struct buf *out);
/* A regular file of at most max bytes; a symbolic link is not followed. 0 or -errno, -EINVAL, -EFBIG. */
MUSTCHECK int file_read(const char *path, size_t max, struct buf *out);
/* Through a temporary file of this process's own in the same directory, synced, and renamed: whoever reads sees the one or
 * the other. mode: of the file. 0 or -errno; what was there is then still there. */
MUSTCHECK int file_replace(const char *path, struct text content, unsigned mode);

/* Keeps other processes from changing the file at the same time, if they ask so too: a lock on PATH.lock beside it, which
 * goes with the descriptor. Waits up to patience_ms. 0 or -errno, -EAGAIN when it stays with somebody else. */
MUSTCHECK int file_lock(const char *path, int64_t patience_ms, int *ret_fd);

/* Every part of the path belongs to root or to this process's user, and nobody else may write to it (a sticky directory
 * is fine). -EPERM with `why` (FILE_WHY_MAX bytes) naming the part; other -errno when it cannot be looked at. */
MUSTCHECK int file_is_guarded(const char *path, char *why);
