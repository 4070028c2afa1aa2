/* Calls: the epoch fence around every unit of work, idempotency, and faults. */
#include "access/call.h"

#include <errno.h>

#include "base/clock.h"
#include "base/digest.h"
#include "db/audit.h"

/* Who holds the key is told by an advisory lock, so that a second request with it learns "running" at once instead of
 * waiting for the first one's commit. */
static const struct db_stmt key_lock = {"call.key_lock", "SELECT pg_try_advisory_xact_lock($1::bigint)"};
static const struct db_stmt lock_alone = {"call.lock", "SELECT pg_advisory_xact_lock($1::bigint)"};
static const struct db_stmt lock_shared = {
    "call.lock_shared", "SELECT pg_advisory_xact_lock_shared($1::bigint)"};
static const struct db_stmt key_insert = {"call.key_insert",
    "INSERT INTO juxin.idempotency (tenant_id, account_id, key, request_hash, created_at)"
    " VALUES ($1, $2, $3, $4, $5) ON CONFLICT (tenant_id, account_id, key) DO NOTHING"};
static const struct db_stmt key_find = {"call.key_find",
    "SELECT request_hash, status, object_id, version FROM juxin.idempotency"
    " WHERE tenant_id = $1 AND account_id = $2 AND key = $3"};
static const struct db_stmt key_finish = {"call.key_finish",
    "UPDATE juxin.idempotency SET status = $4, object_id = $5, version = $6"
    " WHERE tenant_id = $1 AND account_id = $2 AND key = $3"};

void call_init(struct call *c, struct db *db, struct arena *a)
{
    memset(c, 0, sizeof(*c));
    c->db = db;
    c->arena = a;
    c->now_us = clock_wall_us();
}

void call_done(struct call *c)
{
    call_rollback(c);
}

void call_use(struct call *c, struct tenant *t)
{
    c->tenant = t;
    c->now_us = MAX(c->now_us, t->as_of_us);
}

void call_again(struct call *c, struct tenant *fresh, const struct subject *who)
{
    call_rollback(c);
    call_use(c, fresh);
    c->who = who;
    c->is_fenced = false;
    c->is_replay = false;
    c->result_status = 0;
    c->result_id = UUID_NIL;
    c->result_version = 0;
    memset(&c->fault, 0, sizeof(c->fault));
}

static int32_t call_tenant(const struct call *c)
{
    return c->tenant ? c->tenant->id : 0;
}

static int check_epoch(struct call *c, struct db_epoch seen)
{
    c->is_fenced = true;
    if (!c->tenant ||
        (seen.tenant == c->tenant->epoch.tenant && seen.deployment == c->tenant->epoch.deployment))
        return 0;
    c->seen_epoch = seen;
    return -EREMCHG;
}

static void free_rows(void *rows)
{
    db_rows_free(rows);
}

int call_read(struct call *c, struct db_call *calls, size_t count)
{
    struct db_epoch seen;
    int r;

    if (c->tx) { /* inside a write: its own reads see its own changes */
        r = count ? db_exec_many(c->tx, calls, count) : 0;
    } else {
        r = db_read(c->db, call_tenant(c), calls, count, &seen, NULL);
        if (r == 0)
            r = check_epoch(c, seen);
        if (r == -EREMCHG)
            db_calls_done(calls, count);
    }
    if (r < 0)
        return r;
    for (size_t i = 0; i < count; i++)
        arena_defer(c->arena, free_rows, calls[i].rows);
    return 0;
}

int call_read_slow(struct call *c, struct db_call *calls, size_t count)
{
    struct db_epoch seen;
    struct db_tx *tx = NULL;
    int r;

    if (c->tx)
        return call_read(c, calls, count);
    r = db_begin(c->db, call_tenant(c), DB_SNAPSHOT, &seen, &tx, NULL);
    if (r < 0)
        return r;
    r = check_epoch(c, seen);
    if (r == 0)
        r = db_exec_many(tx, calls, count);
    db_rollback(tx);
    for (size_t i = 0; i < count && r == 0; i++)
        arena_defer(c->arena, free_rows, calls[i].rows);
    return r;
}

int call_fence(struct call *c)
{
    return c->is_fenced || !c->tenant ? 0 : call_read(c, NULL, 0);
}

/* ---- idempotency ---- */

static void key_args(struct call *c, struct db_args *a)
{
    db_args_reset(a);
    db_arg_int(a, call_tenant(c));
    db_arg_uuid(a, c->who ? c->who->account : UUID_NIL);
    db_arg_str(a, c->idempotency_key);
}

static const char *hash_arg(struct call *c)
{
    return arena_dup(c->arena, sha256_format(c->idempotency_hash).s);
}

/* Of an advisory lock. */
static int64_t lock_number(struct text name)
{
    struct sha256 h = sha256_of(name);
    int64_t n;

    memcpy(&n, h.b, sizeof(n));
    return n;
}

static int64_t key_number(struct call *c)
{
    struct uuid account = c->who ? c->who->account : UUID_NIL;
    struct buf b CLEANUP(buf_done) = BUF_INIT;

    buf_addf(&b, "idempotency/%d/%s/", call_tenant(c), uuid_format(account).s);
    buf_adds(&b, c->idempotency_key);
    return lock_number(buf_text(&b));
}

