/* What the core keeps for a time only: idempotency keys, ended sessions, attempts counted, events streams have passed. */
#pragma once

#include "base/base.h"
#include "db/db.h"

/* Deletes what is over, in small units of work. tenant 0: the deployment's own. */
MUSTCHECK int retention_run(struct db *db, int32_t tenant, int64_t now_us, uint64_t *ret_deleted);
