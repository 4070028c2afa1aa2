/* What access keeps for a time only: sessions that ended, idempotency keys, counts of failures, revoked tokens. */
#pragma once

#include "base/base.h"
#include "db/db.h"

/* Deletes, in one tenant, what is over: idempotency keys after 30 days, sessions 30 days after their end, counts of
 * failures after two. In batches, a unit of work each. *ret_deleted may be NULL. */
MUSTCHECK int housekeeping_run(struct db *db, int32_t tenant, int64_t now_us, uint64_t *ret_deleted);
