/* Statistics as SQL: records are counted by what stands in them, then groups of units are put together, so that each unit is
 * looked up once and not with each of its records. */
#include "base/clock.h"
#include "resource/statistics.h"
#include "tenant/pgarray.h"
#include "tenant/tree.h"

#define ROWS_MAX (STATISTICS_CELLS_MAX + 1)

struct making {
    struct call *c;
    const struct statistics *s;
    struct db_args *args;
    struct buf inner, outer, joins;
};

static bool is_mapped(const struct stat_group *g)
{
    return g->kind == STAT_LEVEL || g->kind == STAT_WITHIN;
}

/* $5::date[]: where each period begins. */
static const char *starts(struct making *m, const struct stat_group *g)
{
    bool is_date = g->column.field->type == FIELD_DATE;
    struct pgarray list = PGARRAY_INIT;
    const char *arg;

    for (uint32_t i = 0; i < g->period_count; i++) {
        struct clock_text day = date_format(g->starts[i]);

        pgarray_str(&list, is_date ? day.s : arena_printf(m->c->arena, "%s 00:00:00+08", day.s));
    }
    arg = query_arg(m->c->arena, m->args, arena_dup(m->c->arena, pgarray_end(&list)),
        is_date ? "::date[]" : "::timestamptz[]");
    pgarray_done(&list);
    return arg;
}

static void add_key(struct making *m, uint32_t i)
{
    const struct stat_group *g = &m->s->groups[i];

    if (g->kind == STAT_PERIOD)
        buf_addf(&m->inner, "width_bucket(%s, %s) AS k%u, ", g->column.sql, starts(m, g), i);
    else
        buf_addf(&m->inner, "%s AS k%u, ", g->column.sql, i);
    buf_addf(&m->outer, is_mapped(g) ? "m%u.k, " : "g.k%u::text, ", i);
}

/* The unit of that level which a unit is or lies in, or its level. */
static const char *mapped(
    const struct tree *t, const struct stat_group *g, uint32_t unit, struct uuid_text *id)
{
    uint32_t u = unit;

    if (g->kind == STAT_LEVEL)
        return level_name(tree_level(t, unit));
    while (u != TREE_NONE && tree_level(t, u) != g->level)
        u = tree_parent(t, u);
    if (u == TREE_NONE)
        return NULL;
    *id = uuid_format(tree_unit(t, u).id);
    return id->s;
}

static void add_map(struct making *m, uint32_t i)
{
    const struct tree *t = m->c->tenant->tree;
    struct pgarray units = PGARRAY_INIT, keys = PGARRAY_INIT;
    const char *a, *b;

    for (uint32_t u = 0; u < tree_count(t); u++) {
        struct uuid_text id;

        pgarray_uuid(&units, tree_unit(t, u).id);
        pgarray_str(&keys, mapped(t, &m->s->groups[i], u, &id));
    }
    a = query_arg(m->c->arena, m->args, arena_dup(m->c->arena, pgarray_end(&units)), "::uuid[]");
    b = query_arg(m->c->arena, m->args, arena_dup(m->c->arena, pgarray_end(&keys)), "::text[]");
    pgarray_done(&units);
    pgarray_done(&keys);
    buf_addf(&m->joins, " LEFT JOIN unnest(%s, %s) AS m%u(u, k) ON m%u.u = g.k%u", a, b, i, i, i);
}

static char *taken(struct making *m, struct buf *b)
{
    char *s = arena_dup(m->c->arena, buf_str(b));

    buf_done(b);
    return s;
}

void statistics_sql(struct call *c, const struct statistics *s, struct query_sql *ret, bool *ret_empty)
{
    static const char *const by[] = {"", " GROUP BY 1", " GROUP BY 1, 2"};
    struct making m = {
        .c = c, .s = s, .args = &ret->args, .inner = BUF_INIT, .outer = BUF_INIT, .joins = BUF_INIT};
    struct query_select select = {.join = ""};

    db_args_reset(&ret->args);
    db_arg_int(&ret->args, c->tenant->id);
    for (uint32_t i = 0; i < s->group_count; i++) {
        add_key(&m, i);
        if (is_mapped(&s->groups[i]))
            add_map(&m, i);
    }
    buf_adds(&m.inner, "count(*) AS n");
    buf_adds(&m.outer, "sum(g.n)::bigint");
    for (uint32_t i = 0; i < s->sum_count; i++) {
        buf_addf(&m.inner, ", sum(r.\"%s\") AS s%u", s->sums[i]->name, i);
        buf_addf(&m.outer, ", coalesce(sum(g.s%u), 0)::text", i);
    }
    select.columns = taken(&m, &m.inner);
    select.before = arena_printf(c->arena, "SELECT %s FROM (", taken(&m, &m.outer));
    select.tail = arena_printf(c->arena, "%s) g%s%s LIMIT %d", by[s->group_count], taken(&m, &m.joins),
        by[s->group_count], ROWS_MAX);
    query_build_select(c, &s->query, &select, ret, ret_empty);
}
