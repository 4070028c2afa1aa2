/* After the commit: numbering, delivery in order, retry, dead letters, leases, the leased worker. */
#include "support.h"

#include <errno.h>
#include <unistd.h>

#include "base/clock.h"
#include "db/audit.h"
#include "db/background.h"
#include "db/lease.h"
#include "db/outbox.h"
#include "db/retention.h"
#include "loop/fiber.h"

static struct keyring *keys;

static void add(struct db *db, int32_t tenant, const char *key, const char *payload)
{
    struct db_tx *tx;

    assert_int_equal(db_begin(db, tenant, DB_WRITE, NULL, &tx, NULL), 0);
    assert_int_equal(outbox_add(tx, "suggestion.created", "suggestions", key, 1, payload), 0);
    assert_int_equal(event_publish(tx, "suggestion.created", key, 1, payload), 0);
    assert_int_equal(db_commit(tx), 0);
}

struct log { /* what was delivered, in order */
    char text[400];
    const char *fail_key;
    int outcome;
    int side_by_side, most;
    bool slow;
};

static int deliver(void *arg, const struct outbox_row *row)
{
    struct log *l = arg;
    size_t len = strlen(l->text);

    l->side_by_side++;
    l->most = MAX(l->most, l->side_by_side);
    if (l->slow)
        assert_int_equal(fiber_sleep(20), 0);
    l->side_by_side--;
    if (l->fail_key && strcmp(row->key, l->fail_key) == 0)
        return l->outcome;
    len = strlen(l->text);
    snprintf(l->text + len, sizeof(l->text) - len, "%s%s ", row->key, row->payload);
    return 0;
}

static struct outbox_result deliver_until_quiet(struct db *db, int32_t tenant, struct log *l)
{
    struct outbox_result total = {0}, one;

    do {
        one = (struct outbox_result){0};
        assert_int_equal(outbox_deliver(db, tenant, deliver, l, &one), 0);
        total.delivered += one.delivered;
        total.retried += one.retried;
        total.dead += one.dead;
    } while (one.delivered > 0);
    return total;
}

static bool in_order(const char *text, const char *first, const char *second)
{
    const char *a = strstr(text, first), *b = strstr(text, second);

    return a && b && a < b;
}

static void body_order(void *arg)
{
    struct db *db = support_open("juxin_app", 1, 4, 6);
    struct log l = {.slow = true};
    struct outbox_result total;
    int64_t head = 0;
    uint32_t count = 0;

    add(db, 1, "a", "1");
    add(db, 1, "b", "1");
    add(db, 1, "a", "2");
    add(db, 1, "c", "1");
    add(db, 1, "a", "3");
    total = deliver_until_quiet(db, 1, &l);
    assert_int_equal(total.delivered, 0); /* not numbered yet */
    assert_int_equal(outbox_sequence(db, 1, &head, &count), 0);
    assert_int_equal(count, 10);
    assert_int_equal(head, 10);
    assert_int_equal(outbox_sequence(db, 1, &head, &count), 0);
    assert_int_equal(count, 0);
    total = deliver_until_quiet(db, 1, &l);
    assert_int_equal(total.delivered, 5);
    assert_true(in_order(l.text, "a1", "a2") && in_order(l.text, "a2", "a3"));
    assert_true(l.most > 1); /* different keys side by side */
    assert_string_equal(support_sql("SELECT count(*) FROM juxin.outbox"), "0");
    assert_string_equal(support_sql("SELECT count(DISTINCT seq) FROM juxin.event WHERE tenant_id = 1"), "5");
    db_close(db);
}

/* Of two changes of a record the server that made the second one had the slower clock: its id is the smaller one. */
static void body_clocks_apart(void *arg)
{
    struct db *db = support_open("juxin_app", 1, 4, 6);
    struct log l = {.slow = false};
    struct db_tx *tx;
    int64_t head = 0;
    uint32_t count = 0;

    for (int64_t version = 1; version <= 3; version++) {
        char payload[8];

        snprintf(payload, sizeof(payload), "%d", (int)version);
        assert_int_equal(db_begin(db, 1, DB_WRITE, NULL, &tx, NULL), 0);
        assert_int_equal(outbox_add(tx, "t", "suggestions", "apart", version, payload), 0);
        assert_int_equal(event_publish(tx, "t", "apart", version, payload), 0);
        assert_int_equal(db_commit(tx), 0);
    }
    support_sql("UPDATE juxin.outbox SET id = '00000000-0000-7000-8000-000000000000' WHERE payload = '2'");
    support_sql("UPDATE juxin.event SET id = '00000000-0000-7000-8000-000000000000' WHERE key = 'apart' AND "
                "payload = '3'");
    assert_int_equal(outbox_sequence(db, 1, &head, &count), 0);
    assert_int_equal(count, 6);
    deliver_until_quiet(db, 1, &l);
    assert_string_equal(l.text, "apart1 apart2 apart3 ");
    assert_string_equal(
        support_sql("SELECT string_agg(payload, ',' ORDER BY seq) FROM juxin.event WHERE key = 'apart'"),
        "1,2,3");
    db_close(db);
}

