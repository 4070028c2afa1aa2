/* Jobs: steps that count once, retry, cancelling, leases between runners, draining, schedules, tenants in turn. */
#include "support.h"

#include <errno.h>
#include <unistd.h>

#include "access/job.h"
#include "access/start.h"
#include "base/clock.h"
#include "base/json.h"
#include "db/audit.h"
#include "loop/fiber.h"
#include "tenant/tenants.h"
#include "tenant/units.h"

#define WAIT_MS 20000

static struct db *db;
static int32_t tenants[2];

/* ---- the kind: counts in a table, one step a number ---- */

static const struct db_stmt add_one = {"test.add_one",
    "INSERT INTO juxin.sequence_number AS s (tenant_id, key, n) VALUES ($1, $2, 1)"
    " ON CONFLICT (tenant_id, key) DO UPDATE SET n = s.n + 1"};

static bool hold; /* jobs stop between steps while this is set */
static uint32_t holding;
static bool gate_open = true;
static char order[400];

static int add_step(struct call *c, struct job *j, void *arg)
{
    struct db_args a;
    int r;

    (void)arg;
    db_args_reset(&a);
    db_arg_int(&a, j->tenant);
    db_arg_str(&a, uuid_format(j->id).s);
    r = db_exec(c->tx, add_one, &a, NULL);
    j->done++;
    j->checkpoint = arena_printf(c->arena, "%lld", (long long)j->done);
    return r;
}

static int count_run(struct job *j)
{
    json_t *in = NULL;
    int64_t steps, fail_at, fails;
    int r = json_parse(text_of(j->input), JSON_LIMITS, &in, NULL);

    if (r < 0)
        return job_fail(j, "input", "The input is not JSON.", "输入不是 JSON。");
    steps = json_int_or(in, "steps", 3);
    fail_at = json_int_or(in, "fail_at", -1);
    fails = json_int_or(in, "fails", 1);
    json_decref(in);
    snprintf(order + strlen(order), sizeof(order) - strlen(order), "%d", j->tenant == tenants[0] ? 1 : 2);
    j->total = steps;
    j->done = j->checkpoint ? strtoll(j->checkpoint, NULL, 10) : 0;
    while (j->done < steps) {
        holding++;
        while (hold && (r = fiber_sleep(5)) == 0)
            ;
        holding--;
        if (r == 0 && j->done == fail_at && j->attempt <= fails)
            r = -EIO;
        if (r == 0)
            r = job_step(j, add_step, NULL);
        if (r < 0)
            return r;
    }
    j->result = "{\"counted\":true}";
    return 0;
}

static int refuse_run(struct job *j)
{
    return job_fail(j, "no_use", "It cannot be done.", "无法完成。");
}

static const struct job_kind count_kind = {"test.count", "计数", "Count", JOB_AS_SYSTEM, 3, 0, count_run},
                             refuse_kind = {"test.refuse", "拒绝", "Refuse", JOB_AS_SYSTEM, 3, 0, refuse_run},
                             often_kind = {"test.often", "定时", "Often", JOB_AS_SYSTEM, 3, 3600, count_run},
                             own_kind = {"test.own", "本人", "Own", JOB_AS_CREATOR, 3, 0, count_run};

static int gate(struct call *c, const char *plugin, struct uuid unit, bool *ret_open)
{
    (void)c, (void)unit;
    assert_string_equal(plugin, "suggestions");
    *ret_open = gate_open;
    return 0;
}

/* ---- helpers ---- */

static const char *sql(const char *format, ...)
{
    char text[600];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    return support_sql(text);
}

static const char *state_of(struct uuid id)
{
    return sql("SELECT state FROM juxin.job WHERE id = '%s'", uuid_format(id).s);
}

static const char *counted(struct uuid id)
{
    return sql(
        "SELECT coalesce((SELECT n FROM juxin.sequence_number WHERE key = '%s'), 0)", uuid_format(id).s);
}

static bool is_state(struct uuid id, const char *state)
{
    return strcmp(state_of(id), state) == 0;
}

