/* Running statistics: one statement in one snapshot, compared with the epoch the decision was made at; then the table. */
#include "resource/report/statistics.h"

#include <errno.h>
#include <stdlib.h>

#include "resource/record/gate.h"
#include "tenant/tree.h"

struct fill {
    struct call *c;
    const struct statistics *s;
    const struct db_rows *rows;
};

/* ---- the values of a grouping ---- */

struct ranked {
    const char *key;
    uint32_t rank; /* a unit's place in the tree */
};

static int by_rank(const void *a, const void *b)
{
    const struct ranked *x = a, *y = b;

    if (!x->key || !y->key)
        return !x->key - !y->key;
    return x->rank != y->rank ? (x->rank < y->rank ? -1 : 1) : strcmp(x->key, y->key);
}

static bool is_of_units(const struct stat_group *g)
{
    return g->kind == STAT_UNIT || g->kind == STAT_WITHIN;
}

static uint32_t rank_of(const struct fill *f, const struct stat_group *g, const char *key)
{
    struct uuid id;

    return key && is_of_units(g) && uuid_parse(text_of(key), &id) == 0 ? tree_find(f->c->tenant->tree, id)
                                                                       : 0;
}

/* What was found, in order. */
static void found_keys(const struct fill *f, int column, struct stat_keys *ret)
{
    uint32_t count = (uint32_t)db_rows_count(f->rows), n = 0;
    struct ranked *all = arena_array(f->c->arena, count + 1, sizeof(*all));

    for (uint32_t i = 0; i < count; i++) {
        const char *key = db_get(f->rows, (int)i, column);

        all[i] = (struct ranked){key, rank_of(f, &f->s->groups[column], key)};
    }
    qsort(all, count, sizeof(*all), by_rank);
    ret->keys = arena_array(f->c->arena, count + 1, sizeof(*ret->keys));
    for (uint32_t i = 0; i < count; i++)
        if (i == 0 || by_rank(&all[i - 1], &all[i]) != 0)
            ret->keys[n++] = all[i].key;
    ret->count = n;
}

static bool has_none(const struct fill *f, int column)
{
    for (int i = 0; i < db_rows_count(f->rows); i++)
        if (!db_get(f->rows, i, column))
            return true;
    return false;
}

/* All there are, found or not, and "none" where it was found. */
static void fixed_keys(const struct fill *f, int column, struct stat_keys *ret)
{
    const struct stat_group *g = &f->s->groups[column];
    const struct field *field = g->column.field;
    uint32_t count = g->kind == STAT_PERIOD         ? g->period_count
                     : g->kind == STAT_LEVEL        ? LEVELS
                     : field->type == FIELD_BOOLEAN ? 2
                                                    : field->value_count;

    ret->keys = arena_array(f->c->arena, count + 1, sizeof(*ret->keys));
    for (uint32_t i = 0; i < count; i++)
        ret->keys[i] = g->kind == STAT_PERIOD         ? arena_printf(f->c->arena, "%u", i + 1)
                       : g->kind == STAT_LEVEL        ? level_name((enum level)i)
                       : field->type == FIELD_BOOLEAN ? (i ? "false" : "true")
                                                      : field->values[i].value;
    ret->count = count + has_none(f, column);
}

static void make_keys(const struct fill *f, uint32_t column, struct stat_keys *ret)
{
    const struct stat_group *g = &f->s->groups[column];
    const struct field *field = g->column.field;

    if (g->kind == STAT_PERIOD || g->kind == STAT_LEVEL ||
        (g->kind == STAT_VALUE && (field->type == FIELD_ENUM || field->type == FIELD_BOOLEAN)))
        fixed_keys(f, (int)column, ret);
    else
        found_keys(f, (int)column, ret);
}

/* A grouping's values by their text, each with its place: as many rows are looked up as there are values. */
struct place {
    const char *key;
    uint32_t at;
};

static int by_key(const void *a, const void *b)
{
    const struct place *x = a, *y = b;

    return x->key && y->key ? strcmp(x->key, y->key) : !x->key - !y->key;
}

static struct place *places_of(const struct fill *f, const struct stat_keys *keys)
{
    struct place *all = arena_array(f->c->arena, keys->count + 1, sizeof(*all));

    for (uint32_t i = 0; i < keys->count; i++)
        all[i] = (struct place){keys->keys[i], i};
    qsort(all, keys->count, sizeof(*all), by_key);
    return all;
}

static uint32_t place_in(const struct place *all, const struct stat_keys *keys, const char *key)
{
    const struct place wanted = {.key = key};
    const struct place *found = bsearch(&wanted, all, keys->count, sizeof(*all), by_key);

    return found ? found->at : 0;
}

/* ---- the table ---- */

static int too_many_cells(struct call *c)
{
    return query_bad(c, TEXT("group"), "too_many_cells",
        "More than 10000 cells: narrow it, or group by less.", "超过 10000 个单元格，请缩小范围或减少分组。");
}

static int too_large(struct call *c)
{
    return call_fail(c, 422, "too_large", "A sum is beyond 64 bits.", "合计超出 64 位整数。");
}