/* A transaction that began earlier and commits later gets the later number. */
static void body_late_commit(void *arg)
{
    struct db *db = support_open("juxin_app", 1, 4, 4);
    struct db_tx *late;
    int64_t head = 0;
    uint32_t count = 0;

    assert_int_equal(db_begin(db, 2, DB_WRITE, NULL, &late, NULL), 0);
    assert_int_equal(event_publish(late, "t", "late", 1, "{}"), 0);
    add(db, 2, "early", "x");
    assert_int_equal(outbox_sequence(db, 2, &head, &count), 0);
    assert_int_equal(count, 2);
    assert_int_equal(db_commit(late), 0);
    assert_int_equal(outbox_sequence(db, 2, &head, &count), 0);
    assert_int_equal(count, 1);
    assert_string_equal(
        support_sql("SELECT string_agg(key, ',' ORDER BY seq) FROM juxin.event WHERE tenant_id = 2"),
        "early,late");
    support_sql("DELETE FROM juxin.outbox");
    db_close(db);
}

static void body_retry(void *arg)
{
    struct db *db = support_open("juxin_app", 1, 4, 6);
    struct log l = {.fail_key = "a", .outcome = -EAGAIN};
    struct outbox_result total;
    struct db_tx *tx;
    struct uuid id;
    int64_t head;
    uint32_t count;

    add(db, 3, "a", "1");
    add(db, 3, "a", "2");
    add(db, 3, "b", "1");
    assert_int_equal(outbox_sequence(db, 3, &head, &count), 0);
    total = deliver_until_quiet(db, 3, &l);
    assert_int_equal(total.delivered, 1);
    assert_int_equal(total.retried, 1);
    assert_string_equal(l.text, "b1 ");
    /* Postponed, and what stands behind it waits too. */
    total = deliver_until_quiet(db, 3, &l);
    assert_int_equal(total.delivered + total.retried, 0);
    support_sql("UPDATE juxin.outbox SET next_at = now()");
    l.fail_key = NULL;
    total = deliver_until_quiet(db, 3, &l);
    assert_int_equal(total.delivered, 2);
    assert_string_equal(l.text, "b1 a1 a2 ");

    /* Refused for good: dead, and no longer in the way. */
    add(db, 3, "a", "3");
    add(db, 3, "a", "4");
    assert_int_equal(outbox_sequence(db, 3, &head, &count), 0);
    l = (struct log){.fail_key = "a", .outcome = -EINVAL};
    assert_int_equal(outbox_deliver(db, 3, deliver, &l, &total), 0);
    assert_int_equal(total.dead, 1);
    l.fail_key = NULL;
    total = deliver_until_quiet(db, 3, &l);
    assert_string_equal(l.text, "a4 ");
    assert_int_equal(
        uuid_parse(text_of(support_sql("SELECT id FROM juxin.outbox WHERE state = 'dead'")), &id), 0);
    assert_int_equal(db_begin(db, 3, DB_WRITE, NULL, &tx, NULL), 0);
    assert_int_equal(outbox_revive(tx, id), 0);
    assert_int_equal(outbox_revive(tx, id), -ENOENT);
    assert_int_equal(db_commit(tx), 0);
    total = deliver_until_quiet(db, 3, &l);
    assert_string_equal(l.text, "a4 a3 ");

    /* Twelve attempts, then dead. */
    add(db, 3, "a", "5");
    assert_int_equal(outbox_sequence(db, 3, &head, &count), 0);
    l = (struct log){.fail_key = "a", .outcome = -EAGAIN};
    for (int i = 1; i <= OUTBOX_ATTEMPTS_MAX; i++) {
        assert_int_equal(outbox_deliver(db, 3, deliver, &l, &total), 0);
        assert_int_equal(i < OUTBOX_ATTEMPTS_MAX ? total.retried : total.dead, 1);
        support_sql("UPDATE juxin.outbox SET next_at = now()");
    }
    assert_string_equal(support_sql("SELECT state FROM juxin.outbox"), "dead");
    support_sql("DELETE FROM juxin.outbox");
    db_close(db);
}

