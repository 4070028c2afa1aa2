/* Running jobs: which tenant's turn it is, the lease, what becomes of a job that ended. */
#include "access/job_run.h"

#include <errno.h>

#include "base/clock.h"
#include "base/digest.h"
#include "base/log.h"
#include "base/mem.h"
#include "loop/fiber.h"

#define IDLE_MS 200
#define RENEW_MS 5000
#define CLOSED_US (INT64_C(60) * 1000000) /* looks again whether the plugin runs there now */
#define BACKOFF_FIRST_US (INT64_C(2) * 1000000)
#define BACKOFF_MAX_US (INT64_C(3600) * 1000000)

static const struct db_stmt tenants_due = {"job.tenants_due",
    "SELECT tenant_id FROM (SELECT DISTINCT tenant_id FROM juxin.job WHERE state = 'waiting' AND run_at <= "
    "now()"
    " UNION SELECT DISTINCT tenant_id FROM juxin.job WHERE state = 'running' AND lease_until < now()) t"
    " ORDER BY tenant_id LIMIT 5000"};
static const struct db_stmt claim = {"job.claim",
    "UPDATE juxin.job j SET state = 'running', attempts = j.attempts + 1, lease_holder = $2,"
    " lease_until = now() + $3::bigint * interval '1 millisecond', started_at = coalesce(j.started_at, now())"
    " WHERE j.tenant_id = $1 AND j.id = (SELECT w.id FROM juxin.job w WHERE w.tenant_id = $1 AND"
    " (w.state = 'waiting' AND w.run_at <= now() OR w.state = 'running' AND w.lease_until < now())"
    " ORDER BY w.run_at, w.id LIMIT 1 FOR UPDATE SKIP LOCKED)"
    " RETURNING j.id, j.kind, j.plugin, j.unit_id, j.input, j.checkpoint, j.stage, j.done, j.total, "
    "j.attempts,"
    " j.attempts_max, j.created_by, j.cancel_requested"};

struct running { /* one job's fiber */
    struct job_runner *runner;
    struct job job;
    uint32_t attempts_max;
};

static void forget(struct job_runner *run, struct job *j)
{
    struct job **at = &run->jobs;

    while (*at != j)
        at = &(*at)->next;
    *at = j->next;
    run->running--;
}

static int64_t backoff_us(uint32_t attempt)
{
    int64_t us = MIN(BACKOFF_FIRST_US << MIN(attempt, 11u), BACKOFF_MAX_US);
    uint16_t jitter;

    random_bytes(&jitter, sizeof(jitter));
    return us / 2 + us * jitter / 65536;
}

static bool passes(int r)
{
    return r == -EAGAIN || r == -EDEADLK || r == -ETIMEDOUT || r == -ECONNRESET || r == -EINPROGRESS ||
           r == -EBUSY;
}

static struct job_outcome outcome_of(struct running *x, int r)
{
    struct job *j = &x->job;
    uint32_t attempts = j->attempt;
    int64_t now = clock_agreed_us();

    if (r == 0)
        return (struct job_outcome){.state = "done", .attempts = attempts};
    if (r == -ECANCELED && j->is_cancelled)
        return (struct job_outcome){.state = "cancelled", .attempts = attempts};
    if (r == -ECANCELED) /* the worker ends; somebody else goes on at once */
        return (struct job_outcome){.state = "waiting", .run_at_us = now, .attempts = attempts - 1};
    if (r == -EHOSTDOWN)
        return (struct job_outcome){.state = "waiting",
            .run_at_us = now + CLOSED_US,
            .attempts = attempts - 1,
            .code = "plugin_disabled",
            .en = "The plugin does not run there now; the job waits.",
            .zh = "插件在该组织机构未启用，任务暂停。"};
    if (r == -EINVAL && j->fault.status)
        return (struct job_outcome){.state = "failed",
            .attempts = attempts,
            .code = j->fault.code,
            .en = j->fault.en,
            .zh = j->fault.zh};
    if (j->attempt < x->attempts_max || (passes(r) && j->attempt < 2 * x->attempts_max))
        return (struct job_outcome){.state = "waiting",
            .run_at_us = now + backoff_us(j->attempt),
            .attempts = attempts,
            .code = "retry",
            .en = arena_printf(j->arena, "Attempt %u failed; it will be tried again.", j->attempt),
            .zh = arena_printf(j->arena, "第 %u 次执行失败，稍后重试。", j->attempt)};
    return (struct job_outcome){.state = "dead",
        .attempts = attempts,
        .code = "gave_up",
        .en = arena_printf(j->arena, "Given up after %u attempts.", j->attempt),
        .zh = arena_printf(j->arena, "执行 %u 次均失败，已停止重试。", j->attempt)};
}

