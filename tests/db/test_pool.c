/* A pool of one connection for each lane, shared by three tenants, while units of work fail, time out, are cancelled,
 * rolled back and cut off at random: the next unit of work sees its own tenant's rows and nothing else. The statements do
 * not say tenant_id: what holds, holds by what the connection was told. */
#include "support.h"

#include <errno.h>

#include "base/digest.h"
#include "loop/fiber.h"

#define TENANTS 3
#define FIBERS 6
#define ROUNDS 120

static const struct db_stmt mine = {
    "t.mine", "SELECT key, current_setting('juxin.tenant', true) FROM juxin.sequence_number ORDER BY key"};
static const struct db_stmt note = {
    "t.note", "INSERT INTO juxin.sequence_number (tenant_id, key, n) VALUES ($1, $2, 0)"};
static const struct db_stmt divide = {"t.divide", "SELECT 1 / $1::int"};
static const struct db_stmt slow = {"t.slow", "SELECT pg_sleep($1::float8)"};
static const struct db_stmt steal = {"t.steal", "UPDATE juxin.sequence_number SET tenant_id = $1"};

enum mishap { NONE, FAILS, TIMES_OUT, CANCELLED, ROLLED_BACK, CUT_OFF, MISHAPS };
static const char *const mishap_names[] = {
    "done", "failed", "timed out", "cancelled", "rolled back", "cut off"};

struct race {
    struct db *db;
    uint32_t running, looks, rows, happened[MISHAPS], made[TENANTS + 1];
};

static uint32_t random_below(uint32_t n)
{
    uint32_t r;

    random_bytes(&r, sizeof(r));
    return r % n;
}

/* What the connection may say when somebody cut it off. */
static bool is_lost(int r)
{
    return r == -ECONNRESET || r == -EAGAIN || r == -EINPROGRESS;
}

/* ---- what is seen ---- */

static void check_rows(struct race *race, int32_t tenant, const struct db_rows *rows)
{
    char prefix[8], name[8];

    snprintf(prefix, sizeof(prefix), "c%d-", tenant);
    snprintf(name, sizeof(name), "%d", tenant);
    for (int i = 0; i < db_rows_count(rows); i++) {
        if (strncmp(db_get(rows, i, 0), prefix, strlen(prefix)) != 0)
            fail_msg("tenant %d sees %s", tenant, db_get(rows, i, 0));
        assert_string_equal(db_get(rows, i, 1), name);
    }
    /* Its first ten rows are always there, and no tenant has more than it was given. */
    if (tenant > 0 && (db_rows_count(rows) < 10 || (uint32_t)db_rows_count(rows) > 10 + race->made[tenant]))
        fail_msg("tenant %d sees %d rows of 10 and %u", tenant, db_rows_count(rows), race->made[tenant]);
    race->looks++;
    race->rows += (uint32_t)db_rows_count(rows);
}

static void look(struct race *race, int32_t tenant)
{
    struct db_call call = {.stmt = mine};
    int r = db_read(race->db, tenant, &call, 1, NULL, NULL);

    assert_true(r == 0 || is_lost(r) || r == -ETIMEDOUT);
    if (r == 0)
        check_rows(race, tenant, call.rows);
    db_calls_done(&call, 1);
}

/* ---- what happens ---- */

static int mishap_in(struct db_tx *tx, enum mishap what)
{
    struct db_args a;

    db_args_reset(&a);
    if (what == TIMES_OUT)
        db_arg_str(&a, "5");
    else
        db_arg_int(&a, what == FAILS ? 0 : 1);
    return db_exec(tx, what == TIMES_OUT ? slow : divide, &a, NULL);
}

static void write_something(struct race *race, int32_t tenant, enum mishap what)
{
    struct db_rows *rows = NULL;
    struct db_args a;
    struct db_tx *tx;
    char key[40];
    int r = db_begin(race->db, tenant, DB_WRITE, NULL, &tx, NULL);

    if (r < 0) {
        assert_true(is_lost(r) || r == -ECANCELED);
        return;
    }
    snprintf(key, sizeof(key), "c%d-%u-%u", tenant, race->made[tenant], random_below(1u << 30));
    db_args_reset(&a);
    db_arg_int(&a, tenant);
    db_arg_str(&a, key);
    race->made[tenant]++;
    r = db_exec(tx, note, &a, NULL);
    if (r == 0)
        r = db_exec(tx, mine, NULL, &rows);
    if (r == 0)
        check_rows(race, tenant, rows);
    db_rows_free(rows);
    if (r == 0)
        r = mishap_in(tx, what);
    if (r == 0 && what == NONE) {
        r = db_commit(tx);
        assert_true(r == 0 || is_lost(r));
        return;
    }
    db_rollback(tx);
}

/* Nobody takes rows to another tenant, nor gives them away. */
static void try_to_steal(struct race *race, int32_t tenant)
{
    struct db_args a;
    struct db_tx *tx;
    int r = db_begin(race->db, tenant, DB_WRITE, NULL, &tx, NULL);

    if (r < 0)
        return;
    db_args_reset(&a);
    db_arg_int(&a, tenant % TENANTS + 1);
    r = db_exec(tx, steal, &a, NULL);
    if (!is_lost(r))
        assert_string_equal(db_tx_error(tx)->sqlstate, "42501");
    db_rollback(tx);
}

