/* Units of work on a real PostgreSQL: reads in a pipeline, interactive writes, what errors and cancellation leave. */
#include "support.h"

#include <errno.h>
#include <signal.h>

#include "base/clock.h"
#include "loop/fiber.h"

static const char schema[] =
    "CREATE SCHEMA juxin;"
    "CREATE FUNCTION juxin.enter(tenant int) RETURNS void LANGUAGE plpgsql AS "
    "$$BEGIN EXECUTE format('SET LOCAL juxin.tenant = %L', tenant); END$$;"
    "CREATE TABLE juxin.epoch (tenant_id int PRIMARY KEY, n bigint NOT NULL);"
    "CREATE TABLE juxin.deployment_epoch (n bigint NOT NULL);"
    "INSERT INTO juxin.epoch VALUES (1, 5); INSERT INTO juxin.deployment_epoch VALUES (9);"
    "CREATE TABLE juxin.thing (tenant_id int, id int, name text, PRIMARY KEY (tenant_id, id));"
    "CREATE TABLE juxin.part (tenant_id int, id int, thing int,"
    " FOREIGN KEY (tenant_id, thing) REFERENCES juxin.thing (tenant_id, id));"
    "INSERT INTO juxin.thing SELECT 1, i, 'thing ' || i FROM generate_series(1, 100) i;";

static const struct db_stmt read_one = {
    "t.one", "SELECT id, name FROM juxin.thing WHERE tenant_id = $1 AND id = $2"};
static const struct db_stmt read_tenant = {"t.tenant", "SELECT current_setting('juxin.tenant', true)"};
static const struct db_stmt read_pid = {"t.pid", "SELECT pg_backend_pid()"};
static const struct db_stmt divide = {"t.divide", "SELECT 1 / ($1::int)"};
static const struct db_stmt slow_read = {"t.sleep", "SELECT pg_sleep($1::float8)"};
static const struct db_stmt wrong = {"t.wrong", "SELECT nothing FROM juxin.nowhere"};
static const struct db_stmt insert = {"t.insert", "INSERT INTO juxin.thing VALUES ($1, $2, $3)"};
static const struct db_stmt rename_one = {
    "t.rename", "UPDATE juxin.thing SET name = $3 WHERE tenant_id = $1 AND id = $2"};
static const struct db_stmt insert_part = {"t.part", "INSERT INTO juxin.part VALUES ($1, 1, $2)"};

static void args2(struct db_args *a, int64_t x, int64_t y)
{
    db_args_reset(a);
    db_arg_int(a, x);
    db_arg_int(a, y);
}

static int read_name(struct db *db, int id, char *out, size_t size)
{
    struct db_args a;
    struct db_call call = {.stmt = read_one, .args = &a};
    int r;

    args2(&a, 1, id);
    r = db_read(db, 1, &call, 1, NULL, NULL);
    if (r == 0)
        snprintf(out, size, "%s", db_rows_count(call.rows) ? db_get(call.rows, 0, 1) : "none");
    db_calls_done(&call, 1);
    return r;
}

static const char *idle_in_transaction(void)
{
    return support_sql("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
                       " AND state LIKE 'idle in transaction%'");
}

static void body_read(void *arg)
{
    struct db *db = support_open(NULL, 1, 8, 2);
    struct db_args a;
    struct db_call calls[] = {{.stmt = read_one, .args = &a}, {.stmt = read_tenant}};
    struct db_epoch epoch;

    args2(&a, 1, 7);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(db_read(db, 1, calls, 2, &epoch, NULL), 0);
        assert_string_equal(db_get(calls[0].rows, 0, 1), "thing 7");
        assert_int_equal(db_get_int(calls[0].rows, 0, 0), 7);
        assert_string_equal(db_get(calls[1].rows, 0, 0), "1");
        assert_int_equal(epoch.tenant, 5);
        assert_int_equal(epoch.deployment, 9);
        db_calls_done(calls, 2);
    }
    /* Nothing of the tenant stays behind on the connection. */
    assert_int_equal(db_read(db, 0, calls + 1, 1, &epoch, NULL), 0);
    assert_string_equal(db_get(calls[1].rows, 0, 0), "0");
    assert_int_equal(epoch.tenant, 0);
    db_calls_done(calls, 2);
    assert_true(db_is_ready(db));
    /* The last read's COMMIT goes out by itself when nothing follows. */
    for (int i = 0; strcmp(idle_in_transaction(), "0") != 0 && i < 500; i++)
        assert_int_equal(fiber_sleep(2), 0);
    assert_string_equal(idle_in_transaction(), "0");
    db_close(db);
}

