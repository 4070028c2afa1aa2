/* Statistics as SQL: records are counted by what stands in them, then groups of units are put together, so that each unit is
 * looked up once and not with each of its records. */
#include "base/clock.h"
#include "db/pgarray.h"
#include "resource/report/statistics.h"
#include "tenant/tree.h"

#define ROWS_MAX (STATISTICS_CELLS_MAX + 1)

struct making {
    struct call *c;
    const struct statistics *s;
    struct db_args *args;
    struct buf inner, outer, joins;
    struct buf paths; /* of dated trees, joined to the records themselves */
    const char *moment;
};

/* By a list of today's units; levels never change. */
static bool is_mapped(const struct statistics *s, const struct stat_group *g)
{
    return g->kind == STAT_LEVEL || (g->kind == STAT_WITHIN && s->tree == STAT_TREE_NOW) ||
           (g->kind == STAT_UNIT && s->tree == STAT_TREE_NOW && s->successor_count > 0);
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

/* ---- the tree as it was ---- */

/* The moment whose tree counts, of each record or of all. Of a day it is the end. */
static const char *moment(struct making *m)
{
    const struct statistics *s = m->s;
    struct query_column column = {.sql = "r.created_at"};

    if (s->tree == STAT_TREE_DAY)
        return query_arg(m->c->arena, m->args,
            arena_printf(m->c->arena, "%s 23:59:59.999999+08", date_format(s->tree_day).s), "::timestamptz");
    for (uint32_t i = 0; i < s->group_count; i++)
        if (s->groups[i].kind == STAT_PERIOD)
            column = s->groups[i].column;
    if (!column.field || column.field->type != FIELD_DATE)
        return column.sql;
    return arena_printf(
        m->c->arena, "((%s + time '23:59:59.999999') AT TIME ZONE 'Asia/Shanghai')", column.sql);
}

/* Every unit with what it lay in and when, from itself upward; what is first known of a unit holds for the time before. */
#define PATHS                                                                                                \
    "(WITH RECURSIVE d AS (SELECT x.unit_id, x.parent_id, coalesce(x.valid_until, 'infinity') AS u, CASE "   \
    "WHEN row_number() OVER (PARTITION BY x.unit_id ORDER BY x.valid_from) = 1 THEN '-infinity' ELSE "       \
    "x.valid_from END AS f FROM juxin.unit_parent x WHERE x.tenant_id = $1), p AS (SELECT t.id AS unit_id, " \
    "t.id AS at, t.level, '-infinity'::timestamptz AS f, 'infinity'::timestamptz AS u FROM juxin.unit t "    \
    "WHERE t.tenant_id = $1 UNION ALL SELECT p.unit_id, d.parent_id, t.level, greatest(p.f, d.f), "          \
    "least(p.u, d.u) FROM p JOIN d ON d.unit_id = p.at JOIN juxin.unit t ON t.tenant_id = $1 AND t.id = "    \
    "d.parent_id WHERE greatest(p.f, d.f) < least(p.u, d.u)%s) SELECT unit_id, at, f, u FROM p WHERE %s)"

struct path {
    const char *kind, *alias;
    const char *unit;  /* where it begins: r.unit_id */
    const char *stop;  /* not beyond */
    const char *which; /* of all on it */
};

static void add_path(struct making *m, const struct path *p)
{
    if (!m->moment)
        m->moment = moment(m);
    buf_addf(&m->paths, " %sJOIN " PATHS " %s ON %s.unit_id = %s AND %s >= %s.f AND %s < %s.u", p->kind,
        p->stop, p->which, p->alias, p->alias, p->unit, m->moment, p->alias, m->moment, p->alias);
}

/* A record that followed a merge was at the unit that was retired before. */
static const char *unit_then(struct making *m, const char *unit)
{
    if (m->s->successor_count == 0 || m->s->tree == STAT_TREE_NOW || strcmp(unit, "r.unit_id") != 0)
        return unit;
    if (!m->moment)
        m->moment = moment(m);
    return arena_printf(m->c->arena,
        "coalesce((SELECT y.from_id FROM juxin.unit_carried y WHERE y.tenant_id = $1 AND y.record_id = r.id "
        "AND y.at > %s "
        "ORDER BY y.at LIMIT 1), r.unit_id)",
        m->moment);
}

/* The nearest unit of the level, then. */
static void add_then(struct making *m, uint32_t i)
{
    const struct stat_group *g = &m->s->groups[i];
    struct arena *a = m->c->arena;
    const char *level = query_arg(a, m->args, level_name(g->level), "::text");

    add_path(m, &(struct path){.kind = "LEFT ",
                    .alias = arena_printf(a, "w%u", i),
                    .unit = unit_then(m, g->column.sql),
                    .stop = arena_printf(a, " AND p.level <> %s", level),
                    .which = arena_printf(a, "level = %s", level)});
    buf_addf(&m->inner, "w%u.at AS k%u, ", i, i);
}

/* The unit that was asked for, as it was: of what the asker may see anywhere, what lay in it then. */
static void add_unit_then(struct making *m, struct query *q)
{
    struct arena *a = m->c->arena;
    const char *unit;

    if (q->unit == TREE_NONE || q->unit_only || m->s->tree == STAT_TREE_NOW)
        return;
    unit = query_arg(
        a, m->args, arena_dup(a, uuid_format(tree_unit(m->c->tenant->tree, q->unit).id).s), "::uuid");
    q->unit = TREE_NONE;
    add_path(m, &(struct path){.kind = "",
                    .alias = "wu",
                    .unit = unit_then(m, "r.unit_id"),
                    .stop = "",
                    .which = arena_printf(a, "at = %s", unit)});
}

/* The last state a record came to before that moment; one whose history does not say was in its first. */
static void add_states(struct making *m)
{
    const struct statistics *s = m->s;
    const struct resource *res = s->query.res;
    struct text *names = arena_array(m->c->arena, res->state_count + 1, sizeof(*names));
    const char *until, *first;
    size_t n = 0;

    if (!s->states)
        return;
    for (uint32_t i = 0; i < res->state_count; i++)
        if (s->states >> i & 1)
            names[n++] = text_of(res->states[i].name);
    until = query_arg(m->c->arena, m->args, s->states_until, "::timestamptz");
    first = query_arg(m->c->arena, m->args, res->states[res->initial_state].name, "::text");
    buf_addf(&m->paths,
        " JOIN LATERAL (SELECT coalesce((SELECT h.to_state FROM juxin.history h WHERE h.tenant_id = $1 AND "
        "h.resource = '%s' AND h.record_id = r.id AND h.at < %s AND h.to_state IS NOT NULL ORDER BY "
        "h.version "
        "DESC, h.id DESC LIMIT 1), %s) AS state) st ON st.state = ANY(%s)",
        res->full_name, until, first,
        query_arg(m->c->arena, m->args, pgarray_of_texts(m->c->arena, names, n), "::text[]"));
}

struct db_stmt statistics_names(struct call *c, const struct statistics *s, struct db_args *args)
{
    static const struct db_stmt names = {"statistics.names",
        "SELECT unit_id, name FROM juxin.unit_name WHERE tenant_id = $1 AND valid_from <= $2::timestamptz"
        " AND (valid_until IS NULL OR valid_until > $2::timestamptz) ORDER BY unit_id"};

    db_args_reset(args);
    db_arg_int(args, c->tenant->id);
    db_arg_str(args, arena_printf(c->arena, "%s 23:59:59.999999+08", date_format(s->tree_day).s));
    return names;
}

/* ---- the statement ---- */

static void add_key(struct making *m, uint32_t i)
{
    const struct stat_group *g = &m->s->groups[i];

    if (g->kind == STAT_WITHIN && m->s->tree != STAT_TREE_NOW)
        add_then(m, i);
    else if (g->kind == STAT_PERIOD)
        buf_addf(&m->inner, "width_bucket(%s, %s) AS k%u, ", g->column.sql, starts(m, g), i);
    else
        buf_addf(&m->inner, "%s AS k%u, ", unit_then(m, g->column.sql), i);
    buf_addf(&m->outer, is_mapped(m->s, g) ? "m%u.k, " : "g.k%u::text, ", i);
}

static uint32_t successor_of(const struct statistics *s, uint32_t unit)
{
    for (uint32_t i = 0; i < s->successor_count; i++)
        if (s->successors[i].unit == unit)
            return s->successors[i].into;
    return TREE_NONE;
}

/* Who has taken over, and from them. A chain does not come back to itself: whoever takes over is open. */
static uint32_t latest(const struct statistics *s, uint32_t unit)
{
    for (uint32_t next = unit, steps = 0; next != TREE_NONE && steps <= s->successor_count; steps++) {
        unit = next;
        next = successor_of(s, unit);
    }
    return unit;
}

/* The unit of that level which a unit is or lies in, or its level. */
static const char *mapped(const struct statistics *s, const struct tree *t, const struct stat_group *g,
    uint32_t unit, struct uuid_text *id)
{
    uint32_t u = latest(s, unit);

    if (g->kind == STAT_LEVEL)
        return level_name(tree_level(t, unit));
    while (g->kind == STAT_WITHIN && u != TREE_NONE && tree_level(t, u) != g->level)
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
        pgarray_str(&keys, mapped(m->s, t, &m->s->groups[i], u, &id));
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
    struct making m = {.c = c, .s = s, .args = &ret->args};
    struct query_select select = {0};
    struct query q = s->query;

    db_args_reset(&ret->args);
    db_arg_int(&ret->args, c->tenant->id);
    add_unit_then(&m, &q);
    add_states(&m);
    for (uint32_t i = 0; i < s->group_count; i++) {
        add_key(&m, i);
        if (is_mapped(s, &s->groups[i]))
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
    select.groups = by[s->group_count];
    select.after =
        arena_printf(c->arena, ") g%s%s LIMIT %d", taken(&m, &m.joins), by[s->group_count], ROWS_MAX);
    select.join = taken(&m, &m.paths);
    query_build_select(c, &q, &select, ret, ret_empty);
}
