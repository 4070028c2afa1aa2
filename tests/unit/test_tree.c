/* The tree in memory: order, ancestors, refusals, and random trees against a naive model. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h wants those above before it */
#include <cmocka.h>

#include <errno.h>

#include "base/clock.h"
#include "base/mem.h"
#include "tenant/tree.h"

static struct uuid id_of(uint32_t n)
{
    struct uuid id = {{0}};

    id.b[0] = 1;
    memcpy(&id.b[4], &n, sizeof(n));
    return id;
}

static struct tree_unit unit(uint32_t n, uint32_t parent, const char *code, enum level level)
{
    return (struct tree_unit){.id = id_of(n),
        .parent = parent ? id_of(parent) : UUID_NIL,
        .code = code,
        .name = "䌷ｅ〇、",
        .level = level};
}

static void test_small(void **state)
{
    struct tree_unit units[] = {
        unit(4, 2, "c1", LEVEL_COMMUNITY),
        unit(1, 0, "root", LEVEL_COUNTY),
        unit(3, 1, "s2", LEVEL_STREET),
        unit(2, 1, "s1", LEVEL_STREET),
        unit(5, 3, "c2", LEVEL_COMMUNITY),
    };
    struct tree *t;
    uint32_t root, s1, c1;

    (void)state;
    assert_int_equal(tree_build(units, ARRAY_LEN(units), &t, NULL, NULL), 0);
    root = tree_find(t, id_of(1));
    s1 = tree_find_code(t, TEXT("s1"));
    c1 = tree_find(t, id_of(4));
    assert_int_equal(root, 0);
    assert_int_equal(tree_end(t, root), 5);
    assert_int_equal(tree_parent(t, root), TREE_NONE);
    assert_int_equal(tree_parent(t, c1), s1);
    assert_true(tree_contains(c1, s1, tree_end(t, s1)));
    assert_false(
        tree_contains(c1, tree_find_code(t, TEXT("s2")), tree_end(t, tree_find_code(t, TEXT("s2")))));
    assert_int_equal(tree_ancestor(t, c1, 0), root);
    assert_int_equal(tree_ancestor(t, c1, 1), s1);
    assert_int_equal(tree_ancestor(t, c1, 2), c1);
    assert_int_equal(tree_ancestor(t, c1, 3), TREE_NONE);
    assert_string_equal(tree_unit(t, c1).name, "䌷ｅ〇、");
    assert_string_equal(tree_unit(t, c1).code, "c1");
    assert_int_equal(tree_find_code(t, TEXT("c")), TREE_NONE);
    assert_int_equal(tree_find(t, id_of(9)), TREE_NONE);
    tree_free(t);
}

static void test_empty(void **state)
{
    struct tree *t;

    (void)state;
    assert_int_equal(tree_build(NULL, 0, &t, NULL, NULL), 0);
    assert_int_equal(tree_count(t), 0);
    assert_int_equal(tree_find(t, id_of(1)), TREE_NONE);
    assert_int_equal(tree_find_code(t, TEXT("x")), TREE_NONE);
    tree_free(t);
    tree_free(NULL);
}

static void refused(const struct tree_unit *units, size_t count, const char *why, size_t at)
{
    struct tree *t = NULL;
    const char *said = NULL;
    size_t where = 99;

    assert_int_equal(tree_build(units, count, &t, &where, &said), -EINVAL);
    assert_null(t);
    assert_string_equal(said, why);
    assert_int_equal(where, at);
}

