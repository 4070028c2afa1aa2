/* What of a table is hidden from who may count but not see: checked against everybody who reads it with pencil and paper. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h wants those above before it */
#include <cmocka.h>

#include <stdlib.h>

#include "base/mem.h"
#include "resource/report/statistics_table.h"

#define MINIMUM 3
#define SIDE 3

static uint64_t seed = 20261126;

static uint32_t roll(uint32_t below)
{
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(seed >> 33) % below;
}

static struct stat_table table_new(uint32_t rows, uint32_t columns, const int *numbers)
{
    struct stat_table t = {.rows = rows, .columns = columns};

    t.cells = mem_zarray((size_t)(rows + 1) * (columns + 1), sizeof(*t.cells));
    for (uint32_t i = 0; i < rows; i++)
        for (uint32_t k = 0; k < columns; k++)
            stat_at(&t, i, k)->n = numbers[i * columns + k];
    assert_int_equal(stat_table_add_up(&t), 0);
    return t;
}

static bool is_small(const struct stat_cell *cell, int64_t minimum)
{
    return cell->n > 0 && cell->n < minimum;
}

/* ---- everybody's pencil: all tables that agree with what is told ---- */

struct guess {
    const struct stat_table *told;
    int64_t inner[SIDE * SIDE];
    int64_t low[(SIDE + 1) * (SIDE + 1)], high[(SIDE + 1) * (SIDE + 1)];
    uint32_t found;
};

static int64_t guessed(const struct guess *g, uint32_t row, uint32_t column)
{
    const struct stat_table *t = g->told;
    int64_t sum = 0;

    for (uint32_t i = 0; i < t->rows; i++)
        for (uint32_t k = 0; k < t->columns; k++)
            if ((row == t->rows || row == i) && (column == t->columns || column == k))
                sum += g->inner[i * t->columns + k];
    return sum;
}

static bool agrees(const struct guess *g)
{
    const struct stat_table *t = g->told;

    for (uint32_t i = 0; i <= t->rows; i++)
        for (uint32_t k = 0; k <= t->columns; k++) {
            const struct stat_cell *cell = stat_at(t, i, k);

            if (cell->is_hidden ? guessed(g, i, k) == 0 : guessed(g, i, k) != cell->n)
                return false;
        }
    return true;
}

static void note(struct guess *g)
{
    const struct stat_table *t = g->told;

    for (uint32_t i = 0; i <= t->rows; i++)
        for (uint32_t k = 0; k <= t->columns; k++) {
            size_t at = (size_t)i * (t->columns + 1) + k;
            int64_t n = guessed(g, i, k);

            g->low[at] = g->found ? MIN(g->low[at], n) : n;
            g->high[at] = g->found ? MAX(g->high[at], n) : n;
        }
    g->found++;
}

static void guess_from(struct guess *g, uint32_t at, int64_t up_to)
{
    const struct stat_table *t = g->told;

    if (at == t->rows * t->columns) {
        if (agrees(g))
            note(g);
        return;
    }
    if (!stat_at(t, at / t->columns, at % t->columns)->is_hidden) {
        g->inner[at] = stat_at(t, at / t->columns, at % t->columns)->n;
        guess_from(g, at + 1, up_to);
        return;
    }
    for (g->inner[at] = 1; g->inner[at] <= up_to; g->inner[at]++)
        guess_from(g, at + 1, up_to);
}

static void assert_kept(const struct stat_table *t, int64_t minimum, int64_t up_to)
{
    struct guess g = {.told = t};

    guess_from(&g, 0, up_to);
    assert_true(g.found > 0);
    for (uint32_t i = 0; i <= t->rows; i++)
        for (uint32_t k = 0; k <= t->columns; k++) {
            size_t at = (size_t)i * (t->columns + 1) + k;

            if (!is_small(stat_at(t, i, k), minimum))
                continue;
            assert_true(stat_at(t, i, k)->is_hidden);
            if (g.low[at] == g.high[at])
                fail_msg("row %u column %u of %u x %u is %lld for certain", i, k, t->rows, t->columns,
                    (long long)g.low[at]);
        }
}

/* ---- tests ---- */

static void test_small_groups_cannot_be_found_out(void **state)
{
    uint32_t told = 0, withheld = 0, hidden = 0;

    (void)state;
    for (int round = 0; round < 4000; round++) {
        uint32_t rows = 1 + roll(SIDE), columns = 1 + roll(SIDE);
        int numbers[SIDE * SIDE];
        struct stat_table t;

        for (int i = 0; i < SIDE * SIDE; i++)
            numbers[i] = roll(3) == 0 ? 0 : (int)roll(7);
        if (columns == 3 && rows == 3 && round % 4)
            columns = 2; /* the pencil is slow */
        t = table_new(rows, columns, numbers);
        stat_table_hide(&t, MINIMUM);
        withheld += t.is_withheld;
        for (uint32_t i = 0; i < rows * columns && !t.is_withheld; i++) {
            told += !stat_at(&t, i / columns, i % columns)->is_hidden;
            hidden += stat_at(&t, i / columns, i % columns)->is_hidden;
        }
        if (!t.is_withheld)
            assert_kept(&t, MINIMUM, 7);
        free(t.cells);
    }
    print_message("%u cells told, %u hidden, %u tables withheld\n", told, hidden, withheld);
    assert_true(told > 2000 && hidden > 2000 && withheld < 600);
}

