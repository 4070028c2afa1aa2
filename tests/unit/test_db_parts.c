/* The parts of db/ that need no database: connection strings, the statement cache, results, keys, Merkle roots. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h wants those above before it */
#include <cmocka.h>

#include <errno.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/clock.h"
#include "db/cipher.h"
#include "db/internal.h"
#include "db/keyring.h"
#include "db/seal.h"

static const char *value_of(const struct conninfo *c, const char *keyword)
{
    for (size_t i = 0; c->keyword[i]; i++)
        if (strcmp(c->keyword[i], keyword) == 0)
            return c->value[i];
    return "";
}

static void test_conninfo(void **state)
{
    PQconninfoOption *options = NULL;
    struct conninfo one;
    uint32_t hosts = 0;

    assert_int_equal(conninfo_parse("hostaddr=10.0.0.1,10.0.0.2 port=5432,5433 dbname=x options='-c a=b'"
                                    " connect_timeout=7",
                         &options, &hosts),
        0);
    assert_int_equal(hosts, 2);
    conninfo_for(options, 1, "-c c=d", &one);
    assert_string_equal(value_of(&one, "hostaddr"), "10.0.0.2");
    assert_string_equal(value_of(&one, "port"), "5433");
    assert_string_equal(value_of(&one, "options"), "-c a=b -c c=d");
    assert_string_equal(value_of(&one, "dbname"), "x");
    assert_string_equal(value_of(&one, "tcp_user_timeout"), "25000");
    assert_int_equal(conninfo_timeout_ms(options), 7000);
    PQconninfoFree(options);

    /* One port for several hosts; a socket directory. */
    assert_int_equal(conninfo_parse("host=/run/a,/run/b port=6000", &options, &hosts), 0);
    conninfo_for(options, 1, "", &one);
    assert_string_equal(value_of(&one, "host"), "/run/b");
    assert_string_equal(value_of(&one, "port"), "6000");
    PQconninfoFree(options);
    /* A name that would have to be looked up; with an address it is only the certificate's name. */
    assert_int_equal(conninfo_parse("host=db.example.org", &options, &hosts), -EINVAL);
    assert_int_equal(conninfo_parse("host=/run/a,db.example.org", &options, &hosts), -EINVAL);
    assert_int_equal(conninfo_parse("nonsense", &options, &hosts), -EINVAL);
    assert_int_equal(conninfo_parse("host=db.example.org hostaddr=10.0.0.1", &options, &hosts), 0);
    PQconninfoFree(options);
}

static void test_statement_cache(void **state)
{
    struct stmt_cache c = {.count = 0};
    struct stmt_entry *first, *again;
    char name[300][16];

    first = stmt_insert(&c, (struct db_stmt){"first", "SELECT 1"});
    assert_ptr_equal(stmt_find(&c, (struct db_stmt){"first", "SELECT 1"}), first);
    for (int i = 0; i < 300; i++) {
        snprintf(name[i], sizeof(name[i]), "n%d", i);
        stmt_insert(&c, (struct db_stmt){name[i], name[i]});
        assert_ptr_equal(stmt_find(&c, (struct db_stmt){"first", "SELECT 1"}), first); /* stays: it is used */
    }
    assert_int_equal(c.count, STMT_CACHE_MAX);
    assert_int_equal(c.drop_count, 301 - STMT_CACHE_MAX);
    assert_null(stmt_find(&c, (struct db_stmt){"n0", "n0"}));
    assert_non_null(stmt_find(&c, (struct db_stmt){"n299", "n299"}));
    /* Another text under the same name is another statement; the entry in flight lives on until it is answered. */
    first->refs++;
    assert_null(stmt_find(&c, (struct db_stmt){"first", "SELECT 2"}));
    again = stmt_insert(&c, (struct db_stmt){"first", "SELECT 2"});
    assert_int_not_equal(again->number, first->number);
    stmt_unref(first);
    stmt_cache_clear(&c);
}

