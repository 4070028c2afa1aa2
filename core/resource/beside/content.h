/* What comes in as a file's content, whichever way: what it is by what is in it, its thumbnail, and what is told where the store does not
 * work. */
#pragma once

#include "access/call.h"
#include "resource/beside/attachment.h"

/* The most that a file may have on this server. */
void content_set_limit(uint64_t bytes);
uint64_t content_limit(void);

/* The fault for an error of the store's: 503, 507; -EINVAL. */
int content_error(struct call *c, int error);
int content_busy(struct call *c); /* 503 */
/* The kind of what was written, by its content: nothing that its sender says counts. Fault 415 where it is none of the groups. */
MUSTCHECK int content_look(
    struct call *c, struct blob_writer *w, uint32_t types, const struct file_type **ret);
/* A small picture of it, where one can be made; it is a convenience. -ECANCELED. */
MUSTCHECK int content_shrink(
    int32_t tenant, struct blob_writer *w, const struct file_type *type, struct attachment_content *ret);
