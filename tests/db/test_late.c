/* Transactions that begin early and commit late, against all that follows what is committed: numbers, a follower of
 * events, deliveries, seals. Two of each follow at once. A follower by id, which must lose some of them, shows that the
 * commits did come late. */
#include "support.h"

#include <errno.h>
#include <unistd.h>

#include "base/digest.h"
#include "db/audit.h"
#include "db/outbox.h"
#include "db/seal.h"
#include "loop/fiber.h"

#define TENANT 3
#define WRITERS 8
#define ROUNDS 30
#define LATE_MS 20

static struct keyring *keys;

struct race {
    struct db *db;
    bool committed[WRITERS][ROUNDS];
    uint32_t writing, following, commits;
    bool is_over; /* the writers have ended: followers end when nothing is left */
    uint8_t by_seq[WRITERS][ROUNDS], by_id[WRITERS][ROUNDS], delivered[WRITERS][ROUNDS];
    int32_t last_event[WRITERS], last_action[WRITERS];
    uint32_t sealed;
};

struct part {
    struct race *race;
    uint32_t at;
};

static uint32_t random_below(uint32_t n)
{
    uint32_t r;

    random_bytes(&r, sizeof(r));
    return r % n;
}

/* ---- who writes ---- */

static int write_row(struct db_tx *tx, uint32_t writer, uint32_t round)
{
    struct audit_entry entry = {.actor_kind = "system", .action = "test"};
    char key[16], payload[32];
    int r;

    snprintf(key, sizeof(key), "%u", writer);
    snprintf(payload, sizeof(payload), "%u.%u", writer, round);
    r = event_publish(tx, "t", key, round + 1, payload);
    if (r == 0)
        r = outbox_add(tx, "t", "p", key, round + 1, payload);
    return r == 0 ? audit_add(tx, &entry) : r;
}

static void writer_fiber(void *arg)
{
    struct part *p = arg;
    struct race *race = p->race;

    for (uint32_t round = 0; round < ROUNDS; round++) {
        struct db_tx *tx;

        assert_int_equal(db_begin(race->db, TENANT, DB_WRITE, NULL, &tx, NULL), 0);
        assert_int_equal(write_row(tx, p->at, round), 0);
        assert_int_equal(fiber_sleep(random_below(LATE_MS)), 0);
        if (random_below(5) == 0) {
            db_rollback(tx);
            continue;
        }
        race->committed[p->at][round] = true;
        race->commits++;
        assert_int_equal(db_commit(tx), 0);
    }
    race->writing--;
}

/* ---- who follows ---- */

static uint8_t *count_of(
    uint8_t counts[WRITERS][ROUNDS], const char *payload, uint32_t *writer, uint32_t *round)
{
    assert_int_equal(sscanf(payload, "%u.%u", writer, round), 2);
    assert_true(*writer < WRITERS && *round < ROUNDS);
    return &counts[*writer][*round];
}

/* A writer's own rows were committed one after the other: they are met in that order. */
static void met(int32_t last[WRITERS], uint32_t writer, uint32_t round)
{
    if ((int32_t)round <= last[writer])
        fail_msg("row %u of writer %u behind row %d", round, writer, last[writer]);
    last[writer] = (int32_t)round;
}

static int follow(struct race *race, struct db_stmt stmt, char cursor[40], bool by_seq)
{
    struct db_args a;
    struct db_call call = {.stmt = stmt, .args = &a};
    uint32_t writer, round;
    int n;

    db_args_reset(&a);
    db_arg_int(&a, TENANT);
    db_arg_str(&a, cursor);
    assert_int_equal(db_read(race->db, TENANT, &call, 1, NULL, NULL), 0);
    n = db_rows_count(call.rows);
    for (int i = 0; i < n; i++) {
        ++*count_of(by_seq ? race->by_seq : race->by_id, db_get(call.rows, i, 1), &writer, &round);
        if (by_seq)
            met(race->last_event, writer, round);
        snprintf(cursor, 40, "%s", db_get(call.rows, i, 0));
    }
    db_calls_done(&call, 1);
    return n;
}

static void follower_fiber(void *arg)
{
    static const struct db_stmt by_seq = {"t.by_seq",
        "SELECT seq, payload FROM juxin.event WHERE tenant_id = $1 AND seq > $2 ORDER BY seq LIMIT 7"};
    static const struct db_stmt by_id = {"t.by_id",
        "SELECT id, payload FROM juxin.event WHERE tenant_id = $1 AND id > $2 ORDER BY id LIMIT 7"};
    struct part *p = arg;
    char cursor[40];
    bool is_last = false;

    snprintf(cursor, sizeof(cursor), "%s", p->at ? "00000000-0000-0000-0000-000000000000" : "0");
    while (!is_last) {
        is_last = p->race->is_over;
        while (follow(p->race, p->at ? by_id : by_seq, cursor, p->at == 0) > 0)
            is_last = false;
        assert_int_equal(fiber_sleep(1), 0);
    }
    p->race->following--;
}

