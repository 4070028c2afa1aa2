/* The audit trail: written with the change, sealed after it, and every way of tampering found. */
#include "support.h"

#include <errno.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "db/audit.h"
#include "db/daily.h"
#include "db/seal.h"
#include "loop/fiber.h"

static struct keyring *keys;

static int add_rows(struct db *db, int32_t tenant, int count, bool commit)
{
    struct db_tx *tx;
    int r = db_begin(db, tenant, DB_WRITE, NULL, &tx, NULL);

    for (int i = 0; r == 0 && i < count; i++) {
        struct audit_entry e = {.actor_kind = "account",
            .actor = uuid_new(),
            .action = "unit.rename",
            .object_kind = "unit",
            .object = uuid_new(),
            .fields = "name,code",
            .request_id = "r-1"};

        r = audit_add(tx, &e);
    }
    assert_int_equal(r, 0);
    if (commit)
        return db_commit(tx);
    db_rollback(tx);
    return 0;
}

struct finding {
    int count[VERIFY_UNKNOWN_KEY + 1];
    int64_t n;
};

static void note(void *arg, enum verify_kind kind, int64_t n, struct uuid id)
{
    struct finding *f = arg;

    f->count[kind]++;
    f->n = n;
}

static struct finding verify(struct db *db, int32_t tenant, const char *head, struct verify *ret)
{
    struct finding f = {.n = 0};
    struct verify v = {.expect_head = head, .found = note, .arg = &f};

    assert_int_equal(seal_verify(db, tenant, keys, &v), 0);
    if (ret)
        *ret = v;
    return f;
}

static uint64_t faults(struct db *db, int32_t tenant)
{
    struct verify v;

    verify(db, tenant, NULL, &v);
    return v.faults;
}

static void body_seal(void *arg)
{
    struct db *db = support_open("juxin_app", 1, 4, 2);
    struct verify v;
    struct seal s;
    uint64_t rows;
    int64_t age;

    assert_int_equal(add_rows(db, 1, 5, true), 0);
    assert_int_equal(add_rows(db, 1, 3, false), 0); /* rolled back: no rows, nothing pending */
    assert_int_equal(seal_tail(db, 1, &rows, &age), 0);
    assert_int_equal(rows, 5);
    verify(db, 1, NULL, &v);
    assert_int_equal(v.faults, 0);
    assert_int_equal(v.pending, 5);
    assert_int_equal(seal_batch(db, 1, keys, &s), 0);
    assert_int_equal(s.count, 5);
    assert_int_equal(s.n, 1);
    assert_int_equal(seal_batch(db, 1, keys, &s), 0);
    assert_int_equal(s.count, 0);
    for (int i = 2; i <= 4; i++) {
        assert_int_equal(add_rows(db, 1, i, true), 0);
        assert_int_equal(seal_batch(db, 1, keys, &s), 0);
        assert_int_equal(s.n, i);
    }
    assert_int_equal(add_rows(db, 1, 2, true), 0);
    verify(db, 1, NULL, &v);
    assert_int_equal(v.faults, 0);
    assert_int_equal(v.batches, 4);
    assert_int_equal(v.rows, 5 + 2 + 3 + 4 + 2);
    assert_int_equal(v.pending, 2);
    assert_string_equal(v.head, s.head);
    verify(db, 1, s.head, &v);
    assert_int_equal(v.faults, 0);
    /* Another tenant has its own chain; the deployment's own is tenant 0. */
    assert_int_equal(add_rows(db, 0, 2, true), 0);
    assert_int_equal(seal_batch(db, 0, keys, &s), 0);
    assert_int_equal(s.n, 1);
    assert_int_equal(faults(db, 0), 0);
    db_close(db);
}

/* Entries of the trail's indexes that were looked at, of sessions that have ended. */
static int64_t looked_at(void)
{
    while (strcmp(support_sql(
                      "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> "
                      "pg_backend_pid()"),
               "0") != 0)
        usleep(10000);
    return strtoll(
        support_sql("SELECT sum(idx_tup_read) FROM pg_stat_all_indexes WHERE relname = 'audit'"), NULL, 10);
}

static void seal_all(void *arg)
{
    struct db *db = support_open("juxin_app", 1, 4, 2);
    uint64_t rows;
    struct seal s;
    int64_t age;

    for (int i = 0; i < 30; i++) { /* plans are made now, and kept */
        assert_int_equal(add_rows(db, 1, 1, true), 0);
        assert_int_equal(seal_tail(db, 1, &rows, &age), 0);
        assert_int_equal(seal_batch(db, 1, keys, &s), 0);
    }
    for (int i = 0; i < 8; i++)
        assert_int_equal(add_rows(db, 1, 1000, true), 0);
    assert_int_equal(seal_tail(db, 1, &rows, &age), 0);
    assert_int_equal(rows, 8000);
    for (int i = 0; i < 8; i++) {
        assert_int_equal(seal_batch(db, 1, keys, &s), 0);
        assert_int_equal(s.count, 1000);
    }
    db_close(db);
}

