/* Which plugin runs where: cases worth a name. test_policy_table.c and test_policy_random.c have all the others. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/base.h"
#include "plugin/policy/policy.h"
#include "tenant/tree.h"

enum { COUNTY, STREET, COMMUNITY, STREET2, UNITS };

#define ALL_LEVELS 0x0f

static struct uuid id_of(uint8_t n)
{
    struct uuid id = UUID_NIL;

    id.b[15] = n;
    return id;
}

/* county ┬ street ─ community
 *        └ street2 */
static struct tree *make_tree(void)
{
    struct tree_unit units[UNITS] = {
        {id_of(1), UUID_NIL, "33", "区", LEVEL_COUNTY, false},
        {id_of(2), id_of(1), "3301", "街道", LEVEL_STREET, false},
        {id_of(3), id_of(2), "330101", "社区", LEVEL_COMMUNITY, false},
        {id_of(4), id_of(1), "3302", "街道二", LEVEL_STREET, false},
    };
    struct tree *t = NULL;
    size_t at;
    const char *why;

    assert_int_equal(tree_build(units, UNITS, &t, &at, &why), 0);
    return t;
}

static uint32_t unit_of(const struct tree *t, int which)
{
    static const uint8_t ids[] = {1, 2, 3, 4};

    return tree_find(t, id_of(ids[which]));
}

static void levels_masks_and_siblings(void **state)
{
    struct tree *t = make_tree();
    struct policy_plugin plugin = {.id = "p", .levels = 1u << LEVEL_COUNTY | 1u << LEVEL_STREET};
    struct policy_row rows[2] = {
        {.id = id_of(20),
            .unit = unit_of(t, COUNTY),
            .rule = POLICY_ON,
            .is_subtree = true,
            .until_us = INT64_MAX,
            .levels = 1u << LEVEL_STREET},
        {.id = id_of(21), .unit = unit_of(t, STREET2), .rule = POLICY_OFF, .until_us = INT64_MAX},
    };
    struct policy_set set = {&plugin, rows, 2};

    (void)state;
    assert_int_equal(policy_effective(t, &set, 1, "p", unit_of(t, COUNTY), 5).state, EFFECTIVE_OFF);
    assert_int_equal(policy_effective(t, &set, 1, "p", unit_of(t, STREET), 5).state, EFFECTIVE_ON);
    assert_int_equal(policy_effective(t, &set, 1, "p", unit_of(t, STREET2), 5).state, EFFECTIVE_OFF);
    assert_ptr_equal(policy_effective(t, &set, 1, "p", unit_of(t, STREET2), 5).decided_by, &rows[1]);
    assert_int_equal(
        policy_effective(t, &set, 1, "p", unit_of(t, COMMUNITY), 5).state, EFFECTIVE_NOT_APPLICABLE);
    assert_int_equal(policy_effective(t, &set, 1, "q", unit_of(t, COUNTY), 5).state, EFFECTIVE_UNAVAILABLE);
    tree_free(t);
}

static void time_changes_the_answer(void **state)
{
    struct tree *t = make_tree();
    struct policy_plugin plugin = {.id = "p", .levels = ALL_LEVELS};
    struct policy_row rows[2] = {
        {.id = id_of(20),
            .unit = unit_of(t, COUNTY),
            .rule = POLICY_ON,
            .is_subtree = true,
            .from_us = 100,
            .until_us = 200},
        {.id = id_of(21), .unit = unit_of(t, STREET), .rule = POLICY_OFF, .from_us = 0, .until_us = 150},
    };
    struct policy_set set = {&plugin, rows, 2};
    struct policy_answer a;

    (void)state;
    a = policy_effective(t, &set, 1, "p", unit_of(t, COUNTY), 99);
    assert_int_equal(a.state, EFFECTIVE_OFF);
    assert_true(a.next_change_us == 100);
    a = policy_effective(t, &set, 1, "p", unit_of(t, COUNTY), 100);
    assert_int_equal(a.state, EFFECTIVE_ON);
    assert_true(a.next_change_us == 200);
    assert_int_equal(policy_effective(t, &set, 1, "p", unit_of(t, COUNTY), 200).state, EFFECTIVE_OFF);
    /* At the street the county's begin changes nothing: the street's own row is nearer until it ends. */
    a = policy_effective(t, &set, 1, "p", unit_of(t, STREET), 50);
    assert_int_equal(a.state, EFFECTIVE_OFF);
    assert_true(a.next_change_us == 150);
    tree_free(t);
}