/* The same where thousands of good units come before. */
static void far_refusals(void)
{
    uint32_t n = 3000;
    struct tree_unit *units = mem_zarray(n, sizeof(*units)), last;
    char(*codes)[16] = mem_zarray(n, sizeof(*codes));

    for (uint32_t i = 0; i < n; i++) {
        snprintf(codes[i], sizeof(codes[i]), "u%06u", i);
        units[i] = unit(i + 1, i ? 1 : 0, codes[i], i ? LEVEL_STREET : LEVEL_COUNTY);
    }
    last = units[n - 1];
    units[n - 1].id = units[17].id;
    refused(units, n, "duplicate id", n - 1);
    units[n - 1] = last;
    units[n - 1].code = units[17].code;
    refused(units, n, "duplicate code", n - 1);
    units[n - 1] = last;
    units[n - 1].parent = id_of(n + 9);
    refused(units, n, "unknown parent", n - 1);
    units[n - 1].parent = UUID_NIL;
    refused(units, n, "more than one root", n - 1);
    units[n - 1] = last;
    units[n - 1].parent = units[n - 2].id;
    refused(units, n, "level not allowed under its parent", n - 1);
    free(units);
    free(codes);
}

static void test_refusals(void **state)
{
    struct tree_unit two_roots[] = {unit(1, 0, "a", LEVEL_COUNTY), unit(2, 0, "b", LEVEL_COUNTY)};
    struct tree_unit unknown[] = {unit(1, 0, "a", LEVEL_COUNTY), unit(2, 7, "b", LEVEL_STREET)};
    struct tree_unit same_id[] = {unit(1, 0, "a", LEVEL_COUNTY), unit(1, 1, "b", LEVEL_STREET)};
    struct tree_unit same_code[] = {unit(1, 0, "a", LEVEL_COUNTY), unit(2, 1, "a", LEVEL_STREET)};
    struct tree_unit level[] = {
        unit(1, 0, "a", LEVEL_COUNTY), unit(2, 1, "b", LEVEL_COMMUNITY), unit(3, 2, "c", LEVEL_STREET)};
    struct tree_unit cycle[] = {
        unit(1, 0, "a", LEVEL_COUNTY), unit(2, 3, "b", LEVEL_PARK), unit(3, 2, "c", LEVEL_PARK)};
    struct tree_unit self[] = {unit(1, 0, "a", LEVEL_COUNTY), unit(2, 2, "b", LEVEL_PARK)};
    struct tree_unit rootless[] = {unit(1, 2, "a", LEVEL_PARK), unit(2, 1, "b", LEVEL_PARK)};
    struct tree_unit deep[] = {unit(1, 0, "a", LEVEL_COUNTY), unit(2, 1, "b", LEVEL_PARK),
        unit(3, 2, "c", LEVEL_PARK), unit(4, 3, "d", LEVEL_PARK), unit(5, 4, "e", LEVEL_PARK),
        unit(6, 5, "f", LEVEL_PARK)};

    (void)state;
    refused(two_roots, 2, "more than one root", 1);
    refused(unknown, 2, "unknown parent", 1);
    refused(same_id, 2, "duplicate id", 1);
    refused(same_code, 2, "duplicate code", 1);
    refused(level, 3, "level not allowed under its parent", 2);
    refused(cycle, 3, "cycle", 1);
    refused(self, 2, "cycle", 1);
    refused(rootless, 2, "cycle", 0);
    refused(deep, 6, "too deep", 5);
    far_refusals();
}

static uint32_t seed = 20261123;

static uint32_t random_below(uint32_t n)
{
    seed = seed * 1664525u + 1013904223u;
    return (seed >> 8) % n;
}

static bool naive_under(const uint32_t *parent, uint32_t unit_, uint32_t ancestor)
{
    for (uint32_t u = unit_;; u = parent[u]) {
        if (u == ancestor)
            return true;
        if (u == 0)
            return false;
    }
}

enum input_order { ANY, PREORDER_CODES_DOWN, PREORDER_CODES_UP };

/* A parent for unit i that keeps preorder: the unit before, or one above it. */
static uint32_t last_or_above(const uint32_t *parent, const uint32_t *depth, uint32_t i)
{
    uint32_t up = i - 1;

    for (uint32_t steps = random_below(depth[up] + 1); steps > 0 || depth[up] == TREE_DEPTH_MAX;
         steps -= steps > 0)
        up = parent[up];
    return up;
}

