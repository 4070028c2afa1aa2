/* Parts: what departments or persons are asked for on a record besides whoever leads it, each open until it is done. All
 * of it in the call's unit of work, the record locked. */
#pragma once

#include "base/jsonw.h"
#include "resource/record/record.h"

/* By record_key_args. */
enum part_column { PART_ROLE, PART_HOLDER, PART_STATE };
extern const struct db_stmt part_states;

/* These are asked, anew where they had done it; whoever else had a part of the role has none any more. */
MUSTCHECK int part_open(
    struct call *c, const struct record *rec, const char *role, const struct uuid *holders, uint32_t count);
/* Done for the caller and the caller's departments, by the version that the record has now. */
MUSTCHECK int part_done(struct call *c, const struct record *rec, const char *role);
/* One holder's open part becomes another's; nothing where there is none. */
MUSTCHECK int part_move(
    struct call *c, const struct record *rec, const char *role, struct uuid from, struct uuid to);
/* The ids in a field of a participant: one, or a list of them. -EIO for what no such field holds. */
MUSTCHECK int part_ids_of(
    struct call *c, const char *value, const struct field *f, struct uuid **ret, uint32_t *ret_count);
/* {"items": […]} in the order in which they were asked. */
MUSTCHECK int part_write(struct call *c, const struct record *rec, struct jsonw *w);