/* Three units in flight on one connection, the middle one fails at its second statement. */
struct trio {
    struct db *db;
    int left;
    int result[3];
    char sqlstate[6];
    char name[3][32];
    struct fiber_wait all;
};

struct trio_member {
    struct trio *trio;
    int at;
};

static void trio_fiber(void *arg)
{
    struct trio_member *m = arg;
    struct trio *t = m->trio;
    struct db_args a, zero;
    struct db_error error;
    struct db_call calls[] = {
        {.stmt = read_one, .args = &a}, {.stmt = divide, .args = &zero}, {.stmt = read_one, .args = &a}};

    args2(&a, 1, m->at + 1);
    db_args_reset(&zero);
    db_arg_int(&zero, m->at == 1 ? 0 : 1);
    t->result[m->at] = db_read(t->db, 1, calls, 3, NULL, &error);
    if (t->result[m->at] == 0)
        snprintf(t->name[m->at], sizeof(t->name[0]), "%s", db_get(calls[2].rows, 0, 1));
    else
        memcpy(t->sqlstate, error.sqlstate, sizeof(t->sqlstate));
    db_calls_done(calls, 3);
    if (--t->left == 0)
        fiber_wake(&t->all);
}

static void body_error_between(void *arg)
{
    struct trio t = {.db = support_open(NULL, 1, 8, 1)};
    struct db_stats stats;
    char name[32];

    /* Cold (with Parse in the pipeline) and warm. */
    for (int round = 0; round < 3; round++) {
        struct trio_member m[3];
        struct fiber *f;

        t.left = 3;
        for (int i = 0; i < 3; i++) {
            m[i] = (struct trio_member){&t, i};
            assert_int_equal(fiber_spawn(trio_fiber, &m[i], "trio", &f), 0);
        }
        assert_int_equal(fiber_park(&t.all, INT64_MAX), 0);
        t.all = FIBER_WAIT_INIT;
        assert_int_equal(t.result[0], 0);
        assert_int_equal(t.result[1], -EIO);
        assert_string_equal(t.sqlstate, "22012");
        assert_int_equal(t.result[2], 0);
        assert_string_equal(t.name[0], "thing 1");
        assert_string_equal(t.name[2], "thing 3");
        assert_int_equal(read_name(t.db, 4, name, sizeof(name)), 0);
        assert_string_equal(name, "thing 4");
    }
    db_stats(t.db, &stats);
    assert_int_equal(stats.reconnects, 0);
    assert_int_equal(stats.busy[0], 0);
    db_close(t.db);
}

static void body_bad_statement(void *arg)
{
    struct db *db = support_open(NULL, 1, 8, 1);
    struct db_call call = {.stmt = wrong};
    struct db_error error;
    char name[32];

    for (int i = 0; i < 3; i++) {
        assert_int_equal(db_read(db, 1, &call, 1, NULL, &error), -EIO);
        assert_string_equal(error.sqlstate, "42P01");
        assert_int_equal(read_name(db, 1, name, sizeof(name)), 0);
    }
    db_close(db);
}

static void body_timeout(void *arg)
{
    struct db *db = support_open(NULL, 1, 8, 1);
    struct db_args a;
    struct db_call call = {.stmt = slow_read, .args = &a};
    struct db_error error;
    int64_t start = clock_mono_ms();
    char name[32];

    db_args_reset(&a);
    db_arg_str(&a, "20");
    assert_int_equal(db_read(db, 1, &call, 1, NULL, &error), -ETIMEDOUT);
    assert_string_equal(error.sqlstate, "57014");
    assert_true(clock_mono_ms() - start < 1400);
    assert_int_equal(read_name(db, 1, name, sizeof(name)), 0);
    db_close(db);
}

