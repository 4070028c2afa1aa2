/* Small groups, hidden so that they cannot be found out.
 *
 * A row of cells and its margin are one equation, a column and its margin another. What is hidden is an edge between its row and
 * its column: whoever wants to change one hidden number without changing what is told has to go along edges that are hidden
 * too, up on one and down on the next, back to where they began (margins count the other way round). Down ends at one, since it
 * is known that a hidden group is not empty. Where there is no such way the number is certain, and more has to be hidden. */
#include <stdlib.h>

#include "base/mem.h"
#include "resource/report/statistics_table.h"

struct hide {
    struct stat_table *t;
    int64_t minimum;
    uint32_t nodes; /* rows and their margin, then columns and theirs */
    uint32_t *queue;
    bool *seen;
};

static bool is_small(const struct hide *h, const struct stat_cell *cell)
{
    return cell->n > 0 && cell->n < h->minimum;
}

static bool is_margin(const struct hide *h, uint32_t row, uint32_t column)
{
    return (row == h->t->rows) != (column == h->t->columns);
}

/* May the number at this edge rise (of a margin: fall)? The same the other way round for `up` being false. */
static bool may_change(const struct hide *h, uint32_t row, uint32_t column, bool up)
{
    const struct stat_cell *cell = stat_at(h->t, row, column);

    return cell->is_hidden && (up != is_margin(h, row, column) || cell->n > 1);
}

/* From a node to another along hidden edges, but for one: rising from rows to columns, falling back. */
static bool is_reached(struct hide *h, uint32_t from, uint32_t to, uint32_t skip_row, uint32_t skip_column)
{
    uint32_t rows = h->t->rows + 1, columns = h->t->columns + 1, head = 0, tail = 0;

    memset(h->seen, 0, h->nodes * sizeof(*h->seen));
    h->queue[tail++] = from;
    h->seen[from] = true;
    while (head < tail && !h->seen[to]) {
        uint32_t at = h->queue[head++];
        bool is_row = at < rows;

        for (uint32_t k = 0; k < (is_row ? columns : rows); k++) {
            uint32_t row = is_row ? at : k, column = is_row ? k : at - rows, next = is_row ? rows + k : k;

            if (h->seen[next] || (row == skip_row && column == skip_column) ||
                !may_change(h, row, column, is_row))
                continue;
            h->seen[next] = true;
            h->queue[tail++] = next;
        }
    }
    return h->seen[to];
}

/* Is there only one number that agrees with what is told? */
static bool is_certain(struct hide *h, uint32_t row, uint32_t column)
{
    uint32_t behind = h->t->rows + 1 + column;

    if (may_change(h, row, column, true) && is_reached(h, behind, row, row, column))
        return false;
    return !may_change(h, row, column, false) || !is_reached(h, row, behind, row, column);
}

/* ---- one grouping ---- */

struct line {
    struct stat_cell **cells;
    uint32_t count;
};

static bool line_is_certain(const struct hide *h, const struct line *l)
{
    uint32_t hidden = 0;
    int64_t sum = 0;
    bool small = false;

    for (uint32_t i = 0; i < l->count; i++) {
        hidden += l->cells[i]->is_hidden;
        sum += l->cells[i]->is_hidden ? l->cells[i]->n : 0;
        small |= is_small(h, l->cells[i]);
    }
    return small && (hidden == 1 || sum == hidden);
}

/* Hides the small ones, then the smallest of the others until none is certain; false when that does not come to be. The total is
 * told unless it is small itself. */
static bool hide_line(const struct hide *h, const struct line *l, const struct stat_cell *total)
{
    for (uint32_t i = 0; i < l->count; i++)
        l->cells[i]->is_hidden = is_small(h, l->cells[i]);
    if (is_small(h, total)) /* then they all are */
        return true;
    while (line_is_certain(h, l)) {
        struct stat_cell *best = NULL;

        for (uint32_t i = 0; i < l->count; i++)
            if (l->cells[i]->n > 0 && !l->cells[i]->is_hidden && (!best || l->cells[i]->n < best->n))
                best = l->cells[i];
        if (!best)
            return false;
        best->is_hidden = true;
    }
    return true;
}

