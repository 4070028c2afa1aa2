/* A table of counts with its margins, and what of it is hidden from who may count but not see. Pure: no call, no database. */
#pragma once

#include "base/base.h"

#define STATISTICS_SUMS_MAX 4
#define STATISTICS_CELLS_MAX 10000 /* margins not counted */
#define STATISTICS_MINIMUM 5       /* a smaller group is hidden from who may count but not see */

struct stat_cell {
    int64_t n;
    int64_t sums[STATISTICS_SUMS_MAX];
    bool is_hidden;
};

/* rows × columns cells; the row behind the last and the column behind the last are the margins. A table of one grouping has one
 * column, one of no grouping one row as well. */
struct stat_table {
    uint32_t rows, columns, sum_count;
    struct stat_cell *cells; /* (rows + 1) × (columns + 1) */
    bool is_withheld;        /* nothing but the total can be told */
};

static inline struct stat_cell *stat_at(const struct stat_table *t, uint32_t row, uint32_t column)
{
    return &t->cells[(size_t)row * (t->columns + 1) + column];
}

/* Fills the margins from the cells; -ERANGE when a sum is beyond 64 bits. */
MUSTCHECK int stat_table_add_up(struct stat_table *t);
/* Hides every group smaller than the minimum, and as many others as keep it from being found out: for each of the small ones
 * there are several numbers that agree with everything that is told (that what is told as hidden is not zero, too). The
 * margins are hidden as in the tables of each grouping alone, so that those add nothing. */
void stat_table_hide(struct stat_table *t, int64_t minimum);