static void test_results(void **state)
{
    PGresult *result = PQmakeEmptyPGresult(NULL, PGRES_TUPLES_OK);
    PGresAttDesc column[2] = {{.name = (char *)(uintptr_t) "a"}, {.name = (char *)(uintptr_t) "b"}};
    const struct db_rows *rows;
    struct db_error error;

    assert_true(PQsetResultAttrs(result, 2, column));
    assert_true(PQsetvalue(result, 0, 0, (char *)(uintptr_t) "2026-11-23 02:24:58.123456+00", 29));
    assert_true(PQsetvalue(result, 0, 1, NULL, -1));
    assert_true(PQsetvalue(result, 1, 0, (char *)(uintptr_t) "2026-11-23 02:24:58+00", 22));
    assert_true(PQsetvalue(result, 1, 1, (char *)(uintptr_t) "-42", 3));
    assert_true(PQsetvalue(result, 2, 0, (char *)(uintptr_t) "infinity", 8));
    assert_true(PQsetvalue(result, 2, 1, (char *)(uintptr_t) "t", 1));
    rows = rows_from(result);
    assert_int_equal(db_get_time(rows, 0, 0), 1795400698123456);
    assert_int_equal(db_get_time(rows, 1, 0), 1795400698000000);
    assert_int_equal(db_get_time(rows, 2, 0), INT64_MAX);
    assert_int_equal(db_get_time(rows, 0, 1), 0);
    assert_null(db_get(rows, 0, 1));
    assert_int_equal(db_get_int(rows, 1, 1), -42);
    assert_true(db_get_bool(rows, 2, 1));
    assert_true(uuid_is_nil(db_get_uuid(rows, 0, 1)));
    db_rows_free(rows_from(result));

    result = PQmakeEmptyPGresult(NULL, PGRES_FATAL_ERROR);
    assert_int_equal(error_from_result(result, &error), -ECONNRESET); /* an error that is not the server's */
    PQclear(result);
}

static void test_built_statements(void **state)
{
    struct arena *a = arena_new();
    struct db_stmt one = db_stmt_built(a, "SELECT 1"), same = db_stmt_built(a, "SELECT 1");
    struct db_stmt other = db_stmt_built(a, "SELECT 2");

    assert_string_equal(one.name, same.name);
    assert_string_not_equal(one.name, other.name);
    assert_string_equal(other.sql, "SELECT 2");
    arena_free(a);
}

static void write_keys(const char *path, const char *text)
{
    FILE *f = fopen(path, "w");

    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

/* The new key's id may be taken: an older key was dropped from the file since. */
static void test_rotation(const char *path)
{
    char taken[2][KEY_ID_MAX + 1];
    struct buf file = BUF_INIT;
    struct keyring *k = NULL;
    struct sha256 mac;

    for (int i = 0; i < 2; i++)
        snprintf(taken[i], sizeof(taken[i]), "k%d-%s", i + 3, date_format(date_of(clock_wall_us(), 0)).s);
    buf_addf(&file, "{\"current\": \"%s\", \"keys\": {\"%s\": \"%s\", \"%s\": \"%s\"}}", taken[0], taken[0],
        "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", taken[1],
        "BBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBA");
    write_keys(path, buf_str(&file));
    assert_int_equal(keyring_rotate(path), 0);
    assert_int_equal(keyring_load(path, false, &k), 0);
    for (int i = 0; i < 2; i++) {
        assert_string_not_equal(keyring_current(k), taken[i]);
        assert_int_equal(keyring_mac(k, taken[i], "audit", TEXT("x"), &mac), 0);
    }
    keyring_free(k);
    buf_done(&file);
}

static void test_keyring(void **state)
{
    static const char *const bad[] = {
        "",
        "[]",
        "{}",
        "{\"current\": \"a\", \"keys\": {}}",
        "{\"current\": \"a\", \"keys\": {\"a\": \"AAAA\"}}",
        "{\"current\": \"b\", \"keys\": {\"a\": \"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"}}",
        "{\"current\": \"a\", \"keys\": {\"a\": 1}}",
        /* an id that a rotation could not write again */
        "{\"current\": \"a\\\"\", \"keys\": {\"a\\\"\": \"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"}}",
    };
    char path[] = "/tmp/juxin-keys-XXXXXX";
    struct keyring *k = NULL;
    struct sha256 one, two;

    close(mkstemp(path));
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        write_keys(path, bad[i]);
        assert_int_equal(keyring_load(path, true, &k), -EINVAL);
    }
    write_keys(
        path, "{\"current\": \"a\", \"keys\": {\"a\": \"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"}}");
    assert_int_equal(keyring_load(path, false, &k), 0);
    assert_string_equal(keyring_current(k), "a");
    assert_int_equal(keyring_mac(k, "a", "audit", TEXT("x"), &one), 0);
    assert_int_equal(keyring_mac(k, "a", "seal", TEXT("x"), &two), 0);
    assert_memory_not_equal(one.b, two.b, SHA256_LEN);
    assert_int_equal(keyring_mac(k, "b", "audit", TEXT("x"), &one), -ENOKEY);
    keyring_free(k);
    test_rotation(path);
    assert_int_equal(chmod(path, 0604), 0);
    assert_int_equal(keyring_load(path, false, &k), -EPERM);
    unlink(path);
}