/* PostgreSQL frozen: callers get their answer in time, the connection is spared until it speaks again. */
static void body_frozen(void *arg)
{
    struct db *db = support_open(NULL, 1, 8, 1);
    struct db_call call = {.stmt = read_pid};
    struct db_stats stats;
    int64_t start;
    char name[32];
    pid_t pid;

    assert_int_equal(db_read(db, 1, &call, 1, NULL, NULL), 0);
    pid = (pid_t)db_get_int(call.rows, 0, 0);
    db_calls_done(&call, 1);
    if (kill(pid, SIGSTOP) == 0) {
        start = clock_mono_ms();
        assert_int_equal(read_name(db, 1, name, sizeof(name)), -ETIMEDOUT);
        assert_true(clock_mono_ms() - start < 2500);
        assert_int_equal(read_name(db, 1, name, sizeof(name)), -EAGAIN);
        db_stats(db, &stats);
        assert_int_equal(stats.busy[0], 1);
        assert_int_equal(kill(pid, SIGCONT), 0);
    }
    assert_int_equal(read_name(db, 2, name, sizeof(name)), 0);
    assert_string_equal(name, "thing 2");
    db_stats(db, &stats);
    assert_int_equal(stats.busy[0], 0);
    assert_int_equal(stats.reconnects, 0);
    db_close(db);
}

static void body_write(void *arg)
{
    struct db *db = support_open(NULL, 1, 8, 2);
    struct db_epoch epoch;
    struct db_tx *tx;
    struct db_args a;
    struct db_rows *rows;
    char name[32];

    assert_int_equal(db_begin(db, 1, DB_WRITE, &epoch, &tx, NULL), 0);
    assert_int_equal(epoch.tenant, 5);
    args2(&a, 1, 1000);
    db_arg_str(&a, "new");
    assert_int_equal(db_exec(tx, insert, &a, NULL), 0);
    assert_int_equal(db_exec_expect(tx, rename_one, &a, 1), 0);
    args2(&a, 1, 9999);
    db_arg_str(&a, "stale");
    assert_int_equal(db_exec_expect(tx, rename_one, &a, 1), -ESTALE);
    db_rollback(tx);
    assert_int_equal(read_name(db, 1000, name, sizeof(name)), 0);
    assert_string_equal(name, "none");

    assert_int_equal(db_begin(db, 1, DB_WRITE, NULL, &tx, NULL), 0);
    args2(&a, 1, 1000);
    db_arg_str(&a, "new");
    assert_int_equal(db_exec(tx, insert, &a, NULL), 0);
    assert_int_equal(db_commit(tx), 0);
    assert_int_equal(read_name(db, 1000, name, sizeof(name)), 0);
    assert_string_equal(name, "new");

    /* Constraints by meaning, and savepoints. */
    assert_int_equal(db_begin(db, 1, DB_WRITE, NULL, &tx, NULL), 0);
    assert_int_equal(db_savepoint(tx, "try"), 0);
    assert_int_equal(db_exec(tx, insert, &a, NULL), -EEXIST);
    assert_string_equal(db_tx_error(tx)->sqlstate, "23505");
    assert_int_equal(db_savepoint_rollback(tx, "try"), 0);
    args2(&a, 1, 424242);
    assert_int_equal(db_savepoint(tx, "again"), 0);
    assert_int_equal(db_exec(tx, insert_part, &a, NULL), -ENOLINK);
    assert_int_equal(db_savepoint_rollback(tx, "again"), 0);
    assert_int_equal(db_exec(tx, read_one, &a, &rows), 0);
    assert_int_equal(db_rows_count(rows), 0);
    db_rows_free(rows);
    assert_int_equal(db_savepoint(tx, "no; DROP"), -EINVAL);
    assert_int_equal(db_commit(tx), 0);

    /* A failed unit's COMMIT succeeds with tag ROLLBACK: it must not count. */
    assert_int_equal(db_begin(db, 1, DB_WRITE, NULL, &tx, NULL), 0);
    assert_int_equal(db_exec(tx, wrong, NULL, NULL), -EIO);
    assert_int_equal(db_exec(tx, read_pid, NULL, NULL), -EIO);
    assert_string_equal(db_tx_error(tx)->sqlstate, "42P01"); /* the cause, not what it caused */
    assert_int_equal(db_commit(tx), -EIO);

    assert_int_equal(db_begin(db, 1, DB_READ_SLOW, NULL, &tx, NULL), 0);
    args2(&a, 1, 1001);
    db_arg_str(&a, "read only");
    assert_int_equal(db_exec(tx, insert, &a, NULL), -EIO);
    assert_string_equal(db_tx_error(tx)->sqlstate, "25006");
    db_rollback(tx);
    db_close(db);
}

