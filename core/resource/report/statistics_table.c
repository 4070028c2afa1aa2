/* Margins of a table. */
#include "resource/report/statistics_table.h"

#include <errno.h>

static bool add(struct stat_cell *to, const struct stat_cell *from, uint32_t sums)
{
    bool over = __builtin_add_overflow(to->n, from->n, &to->n);

    for (uint32_t i = 0; i < sums; i++)
        over |= __builtin_add_overflow(to->sums[i], from->sums[i], &to->sums[i]);
    return !over;
}

int stat_table_add_up(struct stat_table *t)
{
    bool ok = true;

    for (uint32_t i = 0; i < t->rows; i++) {
        for (uint32_t k = 0; k < t->columns; k++) {
            const struct stat_cell *cell = stat_at(t, i, k);

            ok &= add(stat_at(t, i, t->columns), cell, t->sum_count);
            ok &= add(stat_at(t, t->rows, k), cell, t->sum_count);
        }
        ok &= add(stat_at(t, t->rows, t->columns), stat_at(t, i, t->columns), t->sum_count);
    }
    return ok ? 0 : -ERANGE;
}
