/* Deleting what was kept long enough. Batches keep each unit of work, and the locks it holds, short. */
#include "db/retention.h"

#define BATCH 1000
#define DAY_US (INT64_C(86400) * 1000000)

static const struct {
    struct db_stmt stmt; /* tenant, before, limit */
    int64_t keep_us;
} rules[] = {
    {{"retention.idempotency", "DELETE FROM juxin.idempotency WHERE tenant_id = $1 AND (account_id, key) IN "
                               "(SELECT account_id, key FROM"
                               " juxin.idempotency WHERE tenant_id = $1 AND created_at < $2 LIMIT $3)"},
        30 * DAY_US},
    {{"retention.session", "DELETE FROM juxin.session WHERE tenant_id = $1 AND token_hash IN (SELECT "
                           "token_hash FROM juxin.session"
                           " WHERE tenant_id = $1 AND absolute_until < $2 LIMIT $3)"},
        30 * DAY_US},
    {{"retention.rate_limit",
         "DELETE FROM juxin.rate_limit WHERE tenant_id = $1 AND key IN (SELECT key FROM juxin.rate_limit"
         " WHERE tenant_id = $1 AND window_start < $2 AND (blocked_until IS NULL OR blocked_until < $2) "
         "LIMIT $3)"},
        DAY_US},
    {{"retention.event", "DELETE FROM juxin.event WHERE tenant_id = $1 AND id IN (SELECT id FROM juxin.event "
                         "WHERE tenant_id = $1"
                         " AND created_at < $2 AND seq IS NOT NULL LIMIT $3)"},
        3 * DAY_US},
    {{"retention.notification",
         "DELETE FROM juxin.notification WHERE tenant_id = $1 AND (account_id, id) IN (SELECT account_id, id"
         " FROM juxin.notification WHERE tenant_id = $1 AND created_at < $2 LIMIT $3)"},
        180 * DAY_US},
    {{"retention.delivery",
         "DELETE FROM juxin.delivery WHERE tenant_id = $1 AND (endpoint_id, id) IN (SELECT endpoint_id, id"
         " FROM juxin.delivery WHERE tenant_id = $1 AND at < $2 LIMIT $3)"},
        30 * DAY_US},
    {{"retention.message",
         "DELETE FROM juxin.message WHERE tenant_id = $1 AND id IN (SELECT id FROM juxin.message"
         " WHERE tenant_id = $1 AND ended_at < $2 LIMIT $3)"},
        30 * DAY_US},
    {{"retention.channel_bucket", "DELETE FROM juxin.channel_bucket WHERE tenant_id = $1 AND (channel_id, "
                                  "key) IN (SELECT channel_id, key FROM"
                                  " juxin.channel_bucket WHERE tenant_id = $1 AND at < $2 LIMIT $3)"},
        DAY_US},
    {{"retention.job", "DELETE FROM juxin.job WHERE tenant_id = $1 AND id IN (SELECT id FROM juxin.job"
                       " WHERE tenant_id = $1 AND ended_at < $2 LIMIT $3)"},
        30 * DAY_US},
};

static int delete_batch(
    struct db *db, int32_t tenant, struct db_stmt stmt, int64_t before_us, uint64_t *ret_count)
{
    struct db_rows *rows = NULL;
    struct db_args a;
    struct db_tx *tx;
    int r = db_begin(db, tenant, DB_WRITE, NULL, &tx, NULL);

    if (r < 0)
        return r;
    db_args_reset(&a);
    db_arg_int(&a, tenant);
    db_arg_time(&a, before_us);
    db_arg_int(&a, BATCH);
    r = db_exec(tx, stmt, &a, &rows);
    *ret_count = r == 0 ? db_rows_affected(rows) : 0;
    db_rows_free(rows);
    if (r == 0 && *ret_count > 0)
        return db_commit(tx);
    db_rollback(tx);
    return r;
}

int retention_run(struct db *db, int32_t tenant, int64_t now_us, uint64_t *ret_deleted)
{
    uint64_t total = 0;
    int r = 0;

    for (size_t i = 0; r == 0 && i < ARRAY_LEN(rules); i++) {
        uint64_t count = BATCH;

        while (r == 0 && count == BATCH) {
            r = delete_batch(db, tenant, rules[i].stmt, now_us - rules[i].keep_us, &count);
            total += r == 0 ? count : 0;
        }
    }
    if (r == 0)
        *ret_deleted = total;
    return r;
}