static int fill_cell(const struct fill *f, int row, struct stat_cell *cell)
{
    int first = (int)f->s->group_count;

    cell->n = db_get_int(f->rows, row, first);
    for (uint32_t i = 0; i < f->s->sum_count; i++)
        if (text_to_i64(db_get_text(f->rows, row, first + 1 + (int)i), INT64_MIN, INT64_MAX, &cell->sums[i]) <
            0)
            return too_large(f->c);
    return 0;
}

static int fill_table(const struct fill *f, struct stat_result *out)
{
    struct place *places[STATISTICS_GROUPS_MAX] = {NULL};
    struct stat_table *t = &out->table;
    int r = 0;

    for (uint32_t i = 0; i < STATISTICS_GROUPS_MAX; i++) {
        out->keys[i].count = 1;
        if (i >= f->s->group_count)
            continue;
        make_keys(f, i, &out->keys[i]);
        places[i] = places_of(f, &out->keys[i]);
    }
    t->rows = out->keys[0].count;
    t->columns = out->keys[1].count;
    t->sum_count = f->s->sum_count;
    if (db_rows_count(f->rows) > STATISTICS_CELLS_MAX ||
        (uint64_t)t->rows * t->columns > STATISTICS_CELLS_MAX)
        return too_many_cells(f->c);
    t->cells = arena_array(f->c->arena, (size_t)(t->rows + 1) * (t->columns + 1), sizeof(*t->cells));
    for (int i = 0; i < db_rows_count(f->rows) && r == 0; i++) {
        uint32_t at[STATISTICS_GROUPS_MAX] = {0};

        for (uint32_t k = 0; k < f->s->group_count; k++)
            at[k] = place_in(places[k], &out->keys[k], db_get(f->rows, i, (int)k));
        r = fill_cell(f, i, stat_at(t, at[0], at[1]));
    }
    if (r == 0 && stat_table_add_up(t) < 0)
        r = too_large(f->c);
    return r;
}

/* Periods were counted by number. */
static void name_periods(struct call *c, const struct statistics *s, struct stat_result *out)
{
    for (uint32_t i = 0; i < s->group_count; i++) {
        const struct stat_group *g = &s->groups[i];

        for (uint32_t k = 0; g->kind == STAT_PERIOD && k < out->keys[i].count; k++)
            out->keys[i].keys[k] = period_name(c->arena, g->period, g->starts[k]);
    }
}

int statistics_run(struct call *c, const struct statistics *s, struct stat_result *ret)
{
    int r = s->query.counts_only ? gate_require_somewhere(c, s->query.res->plugin)
                                 : query_check_unit(c, &s->query);

    return r < 0 ? r : statistics_count(c, s, ret);
}

static const struct db_stmt list_successors = {"statistics.successors",
    "SELECT unit_id, into_id FROM juxin.unit_successor WHERE tenant_id = $1 ORDER BY unit_id"};

/* In the boundaries of today a record of a unit that was retired is its successor's. */
static int read_successors(struct call *c, struct statistics *s)
{
    struct db_args *a = arena_alloc(c->arena, sizeof(*a));
    struct db_call call = {.stmt = list_successors, .args = a};
    struct stat_successor *list;
    int r;

    db_args_reset(a);
    db_arg_int(a, c->tenant->id);
    r = call_read(c, &call, 1);
    if (r < 0)
        return r;
    list = arena_array(c->arena, (size_t)db_rows_count(call.rows) + 1, sizeof(*list));
    for (int i = 0; i < db_rows_count(call.rows); i++) {
        struct stat_successor x = {tree_find(c->tenant->tree, db_get_uuid(call.rows, i, 0)),
            tree_find(c->tenant->tree, db_get_uuid(call.rows, i, 1))};

        if (x.unit != TREE_NONE && x.into != TREE_NONE)
            list[s->successor_count++] = x;
    }
    s->successors = list;
    return 0;
}

int statistics_count(struct call *c, const struct statistics *asked, struct stat_result *ret)
{
    struct statistics copy = *asked, *s = &copy;
    struct query_sql *sql = arena_alloc(c->arena, sizeof(*sql));
    struct stat_result out = {.at_us = c->now_us};
    struct fill f = {.c = c, .s = s};
    struct db_call reads[2] = {0};
    struct db_args names;
    bool empty;
    int r;

    copy.successor_count = 0;
    r = tree_count(c->tenant->tree) ? read_successors(c, &copy) : 0;
    if (r < 0)
        return r;
    statistics_sql(c, s, sql, &empty);
    if (empty) {
        r = call_read(c, NULL, 0); /* the fence all the same: rights may just have been granted */
    } else {
        reads[0].stmt = sql->stmt;
        reads[0].args = &sql->args;
        reads[1].stmt = statistics_names(c, s, &names);
        reads[1].args = &names;
        r = call_read_slow(c, reads, s->tree == STAT_TREE_DAY ? 2 : 1);
    }
    f.rows = reads[0].rows;
    out.names = reads[1].rows;
    if (r == 0)
        r = fill_table(&f, &out);
    if (r < 0)
        return r;
    name_periods(c, s, &out);
    if (s->query.counts_only)
        stat_table_hide(&out.table, STATISTICS_MINIMUM);
    *ret = out;
    return 0;
}
