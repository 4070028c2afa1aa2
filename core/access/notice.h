/* Notices: what single persons are told of, in the unit of work of what happened. A notice is the name of a template and its
 * parameters; the words are put together when somebody reads it. An event wakes the streams of those who were told. */
#pragma once

#include "access/call.h"

/* The core's templates. In the texts {what} is the resource's label with the record's number, {transition} the label of one,
 * {due} a day, {unit} the name of the unit. */
struct notice_kind {
    const char *name, *label_zh, *label_en, *text_zh, *text_en;
    bool is_urgent; /* also in the hours in which somebody wants to be left alone */
};
#define NOTICE_ASSIGNED "assigned"
#define NOTICE_MENTIONED "mentioned"
#define NOTICE_RETURNED "returned"
#define NOTICE_HANDOVER "handover" /* about no record; {done}, {refused} */
#define NOTICE_DUE_SOON "due_soon"
#define NOTICE_OVERDUE "overdue"
#define NOTICE_PROGRESS "progress"
#define NOTICE_RECORDED "own_recorded"    /* about no record */
#define NOTICE_OWN_DUE "own_due_soon"     /* about no record; {due} */
#define NOTICE_OWN_OVERDUE "own_overdue"  /* about no record; {due} */
#define NOTICE_ENDPOINT "endpoint_failed" /* about no record; {name} */
#define NOTICE_CHANNEL "channel_failed"   /* likewise */
/* Further ones, of plugins: "plugin.name". At start; the texts are borrowed. False when there are too many. */
MUSTCHECK bool notice_kind_declare(const struct notice_kind *kind);
const struct notice_kind *notice_kind_at(size_t n);           /* NULL behind the last */
const struct notice_kind *notice_kind_find(struct text name); /* NULL */

struct notice {
    const char *kind;
    const char *resource; /* full name; NULL: about no record */
    struct uuid record, unit;
    const char *params; /* JSON, an object of texts; never personal values */
};
/* Tells each of the accounts once: those that are active persons and have not muted the kind. */
MUSTCHECK int notice_add(struct call *c, const struct notice *n, const struct uuid *accounts, uint32_t count);
/* The accounts behind holders, which are accounts or departments; others are left out. Each once, in the arena. */
void notice_people(
    const struct call *c, const struct uuid *holders, uint32_t count, struct uuid **ret, uint32_t *ret_count);

/* The caller's own. */
MUSTCHECK int notice_read(struct call *c, struct uuid id); /* fault 404 */
MUSTCHECK int notice_read_upto(struct call *c, struct uuid id);
/* All that the caller has muted from now on: names of kinds. */
MUSTCHECK int notice_mute(struct call *c, const char *const *kinds, size_t count);
