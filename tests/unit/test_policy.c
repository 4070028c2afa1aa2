/* Which plugin runs where: against a second, naive statement of the rules, over every small case. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/base.h"
#include "plugin/policy.h"
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

/* One slot may hold: nothing, or one of 4 rules with one of 2 reaches. */
#define CHOICES 9

static bool make_row(struct policy_row *row, uint32_t unit, int choice, uint8_t id)
{
    if (choice == 0)
        return false;
    *row = (struct policy_row){.id = id_of(id),
        .unit = unit,
        .rule = (enum policy_rule)((choice - 1) % 4),
        .is_subtree = unit == TREE_NONE || choice > 4,
        .from_us = 0,
        .until_us = INT64_MAX};
    return true;
}

/* The rules once more, along one path from the deployment to the unit. choices[0] is the deployment's. */
static enum policy_state naive(const int *choices, int depth, bool default_on)
{
    enum policy_state state = default_on ? EFFECTIVE_ON : EFFECTIVE_OFF;

    for (int at = 0; at <= depth; at++) {
        bool reaches = choices[at] != 0 && (at == 0 || at == depth || choices[at] > 4);

        if (!reaches)
            continue;
        if ((choices[at] - 1) % 4 == POLICY_MANDATORY)
            return EFFECTIVE_ON;
        if ((choices[at] - 1) % 4 == POLICY_FORBIDDEN)
            return EFFECTIVE_OFF;
    }
    for (int at = 0; at <= depth; at++) {
        bool reaches = choices[at] != 0 && (at == 0 || at == depth || choices[at] > 4);

        if (reaches)
            state = (choices[at] - 1) % 4 == POLICY_ON ? EFFECTIVE_ON : EFFECTIVE_OFF;
    }
    return state;
}

static void truth_table_at_depth_three(void **state)
{
    struct tree *t = make_tree();
    int cases = 0;

    (void)state;
    for (int n = 0; n < CHOICES * CHOICES * CHOICES * CHOICES * 2; n++) {
        int choices[4] = {n / 2 % CHOICES, n / 2 / CHOICES % CHOICES, n / 2 / CHOICES / CHOICES % CHOICES,
            n / 2 / CHOICES / CHOICES / CHOICES % CHOICES};
        struct policy_plugin plugin = {.id = "p", .levels = ALL_LEVELS, .default_on = n % 2};
        uint32_t path[4] = {TREE_NONE, unit_of(t, COUNTY), unit_of(t, STREET), unit_of(t, COMMUNITY)};
        struct policy_row rows[4];
        struct policy_set set = {&plugin, rows, 0};

        for (int at = 0; at < 4; at++)
            set.count += make_row(&rows[set.count], path[at], choices[at], (uint8_t)(10 + at));
        for (int depth = 1; depth <= 3; depth++) {
            struct policy_answer a = policy_effective(t, &set, 1, "p", path[depth], 1000);

            assert_int_equal(a.state, naive(choices, depth, plugin.default_on));
            assert_true(a.next_change_us == INT64_MAX);
            cases++;
        }
        /* The order of the rows is no part of the answer. */
        for (size_t turn = 1; turn < set.count; turn++) {
            struct policy_row first = rows[0];
            struct policy_answer a;

            memmove(rows, rows + 1, (set.count - 1) * sizeof(rows[0]));
            rows[set.count - 1] = first;
            a = policy_effective(t, &set, 1, "p", path[3], 1000);
            assert_int_equal(a.state, naive(choices, 3, plugin.default_on));
        }
    }
    assert_int_equal(cases, 9 * 9 * 9 * 9 * 2 * 3);
    tree_free(t);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(truth_table_at_depth_three),
        cmocka_unit_test(levels_masks_and_siblings),
        cmocka_unit_test(time_changes_the_answer),
        cmocka_unit_test(requirements_and_availability),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
