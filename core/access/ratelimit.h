/* A growing delay for repeated failures, kept in the database so that it holds in every worker of every server. Nobody
 * is locked out for good: the delay ends at five minutes and is forgotten after a day of rest. */
#pragma once

#include "base/base.h"
#include "base/text.h"
#include "db/db.h"

/* Counts an attempt before it is made (so that parallel guesses count too). The key is hashed: it may be a login that
 * does not exist. 0; -EDQUOT with *ret_wait_s when the next attempt is not due yet. */
MUSTCHECK int ratelimit_take(struct db *db, int32_t tenant, const char *kind, struct text key, int64_t now_us,
    int64_t *ret_wait_s);
/* The attempt was a good one: the count starts again. In the caller's unit of work. */
MUSTCHECK int ratelimit_forget(struct db_tx *tx, const char *kind, struct text key);

/* Delay behind the n-th failure in a row, seconds: none for the first 4, then 1, 2, 4 … 300. */
int64_t ratelimit_delay(int64_t failures);
