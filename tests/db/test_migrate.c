/* Bootstrap and migrations: once, in order, unchanged, by one at a time. */
#include "support.h"

#include <errno.h>
#include <pthread.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "db/admin.h"
#include "db/bootstrap.h"
#include "db/migrate.h"

static char dir[64];
static char *owner_conninfo, *app_conninfo;

static void write_file(const char *name, const char *text)
{
    char *path = str_printf("%s/%s", dir, name);
    FILE *f = fopen(path, "w");

    assert_non_null(f);
    fputs(text, f);
    fclose(f);
    free(path);
}

static void remove_file(const char *name)
{
    char *path = str_printf("%s/%s", dir, name);

    unlink(path);
    free(path);
}

/* Also in threads, which no assertion can leave. */
static int run(struct migrate *m)
{
    struct db_error error = {.sqlstate = ""};
    struct admin *a = NULL;
    int r = admin_open(owner_conninfo, 0, &a, &error);

    if (r < 0)
        fprintf(stderr, "%s\n", error.message);
    if (r < 0)
        return r;
    *m = (struct migrate){.scope = "test", .dir = dir};
    r = migrate_run(a, m);
    admin_close(a);
    return r;
}

static void test_bootstrap(void **state)
{
    struct admin *a = NULL;

    for (int i = 0; i < 2; i++) { /* the second time over what is there */
        struct bootstrap b = {.superuser = getenv("JUXIN_TEST_PG"), .database = support_database()};

        if (bootstrap_run(&b) < 0)
            fail_msg("%s", buf_str(&b.problem));
        free(owner_conninfo);
        free(app_conninfo);
        owner_conninfo = str_dup(b.conninfo[ROLE_OWNER]);
        app_conninfo = str_dup(b.conninfo[ROLE_APP]);
        bootstrap_done(&b);
    }
    assert_int_equal(admin_open(app_conninfo, 0, &a, NULL), 0);
    assert_true(admin_script(a, "CREATE TABLE public.mine (id int)") < 0);
    assert_true(admin_script(a, "CREATE TABLE juxin.mine (id int)") < 0);
    assert_true(admin_script(a, "CREATE SCHEMA mine") < 0);
    admin_close(a);
    assert_string_equal(support_sql("SELECT count(*) FROM pg_roles WHERE rolname LIKE 'juxin\\_%' AND"
                                    " (rolsuper OR rolbypassrls OR rolcreaterole OR rolcreatedb)"),
        "0");
}

static void test_bad_names(void **state)
{
    struct bootstrap b = {.superuser = "host=/nowhere", .database = "x; DROP"};

    assert_int_equal(bootstrap_run(&b), -EINVAL);
    bootstrap_done(&b);
    assert_true(migrate_is_name("0001_core.sql"));
    assert_false(migrate_is_name("1_core.sql"));
    assert_false(migrate_is_name("0001_.txt"));
    assert_false(migrate_is_name("0001-core.sql"));
    assert_false(migrate_is_name("0001_Core.sql"));
}

static void test_in_order(void **state)
{
    struct migrate m;

    write_file("0002_two.sql", "ALTER TABLE juxin.probe ADD COLUMN two int;");
    write_file("0001_one.sql", "CREATE TABLE juxin.probe (one int);");
    write_file("0003_index.sql",
        "-- juxin:no-transaction\nCREATE INDEX CONCURRENTLY IF NOT EXISTS probe_two ON juxin.probe (two)");
    assert_int_equal(run(&m), 0);
    assert_int_equal(m.applied, 3);
    assert_int_equal(run(&m), 0);
    assert_int_equal(m.applied, 0);
    assert_int_equal(m.total, 3);
    assert_string_equal(support_sql("SELECT count(*) FROM juxin.migration WHERE scope = 'test'"), "3");
    buf_done(&m.problem);
}

static void test_failure_leaves_nothing(void **state)
{
    struct migrate m;

    write_file("0004_broken.sql", "CREATE TABLE juxin.half (id int); SELECT nothing_like_this();");
    assert_true(run(&m) < 0);
    assert_non_null(strstr(buf_str(&m.problem), "0004_broken.sql"));
    assert_non_null(strstr(buf_str(&m.problem), "42883"));
    buf_done(&m.problem);
    assert_string_equal(support_sql("SELECT to_regclass('juxin.half') IS NULL"), "t");
    write_file("0004_broken.sql", "CREATE TABLE juxin.half (id int);");
    assert_int_equal(run(&m), 0);
    assert_int_equal(m.applied, 1);
    buf_done(&m.problem);
}