#define UNTIL(condition)                                                                                     \
    for (int64_t end_ = clock_mono_ms() + WAIT_MS; !(condition);) {                                          \
        assert_true(clock_mono_ms() < end_);                                                                 \
        assert_int_equal(fiber_sleep(10), 0);                                                                \
    }

struct in_call {
    struct arena *arena;
    struct call c;
    struct subject who;
    struct subject_grant grant;
};

static void call_open(struct in_call *x, int32_t tenant, struct uuid account)
{
    *x = (struct in_call){.arena = arena_new(), .who = {.kind = SUBJECT_SYSTEM}};
    call_init(&x->c, db, x->arena);
    assert_int_equal(tenant_get_by_id(db, tenant, &x->c.tenant), 0);
    if (!uuid_is_nil(account)) /* whoever has no right at all */
        x->who = (struct subject){.kind = SUBJECT_ACCOUNT, .account = account};
    x->c.who = &x->who;
}

static void call_close(struct in_call *x)
{
    call_done(&x->c);
    tenant_unref(x->c.tenant);
    arena_free(x->arena);
}

static int add_as(int32_t tenant, struct uuid account, struct job_input in, struct uuid *ret)
{
    struct in_call x;
    int r;

    call_open(&x, tenant, account);
    r = call_begin(&x.c);
    if (r == 0)
        r = job_add(&x.c, &in, ret);
    if (r == -EINVAL)
        r = -x.c.fault.status;
    if (r == 0)
        r = call_commit(&x.c);
    call_close(&x);
    return r;
}

static struct uuid add(int32_t tenant, const char *json)
{
    struct uuid id;

    assert_int_equal(
        add_as(tenant, UUID_NIL, (struct job_input){.kind = "test.count", .json = json}, &id), 0);
    return id;
}

static int ask(int (*fn)(struct call *c, struct uuid id), int32_t tenant, struct uuid account, struct uuid id)
{
    struct in_call x;
    int r;

    call_open(&x, tenant, account);
    r = fn(&x.c, id);
    if (r == -EINVAL)
        r = -x.c.fault.status;
    if (r == 0)
        r = call_commit(&x.c);
    call_close(&x);
    return r;
}

static struct db *dispatch;
struct runner {
    struct job_runner run;
    struct fiber *fiber;
    bool ended;
};

static void runner_fiber(void *arg)
{
    struct runner *r = arg;

    job_run_all(&r->run);
    r->ended = true;
}

static void start(struct runner *r, const char *holder)
{
    *r = (struct runner){
        .run = {.db = db, .dispatch = dispatch, .holder = holder, .side_by_side = 2, .gate = gate}};
    assert_int_equal(fiber_spawn_system(runner_fiber, r, "runner", &r->fiber), 0);
}

static void stop(struct runner *r)
{
    fiber_cancel(r->fiber);
    UNTIL(r->ended);
}

/* ---- a job whose database is gone when it ends ---- */

static struct db *away;
static bool has_run;

static int away_run(struct job *j)
{
    j->db = away;
    has_run = true;
    return 0;
}

static const struct job_kind away_kind = {"test.away", "离线", "Away", JOB_AS_SYSTEM, 3, 0, away_run};

/* A worker that drains does not wait for a database: what the job came to is found out when its lease has run out. */
static void body_away(void *arg)
{
    struct db_config gone = {.conninfo = "hostaddr=127.0.0.1 port=1 user=nobody dbname=none",
        .slow_connections = 1,
        .slow_timeout_ms = 1000};
    struct uuid id;
    struct runner r;

    has_run = false;
    assert_int_equal(db_open(&gone, &away), 0);
    assert_int_equal(add_as(tenants[0], UUID_NIL, (struct job_input){.kind = "test.away"}, &id), 0);
    start(&r, "one");
    UNTIL(has_run);
    stop(&r);
    assert_true(is_state(id, "running"));
    sql("DELETE FROM juxin.job WHERE id = '%s'", uuid_format(id).s);
    db_close(away);
}

