/* Permissions, subjects, scopes, explanations and the bound of grants, on a small tree without a database. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h wants those above before it */
#include <cmocka.h>

#include "access/explain.h"
#include "access/grant.h"
#include "access/permission.h"
#include "access/subject.h"
#include "base/arena.h"
#include "base/clock.h"

#define FOREVER ((uint64_t)INT64_MAX)

static struct tenant tenant;
static uint32_t root, s1, s2, c11, c12, c21;
static uint32_t p_read, p_write;
static uint64_t reader[PERMISSIONS_MAX / 64], writer[PERMISSIONS_MAX / 64], nobody[PERMISSIONS_MAX / 64];

static struct uuid id_of(uint8_t n)
{
    struct uuid id = {{0}};

    id.b[15] = n;
    return id;
}

static struct tree_unit unit(uint8_t n, uint8_t parent, const char *code, enum level level)
{
    return (struct tree_unit){.id = id_of(n),
        .parent = parent ? id_of(parent) : UUID_NIL,
        .code = code,
        .name = code,
        .level = level};
}

static int setup(void **state)
{
    struct tree_unit units[] = {unit(1, 0, "root", LEVEL_COUNTY), unit(2, 1, "s1", LEVEL_STREET),
        unit(3, 1, "s2", LEVEL_STREET), unit(4, 2, "c11", LEVEL_COMMUNITY),
        unit(5, 2, "c12", LEVEL_COMMUNITY), unit(6, 3, "c21", LEVEL_COMMUNITY)};

    (void)state;
    if (tree_build(units, ARRAY_LEN(units), &tenant.tree, NULL, NULL) < 0)
        return -1;
    root = tree_find_code(tenant.tree, TEXT("root"));
    s1 = tree_find_code(tenant.tree, TEXT("s1"));
    s2 = tree_find_code(tenant.tree, TEXT("s2"));
    c11 = tree_find_code(tenant.tree, TEXT("c11"));
    c12 = tree_find_code(tenant.tree, TEXT("c12"));
    c21 = tree_find_code(tenant.tree, TEXT("c21"));
    p_read = permission_declare("test.thing.read", "看", "Read");
    p_write = permission_declare("test.thing.write", "写", "Write");
    reader[p_read / 64] |= 1ull << (p_read % 64);
    writer[p_read / 64] |= 1ull << (p_read % 64);
    writer[p_write / 64] |= 1ull << (p_write % 64);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    tree_free(tenant.tree);
    return 0;
}

static struct subject_grant grant(
    const uint64_t *bits, uint32_t at, enum reach reach, uint64_t from, uint64_t until)
{
    return (struct subject_grant){.permissions = bits,
        .unit = at,
        .end = tree_end(tenant.tree, at),
        .reach = reach,
        .from = from,
        .until = until,
        .role = "r",
        .grant_id = id_of((uint8_t)(100 + at))};
}

static void test_permissions(void **state)
{
    uint32_t n = permission_count(), p;

    (void)state;
    assert_int_equal(permission_find(TEXT("test.thing.read")), p_read);
    assert_int_equal(permission_declare("test.thing.read", "x", "y"), p_read);
    assert_int_equal(permission_count(), n);
    assert_string_equal(permission_info(p_read)->label_zh, "看");
    assert_int_equal(permission_find(TEXT("test.thing")), PERMISSION_NONE);
    p = permission_intern(TEXT("met.in.database"));
    assert_false(permission_info(p)->is_declared);
    assert_int_equal(permission_intern(TEXT("met.in.database")), p);
    assert_null(permission_info(permission_count()));
}

/* With and without the index: the same answers. */
static bool may(struct subject *s, uint32_t permission, uint32_t at)
{
    bool scanned, indexed;

    s->index = NULL;
    scanned = subject_may(s, &tenant, permission, at);
    s->index = subject_index_new();
    indexed = subject_may(s, &tenant, permission, at);
    assert_int_equal(scanned, indexed);
    assert_int_equal(subject_may(s, &tenant, permission, at), indexed);
    subject_index_free(s->index);
    s->index = NULL;
    return indexed;
}