/* By plans that were made while there was little, a burst is sealed without looking at what is sealed already: every batch of
 * 1,000 read the tenant's whole trail, and with some statistics compared it with all that waited, for 5 s. */
static void test_burst(void **state)
{
    int64_t before = looked_at(), after;

    support_fiber(seal_all, NULL);
    after = looked_at();
    print_message("%lld entries looked at for 8,030 sealed ones\n", (long long)(after - before));
    assert_in_range(after - before, 8000, 12000);
}

/* Each way of tampering, by a superuser: found, and gone again once undone. */
static void body_tamper(void *arg)
{
    static const struct {
        const char *tamper, *undo;
        enum verify_kind kind;
        int64_t n;
    } ways[] = {
        {"UPDATE juxin.audit SET action = 'unit.closed' WHERE tenant_id = 1 AND id = (SELECT audit_id FROM"
         " juxin.audit_member WHERE tenant_id = 1 AND n = 2 AND position = 1)",
            "UPDATE juxin.audit SET action = 'unit.rename' WHERE action = 'unit.closed'", VERIFY_ALTERED, 2},
        {"UPDATE juxin.audit SET at = at + interval '1 hour' WHERE tenant_id = 1 AND id = (SELECT "
         "min(id::text)::uuid FROM"
         " juxin.audit_pending WHERE tenant_id = 1)",
            "UPDATE juxin.audit SET at = at - interval '1 hour' WHERE tenant_id = 1 AND id = (SELECT "
            "min(id::text)::uuid"
            " FROM juxin.audit_pending WHERE tenant_id = 1)",
            VERIFY_ALTERED, 0},
        {"WITH gone AS (DELETE FROM juxin.audit WHERE tenant_id = 1 AND id = (SELECT audit_id FROM "
         "juxin.audit_member"
         " WHERE tenant_id = 1 AND n = 3 AND position = 2) RETURNING *) INSERT INTO kept SELECT * FROM gone",
            "WITH back AS (DELETE FROM kept RETURNING *) INSERT INTO juxin.audit SELECT * FROM back",
            VERIFY_DELETED, 3},
        {"WITH gone AS (DELETE FROM juxin.audit WHERE tenant_id = 1 AND id = (SELECT min(id::text)::uuid FROM"
         " juxin.audit_pending WHERE tenant_id = 1) RETURNING *) INSERT INTO kept SELECT * FROM gone",
            "WITH back AS (DELETE FROM kept RETURNING *) INSERT INTO juxin.audit SELECT * FROM back",
            VERIFY_DELETED, 0},
        {"UPDATE juxin.audit_member SET position = 3 - position + 100 WHERE tenant_id = 1 AND n = 2 AND "
         "position <= 2",
            "UPDATE juxin.audit_member SET position = 103 - position WHERE tenant_id = 1 AND n = 2 AND "
            "position > 100",
            VERIFY_REORDERED, 2},
        {"UPDATE juxin.audit_seal SET at = at + interval '1 s' WHERE tenant_id = 1 AND n = 3",
            "UPDATE juxin.audit_seal SET at = at - interval '1 s' WHERE tenant_id = 1 AND n = 3",
            VERIFY_SEAL_ALTERED, 3},
        {"UPDATE juxin.audit_seal SET n = n + 10 WHERE tenant_id = 1 AND n = 4",
            "UPDATE juxin.audit_seal SET n = n - 10 WHERE tenant_id = 1 AND n = 14", VERIFY_SEAL_MISSING, 14},
        {"WITH gone AS (DELETE FROM juxin.audit_pending WHERE tenant_id = 1 RETURNING *) INSERT INTO "
         "kept_pending"
         " SELECT * FROM gone",
            "WITH back AS (DELETE FROM kept_pending RETURNING *) INSERT INTO juxin.audit_pending SELECT * "
            "FROM back",
            VERIFY_UNSEALED, 0},
    };
    struct db *db = support_open("juxin_app", 1, 4, 2);

    support_sql("CREATE TABLE kept AS SELECT * FROM juxin.audit WHERE false");
    support_sql("CREATE TABLE kept_pending AS SELECT * FROM juxin.audit_pending WHERE false");
    for (size_t i = 0; i < ARRAY_LEN(ways); i++) {
        struct finding f;

        support_sql(ways[i].tamper);
        f = verify(db, 1, NULL, NULL);
        if (f.count[ways[i].kind] == 0)
            fail_msg("not found: %s", ways[i].tamper);
        support_sql(ways[i].undo);
        if (faults(db, 1) != 0)
            fail_msg("not undone: %s", ways[i].tamper);
    }
    db_close(db);
}

