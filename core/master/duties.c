/* Background duties of a worker: its clock against the database's; the outbox, the sequence and the seal of the audit;
 * what time alone does to records; ready-made roles. Most are one worker's at a time, by lease. */
#include <errno.h>
#include <unistd.h>

#include "access/call.h"
#include "access/job.h"
#include "access/role.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "db/background.h"
#include "db/dbclock.h"
#include "db/lease.h"
#include "loop/fiber.h"
#include "master/assemble.h"
#include "master/setup.h"
#include "notify/carrier.h"
#include "notify/courier.h"
#include "plugin/hook/deliver.h"
#include "plugin/hook/lifecycle.h"
#include "plugin/policy/policies.h"
#include "resource/flow/due.h"
#include "resource/record/search_build.h"

#define CLOCK_LOOK_MS 5000
#define CLOCK_TICK_MS 250
#define DUE_EVERY_MS 300000
#define DUTIES_MAX 12
#define LEASE_MS 15000
#define LEASE_RENEW_MS 5000

static struct {
    struct db *db, *dispatch;
    struct background background;
    struct job_runner jobs;
    struct courier courier;
    struct carrier carrier;
    char *holder;
    struct fiber *fibers[DUTIES_MAX];
    uint32_t started, running;
} duties;

static const struct subject system_subject = {.kind = SUBJECT_SYSTEM};

static const struct db_stmt sql_tenants = {
    "duty_tenants", "SELECT id FROM juxin.tenant WHERE is_active ORDER BY id"};

static void ended(void)
{
    for (uint32_t i = 0; i < duties.started; i++)
        if (duties.fibers[i] == fiber_self())
            duties.fibers[i] = NULL; /* nobody is left to cancel */
    duties.running--;
}

/* A jump shows at once against the monotonic clock; the database is asked again before anything is said, and now and
 * then, since the two drift apart, and a machine that slept has lost time on the one and not on the other. */
static void clock_duty(void *arg)
{
    int64_t look_at = 0;
    bool is_wrong = false;
    int r = 0;

    (void)arg;
    while (r != -ECANCELED) {
        if (clock_mono_ms() >= look_at || clock_is_far() != is_wrong) {
            r = dbclock_look(duties.db);
            look_at = clock_mono_ms() + (r < 0 ? 500 : CLOCK_LOOK_MS);
        }
        if (r == 0 && clock_is_far() != is_wrong) {
            is_wrong = !is_wrong;
            log_event(is_wrong ? LOG_ERROR : LOG_INFO, is_wrong ? "clock.wrong" : "clock.right",
                LF_INT("ahead_ms", clock_off_us() / 1000));
        }
        if (r != -ECANCELED)
            r = fiber_sleep(CLOCK_TICK_MS);
    }
    ended();
}

/* What ends, is deleted or is taken up by the clock waits until it is right. */
static bool clock_allows(void)
{
    return clock_is_compared() && !clock_is_far();
}

static void background_duty(void *arg)
{
    while (!clock_is_compared() && fiber_sleep(CLOCK_TICK_MS) == 0)
        ;
    background_run(arg);
    ended();
}

/* A duty that one server does at a time. The lease is renewed more often than there is work, so that another one takes
 * over soon after the holder died. Work that outlasts the lease may be begun there too: duties are safe when done twice. */
struct leased {
    const char *name, *failed; /* failed: the event that is logged */
    int (*work)(void);
    int64_t every_ms, next_at;
    bool is_held;
};

static int leased_turn(struct leased *d)
{
    bool held = false;
    int r = lease_take(duties.db, d->name, duties.holder, LEASE_MS, &held);

    if (r < 0)
        return r;
    if (!held)
        d->next_at = 0; /* at once, where it comes to us */
    d->is_held = held;
    if (!held || clock_mono_ms() < d->next_at)
        return 0;
    r = d->work();
    d->next_at = clock_mono_ms() + (r < 0 ? LEASE_RENEW_MS : d->every_ms);
    return r;
}