/* A disk that takes half of the new file: that is said, and nothing is left. */
static struct keyring *ring(const char *json)
{
    char path[] = "/tmp/juxin-keys-XXXXXX";
    struct keyring *k = NULL;

    close(mkstemp(path));
    write_keys(path, json);
    assert_int_equal(keyring_load(path, false, &k), 0);
    unlink(path);
    return k;
}

#define KEY_A "\"a\": \"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\""
#define KEY_B "\"b\": \"BAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\""

/* Sealed values: each bound to its place, changed in no byte, opened by the key they name. */
static void test_sealed_values(void **state)
{
    struct keyring *old = ring("{\"current\": \"a\", \"keys\": {" KEY_A "}}");
    struct keyring *both = ring("{\"current\": \"b\", \"keys\": {" KEY_A ", " KEY_B "}}");
    struct keyring *other = ring("{\"current\": \"b\", \"keys\": {" KEY_B "}}");
    struct buf sealed = BUF_INIT, again = BUF_INIT, plain = BUF_INIT;
    struct text place = TEXT("1|p.r|id|f");

    cipher_set_keys(NULL);
    assert_int_equal(cipher_seal(TEXT("x"), place, &sealed), -ENOKEY);
    cipher_set_keys(old);
    assert_int_equal(cipher_seal(TEXT("110101199001011234"), place, &sealed), 0);
    assert_int_equal(cipher_seal(TEXT("110101199001011234"), place, &again), 0);
    assert_string_not_equal(buf_str(&sealed), buf_str(&again));
    assert_memory_equal(sealed.data, "$A256GCM$a$", 11);
    assert_true(
        cipher_is_sealed(buf_text(&sealed)) && !cipher_is_sealed(TEXT("$5")) && !cipher_is_sealed(TEXT("")));
    cipher_set_keys(both); /* a new current key opens what the old one sealed */
    assert_int_equal(cipher_open(buf_text(&sealed), place, &plain), 0);
    assert_string_equal(buf_str(&plain), "110101199001011234");
    assert_true(cipher_is_old(buf_text(&sealed)));
    assert_int_equal(cipher_open(buf_text(&sealed), TEXT("1|p.r|id|g"), &plain), -EBADMSG);
    for (size_t i = 11; i < sealed.len; i++) {
        char was = sealed.data[i];

        sealed.data[i] = was == 'A' ? 'B' : 'A';
        assert_int_equal(cipher_open(buf_text(&sealed), place, &plain), -EBADMSG);
        sealed.data[i] = was;
    }
    assert_int_equal(cipher_open(TEXT("$A256GCM$a$"), place, &plain), -EBADMSG);
    assert_int_equal(cipher_open(TEXT("$SM4$a$AAAA"), place, &plain), -ENOTSUP);
    assert_int_equal(cipher_open(TEXT("plain"), place, &plain), -EINVAL);
    cipher_set_keys(other);
    assert_int_equal(cipher_open(buf_text(&sealed), place, &plain), -ENOKEY);
    assert_string_equal(buf_str(&plain), "110101199001011234"); /* nothing was added by what failed */
    cipher_set_keys(NULL);
    buf_done(&sealed);
    buf_done(&again);
    buf_done(&plain);
    keyring_free(old);
    keyring_free(both);
    keyring_free(other);
}