/* Rows, members and seals cut off together leave a chain that holds; only the published head tells. */
static void body_truncate(void *arg)
{
    struct db *db = support_open("juxin_app", 1, 4, 2);
    struct verify v;
    struct finding f;
    char head[SEAL_HEX];

    verify(db, 1, NULL, &v);
    memcpy(head, v.head, sizeof(head));
    support_sql(
        "DELETE FROM juxin.audit WHERE tenant_id = 1 AND id IN (SELECT audit_id FROM juxin.audit_member WHERE"
        " tenant_id = 1 AND n = 4)");
    support_sql("DELETE FROM juxin.audit_member WHERE tenant_id = 1 AND n = 4");
    support_sql("DELETE FROM juxin.audit_seal WHERE tenant_id = 1 AND n = 4");
    verify(db, 1, NULL, &v);
    assert_int_equal(v.faults, 0);
    f = verify(db, 1, head, &v);
    assert_int_equal(f.count[VERIFY_TRUNCATED], 1);
    db_close(db);
}

struct sealer {
    struct db *db;
    uint32_t sealed;
    bool ended;
};

static void sealer_fiber(void *arg)
{
    struct sealer *s = arg;
    struct seal one = {.count = 1};
    int r;

    do {
        r = seal_batch(s->db, 2, keys, &one);
        if (r == 0)
            s->sealed += one.count;
    } while (r == -EEXIST || (r == 0 && one.count > 0));
    s->ended = true;
}

static void body_two_sealers(void *arg)
{
    struct db *db = support_open("juxin_app", 1, 4, 4);
    struct sealer s[3] = {{.db = db}, {.db = db}, {.db = db}};
    struct fiber *f;
    struct verify v;

    for (int i = 0; i < 12; i++)
        assert_int_equal(add_rows(db, 2, 200, true), 0);
    for (int i = 0; i < 3; i++)
        assert_int_equal(fiber_spawn(sealer_fiber, &s[i], "sealer", &f), 0);
    while (!s[0].ended || !s[1].ended || !s[2].ended)
        assert_int_equal(fiber_sleep(5), 0);
    assert_int_equal(s[0].sealed + s[1].sealed + s[2].sealed, 2400);
    verify(db, 2, NULL, &v);
    assert_int_equal(v.faults, 0);
    assert_int_equal(v.rows, 2400);
    assert_int_equal(v.pending, 0);
    db_close(db);
}

static void body_digest(void *arg)
{
    static const int32_t tenants[] = {0, 1, 2, 77};
    struct db *db = support_open("juxin_app", 1, 4, 2);
    struct buf document = BUF_INIT, again = BUF_INIT, forged = BUF_INIT;
    struct daily_check check = {.missing = NULL};
    bool is_new = false;
    int32_t day = 20780;
    char *at;

    assert_int_equal(daily_digest(db, tenants, 4, day, keys, &document, &is_new), 0);
    assert_true(is_new);
    assert_int_equal(daily_digest(db, tenants, 4, day, keys, &again, &is_new), 0);
    assert_false(is_new);
    assert_string_equal(buf_str(&document), buf_str(&again));
    assert_int_equal(daily_compare(db, buf_text(&document), keys, &check), 0);
    assert_int_equal(check.checked, 3); /* 77 has no seal */
    assert_int_equal(check.faults, 0);

    /* Cut off behind the digest's back. */
    support_sql("UPDATE juxin.audit_seal SET n = n + 1000 WHERE tenant_id = 2");
    assert_int_equal(daily_compare(db, buf_text(&document), keys, &check), 0);
    assert_int_equal(check.faults, 1);
    support_sql("UPDATE juxin.audit_seal SET n = n - 1000 WHERE tenant_id = 2");

    /* A digest made to fit is no digest. */
    buf_add_text(&forged, buf_text(&document));
    at = strchr(strchr(forged.data, '\n') + 1, '\n') + 10;
    *at = *at == '0' ? '1' : '0';
    assert_int_equal(daily_compare(db, buf_text(&forged), keys, &check), -EBADMSG);
    assert_int_equal(daily_compare(db, TEXT("juxin audit digest 1\n2026-11-23\n"), keys, &check), -EINVAL);
    assert_int_equal(daily_compare(db, TEXT("hello"), keys, &check), -EINVAL);
    assert_int_equal(daily_compare(db, TEXT(""), keys, &check), -EINVAL);
    buf_done(&document);
    buf_done(&again);
    buf_done(&forged);
    db_close(db);
}