static void count(struct job_runner *run, const struct job *j, const struct job_outcome *o, int r)
{
    if (j->is_lost) {
        log_event(LOG_WARN, "job.lease_lost", LF_INT("tenant", j->tenant), LF_STR("kind", j->kind->name),
            LF_STR("job", uuid_format(j->id).s));
        return;
    }
    run->done += strcmp(o->state, "done") == 0;
    run->failed += strcmp(o->state, "failed") == 0;
    run->dead += strcmp(o->state, "dead") == 0;
    run->retried += o->code && strcmp(o->code, "retry") == 0;
    if (r < 0 && r != -ECANCELED && r != -EHOSTDOWN)
        log_event(LOG_WARN, "job.ended_badly", LF_INT("tenant", j->tenant), LF_STR("kind", j->kind->name),
            LF_STR("job", uuid_format(j->id).s), LF_STR("state", o->state), LF_INT("attempt", j->attempt),
            LF_ERR(r));
}

/* A schedule's next one: the same row begins anew, so that there is one per tenant whatever happens. */
static void come_back(const struct job *j, struct job_outcome *o)
{
    if (!j->kind->every_s || !uuid_is_nil(j->created_by) || strcmp(o->state, "waiting") == 0)
        return;
    *o = (struct job_outcome){.state = "waiting",
        .run_at_us = clock_agreed_us() + (int64_t)j->kind->every_s * 1000000,
        .is_anew = true};
}

static int is_open(struct call *c, struct job *j, void *arg)
{
    struct running *x = arg;
    bool open = true;
    int r = x->runner->gate ? x->runner->gate(c, j->plugin, j->unit, &open) : 0;

    return r < 0 ? r : open ? 0 : -EHOSTDOWN;
}

static int settle_shielded(struct job *j, const struct job_outcome *o)
{
    int r;

    fiber_shield(true);
    r = job_settle(j, o);
    fiber_shield(false);
    return r;
}

static void job_fiber(void *arg)
{
    struct running *x = arg;
    struct job *j = &x->job;
    struct job_outcome o;
    int r = 0;

    if (!j->is_cancelled && j->plugin[0])
        r = job_step(j, is_open, x);
    if (j->is_cancelled)
        r = -ECANCELED;
    if (r == 0)
        r = fiber_is_cancelled() ? -ECANCELED : j->kind->run(j);
    o = outcome_of(x, r);
    count(x->runner, j, &o, r);
    come_back(j, &o);
    /* Until the database is there again; a worker that ends does not wait for that: the lease runs out. */
    while (!j->is_lost && passes(settle_shielded(j, &o)) && fiber_sleep(1000) == 0)
        ;
    forget(x->runner, j);
    arena_free(j->arena);
    free(x);
}

static int claim_one(struct job_runner *run, int32_t tenant, struct db_rows **ret)
{
    struct db_args a;
    struct db_tx *tx;
    int r = db_begin(run->db, tenant, DB_WRITE, NULL, &tx, NULL);

    if (r < 0)
        return r;
    db_args_reset(&a);
    db_arg_int(&a, tenant);
    db_arg_str(&a, run->holder);
    db_arg_int(&a, JOB_LEASE_MS);
    r = db_exec(tx, claim, &a, ret);
    if (r == 0)
        return db_commit(tx);
    db_rollback(tx);
    return r;
}

static const struct job_kind unknown_kind = {
    .name = "unknown"}; /* of an older or newer server: not ours to judge */

static void fill(struct running *x, int32_t tenant, const struct db_rows *rows)
{
    struct arena *arena = arena_new();
    const struct job_kind *kind = job_kind_find(db_get(rows, 0, 1));

    x->job = (struct job){.db = x->runner->db,
        .arena = arena,
        .tenant = tenant,
        .id = db_get_uuid(rows, 0, 0),
        .kind = kind ? kind : &unknown_kind,
        .plugin = arena_dup(arena, db_get(rows, 0, 2)),
        .unit = db_get_uuid(rows, 0, 3),
        .input = arena_dup(arena, db_get(rows, 0, 4)),
        .checkpoint = arena_dup(arena, db_get(rows, 0, 5)),
        .stage = arena_dup(arena, db_get(rows, 0, 6)),
        .done = db_get_int(rows, 0, 7),
        .total = db_get_int(rows, 0, 8),
        .attempt = (uint32_t)db_get_int(rows, 0, 9),
        .created_by = db_get_uuid(rows, 0, 11),
        .is_cancelled = db_get_bool(rows, 0, 12),
        .holder = x->runner->holder};
    x->attempts_max = (uint32_t)db_get_int(rows, 0, 10);
}