static void test_keyring_without_room(void **state)
{
    char path[] = "/tmp/juxin-keys-XXXXXX";
    struct keyring *k = NULL;
    struct rlimit before, little;
    int r;

    close(mkstemp(path));
    unlink(path);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    little = (struct rlimit){20, before.rlim_max};
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &little), 0);
    r = keyring_load(path, true, &k);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    signal(SIGXFSZ, SIG_DFL);
    assert_int_equal(r, -ENOSPC);
    assert_int_equal(access(path, F_OK), -1);
}

static void test_merkle_root(void **state)
{
    struct sha256 leaf[5], copy[5], root[6];

    for (int i = 0; i < 5; i++)
        leaf[i] = seal_leaf((struct uuid){{(uint8_t)i}}, TEXT("mac"));
    for (size_t n = 0; n <= 5; n++) {
        memcpy(copy, leaf, sizeof(copy));
        root[n] = seal_root(copy, n);
    }
    assert_memory_equal(root[1].b, leaf[0].b, SHA256_LEN);
    for (int i = 1; i <= 5; i++)
        assert_memory_not_equal(root[i].b, root[i - 1].b, SHA256_LEN);
    /* Order matters. */
    memcpy(copy, leaf, sizeof(copy));
    copy[0] = leaf[1];
    copy[1] = leaf[0];
    assert_memory_not_equal(seal_root(copy, 5).b, root[5].b, SHA256_LEN);
}

/* Twice in short order, or stopped by its timeout once: then it goes elsewhere, for that tenant only, until it has been
 * quick again. */
static void test_slow_list(void **state)
{
    struct slow_list l = {.count = 0};
    struct db_call calls[] = {{.stmt = {"quick", ""}}, {.stmt = {"other", ""}}};

    slow_note(&l, 1, calls, 2, 10, false);
    assert_int_equal(l.count, 0);
    slow_note(&l, 1, calls, 1, 80, false);
    assert_false(slow_is_known(&l, 1, calls, 1));
    slow_note(&l, 1, calls, 1, 10, false);
    slow_note(&l, 1, calls, 1, 10, false);
    assert_int_equal(l.count, 0);
    slow_note(&l, 1, calls, 1, 80, false);
    slow_note(&l, 1, calls, 1, 80, false);
    assert_true(slow_is_known(&l, 1, calls, 1));
    assert_false(slow_is_known(&l, 2, calls, 1));
    assert_false(slow_is_known(&l, 1, calls + 1, 1));
    assert_true(slow_is_known(&l, 1, calls, 2));
    for (int i = 0; i < 4; i++)
        slow_note(&l, 1, calls, 1, 10, false);
    assert_false(slow_is_known(&l, 1, calls, 1));
    assert_int_equal(l.count, 0);
    slow_note(&l, 2, calls + 1, 1, 0, true);
    assert_true(slow_is_known(&l, 2, calls + 1, 1));
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_conninfo),
        cmocka_unit_test(test_statement_cache),
        cmocka_unit_test(test_results),
        cmocka_unit_test(test_built_statements),
        cmocka_unit_test(test_keyring),
        cmocka_unit_test(test_sealed_values),
        cmocka_unit_test(test_keyring_without_room),
        cmocka_unit_test(test_merkle_root),
        cmocka_unit_test(test_slow_list),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