/* A digest's file is whole or not there, whatever the disk does; and once there it is never another one. */
static void test_digest_file(void **state)
{
    struct rlimit before, small;
    char dir[] = "/tmp/juxin-digest.XXXXXX", path[64], content[64] = "";
    struct stat st;
    FILE *f;

    assert_non_null(mkdtemp(dir));
    snprintf(path, sizeof(path), "%s/digest.txt", dir);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    small = (struct rlimit){.rlim_cur = 10, .rlim_max = before.rlim_max};
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    assert_true(daily_write(path, TEXT("more than ten bytes\n")) < 0);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    assert_int_equal(stat(path, &st), -1);
    assert_int_equal(daily_write(path, TEXT("more than ten bytes\n")), 0);
    assert_int_equal(daily_write(path, TEXT("another\n")), 0);
    f = fopen(path, "re");
    assert_non_null(f);
    assert_int_equal(fread(content, 1, sizeof(content) - 1, f), 20);
    fclose(f);
    assert_string_equal(content, "more than ten bytes\n");
    assert_int_equal(unlink(path), 0);
    assert_int_equal(rmdir(dir), 0); /* nothing else was left in it */
}

static void body_rights(void *arg)
{
    static const struct db_stmt change = {
        "t.change", "UPDATE juxin.audit SET action = 'x' WHERE tenant_id = 1"};
    static const struct db_stmt erase = {"t.erase", "DELETE FROM juxin.audit WHERE tenant_id = 1"};
    static const struct db_stmt unseal = {"t.unseal", "DELETE FROM juxin.audit_seal WHERE tenant_id = 1"};
    static const struct db_stmt other = {"t.other", "SELECT count(*) FROM juxin.audit"};
    const struct db_stmt *forbidden[] = {&change, &erase, &unseal};
    struct db *db = support_open("juxin_app", 1, 4, 1);
    struct db_call call = {.stmt = other};
    struct db_tx *tx;

    for (size_t i = 0; i < ARRAY_LEN(forbidden); i++) {
        assert_int_equal(db_begin(db, 1, DB_WRITE, NULL, &tx, NULL), 0);
        assert_int_equal(db_exec(tx, *forbidden[i], NULL, NULL), -EIO);
        assert_string_equal(db_tx_error(tx)->sqlstate, "42501");
        db_rollback(tx);
    }
    assert_int_equal(db_read(db, 77, &call, 1, NULL, NULL), 0);
    assert_int_equal(db_get_int(call.rows, 0, 0), 0);
    db_calls_done(&call, 1);
    db_close(db);
}

static void body_rotate(void *arg)
{
    struct db *db = support_open("juxin_app", 1, 4, 2);
    char path[] = "/tmp/juxin-keys-XXXXXX";
    struct keyring *old = NULL, *both = NULL;
    struct verify v;
    struct seal s;
    struct stat st;

    close(mkstemp(path));
    unlink(path);
    assert_int_equal(keyring_load(path, false, &old), -ENOENT);
    assert_int_equal(keyring_load(path, true, &old), 0);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    audit_set_keys(old);
    assert_int_equal(add_rows(db, 3, 2, true), 0);
    assert_int_equal(seal_batch(db, 3, old, &s), 0);
    assert_int_equal(keyring_rotate(path), 0);
    assert_int_equal(keyring_load(path, false, &both), 0);
    assert_string_not_equal(keyring_current(old), keyring_current(both));
    audit_set_keys(both);
    assert_int_equal(add_rows(db, 3, 2, true), 0);
    assert_int_equal(seal_batch(db, 3, both, &s), 0);
    v = (struct verify){.found = NULL};
    assert_int_equal(seal_verify(db, 3, both, &v), 0);
    assert_int_equal(v.faults, 0);
    assert_int_equal(seal_verify(db, 3, old, &v), 0);
    assert_true(v.faults > 0);
    assert_int_equal(chmod(path, 0644), 0);
    assert_int_equal(keyring_load(path, false, &old), -EPERM);
    audit_set_keys(keys);
    keyring_free(old);
    keyring_free(both);
    unlink(path);
    db_close(db);
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

IN_FIBER(seal)
IN_FIBER(tamper)
IN_FIBER(truncate)
IN_FIBER(two_sealers)
IN_FIBER(digest)
IN_FIBER(rights)
IN_FIBER(rotate)

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_migrate),
        cmocka_unit_test(test_seal),
        cmocka_unit_test(test_tamper),
        cmocka_unit_test(test_truncate),
        cmocka_unit_test(test_two_sealers),
        cmocka_unit_test(test_digest),
        cmocka_unit_test(test_digest_file),
        cmocka_unit_test(test_rights),
        cmocka_unit_test(test_rotate),
        cmocka_unit_test(test_burst),
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