static void expect_refused(const char *word)
{
    struct migrate m;

    assert_int_equal(run(&m), -EINVAL);
    if (!strstr(buf_str(&m.problem), word))
        fail_msg("expected %s in: %s", word, buf_str(&m.problem));
    buf_done(&m.problem);
}

static void test_refused(void **state)
{
    write_file("0001_one.sql", "CREATE TABLE juxin.probe (one bigint);");
    expect_refused("changed");
    remove_file("0001_one.sql");
    expect_refused("missing");
    write_file("0001_one.sql", "CREATE TABLE juxin.probe (one int);");
    write_file("0000_before.sql", "SELECT 1;");
    expect_refused("below");
    remove_file("0000_before.sql");
    write_file("0004_twice.sql", "SELECT 1;");
    expect_refused("same number");
    remove_file("0004_twice.sql");
    write_file("5_five.sql", "SELECT 1;");
    expect_refused("NNNN_name.sql");
    remove_file("5_five.sql");
}

static void *run_in_thread(void *arg)
{
    struct migrate *m = arg;

    return (void *)(intptr_t)run(m);
}

static void test_two_at_once(void **state)
{
    struct migrate m[3];
    pthread_t thread[3];
    uint32_t applied = 0;

    write_file("0005_slow.sql", "SELECT pg_sleep(0.3); CREATE TABLE juxin.five (id int);");
    write_file("0006_index.sql",
        "-- juxin:no-transaction\nCREATE INDEX CONCURRENTLY IF NOT EXISTS five_id ON juxin.five (id)");
    for (int i = 0; i < 3; i++)
        assert_int_equal(pthread_create(&thread[i], NULL, run_in_thread, &m[i]), 0);
    for (int i = 0; i < 3; i++) {
        void *r;

        pthread_join(thread[i], &r);
        assert_int_equal((intptr_t)r, 0);
        applied += m[i].applied;
        buf_done(&m[i].problem);
    }
    assert_int_equal(applied, 2);
}

static void test_lock_timeout_is_retried(void **state)
{
    struct admin *blocker = NULL;
    struct migrate m;
    pthread_t thread;
    void *r;

    assert_int_equal(admin_open(owner_conninfo, 0, &blocker, NULL), 0);
    assert_int_equal(admin_script(blocker, "BEGIN; LOCK TABLE juxin.five IN ACCESS SHARE MODE"), 0);
    write_file("0007_alter.sql", "ALTER TABLE juxin.five ADD COLUMN more int;");
    assert_int_equal(pthread_create(&thread, NULL, run_in_thread, &m), 0);
    /* Longer than the lock time-out: the first try must fail and be repeated. */
    assert_int_equal(admin_script(blocker, "SELECT pg_sleep(3.5); COMMIT"), 0);
    pthread_join(thread, &r);
    assert_int_equal((intptr_t)r, 0);
    assert_int_equal(m.applied, 1);
    buf_done(&m.problem);
    admin_close(blocker);
}

static void test_core(void **state)
{
    struct migrate m = {.scope = "core", .dir = JUXIN_MIGRATIONS};
    struct admin *a = NULL;
    uint32_t pending = 0;

    assert_int_equal(admin_open(owner_conninfo, 0, &a, NULL), 0);
    assert_int_equal(migrate_pending(a, &m, &pending), 0);
    assert_true(pending >= 2);
    if (migrate_run(a, &m) < 0)
        fail_msg("%s", buf_str(&m.problem));
    assert_int_equal(migrate_pending(a, &m, &pending), 0);
    assert_int_equal(pending, 0);
    assert_string_equal(
        support_sql("SELECT string_agg(DISTINCT tableowner, ',') FROM pg_tables WHERE schemaname = 'juxin'"),
        "juxin_owner");
    buf_done(&m.problem);
    admin_close(a);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bootstrap),
        cmocka_unit_test(test_bad_names),
        cmocka_unit_test(test_in_order),
        cmocka_unit_test(test_failure_leaves_nothing),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_two_at_once),
        cmocka_unit_test(test_lock_timeout_is_retried),
        cmocka_unit_test(test_core),
    };
    int r;
    char *command;

    snprintf(dir, sizeof(dir), "/tmp/juxin-migrate-XXXXXX");
    if (!mkdtemp(dir))
        return 1;
    r = support_main(tests, ARRAY_LEN(tests), NULL);
    command = str_printf("rm -r %s", dir);
    if (system(command) != 0)
        r = 1;
    free(command);
    free(owner_conninfo);
    free(app_conninfo);
    return r;
}