/* ---- cases ---- */

static void body_runs(void *arg)
{
    struct uuid id = add(tenants[0], "{\"steps\":4}");
    struct runner r;

    start(&r, "one");
    UNTIL(is_state(id, "done"));
    assert_string_equal(counted(id), "4");
    assert_string_equal(
        sql("SELECT result FROM juxin.job WHERE id = '%s'", uuid_format(id).s), "{\"counted\":true}");
    assert_string_equal(
        sql("SELECT done || '/' || total FROM juxin.job WHERE id = '%s'", uuid_format(id).s), "4/4");
    assert_string_equal(sql("SELECT payload::json->>'state' FROM juxin.event WHERE topic = 'job' AND key = "
                            "'%s' ORDER BY id DESC LIMIT 1",
                            uuid_format(id).s),
        "done");
    stop(&r);
}

static void body_retries(void *arg)
{
    struct uuid once = add(tenants[0], "{\"steps\":5,\"fail_at\":3}");
    struct uuid always = add(tenants[0], "{\"steps\":5,\"fail_at\":2,\"fails\":99}"), refused;
    struct runner r;

    assert_int_equal(add_as(tenants[0], UUID_NIL, (struct job_input){.kind = "test.refuse"}, &refused), 0);
    start(&r, "one");
    for (int i = 0; i < 400 && !(is_state(once, "done") && is_state(always, "dead")); i++) {
        sql("UPDATE juxin.job SET run_at = now() WHERE state = 'waiting' AND error_code = 'retry'");
        assert_int_equal(fiber_sleep(25), 0);
    }
    assert_string_equal(state_of(once), "done");
    assert_string_equal(counted(once), "5"); /* the first three once, not twice */
    assert_string_equal(state_of(always), "dead");
    assert_string_equal(counted(always), "2");
    assert_string_equal(sql("SELECT attempts FROM juxin.job WHERE id = '%s'", uuid_format(always).s), "3");
    UNTIL(is_state(refused, "failed"));
    assert_string_equal(sql("SELECT error_code || error_en || error_zh FROM juxin.job WHERE id = '%s'",
                            uuid_format(refused).s),
        "no_useIt cannot be done.无法完成。");
    /* A dead one goes on behind its last step once somebody has mended what was wrong. */
    sql("UPDATE juxin.job SET input = '{\"steps\":5}' WHERE id = '%s'", uuid_format(always).s);
    assert_int_equal(ask(job_retry, tenants[0], uuid_new(), always), -404);
    assert_int_equal(ask(job_retry, tenants[0], UUID_NIL, always), 0);
    UNTIL(is_state(always, "done"));
    assert_string_equal(counted(always), "5");
    assert_int_equal(ask(job_retry, tenants[0], UUID_NIL, always), -409);
    stop(&r);
}

/* A runner that was paused past its lease changes nothing any more. */
static void body_lost_lease(void *arg)
{
    struct runner one, two;
    struct uuid id = add(tenants[0], "{\"steps\":6}");

    hold = true;
    start(&one, "one");
    UNTIL(holding == 1);
    one.run.side_by_side = 0; /* it takes nothing new */
    sql("UPDATE juxin.job SET lease_until = now() - interval '1 s' WHERE id = '%s'", uuid_format(id).s);
    start(&two, "two");
    UNTIL(holding == 2);
    assert_string_equal(sql("SELECT lease_holder FROM juxin.job WHERE id = '%s'", uuid_format(id).s), "two");
    hold = false;
    UNTIL(is_state(id, "done"));
    UNTIL(one.run.running == 0);
    assert_string_equal(counted(id), "6");
    assert_int_equal(one.run.done, 0);
    stop(&one);
    stop(&two);
}