static bool hide_margins(struct hide *h)
{
    struct stat_table *t = h->t;
    struct stat_cell *total = stat_at(t, t->rows, t->columns);
    struct line rows = {mem_zarray(t->rows, sizeof(*rows.cells)), t->rows};
    struct line columns = {mem_zarray(t->columns, sizeof(*columns.cells)), t->columns};
    bool ok;

    for (uint32_t i = 0; i < t->rows; i++)
        rows.cells[i] = stat_at(t, i, t->columns);
    for (uint32_t k = 0; k < t->columns; k++)
        columns.cells[k] = stat_at(t, t->rows, k);
    total->is_hidden = is_small(h, total);
    ok = hide_line(h, &rows, total);
    ok = (t->columns == 1 || hide_line(h, &columns, total)) && ok; /* one column is the total itself */
    if (t->columns == 1)
        columns.cells[0]->is_hidden = total->is_hidden;
    free(rows.cells);
    free(columns.cells);
    return ok;
}

/* ---- two groupings ---- */

struct corner {
    uint32_t row, column;
    int64_t cost;
};

/* May the number change, once it is hidden? Of the margins only those that are hidden already. */
static bool could_change(const struct hide *h, uint32_t row, uint32_t column, bool up)
{
    const struct stat_cell *cell = stat_at(h->t, row, column);
    bool is_inner = row < h->t->rows && column < h->t->columns;

    return cell->n > 0 && (cell->is_hidden || is_inner) && (up != is_margin(h, row, column) || cell->n > 1);
}

/* Could these four be shifted against each other? */
static bool could_shift(const struct hide *h, uint32_t row, uint32_t column, const struct corner *to, bool up)
{
    return could_change(h, row, column, up) && could_change(h, row, to->column, !up) &&
           could_change(h, to->row, column, !up) && could_change(h, to->row, to->column, up);
}

static int64_t cost_of(const struct stat_cell *cell)
{
    return cell->is_hidden ? 0 : cell->n;
}

/* Hides the cheapest three others that make the number uncertain. */
static bool hide_others(struct hide *h, uint32_t row, uint32_t column)
{
    const struct stat_table *t = h->t;
    struct corner best = {.cost = -1};

    for (uint32_t i = 0; i <= t->rows; i++) {
        for (uint32_t k = 0; k <= t->columns; k++) {
            struct corner to = {i, k, 0};

            if (i == row || k == column ||
                (!could_shift(h, row, column, &to, true) && !could_shift(h, row, column, &to, false)))
                continue;
            to.cost =
                cost_of(stat_at(t, row, k)) + cost_of(stat_at(t, i, column)) + cost_of(stat_at(t, i, k));
            if (best.cost < 0 || to.cost < best.cost)
                best = to;
        }
    }
    if (best.cost < 0)
        return false;
    stat_at(t, row, best.column)->is_hidden = true;
    stat_at(t, best.row, column)->is_hidden = true;
    stat_at(t, best.row, best.column)->is_hidden = true;
    return true;
}

static bool hide_cells(struct hide *h)
{
    const struct stat_table *t = h->t;

    for (uint32_t i = 0; i < t->rows; i++)
        for (uint32_t k = 0; k < t->columns; k++)
            stat_at(t, i, k)->is_hidden = is_small(h, stat_at(t, i, k));
    for (uint32_t i = 0; i <= t->rows; i++)
        for (uint32_t k = 0; k <= t->columns; k++)
            if (is_small(h, stat_at(t, i, k)) && is_certain(h, i, k) && !hide_others(h, i, k))
                return false;
    return true;
}

void stat_table_hide(struct stat_table *t, int64_t minimum)
{
    struct hide h = {.t = t, .minimum = minimum, .nodes = t->rows + t->columns + 2};

    h.queue = mem_zarray(h.nodes, sizeof(*h.queue));
    h.seen = mem_zarray(h.nodes, sizeof(*h.seen));
    t->is_withheld = !hide_margins(&h);
    if (!t->is_withheld && t->columns > 1)
        t->is_withheld = !hide_cells(&h);
    for (uint32_t i = 0; i < t->rows && t->columns == 1; i++)
        stat_at(t, i, 0)->is_hidden = stat_at(t, i, 1)->is_hidden;
    free(h.queue);
    free(h.seen);
}