static void test_reach(void **state)
{
    struct subject_grant g[] = {grant(reader, s1, REACH_SUBTREE, 0, FOREVER)};
    struct subject s = {.kind = SUBJECT_ACCOUNT, .grants = g, .grant_count = 1};

    (void)state;
    assert_true(may(&s, p_read, s1));
    assert_true(may(&s, p_read, c12));
    assert_false(may(&s, p_read, root));
    assert_false(may(&s, p_read, s2));
    assert_false(may(&s, p_read, c21));
    assert_false(may(&s, p_write, s1));
    g[0] = grant(reader, s1, REACH_SELF, 0, FOREVER);
    assert_true(may(&s, p_read, s1));
    assert_false(may(&s, p_read, c11));
    g[0] = grant(reader, s1, REACH_CHILDREN, 0, FOREVER);
    assert_false(may(&s, p_read, s1));
    assert_true(may(&s, p_read, c11));
    assert_false(may(&s, p_read, c21));
    g[0] = grant(reader, root, REACH_CHILDREN, 0, FOREVER);
    assert_true(may(&s, p_read, s2));
    assert_false(may(&s, p_read, c21));
    assert_false(may(&s, p_read, TREE_NONE));
    assert_false(may(&s, PERMISSION_NONE, root));
    s.kind = SUBJECT_OPERATOR;
    assert_true(may(&s, p_write, c21));
}

static void test_dates(void **state)
{
    uint64_t now = (uint64_t)clock_wall_us(), hour = 3600000000u;
    struct subject_grant g[] = {grant(reader, root, REACH_SUBTREE, 0, now - 1)};
    struct subject s = {.kind = SUBJECT_ACCOUNT, .grants = g, .grant_count = 1};

    (void)state;
    assert_false(may(&s, p_read, c11));
    assert_false(subject_may_anywhere(&s, p_read));
    g[0].until = now + hour;
    assert_true(may(&s, p_read, c11));
    g[0].from = now + hour / 2;
    assert_false(may(&s, p_read, c11));
    g[0].from = now - hour;
    assert_true(may(&s, p_read, c11));
    assert_true(subject_may_anywhere(&s, p_read));
    assert_false(subject_may_anywhere(&s, p_write));
}

/* All combinations of up to three grants of two roles, every unit: index, scan and scope agree, and no unit is in two
 * entries of a scope. */
static void test_agreement(void **state)
{
    struct arena *a = arena_new();
    uint32_t units = tree_count(tenant.tree), kinds = units * 3 * 2;

    (void)state;
    for (uint32_t mix = 0; mix < kinds * kinds; mix++) {
        struct subject_grant g[3];
        struct subject s = {.kind = SUBJECT_ACCOUNT, .grants = g, .grant_count = 3};
        struct scope scope;

        for (uint32_t k = 0, m = mix * 7 + 3; k < 3; k++, m = m / kinds + mix * k) {
            uint32_t pick = m % kinds;

            g[k] = grant(pick & 1 ? reader : writer, pick / 6, (enum reach)(pick / 2 % 3), 0, FOREVER);
        }
        subject_scope(&s, &tenant, p_write, a, &scope);
        for (uint32_t u = 0; u < units; u++) {
            uint32_t in = 0;

            for (uint32_t i = 0; i < scope.count; i++) {
                struct scope_entry e = scope.entries[i];

                in += e.reach == REACH_SELF       ? u == e.unit
                      : e.reach == REACH_CHILDREN ? tree_parent(tenant.tree, u) == e.unit
                                                  : tree_contains(u, e.unit, tree_end(tenant.tree, e.unit));
                assert_true(in <= 1);
            }
            assert_int_equal(in, may(&s, p_write, u));
        }
        arena_reset(a);
    }
    arena_free(a);
}

static void test_scope_is_small(void **state)
{
    struct subject_grant g[] = {grant(reader, c11, REACH_SELF, 0, FOREVER),
        grant(reader, s1, REACH_SUBTREE, 0, FOREVER), grant(reader, s1, REACH_SELF, 0, FOREVER),
        grant(reader, s1, REACH_CHILDREN, 0, FOREVER), grant(reader, s2, REACH_CHILDREN, 0, FOREVER),
        grant(reader, c21, REACH_SELF, 0, FOREVER)};
    struct subject s = {.kind = SUBJECT_ACCOUNT, .grants = g, .grant_count = ARRAY_LEN(g)};
    struct arena *a = arena_new();
    struct scope scope;

    (void)state;
    subject_scope(&s, &tenant, p_read, a, &scope);
    assert_int_equal(scope.count, 2);
    assert_int_equal(scope.entries[0].unit, s1);
    assert_int_equal(scope.entries[0].reach, REACH_SUBTREE);
    assert_int_equal(scope.entries[1].unit, s2);
    assert_false(scope.everywhere);
    g[0] = grant(reader, root, REACH_SUBTREE, 0, FOREVER);
    subject_scope(&s, &tenant, p_read, a, &scope);
    assert_true(scope.everywhere);
    assert_int_equal(scope.count, 1);
    arena_free(a);
}

