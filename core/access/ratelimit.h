/* A growing delay for repeated failures, kept in the database so that it holds in every worker of every server. Nobody
 * is locked out for good: the delay has an upper bound and is forgotten after a day of rest. */
#pragma once

#include "base/base.h"
#include "base/text.h"
#include "db/db.h"

struct ratelimit_rule {
    const char *kind; /* part of the key */
    int64_t free;     /* attempts in a row without delay; then 1, 2, 4 … seconds */
    int64_t max_s;    /* the longest delay */
};

/* Counts an attempt before it is made (so that parallel guesses count too), in a unit of work of its own. The key is
 * hashed: it may be a login that does not exist. Times are the database's: servers' clocks may differ. 0; -EDQUOT with
 * *ret_wait_s when the next attempt is not due yet. */
MUSTCHECK int ratelimit_take(
    struct db *db, int32_t tenant, struct ratelimit_rule rule, struct text key, int64_t *ret_wait_s);
/* An attempt that was counted but not made after all. */
MUSTCHECK int ratelimit_give_back(struct db *db, int32_t tenant, struct ratelimit_rule rule, struct text key);
/* The attempt was a good one: the count starts again. In the caller's unit of work. */
MUSTCHECK int ratelimit_forget(struct db_tx *tx, const char *kind, struct text key);

/* Delay behind the n-th failure in a row, seconds; what the statement computes. */
int64_t ratelimit_delay(struct ratelimit_rule rule, int64_t failures);