static void read_something(struct race *race, int32_t tenant, enum mishap what)
{
    struct db_args a;
    struct db_call calls[] = {
        {.stmt = mine}, {.stmt = what == TIMES_OUT ? slow : divide, .args = &a}, {.stmt = mine}};
    int r;

    db_args_reset(&a);
    if (what == TIMES_OUT)
        db_arg_str(&a, "5");
    else
        db_arg_int(&a, what == FAILS ? 0 : 1);
    r = db_read(race->db, tenant, calls, 3, NULL, NULL);
    if (r == 0) {
        check_rows(race, tenant, calls[0].rows);
        check_rows(race, tenant, calls[2].rows);
    }
    db_calls_done(calls, 3);
}

struct victim {
    struct race *race;
    int32_t tenant;
    bool writes, ended;
};

static void victim_fiber(void *arg)
{
    struct victim *v = arg;

    if (v->writes)
        write_something(v->race, v->tenant, ROLLED_BACK);
    else
        read_something(v->race, v->tenant, NONE);
    v->ended = true;
}

/* Another fiber's unit of work, cancelled wherever it happens to be. */
static void cancel_one(struct race *race, int32_t tenant)
{
    struct victim v = {race, tenant, random_below(2) == 0, false};
    struct fiber *f;

    assert_int_equal(fiber_spawn(victim_fiber, &v, "victim", &f), 0);
    for (uint32_t turns = random_below(4); turns > 0 && !v.ended; turns--)
        assert_int_equal(random_below(2) ? fiber_sleep(1) : fiber_yield(), 0);
    if (!v.ended)
        fiber_cancel(f);
    while (!v.ended)
        assert_int_equal(fiber_sleep(1), 0);
}

static void cut_off(void)
{
    support_sql(
        "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = current_database()"
        " AND pid <> pg_backend_pid() AND random() < 0.5");
}

static void worker_fiber(void *arg)
{
    struct race *race = arg;

    for (int i = 0; i < ROUNDS; i++) {
        int32_t tenant = 1 + (int32_t)random_below(TENANTS);
        /* Time-outs and cuts cost time: few of them. */
        uint32_t dice = random_below(60);
        enum mishap what = dice == 0  ? CUT_OFF
                           : dice < 3 ? TIMES_OUT
                                      : (enum mishap[]){NONE, FAILS, CANCELLED, ROLLED_BACK}[dice % 4];

        race->happened[what]++;
        if (what == CUT_OFF)
            cut_off();
        else if (what == CANCELLED)
            cancel_one(race, tenant);
        else if (what == ROLLED_BACK || random_below(3) == 0)
            write_something(race, tenant, what);
        else
            read_something(race, tenant, what);
        if (random_below(20) == 0)
            try_to_steal(race, tenant);
        look(race, (int32_t)random_below(TENANTS + 1)); /* the deployment, too, which has none */
    }
    race->running--;
}

static void body_pool_of_one(void *arg)
{
    struct race *race = arg;
    struct db_config config = {.conninfo = support_conninfo("juxin_app"),
        .fast_connections = 1,
        .fast_depth = 4,
        .slow_connections = 1,
        .queue_max = 64,
        .tenant_queue_max = 32,
        .fast_timeout_ms = 60,
        .slow_timeout_ms = 60};
    struct fiber *f;

    assert_int_equal(db_open(&config, &race->db), 0);
    race->running = FIBERS;
    for (int i = 0; i < FIBERS; i++)
        assert_int_equal(fiber_spawn(worker_fiber, race, "worker", &f), 0);
    while (race->running > 0)
        assert_int_equal(fiber_sleep(5), 0);
    for (int32_t tenant = 1; tenant <= TENANTS; tenant++)
        look(race, tenant);
    print_message("           %u looks at %u rows;", race->looks, race->rows);
    for (int i = 0; i < MISHAPS; i++)
        print_message(" %u %s%s", race->happened[i], mishap_names[i], i + 1 < MISHAPS ? "," : "\n");
    assert_true(race->looks > FIBERS * ROUNDS / 2);
    db_close(race->db);
}

static void test_pool_of_one(void **state)
{
    static struct race race;

    support_migrate();
    support_sql(
        "INSERT INTO juxin.sequence_number (tenant_id, key, n) SELECT t, format('c%s-first%s', t, i), 0 FROM"
        " generate_series(1, 3) t, generate_series(1, 10) i");
    support_fiber(body_pool_of_one, &race);
    assert_string_equal(
        support_sql("SELECT count(*) FROM juxin.sequence_number WHERE key NOT LIKE 'c' || tenant_id || '-%'"),
        "0");
}

int main(void)
{
    static const struct CMUnitTest tests[] = {cmocka_unit_test(test_pool_of_one)};

    return support_main(tests, ARRAY_LEN(tests), NULL);
}
