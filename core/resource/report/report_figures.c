/* What of frozen reports goes out above the tenant: counts of the whole district, the small ones left out. All periods of
 * the year are written anew, since one of them may give away another; by one at a time, since two would not see each other's. */
#include "resource/report/report_hide.h"
#include "resource/report/report_row.h"
#include "tenant/tree.h"

/* Each indicator of each period, as its report frozen last has it. */
static const struct db_stmt frozen = {"report.frozen",
    "SELECT n.indicator, r.period, n.label_zh, n.label_en, n.measure_zh, n.measure_en, n.over, n.number, "
    "r.version, "
    "r.frozen_at FROM juxin.report r JOIN juxin.report_number n ON n.tenant_id = $1 AND n.report_id = r.id "
    "AND "
    "n.computation = r.computation WHERE r.tenant_id = $1 AND r.unit_id = $2 AND left(r.period, 4) = $3 AND "
    "r.state = "
    "'frozen' AND n.kind = 'count' AND n.number IS NOT NULL ORDER BY n.indicator, r.frozen_at DESC, r.id "
    "DESC"};
static const struct db_stmt clear = {
    "report.clear", "DELETE FROM juxin.report_figure WHERE tenant_id = $1 AND left(period, 4) = $2"};
static const struct db_stmt insert = {"report.figure",
    "INSERT INTO juxin.report_figure (tenant_id, period, indicator, label_zh, label_en, measure_zh, "
    "measure_en, number, "
    "version, frozen_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)"};

static int store(struct call *c, const struct db_rows *rows, int row, bool is_hidden)
{
    struct db_args a;

    db_args_reset(&a);
    db_arg_int(&a, c->tenant->id);
    db_arg_str(&a, db_get(rows, row, 1));
    db_arg_str(&a, db_get(rows, row, 0));
    for (int i = 2; i <= 5; i++)
        db_arg_str(&a, db_get(rows, row, i));
    db_arg_str(&a, is_hidden ? NULL : db_get(rows, row, 7));
    db_arg_str(&a, db_get(rows, row, 8));
    db_arg_str(&a, db_get(rows, row, 9));
    return db_exec(c->tx, insert, &a, NULL);
}

static bool is_known(const struct hide_number *numbers, uint32_t count, const char *period)
{
    for (uint32_t i = 0; i < count; i++)
        if (strcmp(numbers[i].period.name, period) == 0)
            return true;
    return false;
}

/* All periods of the indicator in that row; *ret_row is the first of the next one. What there was at the end of each adds up
 * to nothing, so that each is judged alone. */
static int write_indicator(struct call *c, const struct db_rows *rows, int first, int *ret_row)
{
    bool adds_up = strcmp(db_get(rows, first, 6), "period") == 0;
    struct hide_number *numbers;
    int *from, row = first, r = 0;
    uint32_t count = 0;

    while (row < db_rows_count(rows) && strcmp(db_get(rows, row, 0), db_get(rows, first, 0)) == 0)
        row++;
    *ret_row = row;
    numbers = arena_array(c->arena, (size_t)(row - first), sizeof(*numbers));
    from = arena_array(c->arena, (size_t)(row - first), sizeof(*from));
    for (int i = first; i < row; i++) {
        if (is_known(numbers, count, db_get(rows, i, 1)) ||
            period_parse(c->arena, db_get_text(rows, i, 1), &numbers[count].period) < 0)
            continue;
        numbers[count].number = db_get_int(rows, i, 7);
        from[count++] = i;
    }
    if (adds_up)
        report_hide(numbers, count, STATISTICS_MINIMUM);
    for (uint32_t i = 0; i < count && r == 0; i++) {
        if (!adds_up)
            report_hide(&numbers[i], 1, STATISTICS_MINIMUM);
        r = store(c, rows, from[i], numbers[i].is_hidden);
    }
    return r;
}

int report_figures(struct call *c, const struct report *r)
{
    const char *year = arena_printf(c->arena, "%.4s", r->period.name);
    struct db_args a, b;
    struct db_call call = {.stmt = frozen, .args = &a};
    int e, row = 0;

    if (tree_parent(c->tenant->tree, r->unit) != TREE_NONE)
        return 0;
    db_args_reset(&a);
    db_arg_int(&a, c->tenant->id);
    db_arg_uuid(&a, tree_unit(c->tenant->tree, r->unit).id);
    db_arg_str(&a, year);
    db_args_reset(&b);
    db_arg_int(&b, c->tenant->id);
    db_arg_str(&b, year);
    e = call_lock(c, "report_figures", false);
    if (e == 0)
        e = call_read(c, &call, 1);
    if (e == 0)
        e = db_exec(c->tx, clear, &b, NULL);
    while (e == 0 && row < db_rows_count(call.rows))
        e = write_indicator(c, call.rows, row, &row);
    return e;
}