static void body_table_changes(void *arg)
{
    static const struct db_stmt all = {"t.all", "SELECT * FROM juxin.thing WHERE tenant_id = 1 AND id = 1"};
    struct db *db = support_open(NULL, 1, 8, 1);
    struct db_call call = {.stmt = all};
    struct db_tx *tx;

    assert_int_equal(db_read(db, 1, &call, 1, NULL, NULL), 0);
    db_calls_done(&call, 1);
    assert_int_equal(db_begin(db, 1, DB_WRITE, NULL, &tx, NULL), 0);
    assert_int_equal(db_exec(tx, all, NULL, NULL), 0);
    assert_int_equal(db_commit(tx), 0);
    support_sql("ALTER TABLE juxin.thing ADD COLUMN more text");
    assert_int_equal(db_read(db, 1, &call, 1, NULL, NULL), 0);
    assert_int_equal(db_rows_columns(call.rows), 4);
    db_calls_done(&call, 1);
    /* Within a transaction the caller starts again. */
    assert_int_equal(db_begin(db, 1, DB_WRITE, NULL, &tx, NULL), 0);
    assert_int_equal(db_exec(tx, all, NULL, NULL), -EDEADLK);
    db_rollback(tx);
    assert_int_equal(db_begin(db, 1, DB_WRITE, NULL, &tx, NULL), 0);
    assert_int_equal(db_exec(tx, all, NULL, NULL), 0);
    assert_int_equal(db_commit(tx), 0);
    db_close(db);
}

static void body_many_statements(void *arg)
{
    struct db *db = support_open(NULL, 1, 4, 1);
    struct db_tx *tx;
    char name[40], sql[80];

    for (int i = 0; i < 700; i++) {
        struct db_call call = {.stmt = {name, sql}};

        snprintf(name, sizeof(name), "many.%d", i % 350);
        snprintf(sql, sizeof(sql), "SELECT %d", i % 350);
        assert_int_equal(db_read(db, 1, &call, 1, NULL, NULL), 0);
        assert_int_equal(db_get_int(call.rows, 0, 0), i % 350);
        db_calls_done(&call, 1);
    }
    assert_int_equal(db_begin(db, 1, DB_WRITE, NULL, &tx, NULL), 0);
    for (int i = 0; i < 400; i++) {
        struct db_rows *rows = NULL;

        snprintf(name, sizeof(name), "many.%d", i);
        snprintf(sql, sizeof(sql), "SELECT %d", i);
        assert_int_equal(db_exec(tx, (struct db_stmt){name, sql}, NULL, &rows), 0);
        db_rows_free(rows);
    }
    assert_int_equal(db_commit(tx), 0);
    assert_int_equal(db_begin(db, 1, DB_WRITE, NULL, &tx, NULL), 0);
    {
        static const struct db_stmt count = {"t.count", "SELECT count(*) FROM pg_prepared_statements"};
        struct db_rows *rows = NULL;

        assert_int_equal(db_exec(tx, count, NULL, &rows), 0);
        assert_true(db_get_int(rows, 0, 0) <= 260);
        db_rows_free(rows);
    }
    /* The same name with another text is another statement. */
    assert_int_equal(db_exec(tx, (struct db_stmt){"many.1", "SELECT 'x'"}, NULL, NULL), 0);
    assert_int_equal(db_commit(tx), 0);
    db_close(db);
}