static void test_within(void **state)
{
    uint64_t now = (uint64_t)clock_wall_us();
    int64_t soon = (int64_t)now + 1000000;
    struct subject_grant g[] = {grant(writer, s1, REACH_SUBTREE, 0, FOREVER)};
    struct subject s = {.kind = SUBJECT_ACCOUNT, .grants = g, .grant_count = 1};
    const struct tree *t = tenant.tree;
    uint32_t missing;

    (void)state;
    assert_true(grant_is_within(&s, t, reader, s1, REACH_SUBTREE, (int64_t)now, INT64_MAX, &missing));
    assert_true(grant_is_within(&s, t, writer, c11, REACH_SUBTREE, (int64_t)now, INT64_MAX, &missing));
    assert_true(grant_is_within(&s, t, writer, s1, REACH_CHILDREN, (int64_t)now, soon, &missing));
    assert_false(grant_is_within(&s, t, reader, root, REACH_SUBTREE, (int64_t)now, INT64_MAX, &missing));
    assert_int_equal(missing, p_read);
    assert_false(grant_is_within(&s, t, reader, root, REACH_CHILDREN, (int64_t)now, INT64_MAX, &missing));
    g[0].reach = REACH_SELF;
    assert_true(grant_is_within(&s, t, reader, s1, REACH_SELF, (int64_t)now, INT64_MAX, &missing));
    assert_false(grant_is_within(&s, t, reader, s1, REACH_SUBTREE, (int64_t)now, INT64_MAX, &missing));
    g[0].reach = REACH_SUBTREE;
    g[0].until = (uint64_t)soon;
    assert_false(grant_is_within(&s, t, reader, s1, REACH_SELF, (int64_t)now, INT64_MAX, &missing));
    assert_true(grant_is_within(&s, t, reader, s1, REACH_SELF, (int64_t)now, soon, &missing));
    g[0].permissions = reader;
    g[0].until = FOREVER;
    assert_false(grant_is_within(&s, t, writer, s1, REACH_SELF, (int64_t)now, soon, &missing));
    assert_int_equal(missing, p_write);
    assert_true(grant_is_within(&s, t, nobody, root, REACH_SUBTREE, 0, INT64_MAX, &missing));
}

static void test_explain(void **state)
{
    int64_t now = clock_wall_us();
    struct subject_grant g[] = {grant(reader, s2, REACH_SUBTREE, 0, FOREVER),
        grant(nobody, s1, REACH_SUBTREE, 0, FOREVER),
        grant(reader, s1, REACH_SELF, (uint64_t)now + 9000000, FOREVER)};
    struct subject_grant ended = grant(writer, root, REACH_SUBTREE, 1, (uint64_t)now - 5);
    struct subject s = {.kind = SUBJECT_ACCOUNT, .grants = g, .grant_count = 3};
    struct arena *a = arena_new();
    struct explain_answer x;

    (void)state;
    explain(&s, &tenant, p_read, s1, now, &ended, 1, a, &x);
    assert_false(x.may);
    assert_int_equal(x.count, 4);
    assert_int_equal(x.lines[0].reason, EXPLAIN_NOT_YET);
    assert_int_equal(x.lines[1].reason, EXPLAIN_EXPIRED);
    assert_int_equal(x.lines[2].reason, EXPLAIN_OTHER_UNIT);
    assert_int_equal(x.lines[3].reason, EXPLAIN_ROLE_LACKS);
    explain(&s, &tenant, p_read, c21, now, NULL, 0, a, &x);
    assert_true(x.may);
    assert_int_equal(x.count, 1);
    assert_int_equal(x.lines[0].unit, s2);
    assert_int_equal(x.may, subject_may(&s, &tenant, p_read, c21));
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_permissions),
        cmocka_unit_test(test_reach),
        cmocka_unit_test(test_dates),
        cmocka_unit_test(test_agreement),
        cmocka_unit_test(test_scope_is_small),
        cmocka_unit_test(test_within),
        cmocka_unit_test(test_explain),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
