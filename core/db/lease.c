/* Leases. */
#include "db/lease.h"

static const struct db_stmt take = {"lease.take",
    "INSERT INTO juxin.lease (name, holder, until) VALUES ($1, $2, now() + $3::bigint * interval '1 "
    "millisecond')"
    " ON CONFLICT (name) DO UPDATE SET holder = EXCLUDED.holder, until = EXCLUDED.until"
    " WHERE lease.holder = EXCLUDED.holder OR lease.until < now()"};
static const struct db_stmt give_back = {
    "lease.release", "DELETE FROM juxin.lease WHERE name = $1 AND holder = $2"};

static const struct db_stmt look = {
    "lease.look", "SELECT 1 FROM juxin.lease WHERE name = $1 AND until > now()"};

static int run(struct db *db, struct db_stmt stmt, struct db_args *args, bool *ret_changed)
{
    struct db_rows *rows = NULL;
    struct db_tx *tx;
    int r = db_begin(db, 0, DB_WRITE, NULL, &tx, NULL);

    if (r < 0)
        return r;
    r = db_exec(tx, stmt, args, &rows);
    *ret_changed = r == 0 && db_rows_affected(rows) == 1;
    db_rows_free(rows);
    if (r == 0)
        return db_commit(tx);
    db_rollback(tx);
    return r;
}

int lease_take(struct db *db, const char *name, const char *holder, int64_t ttl_ms, bool *ret_held)
{
    struct db_args a;
    bool held = false;
    int r;

    db_args_reset(&a);
    db_arg_str(&a, name);
    db_arg_str(&a, holder);
    db_arg_int(&a, ttl_ms);
    r = run(db, take, &a, &held);
    if (r == 0)
        *ret_held = held;
    return r;
}

int lease_is_held(struct db *db, const char *name, bool *ret_held)
{
    struct db_args a;
    struct db_call call = {.stmt = look, .args = &a};
    int r;

    db_args_reset(&a);
    db_arg_str(&a, name);
    r = db_read(db, 0, &call, 1, NULL, NULL);
    if (r == 0)
        *ret_held = db_rows_count(call.rows) == 1;
    db_calls_done(&call, 1);
    return r;
}

int lease_release(struct db *db, const char *name, const char *holder)
{
    struct db_args a;
    bool unused;

    db_args_reset(&a);
    db_arg_str(&a, name);
    db_arg_str(&a, holder);
    return run(db, give_back, &a, &unused);
}