static void leased_duty(struct leased *d)
{
    int r = 0;

    do {
        if (clock_allows())
            r = leased_turn(d);
        if (r < 0 && r != -ECANCELED)
            log_event(LOG_WARN, d->failed, LF_ERR(r));
    } while (r != -ECANCELED && fiber_sleep(LEASE_RENEW_MS) == 0);
    if (d->is_held) {
        fiber_shield(true);
        (void)!lease_release(duties.db, d->name, duties.holder);
        fiber_shield(false);
    }
}

static int take_due(void)
{
    struct due_report report = {0};
    int r = resource_run_due(duties.db, clock_wall_us(), &report);

    if (r == 0 && report.done + report.failed > 0)
        log_event(LOG_INFO, "due.taken", LF_INT("done", report.done), LF_INT("failed", report.failed),
            LF_INT("paused", report.paused));
    return r;
}

/* The jobs that come back by themselves, for tenants made before there was such a kind, and the one that search needs after
 * an upgrade. */
static int schedule_jobs(int32_t tenant)
{
    struct db_tx *tx;
    int r = db_begin(duties.db, tenant, DB_WRITE, NULL, &tx, NULL);

    if (r < 0)
        return r;
    r = job_schedule(tx, tenant, clock_wall_us());
    if (r == 0)
        r = search_build_schedule(tx, clock_wall_us());
    if (r == 0)
        return db_commit(tx);
    db_rollback(tx);
    return r;
}

/* An updated plugin may bring roles or permissions that tenants made before do not have yet. */
static int install_roles(int32_t tenant)
{
    struct db_tx *tx;
    uint32_t changed = 0;
    int r = db_begin(duties.db, tenant, DB_WRITE, NULL, &tx, NULL);

    if (r < 0)
        return r;
    r = epoch_bump(tx);
    if (r == 0)
        r = role_install(tx, clock_wall_us(), &changed);
    if (r < 0 || !changed) {
        db_rollback(tx);
        return r;
    }
    log_event(LOG_INFO, "roles.installed", LF_INT("tenant", tenant), LF_INT("changed", changed));
    return db_commit(tx);
}

/* One tenant in trouble holds up no other; the first error is the answer. */
static int each_tenant(int (*fn)(int32_t tenant))
{
    struct db_args args;
    struct db_call call = {.stmt = sql_tenants, .args = &args};
    int r, first = 0;

    if (!clock_allows())
        return -EAGAIN;
    db_args_reset(&args);
    r = db_read(duties.db, 0, &call, 1, NULL, NULL);
    if (r < 0)
        return r;
    for (int i = 0; r != -ECANCELED && i < db_rows_count(call.rows); i++) {
        r = fn((int32_t)db_get_int(call.rows, i, 0));
        if (r < 0 && first == 0)
            first = r;
    }
    db_calls_done(&call, 1);
    return r == -ECANCELED ? r : first;
}

static void calendar_duty(void *arg)
{
    struct leased due = {.name = "due", .failed = "due.failed", .work = take_due, .every_ms = DUE_EVERY_MS};
    int r;

    (void)arg;
    do {
        int scheduled = each_tenant(schedule_jobs);

        r = each_tenant(install_roles);
        r = r < 0 ? r : scheduled;
    } while (r < 0 && r != -ECANCELED && fiber_sleep(1000) == 0);
    if (r != -ECANCELED)
        leased_duty(&due);
    ended();
}

/* A stale snapshot is refreshed here and looked at the next time round. */
static int tell_tenant(int32_t tenant)
{
    struct lifecycle_result result = {0};
    struct arena *arena = arena_new();
    struct tenant *t, *fresh;
    struct call c;
    int r;

    call_init(&c, duties.db, arena);
    c.who = &system_subject;
    r = tenant_get_by_id(duties.db, tenant, &t);
    if (r == 0) {
        call_use(&c, t);
        r = lifecycle_tell(&c, &result);
    }
    if (r == -EREMCHG && tenant_refresh(duties.db, tenant, c.seen_epoch, &fresh) == 0) {
        tenant_unref(fresh);
        r = 0;
    }
    if (result.told)
        log_event(LOG_INFO, "plugin.units_told", LF_INT("tenant", tenant), LF_INT("units", result.told));
    call_done(&c);
    tenant_unref(c.tenant);
    arena_free(arena);
    return r;
}

static int tell_all(void)
{
    return each_tenant(tell_tenant);
}