static void body_lost(void *arg)
{
    struct db *db = support_open(NULL, 1, 4, 1);
    struct db_call call = {.stmt = read_pid};
    struct db_tx *tx;
    struct db_args a;
    char name[32], sql[80];

    assert_int_equal(db_read(db, 1, &call, 1, NULL, NULL), 0);
    snprintf(sql, sizeof(sql), "SELECT pg_terminate_backend(%s)", db_get(call.rows, 0, 0));
    db_calls_done(&call, 1);
    support_sql(sql);
    /* The loss is met by this read or has been noticed already; the next ones wait for the new connection. */
    (void)!read_name(db, 1, name, sizeof(name));
    assert_int_equal(read_name(db, 2, name, sizeof(name)), 0);
    assert_string_equal(name, "thing 2");

    assert_int_equal(db_begin(db, 1, DB_WRITE, NULL, &tx, NULL), 0);
    args2(&a, 1, 2000);
    db_arg_str(&a, "lost");
    assert_int_equal(db_exec(tx, insert, &a, NULL), 0);
    support_sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE state = 'idle in transaction'");
    assert_int_equal(db_exec(tx, insert, &a, NULL), -ECONNRESET);
    assert_int_equal(db_exec(tx, insert, &a, NULL), -ECONNRESET);
    assert_int_equal(db_commit(tx), -ECONNRESET);
    assert_int_equal(db_begin(db, 1, DB_WRITE, NULL, &tx, NULL), 0);
    db_rollback(tx);
    db_close(db);
}

static void commit_killer(void *arg)
{
    /* A commit that waits: a deferred trigger sleeps while the backend is killed. */
    struct db *db = arg;
    struct db_tx *tx;
    struct db_args a;

    assert_int_equal(db_begin(db, 1, DB_WRITE, NULL, &tx, NULL), 0);
    args2(&a, 1, 3000);
    db_arg_str(&a, "unknown");
    assert_int_equal(db_exec(tx, insert, &a, NULL), 0);
    assert_int_equal(db_commit(tx), -EINPROGRESS);
}

static void kill_soon(void *arg)
{
    int *tries = arg;

    while ((*tries)++ < 200) {
        if (support_sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE state = 'active'"
                        " AND query LIKE 'COMMIT%'")[0])
            return;
        assert_int_equal(fiber_sleep(10), 0);
    }
}

static void body_commit_lost(void *arg)
{
    struct db *db = support_open(NULL, 1, 4, 1);
    struct fiber *f;
    int tries = 0;

    support_sql("CREATE FUNCTION juxin.wait() RETURNS trigger LANGUAGE plpgsql AS "
                "$$BEGIN PERFORM pg_sleep(2); RETURN NULL; END$$");
    support_sql("CREATE CONSTRAINT TRIGGER wait AFTER INSERT ON juxin.thing DEFERRABLE INITIALLY DEFERRED"
                " FOR EACH ROW EXECUTE FUNCTION juxin.wait()");
    assert_int_equal(fiber_spawn(kill_soon, &tries, "killer", &f), 0);
    commit_killer(db);
    assert_true(tries < 200);
    support_sql("DROP TRIGGER wait ON juxin.thing");
    db_close(db);
}

struct sleeper {
    struct db *db;
    bool write, ended;
    int result;
    struct fiber *fiber;
};

static void sleeper_fiber(void *arg)
{
    struct sleeper *s = arg;
    struct db_args a;
    struct db_tx *tx = NULL;

    db_args_reset(&a);
    db_arg_str(&a, s->write ? "0.3" : "0.2");
    if (s->write) {
        s->result = db_begin(s->db, 1, DB_WRITE, NULL, &tx, NULL);
        if (s->result == 0)
            s->result = db_exec(tx, slow_read, &a, NULL);
        db_rollback(tx);
    } else {
        struct db_call call = {.stmt = slow_read, .args = &a};

        s->result = db_read(s->db, 1, &call, 1, NULL, NULL);
        db_calls_done(&call, 1);
    }
    s->ended = true;
}

