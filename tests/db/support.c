/* A database of one's own for each test program, and fibers to run test bodies in. */
#include "support.h"

#include <unistd.h>

#include "base/buf.h"
#include "base/mem.h"
#include "db/admin.h"
#include "db/bootstrap.h"
#include "db/migrate.h"
#include "loop/fiber.h"
#include "loop/loop.h"

#define SKIPPED 77

static char *database;
static char *conninfo;
static struct admin *admin;
static char *answer;

const char *support_conninfo(const char *role)
{
    static char *made;

    free(made);
    /* A superuser's session in the role's shoes: row-level security and grants are the role's. */
    made = role ? str_printf("%s dbname=%s options='-c role=%s'", getenv("JUXIN_TEST_PG"), database, role)
                : str_printf("%s dbname=%s", getenv("JUXIN_TEST_PG"), database);
    return made;
}

static struct admin *connect_or_die(const char *info)
{
    struct db_error error = {.sqlstate = ""};
    struct admin *a = NULL;

    if (admin_open(info, 10000, &a, &error) < 0) {
        fprintf(stderr, "cannot connect: %s\n", error.message);
        exit(1);
    }
    return a;
}

const char *support_sql(const char *sql)
{
    struct db_rows *rows = NULL;
    const char *value = NULL;

    /* A test may have killed the server under this connection. */
    if (admin_query(admin, "SELECT 1", NULL, NULL) < 0) {
        admin_close(admin);
        admin = connect_or_die(conninfo);
    }
    if (admin_query(admin, sql, NULL, &rows) < 0)
        fail_msg("%s: %s", sql, admin_error(admin)->message);
    if (db_rows_count(rows) > 0 && db_rows_columns(rows) > 0)
        value = db_get(rows, 0, 0);
    free(answer);
    answer = str_dup(value ? value : "");
    db_rows_free(rows);
    return answer;
}

const char *support_database(void)
{
    return database;
}

void support_migrate(void)
{
    struct bootstrap b = {.superuser = getenv("JUXIN_TEST_PG"), .database = database};
    struct migrate m = {.scope = "core", .dir = JUXIN_MIGRATIONS};
    struct admin *owner;

    if (bootstrap_run(&b) < 0)
        fail_msg("bootstrap: %s", buf_str(&b.problem));
    owner = connect_or_die(b.conninfo[ROLE_OWNER]);
    if (migrate_run(owner, &m) < 0)
        fail_msg("migrate: %s", buf_str(&m.problem));
    admin_close(owner);
    buf_done(&m.problem);
    bootstrap_done(&b);
}

int support_main(const struct CMUnitTest *tests, size_t count, const char *schema_sql)
{
    const char *server = getenv("JUXIN_TEST_PG");
    struct admin *outer;
    char sql[200];
    int failed;

    if (!server)
        return SKIPPED;
    database = str_printf("juxin_test_%d", (int)getpid());
    outer = connect_or_die(server);
    snprintf(sql, sizeof(sql), "CREATE DATABASE %s TEMPLATE template0", database);
    if (admin_script(outer, sql) < 0)
        return 1;
    conninfo = str_dup(support_conninfo(NULL));
    admin = connect_or_die(conninfo);
    if (schema_sql && admin_script(admin, schema_sql) < 0) {
        fprintf(stderr, "schema: %s at %d\n", admin_error(admin)->message, admin_error_position(admin));
        return 1;
    }
    failed = _cmocka_run_group_tests("db", tests, count, NULL, NULL);
    admin_close(admin);
    admin_close(outer);
    outer = connect_or_die(server);
    snprintf(sql, sizeof(sql), "DROP DATABASE %s WITH (FORCE)", database);
    if (admin_script(outer, sql) < 0)
        failed++;
    snprintf(sql, sizeof(sql), "DROP ROLE IF EXISTS %s_owner, %s_app, %s_dispatch, %s_aggregate", database,
        database, database, database);
    if (admin_script(outer, sql) < 0)
        failed++;
    admin_close(outer);
    free(database);
    free(conninfo);
    free(answer);
    return failed;
}

struct body {
    void (*fn)(void *arg);
    void *arg;
    bool ended;
};

static void run_body(void *arg)
{
    struct body *b = arg;

    b->fn(b->arg);
    b->ended = true;
    loop_stop();
}

void support_fiber(void (*fn)(void *arg), void *arg)
{
    struct body b = {.fn = fn, .arg = arg};
    struct fiber *f;

    assert_int_equal(loop_init(), 0);
    fiber_system_init((struct fiber_limits){.max = 2000, .keep = 64});
    assert_int_equal(fiber_spawn(run_body, &b, "test", &f), 0);
    loop_run();
    assert_true(b.ended);
    fiber_system_done();
    loop_done();
}

struct db *support_open(const char *role, uint32_t fast, uint32_t depth, uint32_t slow)
{
    struct db_config config = {
        .conninfo = support_conninfo(role),
        .fast_connections = fast,
        .fast_depth = depth,
        .slow_connections = slow,
        .queue_max = 64,
        .tenant_queue_max = 32,
        .fast_timeout_ms = 500,
        .slow_timeout_ms = 3000,
    };
    struct db *db = NULL;

    assert_int_equal(db_open(&config, &db), 0);
    return db;
}
