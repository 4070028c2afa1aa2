/* Growing delays. The row is taken by one statement: it either counts the attempt or says how long to wait. */
#include "access/ratelimit.h"

#include <errno.h>

#include "base/buf.h"
#include "base/digest.h"

/* A count older than a day is forgotten; $3 and $4: the rule. What is free stands in nobody's way, not even in that of an
 * attempt that began before it. */
static const struct db_stmt take = {"ratelimit.take",
    "INSERT INTO juxin.rate_limit AS l (tenant_id, key, window_start, count, blocked_until) VALUES ($1, $2, "
    "now(), 1, "
    "'-infinity') ON CONFLICT (tenant_id, key) DO UPDATE SET window_start = now(),"
    " count = CASE WHEN l.window_start < now() - interval '1 day' THEN 1 ELSE l.count + 1 END,"
    " blocked_until = CASE WHEN l.window_start < now() - interval '1 day' OR l.count < $3::int THEN "
    "'-infinity'"
    " ELSE now() + least($4::int, 2 ^ least(l.count - $3::int, 20)) * interval '1 second' END"
    " WHERE l.blocked_until <= now() RETURNING count"};
static const struct db_stmt wait_for = {"ratelimit.wait",
    "SELECT ceil(extract(epoch FROM blocked_until - now()))::bigint FROM juxin.rate_limit"
    " WHERE tenant_id = $1 AND key = $2"};
static const struct db_stmt give_back = {"ratelimit.give_back",
    "UPDATE juxin.rate_limit SET count = greatest(count - 1, 0), blocked_until = now() "
    "WHERE tenant_id = $1 AND key = $2"};
static const struct db_stmt forget = {
    "ratelimit.forget", "DELETE FROM juxin.rate_limit WHERE tenant_id = $1 AND key = $2"};

int64_t ratelimit_delay(struct ratelimit_rule rule, int64_t failures)
{
    if (failures <= rule.free)
        return 0;
    return MIN(rule.max_s, 1ll << MIN(failures - rule.free - 1, 20));
}

static void key_args(struct db_args *a, struct buf *name, int32_t tenant, const char *kind, struct text key)
{
    struct sha256 h = sha256_of(key);

    buf_addf(name, "%s:%s", kind, sha256_format(&h).s);
    db_args_reset(a);
    db_arg_int(a, tenant);
    db_arg_str(a, buf_str(name));
}

static int read_wait(struct db_tx *tx, struct db_args *a, int64_t *ret_wait_s)
{
    struct db_rows *rows CLEANUP(db_rows_freep) = NULL;
    int r;

    a->count = 2;
    r = db_exec(tx, wait_for, a, &rows);
    if (r < 0)
        return r;
    *ret_wait_s = db_rows_count(rows) ? MAX(1, db_get_int(rows, 0, 0)) : 1;
    return -EDQUOT;
}

int ratelimit_take(
    struct db *db, int32_t tenant, struct ratelimit_rule rule, struct text key, int64_t *ret_wait_s)
{
    struct db_rows *rows CLEANUP(db_rows_freep) = NULL;
    struct buf name = BUF_INIT;
    struct db_args a;
    struct db_tx *tx;
    int r;

    r = db_begin(db, tenant, DB_WRITE, NULL, &tx, NULL);
    if (r < 0)
        return r;
    key_args(&a, &name, tenant, rule.kind, key);
    db_arg_int(&a, rule.free);
    db_arg_int(&a, rule.max_s);
    r = db_exec(tx, take, &a, &rows);
    if (r == 0 && db_rows_count(rows) == 0)
        r = read_wait(tx, &a, ret_wait_s);
    buf_done(&name);
    if (r < 0) {
        db_rollback(tx);
        return r;
    }
    return db_commit(tx);
}

int ratelimit_give_back(struct db *db, int32_t tenant, struct ratelimit_rule rule, struct text key)
{
    struct buf name = BUF_INIT;
    struct db_args a;
    struct db_tx *tx;
    int r = db_begin(db, tenant, DB_WRITE, NULL, &tx, NULL);

    if (r < 0)
        return r;
    key_args(&a, &name, tenant, rule.kind, key);
    r = db_exec(tx, give_back, &a, NULL);
    buf_done(&name);
    if (r < 0) {
        db_rollback(tx);
        return r;
    }
    return db_commit(tx);
}

int ratelimit_forget(struct db_tx *tx, const char *kind, struct text key)
{
    struct buf name = BUF_INIT;
    struct db_args a;
    int r;

    key_args(&a, &name, db_tx_tenant(tx), kind, key);
    r = db_exec(tx, forget, &a, NULL);
    buf_done(&name);
    return r;
}
