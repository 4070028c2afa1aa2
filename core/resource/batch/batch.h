/* Batches: what is asked of more records than a request can take. They are frozen first, so that what is shown is what is done;
 * begun by who made them; done by a job with the rights that they have at that moment, so that each item asks what a single
 * request would. What has changed meanwhile is a conflict, and said of the item. */
#pragma once

#include "resource/batch/store.h"
#include "resource/flow/bulk.h"
#include "resource/query/query.h"

struct batch_input {
    const char *transition;
    const json_t *values;          /* NULL: none */
    const struct bulk_item *items; /* named; NULL: what the list of params shows */
    uint32_t count;
    const struct query_param *params;
    size_t param_count;
};
/* Within call_begin … call_commit. 403, 404, 409, 422. */
MUSTCHECK int batch_create(
    struct call *c, const struct resource *res, const struct batch_input *in, struct uuid *ret_id);
/* Once it is ready; again where its job was cancelled or failed. 409 otherwise. */
MUSTCHECK int batch_start(struct call *c, const char *kind, const char *resource, struct uuid id);
MUSTCHECK int batch_delete(struct call *c, const char *kind, const char *resource, struct uuid id);
/* So many of the caller's are open already: 409. */
MUSTCHECK int batch_check_open(struct call *c);
/* Queues the job that freezes, and notes the batch. */
MUSTCHECK int batch_queue(struct call *c, struct batch *b, const char *audited);

void batch_register(void); /* the kinds of jobs */