static void sequencer_fiber(void *arg)
{
    struct part *p = arg;
    uint32_t count = 1;
    int64_t head;

    while (!p->race->is_over || count > 0) {
        assert_int_equal(outbox_sequence(p->race->db, TENANT, &head, &count), 0);
        assert_int_equal(fiber_sleep(random_below(5)), 0);
    }
    p->race->following--;
}

static int deliver(void *arg, const struct outbox_row *row)
{
    struct race *race = arg;
    uint32_t writer, round;

    ++*count_of(race->delivered, row->payload, &writer, &round);
    met(race->last_action, writer, round);
    return 0;
}

static void deliverer_fiber(void *arg)
{
    struct part *p = arg;

    while (!p->race->is_over || strcmp(support_sql("SELECT count(*) FROM juxin.outbox"), "0") != 0) {
        struct outbox_result result = {0};

        assert_int_equal(outbox_deliver(p->race->db, TENANT, deliver, p->race, &result), 0);
        assert_int_equal(result.retried + result.dead, 0);
        assert_int_equal(fiber_sleep(random_below(5)), 0);
    }
    p->race->following--;
}

static void sealer_fiber(void *arg)
{
    struct part *p = arg;
    struct seal one = {.count = 1};
    int r = 0;

    while (!p->race->is_over || one.count > 0 || r == -EEXIST) {
        r = seal_batch(p->race->db, TENANT, keys, &one);
        assert_true(r == 0 || r == -EEXIST); /* the other one was faster */
        p->race->sealed += r == 0 ? one.count : 0;
        assert_int_equal(fiber_sleep(random_below(8)), 0);
    }
    p->race->following--;
}

/* ---- together ---- */

static void start(void (*fn)(void *), struct part *p)
{
    struct fiber *f;

    assert_int_equal(fiber_spawn(fn, p, "part", &f), 0);
}

static void check(const struct race *race)
{
    struct verify v = {0};
    uint32_t lost_by_id = 0;

    for (uint32_t w = 0; w < WRITERS; w++)
        for (uint32_t i = 0; i < ROUNDS; i++) {
            uint8_t expected = race->committed[w][i];

            if (race->by_seq[w][i] != expected || race->delivered[w][i] != expected)
                fail_msg("row %u of writer %u, committed %d: followed %d times, delivered %d times", i, w,
                    expected, race->by_seq[w][i], race->delivered[w][i]);
            lost_by_id += race->by_id[w][i] < expected;
        }
    if (lost_by_id == 0)
        fail_msg("no commit came late: nothing was tested");
    assert_int_equal(race->sealed, race->commits);
    assert_int_equal(seal_verify(race->db, TENANT, keys, &v), 0);
    assert_int_equal(v.faults, 0);
    assert_int_equal(v.pending, 0);
    assert_int_equal(v.rows, race->commits);
    print_message("           %u commits; a follower by id lost %u of them, by number none; %lld seals\n",
        race->commits, lost_by_id, (long long)v.batches);
}

static void body_late(void *arg)
{
    static void (*const followers[])(void *) = {
        follower_fiber, sequencer_fiber, deliverer_fiber, sealer_fiber};
    struct race *race = arg;
    struct part writers[WRITERS], parts[2 * ARRAY_LEN(followers)];

    race->db = support_open("juxin_app", 2, 8, 24);
    memset(race->last_event, -1, sizeof(race->last_event));
    memset(race->last_action, -1, sizeof(race->last_action));
    race->writing = WRITERS;
    race->following = ARRAY_LEN(parts);
    for (uint32_t i = 0; i < ARRAY_LEN(parts); i++) {
        parts[i] = (struct part){race, i % 2};
        start(followers[i / 2], &parts[i]);
    }
    for (uint32_t i = 0; i < WRITERS; i++) {
        writers[i] = (struct part){race, i};
        start(writer_fiber, &writers[i]);
    }
    while (race->writing > 0)
        assert_int_equal(fiber_sleep(5), 0);
    /* The last numbers are given before the follower's last look. */
    for (uint32_t count = 1; count > 0;) {
        int64_t head;

        assert_int_equal(outbox_sequence(race->db, TENANT, &head, &count), 0);
    }
    race->is_over = true;
    while (race->following > 0)
        assert_int_equal(fiber_sleep(5), 0);
    check(race);
    db_close(race->db);
}

static void test_late(void **state)
{
    static struct race race;

    support_migrate();
    support_fiber(body_late, &race);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {cmocka_unit_test(test_late)};
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
