/* Shared by create, update, delete and transitions: the steps every change takes. */
#pragma once

#include "plugin/hook/hook.h"
#include "resource/record/record.h"

/* May the subject? Plugins may everything with their own resources. */
bool change_may(const struct call *c, const struct resource *res, uint32_t permission, uint32_t unit);
/* 0, or -EINVAL with the fault 412 when the version is not the expected one; 0 expects none. */
MUSTCHECK int change_expect(struct call *c, const struct record *rec, int64_t version);
/* Validation filters, the point's filters, and what only the database knows. */
MUSTCHECK int change_check(struct call *c, enum hook_point point, const char *detail, struct record *rec);
/* What is assigned besides the fields, as SQL of the program's own: set begins with ", " and names its values by $6, $7, …;
 * from: NULL, or a condition beginning with " AND " on the unit u that the assignments take something of. */
struct change_extra {
    const char *set, *from;
    uint32_t count;
    const char *values[16];
};
/* Writes the record over the version that it was read at, and raises it. extra: NULL for none. -ESTALE when it is another one
 * by now; -EINVAL with the fault 409 as change_error has it. */
MUSTCHECK int change_write(struct call *c, struct record *rec, const struct change_extra *extra);
/* Audit row, actions, and what the call is remembered by. */
MUSTCHECK int change_finish(
    struct call *c, enum hook_point point, const char *detail, const struct record *rec, int status);
/* The event for those who watch: what happened to which record where, no values. In the call's unit of work. */
MUSTCHECK int change_publish(struct call *c, const struct record *rec, const char *verb);
/* ", name" for every field. */
const char *change_columns(struct arena *a, const struct resource *res);
/* The day on which the state the record is in ends by itself, as text; NULL. */
const char *change_auto_at(struct call *c, const struct resource *res, uint32_t state);
/* A database error of a change as a fault where the user can do something about it. */
int change_error(struct call *c, int error);
/* The unit named by a body's "unit": id or code. TREE_NONE after a fault. */
uint32_t change_unit(struct call *c, const json_t *body);
/* The fault of a unit that is not there, or not for this subject; returns TREE_NONE. */
uint32_t change_unknown_unit(struct call *c);
