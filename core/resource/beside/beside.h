/* Who may put something beside a record. */
#pragma once

#include "resource/record/record.h"

/* As with transitions: it takes the permission at the handling unit; who submitted the record or takes part in it without
 * reading there acts on what is theirs, wherever it is handled now: for them it counts anywhere. */
bool beside_may(const struct call *c, const struct record *rec, uint32_t permission);
/* The fault 403 that names the permission. */
int beside_forbidden(struct call *c, uint32_t permission);
/* Audit row and event of what was put there or taken away, in its unit of work, and what the call is remembered by. Of what
 * is internal no event goes out: it would tell those who may not see it. */
enum beside_who { BESIDE_OPEN, BESIDE_INTERNAL };
MUSTCHECK int beside_note(struct call *c, const struct record *rec, const char *verb, const char *object_kind,
    struct uuid object, enum beside_who who);
/* May this reader not know that account, since it is the hidden submitter's? */
bool beside_hides(const struct record *rec, struct uuid account);
/* "key": id and "key_name": name, or null where the reader may not know. */
void beside_write_account(
    struct jsonw *w, const struct record *rec, const char *key, struct uuid account, const char *name);