/* Parks hold parks, so any shape within the depth is a tree. */
static void one_random_tree(uint32_t n, enum input_order order)
{
    struct tree_unit *units = mem_zarray(n, sizeof(*units));
    uint32_t *parent = mem_zarray(n, sizeof(*parent)), *depth = mem_zarray(n, sizeof(*depth));
    char(*codes)[16] = mem_zarray(n, sizeof(*codes));
    struct tree *t;

    for (uint32_t i = 0; i < n; i++) {
        snprintf(codes[i], sizeof(codes[i]), order == ANY ? "u%u" : "u%06u",
            order == PREORDER_CODES_DOWN ? n - i : i);
        if (i) {
            do
                parent[i] = order == ANY ? random_below(i) : last_or_above(parent, depth, i);
            while (depth[parent[i]] == TREE_DEPTH_MAX);
            depth[i] = depth[parent[i]] + 1;
        }
        units[i] = unit(i + 1, i ? parent[i] + 1 : 0, codes[i], i ? LEVEL_PARK : LEVEL_COUNTY);
    }
    for (uint32_t i = n; order == ANY && i-- > 1;) {
        uint32_t j = random_below(i + 1);
        struct tree_unit swap = units[i];

        units[i] = units[j];
        units[j] = swap;
    }
    assert_int_equal(tree_build(units, n, &t, NULL, NULL), 0);
    assert_int_equal(tree_count(t), n);
    for (uint32_t i = 0; i < n; i++) {
        uint32_t a = tree_find(t, id_of(i + 1));

        assert_int_not_equal(a, TREE_NONE);
        assert_true(order == ANY || a == i);
        assert_string_equal(tree_unit(t, a).code, codes[i]);
        assert_int_equal(a, tree_find_code(t, text_of(codes[i])));
        assert_int_equal(tree_depth(t, a), depth[i]);
        assert_int_equal(tree_parent(t, a), i ? tree_find(t, id_of(parent[i] + 1)) : TREE_NONE);
        for (int k = 0; k < 8; k++) {
            uint32_t j = random_below(n), b = tree_find(t, id_of(j + 1));

            assert_int_equal(tree_contains(a, b, tree_end(t, b)), naive_under(parent, i, j));
            if (depth[j] <= depth[i])
                assert_int_equal(tree_ancestor(t, a, depth[j]) == b, naive_under(parent, i, j));
        }
    }
    tree_free(t);
    free(units);
    free(parent);
    free(depth);
    free(codes);
}

static void test_random(void **state)
{
    (void)state;
    for (uint32_t i = 1; i <= 60; i++)
        one_random_tree(1 + random_below(i * 8), (enum input_order)(i % 3));
    for (uint32_t i = 0; i < 9; i++)
        one_random_tree(1000 + random_below(3000), (enum input_order)(i % 3));
}

static void test_levels(void **state)
{
    enum level l;

    (void)state;
    assert_int_equal(level_parse(TEXT("park"), &l), 0);
    assert_int_equal(l, LEVEL_PARK);
    assert_int_equal(level_parse(TEXT("parks"), &l), -EINVAL);
    assert_string_equal(level_name(LEVEL_STREET), "street");
    assert_true(level_may_contain(LEVEL_COUNTY, LEVEL_STREET));
    assert_true(level_may_contain(LEVEL_PARK, LEVEL_COMMUNITY));
    assert_false(level_may_contain(LEVEL_STREET, LEVEL_STREET));
    assert_false(level_may_contain(LEVEL_COMMUNITY, LEVEL_PARK));
    assert_false(level_may_contain(LEVEL_STREET, LEVEL_COUNTY));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_small),
        cmocka_unit_test(test_empty),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_random),
        cmocka_unit_test(test_levels),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