static void body_cancel(void *arg)
{
    struct db *db = support_open(NULL, 1, 1, 1);
    struct db_stats stats;
    char name[32];

    for (int write = 0; write < 2; write++) {
        struct sleeper running = {.db = db, .write = write}, waiting = {.db = db, .write = write};
        struct db_tx *tx;

        assert_int_equal(read_name(db, 1, name, sizeof(name)), 0);
        assert_int_equal(fiber_spawn(sleeper_fiber, &running, "running", &running.fiber), 0);
        assert_int_equal(fiber_spawn(sleeper_fiber, &waiting, "waiting", &waiting.fiber), 0);
        assert_int_equal(fiber_sleep(80), 0);
        db_stats(db, &stats);
        assert_int_equal(stats.waiting[write], 1);
        assert_int_equal(stats.busy[write], 1);
        fiber_cancel(waiting.fiber);
        fiber_cancel(running.fiber);
        while (!waiting.ended || !running.ended)
            assert_int_equal(fiber_sleep(2), 0);
        assert_int_equal(waiting.result, -ECANCELED);
        assert_int_equal(running.result, -ECANCELED);
        db_stats(db, &stats);
        assert_int_equal(stats.waiting[write], 0);
        /* The connection is drained and serves the next one. */
        assert_int_equal(read_name(db, 2, name, sizeof(name)), 0);
        assert_string_equal(name, "thing 2");
        assert_int_equal(db_begin(db, 1, DB_WRITE, NULL, &tx, NULL), 0);
        db_rollback(tx);
        db_stats(db, &stats);
        assert_int_equal(stats.reconnects, 0);
    }
    db_close(db);
}

/* A flood of one tenant against one unit of another: tenants are served in turn. */
struct flood {
    struct db *db;
    int32_t tenant;
    int *order, *ended;
    int result;
};

static void flood_fiber(void *arg)
{
    struct flood *f = arg;
    struct db_args a;
    struct db_call call = {.stmt = slow_read, .args = &a};

    db_args_reset(&a);
    db_arg_str(&a, "0.02");
    f->result = db_read(f->db, f->tenant, &call, 1, NULL, NULL);
    db_calls_done(&call, 1);
    *f->order = (*f->ended)++;
}

static void body_fair(void *arg)
{
    enum { FLOOD = 40 };
    struct db *db = support_open(NULL, 1, 1, 1);
    struct flood f[FLOOD + 1];
    int order[FLOOD + 1], ended = 0, refused = 0;
    struct fiber *fiber;
    char name[32];

    assert_int_equal(read_name(db, 1, name, sizeof(name)), 0);
    for (int i = 0; i <= FLOOD; i++) {
        f[i] = (struct flood){.db = db, .tenant = i < FLOOD ? 1 : 2, .order = &order[i], .ended = &ended};
        assert_int_equal(fiber_spawn(flood_fiber, &f[i], "flood", &fiber), 0);
    }
    while (ended <= FLOOD)
        assert_int_equal(fiber_sleep(5), 0);
    for (int i = 0; i < FLOOD; i++)
        refused += f[i].result == -EAGAIN;
    assert_true(refused >= FLOOD - 1 - 32);
    assert_int_equal(f[FLOOD].result, 0);
    assert_true(order[FLOOD] - refused <= 3);
    db_close(db);
}

static void body_slow_only(void *arg)
{
    struct db *db = support_open(NULL, 0, 0, 1);
    struct db_tx *tx;
    char name[32];

    for (int i = 0; i < 3; i++) {
        assert_int_equal(read_name(db, 3, name, sizeof(name)), 0);
        assert_string_equal(name, "thing 3");
        assert_int_equal(db_begin(db, 1, DB_WRITE, NULL, &tx, NULL), 0);
        assert_int_equal(db_commit(tx), 0);
    }
    assert_true(db_is_ready(db));
    db_close(db);
}

static void body_no_server(void *arg)
{
    struct db_config config = {.conninfo = "host=/nonexistent dbname=x",
        .slow_connections = 1,
        .fast_connections = 1,
        .fast_timeout_ms = 500,
        .slow_timeout_ms = 500};
    struct db *db;
    char name[32];

    assert_int_equal(db_open(&config, &db), 0);
    assert_int_equal(read_name(db, 3, name, sizeof(name)), -EAGAIN);
    assert_int_equal(read_name(db, 3, name, sizeof(name)), -EAGAIN);
    assert_false(db_is_ready(db));
    assert_true(db_connect_error(db)[0] != '\0');
    db_close(db);
    config.conninfo = "host=example.org";
    assert_int_equal(db_open(&config, &db), -EINVAL);
}

static int post(struct db_tx *tx, struct db_stmt stmt, int64_t id, const char *name, uint64_t expected)
{
    struct db_args a;

    args2(&a, 1, id);
    db_arg_str(&a, name);
    return db_post(tx, stmt, &a, expected);
}

