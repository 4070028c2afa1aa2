/* Merging duplicates: B is joined to A. B ends and refers to A; whoever submitted B keeps it, reads in it what becomes of A, and
 * is told what A's submitter is told. Whoever handles A reads B. Never further: what was merged has nothing merged into it. */
#pragma once

#include "resource/record/record.h"

#define MERGED_MAX 500 /* into one record */

/* Locks the records and those they are, or were, merged with, in the order of the ids, as everybody does. In the call's
 * unit of work; nothing for other transitions. */
MUSTCHECK int merge_lock(struct call *c, const struct resource *res, const struct transition *t,
    const struct uuid *ids, uint32_t count, const json_t *body);
/* Of a transition that merges: the record that the body names, locked, to which the caller may do this too. Of one that takes it
 * back: what it was merged into; NULL when that is gone. NULL for others. Faults at /into, 403, 409 and 412. */
MUSTCHECK int merge_find(struct call *c, const struct record *rec, const struct transition *t,
    const json_t *body, struct record **ret);
/* Once rec is written: the other's side of the timeline, and the submitter is told. */
MUSTCHECK int merge_done(
    struct call *c, const struct record *rec, const struct transition *t, const struct record *other);
/* A transition of `into` that its submitter is told of: so are those of what was merged into it. */
MUSTCHECK int merge_tell(struct call *c, const struct record *into, const struct transition *t);
/* Fills in what duplicates among the records follow. */
MUSTCHECK int merge_follow(struct call *c, struct record *const *records, uint32_t count);
/* {"count": n, "items": […]}: what was merged into the record, as far as the caller handles that. */
MUSTCHECK int merge_write(struct call *c, const struct record *into, struct jsonw *w);
