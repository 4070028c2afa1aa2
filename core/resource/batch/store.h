/* Batches as rows: what a batch is made of, frozen before it is done, with a result per item. A batch is its maker's alone. All
 * of it in the call's unit of work. */
#pragma once

#include "access/job.h"
#include "base/jsonw.h"
#include "resource/record/record.h"

#define BATCH_MAX 20000
#define BATCH_NAMED_MAX 10000
#define BATCH_DAYS 30

struct batch {
    struct uuid id, job, created_by, from, to; /* from, to: of a handover; to may be nil */
    const char *kind;                          /* transition, handover */
    const char *resource;                      /* "" for a handover */
    const char *transition, *input, *query;
    const char *state; /* freezing, ready, running, done; cancelled or failed when its job has ended so */
    int64_t total;     /* -1 while it is being frozen */
};
#define BATCH_TRANSITION "transition"
#define BATCH_HANDOVER "handover"

MUSTCHECK int batch_insert(struct call *c, struct batch *b);
/* The caller's own of that kind and resource; 404. */
MUSTCHECK int batch_find(
    struct call *c, const char *kind, const char *resource, struct uuid id, bool lock, struct batch *ret);
/* Begun: the job that does it from now on. */
MUSTCHECK int batch_begun(struct call *c, const struct batch *b, struct uuid job);
MUSTCHECK int batch_frozen(struct call *c, struct uuid id, int64_t total, int64_t left_out);
MUSTCHECK int batch_ended(struct call *c, struct uuid id);
/* With its items, unless its job is open: 409. */
MUSTCHECK int batch_remove(struct call *c, const struct batch *b);
MUSTCHECK int batch_expire(struct call *c);

struct batch_item {
    int32_t n;
    bool is_member; /* of a department; otherwise a record */
    const char *resource;
    struct uuid id, unit; /* unit: of a handover, where it lay */
    const char *part;
    int64_t version;
    const char *number;
    /* What came of it; before it was tried, what is to be expected: a code, and no status. */
    int status;
    const char *code, *en, *zh;
    int64_t new_version;
    const char *new_state;
};
/* From n = first on, in the order given; their n is set. */
MUSTCHECK int batch_items_add(
    struct call *c, struct uuid batch, struct batch_item *items, uint32_t count, int32_t first);
/* The next that have not been tried, all of one sort. */
MUSTCHECK int batch_items_next(
    struct call *c, struct uuid batch, uint32_t limit, struct batch_item **ret, uint32_t *ret_count);
MUSTCHECK int batch_items_done(
    struct call *c, struct uuid batch, const struct batch_item *items, uint32_t count);
/* How many of the batch have been tried, and how many of these were refused. */
MUSTCHECK int batch_count(struct call *c, struct uuid batch, int64_t *ret_tried, int64_t *ret_refused);

/* {"items": […], "next"} of the caller's newest; or one, with what it is made of and what came of it. */
MUSTCHECK int batch_list_write(struct call *c, const char *kind, const char *resource, struct jsonw *w);
MUSTCHECK int batch_write(
    struct call *c, const char *kind, const char *resource, struct uuid id, struct jsonw *w);
enum batch_which { BATCH_ALL, BATCH_DONE, BATCH_REFUSED, BATCH_OPEN };
MUSTCHECK int batch_items_write(struct call *c, const struct batch *b, enum batch_which which, int32_t after,
    uint32_t limit, struct jsonw *w);
/* All of them as CSV. */
MUSTCHECK int batch_csv(struct call *c, const struct batch *b, struct buf *out);
