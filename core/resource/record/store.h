/* What stands beside a record in the core's tables: who takes part, its history, its number. All of it in the call's
 * unit of work. */
#pragma once

#include "base/jsonw.h"
#include "resource/record/record.h"

/* The parameters $1 tenant, $2 resource, $3 record. */
void record_key_args(struct db_args *a, const struct call *c, const struct resource *res, struct uuid id);
/* By record_key_args; column 0: holder. */
extern const struct db_stmt participant_holders;
/* Idempotent. */
MUSTCHECK int participant_add(struct call *c, const struct record *rec, struct uuid holder, const char *role);
/* One holder's of a role becomes another's; nothing where there is none. */
MUSTCHECK int participant_move(
    struct call *c, const struct record *rec, struct uuid from, struct uuid to, const char *role);
/* Ends the participations of a role: of departments that were replaced. */
MUSTCHECK int participant_end(struct call *c, const struct record *rec, const char *role);

struct history_entry {
    const char *action;     /* create, update, delete, transition, merge, unmerge, handover, deadline */
    const char *transition; /* its name, or NULL */
    const char *from_state, *to_state;
    struct uuid from_unit, to_unit; /* nil when it did not move */
    uint32_t redirected_from;       /* the unit it would have gone to; TREE_NONE */
    bool has_days_left; /* it was sent back with so many working days to its deadline, or past it */
    int32_t days_left;
    const char *old_due, *new_due; /* it was counted anew; NULL */
    const struct record *other;    /* of a duplicate: what it was merged with, or is not any more; NULL */
};
/* The entry with the diff of the record's fields. Personal values live here and nowhere else beside the record: the
 * history can be erased, the audit trail cannot. */
MUSTCHECK int history_add(struct call *c, const struct record *rec, const struct history_entry *e);
/* The columns of an entry, of the alias h with its actor a; and its members, into an open object. */
#define HISTORY_COLUMNS                                                                                      \
    "h.id, h.version, h.at, h.actor, h.actor_kind, h.kind, h.transition, h.from_state, h.to_state, "         \
    "h.unit_id, h.changes, h.basis, a.display_name"
void history_write_members(struct call *c, const struct record *rec, struct jsonw *w,
    const struct db_rows *rows, int row, bool may_unmask);
/* As history_add with "create", of many new records. */
MUSTCHECK int history_add_many(struct call *c, struct record *const *records, uint32_t count);
/* Writes {"items": […]}, the newest 500, newest last, as the reader may see them. */
MUSTCHECK int history_write(struct call *c, const struct record *rec, struct jsonw *w);

/* The next numbers, in order of the records. */
MUSTCHECK int number_next_many(
    struct call *c, const struct resource *res, uint32_t count, struct record *const *records);
/* The next number: prefix, year, digits. */
MUSTCHECK int number_next(struct call *c, const struct resource *res, const char **ret);
