/* What a running job does to its row: steps, progress, its end. Every write names holder and attempt, so that a runner
 * that was paused past its lease changes nothing any more. */
#include <errno.h>

#include "access/access.h"
#include "access/job_run.h"
#include "base/clock.h"

#define ATTEMPTS 8 /* of a step against a tenant that keeps changing */
#define TELL_MS 500

static const struct db_stmt progress = {"job.progress",
    "UPDATE juxin.job SET checkpoint = $5, stage = $6, done = $7, total = NULLIF($8::bigint, 0),"
    " lease_until = now() + $9::bigint * interval '1 millisecond'"
    " WHERE tenant_id = $1 AND id = $2 AND lease_holder = $3 AND attempts = $4 AND state = 'running'"
    " RETURNING cancel_requested"};
/* The lease alone: progress and checkpoint belong to steps. */
static const struct db_stmt renew = {"job.renew",
    "UPDATE juxin.job SET lease_until = now() + $5::bigint * interval '1 millisecond'"
    " WHERE tenant_id = $1 AND id = $2 AND lease_holder = $3 AND attempts = $4 AND state = 'running'"
    " RETURNING cancel_requested"};
static const struct db_stmt is_active = {
    "job.is_active", "SELECT 1 FROM juxin.account WHERE tenant_id = $1 AND id = $2 AND is_active"};
static const struct db_stmt settle = {"job.settle",
    "UPDATE juxin.job SET state = $5, run_at = coalesce($6::timestamptz, run_at), ended_at = $7::timestamptz,"
    " attempts = $8, error_code = $9, error_en = $10, error_zh = $11, result = $12, lease_holder = NULL,"
    " lease_until = NULL, checkpoint = CASE WHEN $13::boolean THEN NULL ELSE checkpoint END,"
    " done = CASE WHEN $13::boolean THEN 0 ELSE done END WHERE tenant_id = $1 AND id = $2 AND lease_holder = "
    "$3 AND attempts = $4 AND state = 'running'"};

static void fence_args(struct db_args *a, const struct job *j)
{
    db_args_reset(a);
    db_arg_int(a, j->tenant);
    db_arg_uuid(a, j->id);
    db_arg_str(a, j->holder);
    db_arg_int(a, j->attempt);
}

static int tell(struct db_tx *tx, const struct job *j, const char *state)
{
    struct job_news n = {j->id, j->created_by, j->kind->name, state, j->stage, j->done, j->total};

    return job_tell(tx, &n, j->attempt);
}

/* Fence, lease and progress in the unit of work of what was done. */
static int write_progress(struct db_tx *tx, struct job *j)
{
    struct db_rows *rows CLEANUP(db_rows_freep) = NULL;
    struct db_args a;
    int r;

    fence_args(&a, j);
    db_arg_str(&a, j->checkpoint);
    db_arg_str(&a, j->stage);
    db_arg_int(&a, j->done);
    db_arg_int(&a, j->total);
    db_arg_int(&a, JOB_LEASE_MS);
    r = db_exec(tx, progress, &a, &rows);
    if (r < 0)
        return r;
    if (db_rows_count(rows) != 1) {
        j->is_lost = true;
        return -ESTALE;
    }
    j->is_cancelled |= db_get_bool(rows, 0, 0);
    if (clock_mono_ms() - j->told_ms < TELL_MS)
        return 0;
    j->told_ms = clock_mono_ms();
    return tell(tx, j, "running");
}

/* The subject of the job's calls, from this snapshot, with nothing that a session would add. */
static int find_subject(struct call *c, struct job *j, struct subject *out)
{
    struct db_args *a = arena_alloc(c->arena, sizeof(*a));
    struct db_call call = {.stmt = is_active, .args = a};
    int r;

    c->who = out;
    *out = (struct subject){.kind = SUBJECT_SYSTEM};
    if (j->kind->as == JOB_AS_SYSTEM || uuid_is_nil(j->created_by))
        return call_begin(c);
    *out = *access_subject(c->tenant, j->created_by);
    r = call_begin(c);
    if (r < 0)
        return r;
    db_args_reset(a);
    db_arg_int(a, j->tenant);
    db_arg_uuid(a, j->created_by);
    r = call_read(c, &call, 1);
    if (r == 0 && db_rows_count(call.rows) == 0)
        return call_fail(c, 403, "account_disabled", "Whoever began this job is not active any more.",
            "发起该任务的账号已停用。");
    return r;
}