struct twin {
    struct db *db;
    struct log *log;
    bool ended;
    uint32_t delivered;
};

static void twin_fiber(void *arg)
{
    struct twin *t = arg;

    for (int i = 0; i < 30; i++) {
        struct outbox_result one = {0};

        if (outbox_deliver(t->db, 4, deliver, t->log, &one) == 0)
            t->delivered += one.delivered;
    }
    t->ended = true;
}

static void body_two_dispatchers(void *arg)
{
    struct db *db = support_open("juxin_app", 1, 4, 8);
    struct log l = {.text = ""};
    struct twin t[2] = {{.db = db, .log = &l}, {.db = db, .log = &l}};
    struct fiber *f;
    int64_t head;
    uint32_t count;
    char key[8];

    for (int i = 0; i < 20; i++) {
        snprintf(key, sizeof(key), "k%02d-", i % 5);
        add(db, 4, key, "x");
    }
    assert_int_equal(outbox_sequence(db, 4, &head, &count), 0);
    for (int i = 0; i < 2; i++)
        assert_int_equal(fiber_spawn(twin_fiber, &t[i], "twin", &f), 0);
    while (!t[0].ended || !t[1].ended)
        assert_int_equal(fiber_sleep(5), 0);
    assert_int_equal(t[0].delivered + t[1].delivered, 20);
    assert_int_equal(strlen(l.text), 20 * strlen("k00-x "));
    db_close(db);
}

static void body_lease(void *arg)
{
    struct db *db = support_open("juxin_app", 1, 4, 2);
    bool held = false;

    assert_int_equal(lease_take(db, "duty", "one", 60000, &held), 0);
    assert_true(held);
    assert_int_equal(lease_take(db, "duty", "two", 60000, &held), 0);
    assert_false(held);
    assert_int_equal(lease_take(db, "duty", "one", 60000, &held), 0);
    assert_true(held);
    assert_int_equal(lease_release(db, "duty", "two"), 0);
    assert_int_equal(lease_take(db, "duty", "two", 60000, &held), 0);
    assert_false(held);
    support_sql("UPDATE juxin.lease SET until = now() - interval '1 s'");
    assert_int_equal(lease_take(db, "duty", "two", 60000, &held), 0);
    assert_true(held);
    assert_int_equal(lease_release(db, "duty", "two"), 0);
    assert_int_equal(lease_take(db, "duty", "one", 60000, &held), 0);
    assert_true(held);
    db_close(db);
}

static void body_retention(void *arg)
{
    struct db *db = support_open("juxin_app", 1, 4, 2);
    uint64_t deleted = 0;

    support_sql("INSERT INTO juxin.idempotency (tenant_id, account_id, key, request_hash, created_at)"
                " SELECT 7, gen_random_uuid(), 'k' || i, '', now() - interval '31 days' FROM "
                "generate_series(1, 1500) i");
    support_sql("INSERT INTO juxin.idempotency (tenant_id, account_id, key, request_hash, created_at)"
                " VALUES (7, gen_random_uuid(), 'fresh', '', now() - interval '29 days')");
    support_sql(
        "INSERT INTO juxin.rate_limit (tenant_id, key, window_start, count, blocked_until) VALUES"
        " (7, 'old', now() - interval '2 days', 1, NULL), (7, 'blocked', now() - interval '2 days', 1,"
        " now() + interval '1 hour')");
    assert_int_equal(retention_run(db, 7, clock_wall_us(), &deleted), 0);
    assert_int_equal(deleted, 1501);
    assert_string_equal(support_sql("SELECT string_agg(key, ',') FROM juxin.idempotency"), "fresh");
    assert_string_equal(support_sql("SELECT string_agg(key, ',') FROM juxin.rate_limit"), "blocked");
    db_close(db);
}

struct worker {
    struct background b;
    struct fiber *fiber;
    bool ended;
};

static void worker_fiber(void *arg)
{
    struct worker *w = arg;

    background_run(&w->b);
    w->ended = true;
}