static void body_cancel(void *arg)
{
    struct uuid waiting, running, maker = uuid_new();
    struct job_input in = {.kind = "test.count", .json = "{\"steps\":5}"};
    struct runner r;

    assert_int_equal(add_as(tenants[0], maker, in, &waiting), 0);
    assert_int_equal(ask(job_cancel, tenants[1], maker, waiting), -404);
    assert_int_equal(ask(job_cancel, tenants[0], uuid_new(), waiting), -404);
    assert_int_equal(ask(job_cancel, tenants[0], maker, waiting), 0);
    assert_string_equal(state_of(waiting), "cancelled");
    assert_int_equal(ask(job_cancel, tenants[0], maker, waiting), -409);

    hold = true;
    running = add(tenants[0], "{\"steps\":5}");
    start(&r, "one");
    UNTIL(holding == 1);
    assert_int_equal(ask(job_cancel, tenants[0], UUID_NIL, running), 0);
    UNTIL(is_state(running, "cancelled")); /* told with the lease, though it takes no step */
    hold = false;
    assert_string_equal(counted(running), "0");
    stop(&r);
}

/* The worker ends in the middle: put back uncounted, gone on with behind the last step. */
static void body_drain(void *arg)
{
    struct uuid id = add(tenants[0], "{\"steps\":5,\"fail_at\":-1}");
    struct runner r;

    start(&r, "one");
    UNTIL(strcmp(counted(id), "0") != 0);
    hold = true;
    stop(&r);
    if (!is_state(id, "done")) { /* its last steps may have been under way */
        assert_string_equal(state_of(id), "waiting");
        assert_string_equal(sql("SELECT attempts FROM juxin.job WHERE id = '%s'", uuid_format(id).s), "0");
    }
    hold = false;
    start(&r, "two");
    UNTIL(is_state(id, "done"));
    assert_string_equal(counted(id), "5");
    stop(&r);
}

static void body_key(void *arg)
{
    struct job_input in = {.kind = "test.count", .key = "import-7", .json = "{\"steps\":1}"};
    struct uuid id, other;
    struct runner r;

    assert_int_equal(add_as(tenants[0], UUID_NIL, in, &id), 0);
    assert_int_equal(add_as(tenants[0], UUID_NIL, in, &other), -409);
    assert_int_equal(add_as(tenants[1], UUID_NIL, in, &other), 0); /* another district's is no obstacle */
    start(&r, "one");
    UNTIL(is_state(id, "done"));
    assert_int_equal(add_as(tenants[0], UUID_NIL, in, &id), 0);
    UNTIL(is_state(id, "done"));
    stop(&r);
}

static void body_schedule(void *arg)
{
    struct runner r;
    char first[40];

    assert_string_equal(
        sql("SELECT count(*) FROM juxin.job WHERE kind = 'test.often'"), "2"); /* one a tenant */
    snprintf(first, sizeof(first), "%s",
        sql("SELECT id FROM juxin.job WHERE kind = 'test.often' AND tenant_id = %d", tenants[0]));
    sql("UPDATE juxin.job SET run_at = now() WHERE kind = 'test.often'");
    start(&r, "one");
    UNTIL(strcmp(sql("SELECT count(*) FROM juxin.job WHERE kind = 'test.often' AND state = 'waiting' AND"
                     " run_at > now() + interval '59 minutes' AND done = 0 AND checkpoint IS NULL"),
              "2") == 0);
    assert_string_equal(sql("SELECT n FROM juxin.sequence_number WHERE key = '%s'", first), "3");
    stop(&r);
}

static void body_gate(void *arg)
{
    struct job_input in = {.kind = "test.count", .plugin = "suggestions", .json = "{\"steps\":1}"};
    struct runner r;
    struct uuid id;

    gate_open = false;
    assert_int_equal(add_as(tenants[0], UUID_NIL, in, &id), 0);
    start(&r, "one");
    UNTIL(strcmp(sql("SELECT coalesce(error_code, '') FROM juxin.job WHERE id = '%s'", uuid_format(id).s),
              "plugin_disabled") == 0);
    assert_string_equal(state_of(id), "waiting");
    assert_string_equal(counted(id), "0");
    gate_open = true;
    sql("UPDATE juxin.job SET run_at = now() WHERE id = '%s'", uuid_format(id).s);
    UNTIL(is_state(id, "done"));
    stop(&r);
}