static void lifecycle_duty(void *arg)
{
    struct leased tell = {.name = "lifecycle", .failed = "lifecycle.failed", .work = tell_all};

    (void)arg;
    if (lifecycle_is_wanted())
        leased_duty(&tell);
    ended();
}

/* Where the plugin is not effective, its jobs wait. */
static int job_gate(struct call *c, const char *plugin, struct uuid unit, bool *ret_open)
{
    uint32_t at = uuid_is_nil(unit) ? 0 : tree_find(c->tenant->tree, unit);

    *ret_open = at < tree_count(c->tenant->tree) && policy_is_on(c, plugin, at);
    return 0;
}

static void job_duty(void *arg)
{
    job_run_all(arg);
    ended();
}

static void courier_duty(void *arg)
{
    courier_run(arg);
    ended();
}

static void carrier_duty(void *arg)
{
    carrier_run(arg);
    ended();
}

static int begin(void (*fn)(void *arg), void *arg, const char *name)
{
    int r = fiber_spawn_system(fn, arg, name, &duties.fibers[duties.started]);

    duties.started += r == 0;
    duties.running += r == 0;
    return r;
}

static char *holder_name(void)
{
    char host[64] = "";

    gethostname(host, sizeof(host) - 1);
    return str_printf("%s:%d:%lld", host, (int)getpid(), (long long)clock_wall_us());
}

static int open_dispatch(const struct config *c)
{
    struct db_config config = config_db(c, c->database.dispatch);

    if (!config.conninfo)
        return 0;
    config.fast_connections = 1;
    config.slow_connections = 1;
    return db_open(&config, &duties.dispatch);
}

int duties_start(const struct config *c, struct db *db, uint32_t index)
{
    int r = 0;

    duties.db = db;
    duties.holder = holder_name();
    if (index < 2) /* the second stands by; more would only ask for the lease */
        r = open_dispatch(c);
    duties.background = (struct background){.db = db,
        .dispatch = duties.dispatch,
        .holder = duties.holder,
        .keys = assemble_keyring(),
        .deliver = plugin_deliver,
        .arg = db,
        .digest_dir = access(c->state_dir, W_OK) == 0 ? c->state_dir : NULL};
    duties.jobs = (struct job_runner){.db = db,
        .dispatch = duties.dispatch,
        .holder = duties.holder,
        .side_by_side = (uint32_t)c->limits.jobs,
        .gate = job_gate};
    if (r == 0)
        r = begin(clock_duty, NULL, "clock");
    if (r == 0 && duties.dispatch)
        r = begin(job_duty, &duties.jobs, "jobs");
    duties.courier = (struct courier){.db = db, .dispatch = duties.dispatch, .holder = duties.holder};
    if (r == 0 && duties.dispatch)
        r = begin(courier_duty, &duties.courier, "endpoints");
    duties.carrier = (struct carrier){.db = db, .dispatch = duties.dispatch, .holder = duties.holder};
    if (r == 0 && duties.dispatch)
        r = begin(carrier_duty, &duties.carrier, "messages");
    if (r == 0 && index < 2)
        r = begin(background_duty, &duties.background, "background");
    if (r == 0 && index == 0)
        r = begin(calendar_duty, NULL, "calendar");
    if (r == 0 && index == 0)
        r = begin(lifecycle_duty, NULL, "lifecycle");
    return r;
}

void duties_publish(void)
{
    slot_metric_set(METRIC_UNSEALED, (int64_t)duties.background.tail_rows);
    slot_metric_set(METRIC_OUTBOX_DELIVERED, (int64_t)duties.background.delivered);
    slot_metric_set(METRIC_OUTBOX_RETRIED, (int64_t)duties.background.retried);
    slot_metric_set(METRIC_OUTBOX_DEAD, (int64_t)duties.background.dead);
    slot_metric_set(METRIC_SEALED, (int64_t)duties.background.sealed_rows);
}

void duties_stop(void)
{
    for (uint32_t i = 0; i < duties.started; i++)
        if (duties.fibers[i])
            fiber_cancel(duties.fibers[i]);
}

uint32_t duties_running(void)
{
    return duties.running;
}

void duties_done(void)
{
    db_close(duties.dispatch);
    free(duties.holder);
    duties.dispatch = NULL;
    duties.holder = NULL;
}
