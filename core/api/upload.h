/* A file coming in: its body into the store, and what it is. */
#pragma once

#include "api/dispatch.h"
#include "resource/beside/attachment.h"

struct upload {
    struct uuid account; /* whose */
    int32_t tenant;
    struct attachment_content content, thumbnail;
    const struct file_type *type;
    bool is_over; /* all of it has come, or what was wrong with it is known: */
    int result;
    struct call_fault fault;
    struct upload *next; /* of those under way */
};

#define UPLOAD_ANY UINT32_MAX /* of any kind: the caller looks into it itself */
void upload_set_places(uint32_t places);
/* The file's name, of the field Content-Disposition; it lives as long as the call. -EINVAL with the fault. Does not
 * suspend. */
MUSTCHECK int upload_name(struct call *c, const struct request *r, const char **ret);
/* Takes the request's body, once: a handler that decides anew gets what is kept, the fault too. Suspends. 0; -EINVAL with the
 * fault: 413 over `most` bytes, 415 a kind of file that is not among `types` (bits of enum file_group), 422 empty, 503 too many
 * at once, 507 no room. */
MUSTCHECK int upload_take(
    struct call *c, struct request *r, uint64_t most, uint32_t types, struct upload **ret);
void upload_end(struct request *r); /* the route's `end` */