static int recall(struct call *c)
{
    struct db_rows *rows CLEANUP(db_rows_freep) = NULL;
    struct db_args a;
    int r;

    key_args(c, &a);
    r = db_exec(c->tx, key_find, &a, &rows);
    if (r < 0)
        return r;
    if (db_rows_count(rows) != 1)
        return -EIO;
    if (strcmp(db_get(rows, 0, 0), hash_arg(c)) != 0)
        return call_fail(c, 422, "idempotency_key_reused",
            "This Idempotency-Key was used with another request. Use a new key for a new request.",
            "该 Idempotency-Key 已用于另一请求，新的请求请使用新的键。");
    c->is_replay = true;
    c->replay_status = (int)db_get_int(rows, 0, 1);
    c->replay_id = db_get_uuid(rows, 0, 2);
    c->replay_version = db_get_int(rows, 0, 3);
    return 0;
}

static int take_key(struct call *c)
{
    struct db_rows *rows CLEANUP(db_rows_freep) = NULL;
    struct db_args a;
    bool taken;
    int r;

    db_args_reset(&a);
    db_arg_int(&a, key_number(c));
    r = db_exec(c->tx, key_lock, &a, &rows);
    if (r < 0)
        return r;
    taken = db_get_bool(rows, 0, 0);
    if (!taken)
        return call_fail(c, 409, "idempotency_key_running",
            "A request with this Idempotency-Key is still running. Ask again in a moment.",
            "使用该 Idempotency-Key 的请求仍在处理，请稍后再试。");
    db_rows_freep(&rows);
    rows = NULL;
    key_args(c, &a);
    db_arg_str(&a, hash_arg(c));
    db_arg_time(&a, c->now_us);
    r = db_exec(c->tx, key_insert, &a, &rows);
    if (r < 0)
        return r;
    return db_rows_affected(rows) == 1 ? 0 : recall(c);
}

int call_begin(struct call *c)
{
    struct db_epoch seen;
    int r;

    if (c->tx)
        return 0;
    r = db_begin(c->db, call_tenant(c), DB_WRITE, &seen, &c->tx, NULL);
    if (r < 0)
        return r;
    r = check_epoch(c, seen);
    if (r == 0 && c->idempotency_key && c->tenant)
        r = take_key(c);
    if (r < 0 || c->is_replay)
        call_rollback(c);
    return r;
}

int call_lock(struct call *c, const char *what, bool shared)
{
    struct db_args a;

    db_args_reset(&a);
    db_arg_int(&a, lock_number(text_of(arena_printf(c->arena, "lock/%d/%s", call_tenant(c), what))));
    return db_exec(c->tx, shared ? lock_shared : lock_alone, &a, NULL);
}

int call_bump(struct call *c)
{
    int r;

    if (c->is_bumped)
        return 0;
    r = epoch_bump_from(c->tx, c->tenant);
    if (r == 0)
        c->is_bumped = true;
    if (r == -EREMCHG)
        c->seen_epoch = (struct db_epoch){c->tenant->epoch.tenant + 1, c->tenant->epoch.deployment};
    return r;
}

int call_commit(struct call *c)
{
    struct db_tx *tx = c->tx;
    int r = 0;

    if (!tx)
        return 0;
    if (c->idempotency_key && c->tenant) {
        struct db_args a;

        key_args(c, &a);
        db_arg_int(&a, c->result_status ? c->result_status : 200);
        db_arg_uuid_or_null(&a, c->result_id);
        db_arg_int(&a, c->result_version);
        r = db_exec_expect(tx, key_finish, &a, 1);
    }
    if (r < 0) {
        call_rollback(c);
        return r;
    }
    c->tx = NULL;
    c->is_bumped = false;
    return db_commit(tx);
}

void call_rollback(struct call *c)
{
    struct db_tx *tx = c->tx;

    c->tx = NULL;
    c->is_bumped = false;
    db_rollback(tx);
}

/* ---- faults ---- */

int call_fail(struct call *c, int status, const char *code, const char *en, const char *zh)
{
    memset(&c->fault, 0, sizeof(c->fault));
    c->fault.status = status;
    c->fault.code = arena_dup(c->arena, code);
    c->fault.en = arena_dup(c->arena, en);
    c->fault.zh = arena_dup(c->arena, zh);
    c->fault.tail = &c->fault.errors;
    return -EINVAL;
}

int call_fail_at(struct call *c, const char *pointer, const char *code, const char *en, const char *zh)
{
    struct call_error *e;

    if (!c->fault.status)
        (void)call_fail(
            c, 422, "invalid", "The input is not accepted; see errors.", "输入不符合要求，详见 errors。");
    if (c->fault.count++ >= CALL_ERRORS_MAX)
        return -EINVAL;
    e = arena_alloc(c->arena, sizeof(*e));
    *e = (struct call_error){.pointer = arena_dup(c->arena, pointer),
        .code = arena_dup(c->arena, code),
        .en = arena_dup(c->arena, en),
        .zh = arena_dup(c->arena, zh)};
    *c->fault.tail = e;
    c->fault.tail = &e->next;
    return -EINVAL;
}

int call_not_found(struct call *c)
{
    return call_fail(c, 404, "not_found", "There is nothing here.", "未找到。");
}

int call_forbidden(struct call *c, const char *permission)
{
    return call_fail(c, 403, "forbidden",
        arena_printf(c->arena, "This needs the permission %s here.", permission),
        arena_printf(c->arena, "此处需要权限 %s。", permission));
}

int call_audit(struct call *c, const char *action, const char *object_kind, struct uuid object,
    struct uuid unit, const char *fields)
{
    struct audit_entry e = {
        .action = action,
        .object_kind = object_kind,
        .object = object,
        .unit = unit,
        .fields = fields,
        .actor_kind = c->who ? subject_kind_name(c->who->kind) : "system",
        .actor = c->who ? c->who->account : UUID_NIL,
        .request_id = c->request_id,
    };

    return audit_add(c->tx, &e);
}
