/* Deleting what is over, a thousand rows at a time, so that no lock is held for long. */
#include "access/housekeeping.h"

#define DAY_US (86400ll * 1000000)
#define BATCH 1000

static const struct db_stmt old_keys = {"housekeeping.keys",
    "DELETE FROM juxin.idempotency WHERE tenant_id = $1 AND (account_id, key) IN (SELECT account_id, key"
    " FROM juxin.idempotency WHERE tenant_id = $1 AND created_at < $2 LIMIT 1000)"};
static const struct db_stmt old_sessions = {"housekeeping.sessions",
    "DELETE FROM juxin.session WHERE tenant_id = $1 AND token_hash IN (SELECT token_hash FROM juxin.session"
    " WHERE tenant_id = $1 AND absolute_until < $2 LIMIT 1000)"};
static const struct db_stmt old_limits = {"housekeeping.limits",
    "DELETE FROM juxin.rate_limit WHERE tenant_id = $1 AND key IN (SELECT key FROM juxin.rate_limit"
    " WHERE tenant_id = $1 AND window_start < $2 LIMIT 1000)"};

static int delete_batch(struct db *db, int32_t tenant, struct db_stmt stmt, int64_t before_us, uint64_t *ret)
{
    struct db_rows *rows CLEANUP(db_rows_freep) = NULL;
    struct db_args a;
    struct db_tx *tx;
    int r = db_begin(db, tenant, DB_WRITE, NULL, &tx, NULL);

    if (r < 0)
        return r;
    db_args_reset(&a);
    db_arg_int(&a, tenant);
    db_arg_time(&a, before_us);
    r = db_exec(tx, stmt, &a, &rows);
    if (r < 0) {
        db_rollback(tx);
        return r;
    }
    *ret = db_rows_affected(rows);
    return db_commit(tx);
}

int housekeeping_run(struct db *db, int32_t tenant, int64_t now_us, uint64_t *ret_deleted)
{
    const struct {
        struct db_stmt stmt;
        int64_t keep_us;
    } work[] = {{old_keys, 30 * DAY_US}, {old_sessions, 30 * DAY_US}, {old_limits, 2 * DAY_US}};
    uint64_t all = 0;

    for (size_t i = 0; i < ARRAY_LEN(work); i++) {
        uint64_t n = BATCH;

        while (n >= BATCH) {
            int r = delete_batch(db, tenant, work[i].stmt, now_us - work[i].keep_us, &n);

            if (r < 0)
                return r;
            all += n;
        }
    }
    if (ret_deleted)
        *ret_deleted = all;
    return 0;
}