/* Takes the job's function where it cannot run: of a kind nobody here knows, or that took its worker along too often. */
static bool is_hopeless(struct running *x, struct job_outcome *o)
{
    if (x->job.kind == &unknown_kind) {
        *o = (struct job_outcome){.state = "waiting",
            .run_at_us = clock_agreed_us() + CLOSED_US,
            .attempts = x->job.attempt - 1,
            .code = "unknown_kind",
            .en = "No plugin of this server knows this kind of job.",
            .zh = "本服务器没有处理此类任务的插件。"};
        return true;
    }
    if (x->job.attempt <= 2 * x->attempts_max)
        return false;
    *o = outcome_of(x, -EIO);
    return true;
}

/* One job of the tenant, in a fiber of its own. True when there was one. */
static bool start_one(struct job_runner *run, int32_t tenant)
{
    struct db_rows *rows CLEANUP(db_rows_freep) = NULL;
    struct job_outcome o;
    struct running *x;
    bool hopeless;

    if (claim_one(run, tenant, &rows) < 0 || db_rows_count(rows) == 0)
        return false;
    x = mem_zalloc(sizeof(*x));
    x->runner = run;
    fill(x, tenant, rows);
    hopeless = is_hopeless(x, &o);
    if (!hopeless && fiber_spawn_system(job_fiber, x, "job", &x->job.fiber) == 0) {
        x->job.next = run->jobs;
        run->jobs = &x->job;
        run->running++;
        return true;
    }
    if (!hopeless)
        o = outcome_of(x, -ECANCELED); /* no memory for a fiber: later */
    (void)!job_settle(&x->job, &o);    /* or its lease runs out */
    arena_free(x->job.arena);
    free(x);
    return true;
}

/* Tenants in turn, beginning behind the one served last; what there was work for. */
static bool start_jobs(struct job_runner *run)
{
    struct db_call call = {.stmt = tenants_due};
    bool any = false;
    int n, from = 0;

    if (run->running >= run->side_by_side || db_read(run->dispatch, 0, &call, 1, NULL, NULL) < 0)
        return false;
    n = db_rows_count(call.rows);
    while (from < n && db_get_int(call.rows, from, 0) <= run->last_tenant)
        from++;
    for (int i = 0; i < n && run->running < run->side_by_side && !fiber_is_cancelled(); i++) {
        int32_t tenant = (int32_t)db_get_int(call.rows, (from + i) % n, 0);

        if (start_one(run, tenant)) {
            run->last_tenant = tenant;
            any = true;
        }
    }
    db_calls_done(&call, 1);
    return any;
}

static struct job *find(struct job_runner *run, struct uuid id)
{
    struct job *j = run->jobs;

    while (j && !uuid_eq(j->id, id))
        j = j->next;
    return j;
}

/* Keeps the leases, and learns who was cancelled. A job may end while its lease is renewed: it is looked up again. */
static void renew_all(struct job_runner *run)
{
    struct job_claim claims[64];
    uint32_t n = 0;

    for (struct job *j = run->jobs; j && n < ARRAY_LEN(claims); j = j->next)
        claims[n++] = (struct job_claim){j->tenant, j->id, j->holder, j->attempt};
    for (uint32_t i = 0; i < n; i++) {
        bool cancelled = false;
        int r = job_renew(run->db, &claims[i], &cancelled);
        struct job *j = find(run, claims[i].id);

        if (!j)
            continue;
        j->is_cancelled |= cancelled;
        j->is_lost |= r == -ESTALE;
        if (j->is_cancelled || j->is_lost)
            fiber_cancel(j->fiber);
    }
}

void job_run_all(void *arg)
{
    struct job_runner *run = arg;
    int64_t renew_at = clock_mono_ms() + RENEW_MS;

    for (;;) {
        bool any = !clock_is_far() && start_jobs(run);

        if (run->running && clock_mono_ms() >= renew_at)
            renew_all(run);
        if (clock_mono_ms() >= renew_at)
            renew_at = clock_mono_ms() + RENEW_MS;
        if (fiber_sleep(any ? 10 : IDLE_MS) < 0)
            break;
    }
    for (struct job *j = run->jobs; j; j = j->next)
        fiber_cancel(j->fiber);
    fiber_shield(true);
    while (run->running && fiber_sleep(10) == 0)
        ;
    fiber_shield(false);
}