/* Ten jobs of one tenant do not hold up the one of another. */
static void body_turns(void *arg)
{
    struct uuid last = UUID_NIL, other;
    struct runner r;

    order[0] = '\0';
    for (int i = 0; i < 10; i++)
        last = add(tenants[0], "{\"steps\":1}");
    other = add(tenants[1], "{\"steps\":1}");
    start(&r, "one");
    UNTIL(is_state(last, "done") && is_state(other, "done"));
    assert_int_equal(strlen(order), 11);
    assert_true(strchr(order, '2') - order < 3);
    stop(&r);
}

/* In the maker's name, and no longer than the account is active. */
static void body_creator(void *arg)
{
    struct job_input in = {.kind = "test.own", .json = "{\"steps\":1}"};
    struct uuid account, mine, late;
    struct runner r;

    sql("INSERT INTO juxin.account (tenant_id, id, login, display_name) VALUES (%d, '%s', 'maker', 'M')",
        tenants[0], "01900000-0000-7000-8000-000000000001");
    assert_int_equal(uuid_parse(TEXT("01900000-0000-7000-8000-000000000001"), &account), 0);
    assert_int_equal(add_as(tenants[0], account, in, &mine), 0);
    start(&r, "one");
    UNTIL(is_state(mine, "done"));
    sql("UPDATE juxin.account SET is_active = false WHERE login = 'maker'");
    assert_int_equal(add_as(tenants[0], account, in, &late), 0);
    UNTIL(is_state(late, "failed"));
    assert_string_equal(
        sql("SELECT error_code FROM juxin.job WHERE id = '%s'", uuid_format(late).s), "account_disabled");
    assert_string_equal(counted(late), "0");
    stop(&r);
}

/* ---- start ---- */

static void in_fiber(void *arg)
{
    void (**fn)(void *) = arg;

    db = support_open("juxin_app", 2, 8, 6);
    dispatch = support_open("juxin_dispatch", 1, 2, 1);
    (*fn)(NULL);
    tenant_cache_clear();
    db_close(dispatch);
    db_close(db);
}

static void run(void **state)
{
    void (*fn)(void *) = (void (*)(void *))(uintptr_t)*state;

    support_fiber(in_fiber, &fn);
}

static void make_tenants(void *arg)
{
    (void)arg;
    db = support_open("juxin_app", 1, 4, 2);
    assert_int_equal(tenant_create(db, "one", "一", NULL, NULL, &tenants[0]), 0);
    assert_int_equal(tenant_create(db, "two", "二", NULL, NULL, &tenants[1]), 0);
    db_close(db);
}

static void test_setup(void **state)
{
    static struct keyring *keys;
    char path[100];

    (void)state;
    snprintf(path, sizeof(path), "/tmp/%s.keys", support_database());
    assert_int_equal(keyring_load(path, true, &keys), 0);
    unlink(path);
    audit_set_keys(keys);
    support_migrate();
    access_init();
    job_kind_register(&count_kind);
    job_kind_register(&refuse_kind);
    job_kind_register(&often_kind);
    job_kind_register(&own_kind);
    job_kind_register(&away_kind);
    support_fiber(make_tenants, NULL);
    support_sql("UPDATE juxin.job SET run_at = now() + interval '1 day'"); /* the schedules: not yet */
}

#define BODY(fn)                                                                                             \
    {                                                                                                        \
#fn, run, NULL, NULL, (void *)(uintptr_t)(fn)                                                        \
    }

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_setup),
        BODY(body_runs),
        BODY(body_retries),
        BODY(body_lost_lease),
        BODY(body_cancel),
        BODY(body_drain),
        BODY(body_key),
        BODY(body_schedule),
        BODY(body_gate),
        BODY(body_turns),
        BODY(body_creator),
        BODY(body_away),
    };

    return support_main(tests, ARRAY_LEN(tests), NULL);
}
