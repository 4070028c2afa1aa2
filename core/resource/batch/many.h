/* Batches of one transition: which records, and each of them taken. */
#pragma once

#include "resource/batch/store.h"
#include "resource/query/query.h"

/* All that the list of the batch's conditions shows its maker, as it is now, in one statement. */
MUSTCHECK int many_freeze(struct call *c, const struct batch *b, int64_t *ret_count);
/* The conditions as they are kept, without what concerns a page. */
const char *many_query(struct arena *a, const struct query_param *params, size_t count);
/* Takes each, in a savepoint of its own. */
MUSTCHECK int many_take(struct call *c, const struct batch *b, struct batch_item *items, uint32_t count);
/* The call's fault as an item's result; the fault is gone then. */
void many_refused(struct call *c, struct batch_item *item);
