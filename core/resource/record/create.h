/* Records coming into being: one at a time in write.c, many at once here. What is asked, checked, written and told is the
 * same; many share their round trips. */
#pragma once

#include "resource/record/record.h"

/* ---- write.c ---- */

/* Takes a new record from a body: unit, values, defaults, what is required; and whether the subject may create it there.
 * 0 or -EINVAL with faults. Nothing is read from the database. */
MUSTCHECK int create_take(struct call *c, struct record *rec, const json_t *body);
/* Its id, its first state, who and when. */
void create_start(struct call *c, struct record *rec);

/* ---- create_many.c ---- */

struct create_item {
    struct record *rec;
    struct call_fault fault; /* what is wrong with it; status 0 while it is good */
};

/* create_take, the policy gate and create_start for one of many: what is wrong goes to the item, not to the call. */
void create_prepare(struct call *c, const struct resource *res, const json_t *body, struct create_item *ret);
/* What hooks say, what only the database knows: references, values that must be unique, also among these. All are of one
 * resource. is_dry: what hooks write is taken back. Faults go to the items. In the call's unit of work; 0 or an error of
 * the database or of a plugin. */
MUSTCHECK int create_check_many(struct call *c, struct create_item *items, uint32_t count, bool is_dry);
/* Stores the good ones: rows, search, participants, history, audit, actions, events. -EDEADLK: somebody was faster at a
 * unique value or a unit; begin the unit of work again. The database may still be at work on it when this returns, so that
 * the next ones can be prepared meanwhile; create_settle waits for it, and says the same. */
MUSTCHECK int create_store_many(struct call *c, struct create_item *items, uint32_t count);
MUSTCHECK int create_settle(struct call *c);