static int step_once(struct job *j, struct call *c, int (*fn)(struct call *, struct job *, void *), void *arg)
{
    struct subject who;
    int r = find_subject(c, j, &who);

    if (r == 0)
        r = fn(c, j, arg);
    if (r == 0)
        r = write_progress(c->tx, j);
    if (r == 0)
        r = call_commit(c);
    if (r == -EINVAL && c->fault.status)
        (void)job_fail(j, c->fault.code, c->fault.en, c->fault.zh);
    call_done(c);
    return r;
}

int job_step(struct job *j, int (*fn)(struct call *c, struct job *j, void *arg), void *arg)
{
    struct arena *arena = arena_new();
    struct job before = *j;
    int r = -EREMCHG;

    for (int i = 0; i < ATTEMPTS && (r == -EREMCHG || r == -EDEADLK); i++) {
        struct tenant *fresh = NULL;
        struct call c;

        arena_reset(arena);
        call_init(&c, j->db, arena);
        c.request_id = arena_dup(arena, uuid_format(j->id).s);
        r = tenant_get_by_id(j->db, j->tenant, &c.tenant);
        if (r < 0)
            break;
        r = step_once(j, &c, fn, arg);
        if (r == -EREMCHG && tenant_refresh(j->db, j->tenant, c.seen_epoch, &fresh) == 0)
            tenant_unref(fresh);
        tenant_unref(c.tenant);
        if (r < 0) { /* nothing of it happened */
            j->checkpoint = before.checkpoint;
            j->stage = before.stage;
            j->done = before.done;
            j->total = before.total;
        }
    }
    if (r == 0) { /* what the step left in its own memory outlives it */
        j->checkpoint = arena_dup(j->arena, j->checkpoint);
        j->result = arena_dup(j->arena, j->result);
        j->stage = arena_dup(j->arena, j->stage);
    }
    arena_free(arena);
    if (r == 0 && j->is_cancelled)
        r = -ECANCELED;
    return r == -EREMCHG ? -EAGAIN : r;
}

static int nothing(struct call *c, struct job *j, void *arg)
{
    (void)c, (void)j, (void)arg;
    return 0;
}

int job_tick(struct job *j)
{
    if (j->is_cancelled)
        return -ECANCELED;
    if (j->is_lost)
        return -ESTALE;
    return clock_mono_ms() - j->told_ms < TELL_MS ? 0 : job_step(j, nothing, NULL);
}

int job_fail(struct job *j, const char *code, const char *en, const char *zh)
{
    j->fault = (struct call_fault){.status = 422,
        .code = arena_dup(j->arena, code),
        .en = arena_dup(j->arena, en),
        .zh = arena_dup(j->arena, zh)};
    return -EINVAL;
}

int job_renew(struct db *db, const struct job_claim *claim, bool *ret_cancelled)
{
    struct db_rows *rows CLEANUP(db_rows_freep) = NULL;
    struct db_args a;
    struct db_tx *tx;
    int r = db_begin(db, claim->tenant, DB_WRITE, NULL, &tx, NULL);

    if (r < 0)
        return r;
    db_args_reset(&a);
    db_arg_int(&a, claim->tenant);
    db_arg_uuid(&a, claim->id);
    db_arg_str(&a, claim->holder);
    db_arg_int(&a, claim->attempt);
    db_arg_int(&a, JOB_LEASE_MS);
    r = db_exec(tx, renew, &a, &rows);
    if (r < 0 || db_rows_count(rows) != 1) {
        db_rollback(tx);
        return r < 0 ? r : -ESTALE;
    }
    *ret_cancelled = db_get_bool(rows, 0, 0);
    return db_commit(tx);
}

int job_settle(struct job *j, const struct job_outcome *o)
{
    struct db_args a;
    struct db_tx *tx;
    int r = db_begin(j->db, j->tenant, DB_WRITE, NULL, &tx, NULL);

    if (r < 0)
        return r;
    fence_args(&a, j);
    db_arg_str(&a, o->state);
    if (o->run_at_us)
        db_arg_time(&a, o->run_at_us);
    else
        db_arg_str(&a, NULL);
    if (strcmp(o->state, "waiting") != 0)
        db_arg_time(&a, clock_wall_us());
    else
        db_arg_str(&a, NULL);
    db_arg_int(&a, o->attempts);
    db_arg_str(&a, o->code);
    db_arg_str(&a, o->en);
    db_arg_str(&a, o->zh);
    db_arg_str(&a, strcmp(o->state, "done") == 0 ? j->result : NULL);
    db_arg_bool(&a, o->is_anew);
    r = db_exec_expect(tx, settle, &a, 1);
    if (r == 0)
        r = tell(tx, j, o->state);
    if (r == 0)
        return db_commit(tx);
    db_rollback(tx);
    return r;
}