/* What is sent without waiting is looked at by whatever comes next: a COMMIT does not go out on a failure, nor on another number
 * of rows than expected. */
static void body_posted(void *arg)
{
    struct db *db = support_open(NULL, 1, 8, 2);
    struct db_args a;
    struct db_tx *tx;
    char name[40];

    assert_int_equal(db_begin(db, 1, DB_WRITE, NULL, &tx, NULL), 0);
    for (int i = 0; i < 40; i++) /* more than are kept */
        assert_int_equal(post(tx, insert, 50000 + i, "posted", 1), 0);
    assert_int_equal(db_settle(tx), 0);
    assert_int_equal(post(tx, rename_one, 50000, "renamed", 1), 0);
    assert_int_equal(post(tx, rename_one, 99999, "renamed", DB_ANY), 0);
    assert_int_equal(db_commit(tx), 0);
    assert_int_equal(read_name(db, 50000, name, sizeof(name)), 0);
    assert_string_equal(name, "renamed");

    assert_int_equal(db_begin(db, 1, DB_WRITE, NULL, &tx, NULL), 0);
    assert_int_equal(post(tx, rename_one, 50001, "lost", 1), 0);
    assert_int_equal(post(tx, rename_one, 99999, "lost", 1), 0);
    assert_int_equal(db_commit(tx), -ESTALE);

    assert_int_equal(db_begin(db, 1, DB_WRITE, NULL, &tx, NULL), 0);
    assert_int_equal(post(tx, rename_one, 50001, "lost", 1), 0);
    assert_int_equal(post(tx, insert, 1, "again", 1), 0);
    assert_int_equal(post(tx, rename_one, 50002, "lost", 1), 0);
    assert_int_equal(db_commit(tx), -EEXIST);

    assert_int_equal(db_begin(db, 1, DB_WRITE, NULL, &tx, NULL), 0);
    assert_int_equal(db_savepoint(tx, "before"), 0);
    assert_int_equal(post(tx, insert, 1, "again", 1), 0);
    args2(&a, 1, 2);
    assert_int_equal(db_exec(tx, read_one, &a, NULL), -EEXIST);
    assert_int_equal(db_savepoint_rollback(tx, "before"), 0);
    assert_int_equal(post(tx, insert, 1, "again", 1), 0);
    db_rollback(tx); /* not looked at */
    for (int i = 0; strcmp(idle_in_transaction(), "0") != 0 && i < 500; i++)
        assert_int_equal(fiber_sleep(2), 0);
    assert_string_equal(idle_in_transaction(), "0");
    assert_int_equal(read_name(db, 50001, name, sizeof(name)), 0);
    assert_string_equal(name, "posted");
    db_close(db);
}

#define IN_FIBER(name)                                                                                       \
    static void test_##name(void **state)                                                                    \
    {                                                                                                        \
        support_fiber(body_##name, NULL);                                                                    \
    }

IN_FIBER(read)
IN_FIBER(error_between)
IN_FIBER(bad_statement)
IN_FIBER(timeout)
IN_FIBER(frozen)
IN_FIBER(write)
IN_FIBER(table_changes)
IN_FIBER(many_statements)
IN_FIBER(posted)
IN_FIBER(lost)
IN_FIBER(commit_lost)
IN_FIBER(cancel)
IN_FIBER(fair)
IN_FIBER(slow_only)
IN_FIBER(no_server)

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_read),
        cmocka_unit_test(test_error_between),
        cmocka_unit_test(test_bad_statement),
        cmocka_unit_test(test_timeout),
        cmocka_unit_test(test_frozen),
        cmocka_unit_test(test_write),
        cmocka_unit_test(test_table_changes),
        cmocka_unit_test(test_many_statements),
        cmocka_unit_test(test_posted),
        cmocka_unit_test(test_lost),
        cmocka_unit_test(test_commit_lost),
        cmocka_unit_test(test_cancel),
        cmocka_unit_test(test_fair),
        cmocka_unit_test(test_slow_only),
        cmocka_unit_test(test_no_server),
    };

    return support_main(tests, ARRAY_LEN(tests), schema);
}