static void test_nothing_is_hidden_without_need(void **state)
{
    const int numbers[] = {3, 0, 9, 4, 12, 5};
    struct stat_table t = table_new(2, 3, numbers);

    (void)state;
    stat_table_hide(&t, MINIMUM);
    assert_false(t.is_withheld);
    for (uint32_t i = 0; i <= 2; i++)
        for (uint32_t k = 0; k <= 3; k++)
            assert_false(stat_at(&t, i, k)->is_hidden);
    free(t.cells);
}

/* The second smallest goes with the only small one; of a table of two groupings, a rectangle. */
static void test_the_smallest_others_go_along(void **state)
{
    const int line[] = {20, 1, 8, 0, 9};
    const int square[] = {1, 10, 30, 10, 10, 30, 30, 30, 30};
    struct stat_table t = table_new(5, 1, line);

    (void)state;
    stat_table_hide(&t, MINIMUM);
    for (uint32_t i = 0; i < 5; i++)
        assert_int_equal(stat_at(&t, i, 0)->is_hidden, i == 1 || i == 2);
    assert_false(stat_at(&t, 5, 1)->is_hidden);
    free(t.cells);
    t = table_new(3, 3, square);
    stat_table_hide(&t, MINIMUM);
    for (uint32_t i = 0; i < 9; i++)
        assert_int_equal(stat_at(&t, i / 3, i % 3)->is_hidden, i / 3 < 2 && i % 3 < 2);
    free(t.cells);
}

/* Shifting within the first and the last column alone leaves the sum of the first, which is small too. */
static void test_a_small_margin_cannot_be_found_out_either(void **state)
{
    const int numbers[] = {2, 13, 6, 2, 13, 6, 0, 0, 40};
    struct stat_table t = table_new(3, 3, numbers);

    (void)state;
    stat_table_hide(&t, 5);
    assert_false(t.is_withheld);
    assert_true(stat_at(&t, 3, 0)->is_hidden && stat_at(&t, 3, 1)->is_hidden);
    assert_kept(&t, 5, 15);
    free(t.cells);
}

static uint32_t assert_same_margins(
    const struct stat_table *two, bool is_row, uint32_t count, const int *sums)
{
    struct stat_table one = table_new(count, 1, sums);
    uint32_t compared = 0;

    stat_table_hide(&one, MINIMUM);
    for (uint32_t i = 0; i < count && !two->is_withheld && !one.is_withheld; i++, compared++)
        assert_int_equal(stat_at(two, is_row ? i : two->rows, is_row ? two->columns : i)->is_hidden,
            stat_at(&one, i, 0)->is_hidden);
    free(one.cells);
    return compared;
}

static void test_the_margins_are_those_of_each_grouping_alone(void **state)
{
    uint32_t compared = 0;

    (void)state;
    for (int round = 0; round < 500; round++) {
        int numbers[12], rows[4] = {0}, columns[3] = {0};
        struct stat_table two;

        for (int i = 0; i < 12; i++) {
            numbers[i] = (int)roll(5);
            rows[i / 3] += numbers[i];
            columns[i % 3] += numbers[i];
        }
        two = table_new(4, 3, numbers);
        stat_table_hide(&two, MINIMUM);
        compared += assert_same_margins(&two, true, 4, rows) + assert_same_margins(&two, false, 3, columns);
        free(two.cells);
    }
    assert_true(compared > 2000);
}

static void test_a_sum_beyond_64_bits_is_said(void **state)
{
    struct stat_table t = {.rows = 2, .columns = 1, .sum_count = 1};

    (void)state;
    t.cells = mem_zarray(6, sizeof(*t.cells));
    stat_at(&t, 0, 0)->sums[0] = stat_at(&t, 1, 0)->sums[0] = INT64_MAX - 1;
    assert_true(stat_table_add_up(&t) < 0);
    free(t.cells);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_small_groups_cannot_be_found_out),
        cmocka_unit_test(test_nothing_is_hidden_without_need),
        cmocka_unit_test(test_the_smallest_others_go_along),
        cmocka_unit_test(test_a_small_margin_cannot_be_found_out_either),
        cmocka_unit_test(test_the_margins_are_those_of_each_grouping_alone),
        cmocka_unit_test(test_a_sum_beyond_64_bits_is_said),
    };

    return cmocka_run_group_tests_name("statistics", tests, NULL, NULL);
}
