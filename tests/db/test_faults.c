/* PostgreSQL killed under load, again and again: no acknowledged write is lost, nothing is there that was refused, and the
 * pool finds its way back by itself. Not to be run beside other tests: the whole cluster restarts. */
#include "support.h"

#include <errno.h>
#include <signal.h>
#include <sys/types.h>

#include "base/buf.h"
#include "base/clock.h"
#include "loop/fiber.h"

enum { WRITERS = 12, KILLS = 3, SECONDS_MAX = 60 };

static const char schema[] =
    "CREATE SCHEMA juxin;"
    "CREATE FUNCTION juxin.enter(tenant int) RETURNS void LANGUAGE plpgsql AS "
    "$$BEGIN EXECUTE format('SET LOCAL juxin.tenant = %L', tenant); END$$;"
    "CREATE TABLE juxin.ledger (tenant_id int, id bigint, PRIMARY KEY (tenant_id, id))";

static const struct db_stmt insert = {"t.insert", "INSERT INTO juxin.ledger (tenant_id, id) VALUES ($1, $2)"};
static const struct db_stmt exists = {
    "t.exists", "SELECT count(*) FROM juxin.ledger WHERE tenant_id = $1 AND id = $2"};
static const struct db_stmt a_backend = {"t.backend", "SELECT pg_backend_pid()"};

enum fate { REFUSED, UNKNOWN, ACKNOWLEDGED };

static struct {
    struct db *db;
    enum fate fate[200000];
    int64_t next;
    int running;
    bool stop;
    uint64_t acknowledged, unknown, refused;
} ledger;

static int write_one(int64_t id)
{
    struct db_args a;
    struct db_tx *tx;
    int r = db_begin(ledger.db, 1, DB_WRITE, NULL, &tx, NULL);

    if (r < 0)
        return r;
    db_args_reset(&a);
    db_arg_int(&a, 1);
    db_arg_int(&a, id);
    r = db_exec_expect(tx, insert, &a, 1);
    if (r == 0)
        return db_commit(tx);
    db_rollback(tx);
    return r;
}

static void writer(void *arg)
{
    while (!ledger.stop && ledger.next < (int64_t)ARRAY_LEN(ledger.fate)) {
        int64_t id = ledger.next++;
        int r = write_one(id);

        ledger.fate[id] = r == 0 ? ACKNOWLEDGED : r == -EINPROGRESS ? UNKNOWN : REFUSED;
        ledger.acknowledged += r == 0;
        ledger.unknown += r == -EINPROGRESS;
        ledger.refused += r < 0 && r != -EINPROGRESS;
        if (r < 0 && fiber_sleep(10) < 0)
            break;
    }
    ledger.running--;
}

/* While the server restarts, a read is refused at once or its connection breaks: both mean "later". */
static int read_one(struct db_call *call)
{
    int64_t deadline = clock_mono_ms() + SECONDS_MAX * 1000;
    int r;

    while (((r = db_read(ledger.db, 1, call, 1, NULL, NULL)) == -EAGAIN || r == -ECONNRESET) &&
           clock_mono_ms() < deadline)
        assert_int_equal(fiber_sleep(20), 0);
    return r;
}

/* A backend killed with SIGKILL makes the postmaster restart the whole cluster from its log. */
static bool kill_a_backend(void)
{
    struct db_call call = {.stmt = a_backend};
    pid_t pid = 0;
    int r = read_one(&call);

    if (r == 0)
        pid = (pid_t)db_get_int(call.rows, 0, 0);
    db_calls_done(&call, 1);
    return r == 0 && kill(pid, SIGKILL) == 0;
}

static void wait_for_writes(uint64_t count)
{
    uint64_t wanted = ledger.acknowledged + count;
    int64_t deadline = clock_mono_ms() + SECONDS_MAX * 1000;

    while (ledger.acknowledged < wanted && clock_mono_ms() < deadline)
        assert_int_equal(fiber_sleep(10), 0);
    assert_true(ledger.acknowledged >= wanted);
}

static void body_killed(void *arg)
{
    struct fiber *f;
    int kills = 0;

    char sql[120];

    /* The cluster of a test run acknowledges before it writes; here that is what is tested. */
    snprintf(sql, sizeof(sql), "ALTER DATABASE %s SET synchronous_commit = on", support_database());
    support_sql(sql);
    ledger.db = support_open(NULL, 1, 4, 6);
    for (ledger.running = 0; ledger.running < WRITERS; ledger.running++)
        assert_int_equal(fiber_spawn(writer, NULL, "writer", &f), 0);
    while (kills < KILLS) {
        wait_for_writes(100);
        if (!kill_a_backend())
            break; /* not our process to kill */
        kills++;
    }
    if (kills == KILLS)
        wait_for_writes(100);
    ledger.stop = true;
    while (ledger.running > 0)
        assert_int_equal(fiber_sleep(10), 0);
    for (int64_t id = 0; id < ledger.next; id++) {
        struct db_args a;
        struct db_call call = {.stmt = exists, .args = &a};
        bool is_there;

        db_args_reset(&a);
        db_arg_int(&a, 1);
        db_arg_int(&a, id);
        assert_int_equal(read_one(&call), 0);
        is_there = db_get_int(call.rows, 0, 0) == 1;
        db_calls_done(&call, 1);
        if (ledger.fate[id] == ACKNOWLEDGED)
            assert_true(is_there);
        if (ledger.fate[id] == REFUSED)
            assert_false(is_there);
    }
    db_close(ledger.db);
    if (kills < KILLS)
        print_message("may not kill a backend here\n");
    print_message("%d kills: %d acknowledged, %d unknown, %d refused\n", kills, (int)ledger.acknowledged,
        (int)ledger.unknown, (int)ledger.refused);
}

static void test_killed(void **state)
{
    support_fiber(body_killed, NULL);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {cmocka_unit_test(test_killed)};

    return support_main(tests, ARRAY_LEN(tests), schema);
}