static void body_background(void *arg)
{
    struct db *db = support_open("juxin_app", 1, 4, 6);
    struct db *dispatch = support_open("juxin_dispatch", 0, 0, 1);
    struct log l = {.text = ""};
    struct worker w[2] = {
        {.b = {
             .db = db, .dispatch = dispatch, .holder = "one", .keys = keys, .deliver = deliver, .arg = &l}}};
    struct db_tx *tx;
    int first, tries = 0;

    w[1] = w[0];
    w[1].b.holder = "two";
    for (int i = 0; i < 2; i++)
        assert_int_equal(fiber_spawn_system(worker_fiber, &w[i], "background", &w[i].fiber), 0);
    add(db, 5, "k", "1");
    assert_int_equal(db_begin(db, 6, DB_WRITE, NULL, &tx, NULL), 0);
    assert_int_equal(audit_add(tx, &(struct audit_entry){.actor_kind = "system", .action = "test"}), 0);
    assert_int_equal(db_commit(tx), 0);
    while ((strcmp(l.text, "k1 ") != 0 || w[0].b.sealed_rows + w[1].b.sealed_rows != 1) && tries++ < 500)
        assert_int_equal(fiber_sleep(20), 0);
    assert_string_equal(l.text, "k1 ");
    assert_int_equal(w[0].b.sealed_rows + w[1].b.sealed_rows, 1);
    assert_int_equal(w[0].b.is_holder + w[1].b.is_holder, 1);
    /* The holder ends: the other one takes over, the lease was given back. */
    first = w[0].b.is_holder ? 0 : 1;
    fiber_cancel(w[first].fiber);
    add(db, 5, "k", "2");
    for (tries = 0; strcmp(l.text, "k1 k2 ") != 0 && tries < 500; tries++)
        assert_int_equal(fiber_sleep(20), 0);
    assert_string_equal(l.text, "k1 k2 ");
    assert_true(w[first].ended);
    assert_true(w[1 - first].b.is_holder);
    fiber_cancel(w[1 - first].fiber);
    while (!w[1 - first].ended)
        assert_int_equal(fiber_sleep(5), 0);
    assert_int_equal(w[0].b.failures + w[1].b.failures, 0);
    db_close(dispatch);
    db_close(db);
}

/* However many there are: what is done once an hour is done for every one. */
static void body_many(void *arg)
{
    struct background b = {.db = support_open("juxin_app", 1, 4, 1)};
    struct work w = {.count = {0}};
    int32_t *tenants = NULL;
    size_t count = 0;

    support_sql("INSERT INTO juxin.tenant (id, slug, name) OVERRIDING SYSTEM VALUE"
                " SELECT g, 'many-' || g, 'M' FROM generate_series(100001, 110001) g");
    assert_int_equal(work_tenants(&b, &tenants, &count), 0);
    assert_true(count > 10001);
    assert_int_equal(tenants[0], 0);
    assert_int_equal(tenants[count - 1], 110001);
    free(tenants);
    assert_int_equal(work_find(&b, &w), 0); /* nobody says who has work */
    for (int k = 0; k < WORK_KINDS; k++)
        assert_int_equal(w.count[k], count);
    work_done(&w);
    support_sql("DELETE FROM juxin.tenant WHERE id > 100000");
    db_close(b.db);
}

static void test_migrate(void **state)
{
    support_migrate();
}

#define IN_FIBER(name)                                                                                       \
    static void test_##name(void **state)                                                                    \
    {                                                                                                        \
        support_fiber(body_##name, NULL);                                                                    \
    }

IN_FIBER(order)
IN_FIBER(clocks_apart)
IN_FIBER(late_commit)
IN_FIBER(retry)
IN_FIBER(two_dispatchers)
IN_FIBER(lease)
IN_FIBER(retention)
IN_FIBER(background)
IN_FIBER(many)

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_migrate),
        cmocka_unit_test(test_order),
        cmocka_unit_test(test_clocks_apart),
        cmocka_unit_test(test_late_commit),
        cmocka_unit_test(test_retry),
        cmocka_unit_test(test_two_dispatchers),
        cmocka_unit_test(test_lease),
        cmocka_unit_test(test_retention),
        cmocka_unit_test(test_background),
        cmocka_unit_test(test_many),
    };
    char path[] = "/tmp/juxin-keys-XXXXXX";
    int r;

    close(mkstemp(path));
    unlink(path);
    if (keyring_load(path, true, &keys) < 0)
        return 1;
    audit_set_keys(keys);
    r = support_main(tests, ARRAY_LEN(tests), NULL);
    keyring_free(keys);
    unlink(path);
    return r;
}