static void requirements_and_availability(void **state)
{
    struct tree *t = make_tree();
    static const char *const needs_b[] = {"b", NULL}, *const needs_a[] = {"a", NULL};
    struct policy_plugin a = {.id = "a", .levels = ALL_LEVELS, .default_on = true, .requires = needs_b};
    struct policy_plugin b = {.id = "b", .levels = ALL_LEVELS};
    struct policy_row on = {
        .id = id_of(30), .unit = unit_of(t, STREET), .rule = POLICY_ON, .until_us = INT64_MAX};
    struct policy_set sets[2] = {{&a, NULL, 0}, {&b, &on, 1}};
    struct policy_answer answer;

    (void)state;
    answer = policy_effective(t, sets, 2, "a", unit_of(t, COUNTY), 5);
    assert_int_equal(answer.state, EFFECTIVE_BLOCKED);
    assert_string_equal(answer.blocked_by, "b");
    assert_int_equal(policy_effective(t, sets, 2, "a", unit_of(t, STREET), 5).state, EFFECTIVE_ON);
    a.unavailable = "quarantined";
    assert_int_equal(policy_effective(t, sets, 2, "a", unit_of(t, STREET), 5).state, EFFECTIVE_UNAVAILABLE);
    a.unavailable = NULL;
    b.unavailable = "abi_mismatch";
    assert_int_equal(policy_effective(t, sets, 2, "a", unit_of(t, STREET), 5).state, EFFECTIVE_BLOCKED);
    b.unavailable = NULL;
    b.requires = needs_a; /* a circle */
    assert_int_equal(policy_effective(t, sets, 2, "a", unit_of(t, STREET), 5).state, EFFECTIVE_BLOCKED);
    tree_free(t);
}

/* Plugins that all need each other are refused at load and stay in the sets: asking about them ends all the same. */
static void a_knot_of_requirements(void **state)
{
    enum { KNOT = 8 };
    static const char *const ids[KNOT] = {"k0", "k1", "k2", "k3", "k4", "k5", "k6", "k7"};
    const char *requires[KNOT][KNOT];
    struct policy_plugin plugins[KNOT];
    struct policy_set sets[KNOT];
    struct tree *t = make_tree();

    (void)state;
    for (int i = 0; i < KNOT; i++) {
        int n = 0;

        for (int k = 0; k < KNOT; k++)
            if (k != i)
        requires[i][n++] = ids[k];
        requires[i][n] = NULL;
        plugins[i] = (struct policy_plugin){
            .id = ids[i], .levels = ALL_LEVELS, .default_on = true, .requires = requires[i]};
        sets[i] = (struct policy_set){&plugins[i], NULL, 0};
    }
    for (int i = 0; i < KNOT; i++)
        assert_int_equal(
            policy_effective(t, sets, KNOT, ids[i], unit_of(t, COUNTY), 5).state, EFFECTIVE_BLOCKED);
    tree_free(t);
}

/* Twenty storeys of three plugins, each needing all three below: sixty plugins, and 3^19 ways from top to bottom. */
static void many_ways_to_one_requirement(void **state)
{
    enum { STOREYS = 20, WIDE = 3, ALL = STOREYS * WIDE };
    static char ids[ALL][8];
    const char *requires[STOREYS][WIDE + 1];
    struct policy_plugin plugins[ALL];
    struct policy_set sets[ALL];
    struct tree *t = make_tree();

    (void)state;
    for (int i = 0; i < ALL; i++) {
        snprintf(ids[i], sizeof(ids[i]), "s%d", i);
        requires[i / WIDE][i % WIDE] = ids[(i + WIDE) % ALL];
        requires[i / WIDE][WIDE] = NULL;
        plugins[i] = (struct policy_plugin){.id = ids[i],
            .levels = ALL_LEVELS,
            .default_on = true,
            .requires = i < ALL - WIDE ? requires[i / WIDE] : NULL};
        sets[i] = (struct policy_set){&plugins[i], NULL, 0};
    }
    assert_int_equal(policy_effective(t, sets, ALL, ids[0], unit_of(t, COUNTY), 5).state, EFFECTIVE_ON);
    plugins[ALL - 1].default_on = false;
    assert_int_equal(policy_effective(t, sets, ALL, ids[0], unit_of(t, COUNTY), 5).state, EFFECTIVE_BLOCKED);
    tree_free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_knot_of_requirements),
        cmocka_unit_test(many_ways_to_one_requirement),
        cmocka_unit_test(levels_masks_and_siblings),
        cmocka_unit_test(time_changes_the_answer),
        cmocka_unit_test(requirements_and_availability),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
