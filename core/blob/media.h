/* What is in a file that somebody sent: asked of juxin-media, a process of its own for each question, which holds nothing
 * worth having, may do nothing but read that file and write its answer, and ends when it takes too long. */
#pragma once

#include "base/base.h"
#include "base/buf.h"

#define MEDIA_TYPE_MAX 100

/* At start: the program; copied. */
void media_set_program(const char *path);
/* Its media type by content, "application/pdf". Suspends. -EILSEQ: it cannot be said; -EBUSY: too many ask; -ETIMEDOUT;
 * -ECANCELED; -EIO and others: the program cannot be run. */
MUSTCHECK int media_type(int fd, char ret_type[MEDIA_TYPE_MAX]);
/* A small JPEG, of at most THUMBNAIL_MAX bytes, of a picture of these types: media_can_shrink(). Faults as media_type. */
#define THUMBNAIL_MAX 262144u
bool media_can_shrink(const char *type);
MUSTCHECK int media_shrink(int fd, const char *type, struct buf *out);
