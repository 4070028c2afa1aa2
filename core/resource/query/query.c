/* The query builder. Its output is one of few texts per resource, filters and kinds of reach, so that prepared
 * statements are reused; all values are parameters. */
#include "resource/query/query.h"

#include "db/pgarray.h"
#include "resource/query/query_reach.h"
#include "resource/record/gate.h"
#include "resource/record/reader.h"
#include "tenant/tree.h"

struct build {
    struct call *c;
    const struct query *q;
    struct query_sql *out;
    struct buf sql;
    const char *where;                 /* filters and gate, as text with parameters */
    const char *keyset, *keyset_nulls; /* NULL: this phase has no rows left */
    const char *order, *order_outer;
    uint32_t limit; /* 0: none */
    uint32_t branches;
    bool direct; /* one branch only: it is the page, no union and join around it */
    struct query_reach reach;
};

static const char *arg(struct build *b, const char *value, const char *type)
{
    return query_arg(b->c->arena, &b->out->args, value, type);
}

static void make_order(struct build *b)
{
    const struct query *q = b->q;
    struct arena *a = b->c->arena;
    const char *way = q->sort_desc ? "DESC" : "ASC", *cmp = q->sort_desc ? "<" : ">";
    const char *id = q->has_cursor ? arg(b, arena_dup(a, uuid_format(q->cursor_id).s), "::uuid") : NULL;

    b->keyset = b->keyset_nulls = "";
    if (q->sort_is_id) {
        b->order = arena_printf(a, " ORDER BY r.id %s", way);
        b->order_outer = arena_printf(a, " ORDER BY p.id %s", way);
        b->keyset = id ? arena_printf(a, " AND r.id %s %s", cmp, id) : "";
        b->keyset_nulls = NULL;
        return;
    }
    b->order = arena_printf(a, " ORDER BY %s %s, r.id %s", q->sort.sql, way, way);
    b->order_outer = arena_printf(a, " ORDER BY p.k IS NULL, p.k %s, p.id %s", way, way);
    if (id && q->cursor_in_nulls) {
        b->keyset = NULL;
        b->keyset_nulls = arena_printf(a, " AND r.id %s %s", cmp, id);
    } else if (id) {
        b->keyset = arena_printf(a, " AND (%s, r.id) %s (%s, %s)", q->sort.sql, cmp,
            arg(b, q->cursor_value, query_type(q->sort.field)), id);
    }
    if (!q->sort.is_nullable)
        b->keyset_nulls = NULL;
}

/* ---- branches ---- */

static void add_key(struct build *b)
{
    if (b->q->sort_is_id || !b->limit)
        return;
    buf_addf(&b->sql, ", %s AS k", b->q->sort.sql);
}

static void add_tail(struct build *b, bool nulls)
{
    if (!b->q->sort_is_id && b->limit)
        buf_addf(&b->sql, " AND %s IS %sNULL", b->q->sort.sql, nulls ? "" : "NOT ");
    if (b->limit)
        buf_addf(&b->sql, "%s%s LIMIT %u", nulls ? b->keyset_nulls : b->keyset, b->order, b->limit);
}

static void add_branch_start(struct build *b)
{
    if (b->branches++)
        buf_adds(&b->sql, " UNION ");
}

static void add_unit_branch(struct build *b, enum query_reach_kind kind, const char *units, bool nulls)
{
    bool many = b->reach.counts[kind] > 1 && units;
    const char *key = !units ? "" : many ? "h.u" : units;

    add_branch_start(b);
    if (many)
        buf_addf(&b->sql, "(SELECT x.* FROM unnest(%s::uuid[]) AS h(u) CROSS JOIN LATERAL ", units);
    if (b->direct) {
        buf_addf(&b->sql, "SELECT %s", row_own_columns(b->c->arena, b->q->res, b->q->choice));
    } else {
        buf_adds(&b->sql, "(SELECT r.id");
        add_key(b);
    }
    buf_addf(&b->sql, " FROM %s r WHERE r.tenant_id = $1 AND r.deleted_at IS NULL", b->q->res->table);
    if (strchr(query_reach_predicates[kind], '%')) {
        const char *p = query_reach_predicates[kind], *at = strstr(p, "%s");

        buf_add(&b->sql, p, (size_t)(at - p));
        buf_adds(&b->sql, key);
        buf_adds(&b->sql, at + 2);
    } else {
        buf_adds(&b->sql, query_reach_predicates[kind]);
    }
    buf_adds(&b->sql, b->where);
    add_tail(b, nulls);
    if (!b->direct)
        buf_adds(&b->sql, many ? ") x)" : ")");
}

static void add_participant_branch(struct build *b, const char *holders, const char *unit_key, bool nulls)
{
    add_branch_start(b);
    buf_addf(&b->sql, "(SELECT x.* FROM unnest(%s::uuid[]) AS h(u) CROSS JOIN LATERAL (SELECT r.id", holders);
    add_key(b);
    buf_addf(&b->sql,
        " FROM juxin.participant p JOIN %s r ON r.tenant_id = p.tenant_id AND r.id = p.record_id"
        " WHERE p.tenant_id = $1 AND p.holder = h.u AND p.resource = '%s' AND r.tenant_id = $1"
        " AND r.deleted_at IS NULL%s%s",
        b->q->res->table, b->q->res->full_name, unit_key, b->where);
    if (b->q->sort_is_id &&
        b->limit) { /* order by the index that is read: (tenant_id, holder, resource, record_id) */
        struct text keyset = text_of(b->keyset);

        if (keyset.len)
            buf_addf(&b->sql, " AND p.record_id%s", b->keyset + strlen(" AND r.id"));
        buf_addf(&b->sql, " ORDER BY p.record_id %s LIMIT %u", b->q->sort_desc ? "DESC" : "ASC", b->limit);
    } else {
        add_tail(b, nulls);
    }
    buf_adds(&b->sql, ") x)");
}

/* All that the first token is found in, and of these what the reader sees: the records are looked up one by one by their
 * key, in whatever order a planner without any knowledge of the token would have preferred to go. */
static void add_word_branch(struct build *b, const char *token, const char *sight, bool nulls)
{
    const struct query *q = b->q;
    bool is_newest = q->words == WORDS_NEWEST && b->limit;

    add_branch_start(b);
    buf_adds(&b->sql, "(SELECT r.id");
    add_key(b);
    buf_addf(&b->sql,
        " FROM juxin.search w CROSS JOIN LATERAL (SELECT %s, r.tenant_id, r.a1, r.a2, r.a3, r.a4, "
        "r.deleted_at"
        " FROM %s r WHERE r.tenant_id = $1 AND r.id = w.record_id OFFSET 0) r"
        " WHERE w.tenant_id = $1 AND w.resource = '%s' AND w.token = %s AND r.deleted_at IS NULL%s%s",
        row_own_columns(b->c->arena, q->res, NULL), q->res->table, q->res->full_name, token, sight, b->where);
    if (is_newest && *b->keyset)
        buf_addf(&b->sql, " AND w.record_id%s", b->keyset + strlen(" AND r.id"));
    if (is_newest)
        buf_addf(&b->sql, " ORDER BY w.record_id %s LIMIT %u", q->sort_desc ? "DESC" : "ASC", b->limit);
    else
        add_tail(b, nulls);
    buf_addc(&b->sql, ')');
}

static void add_word_branches(struct build *b)
{
    const char *sight = query_sight(b->c, b->q->res, 'r', &b->out->args),
               *unit = query_unit_predicate(b->c, b->q, &b->out->args);
    const char *token = arg(b, b->q->tokens[0], "::text");

    for (uint32_t i = 1; i < b->q->token_count; i++) /* before the record is fetched */
        token = arena_printf(
            b->c->arena, "%s%s", token, query_has_token(b->c, b->q, i, "w.record_id", &b->out->args));
    b->direct = false;
    sight = arena_printf(b->c->arena, "%s%s", sight, unit);
    for (int nulls = 0; nulls < 2; nulls++)
        if (b->limit ? (nulls ? b->keyset_nulls : b->keyset) != NULL : !nulls)
            add_word_branch(b, token, sight, nulls);
}

/* A page that one branch gives by itself: all of the tenant, or one unit's subtree, for who reads everything. */
static bool is_direct(const struct build *b, const char *holders)
{
    uint32_t kinds = 0, units = 0;

    for (int kind = 0; kind < QUERY_REACHES; kind++) {
        kinds += b->reach.counts[kind] > 0;
        units += b->reach.counts[kind];
    }
    return !holders && kinds == 1 && units == 1 && (!b->keyset || !b->keyset_nulls);
}

static void add_branches(struct build *b, bool everywhere, bool is_page)
{
    const char *holders, *holder_arg, *unit_key, *units[QUERY_REACHES] = {0};

    if (b->q->words != WORDS_LOOKED_AT) {
        add_word_branches(b);
        return;
    }
    holders = everywhere ? NULL : reader_holders(b->c, b->q->res, false);
    holder_arg = holders ? arg(b, holders, "") : NULL;
    unit_key = holders ? query_unit_predicate(b->c, b->q, &b->out->args) : "";
    b->direct = is_page && is_direct(b, holders);
    for (int kind = 0; kind < QUERY_REACHES; kind++)
        if (b->reach.counts[kind] && strchr(query_reach_predicates[kind], '%'))
            units[kind] =
                b->reach.counts[kind] > 1
                    ? arg(b, pgarray_of_uuids(b->c->arena, b->reach.units[kind], b->reach.counts[kind]), "")
                    : arg(b, arena_dup(b->c->arena, uuid_format(b->reach.units[kind][0]).s), "::uuid");
    for (int nulls = 0; nulls < 2; nulls++) {
        if (b->limit && !(nulls ? b->keyset_nulls : b->keyset))
            continue;
        if (!b->limit && nulls)
            continue;
        for (int kind = 0; kind < QUERY_REACHES; kind++)
            if (b->reach.counts[kind])
                add_unit_branch(b, (enum query_reach_kind)kind, units[kind], nulls);
        if (holders)
            add_participant_branch(b, holder_arg, unit_key, nulls);
    }
}

/* Pages are cut from few sizes, so that few texts are prepared; the caller drops what is too much. */
static uint32_t limit_bucket(uint32_t limit)
{
    return limit <= 20 ? 21 : limit <= 50 ? 51 : limit <= 100 ? 101 : limit <= 200 ? 201 : 1001;
}

static void finish(struct build *b, const char *before, const char *after)
{
    struct buf all = BUF_INIT;

    buf_adds(&all, before);
    buf_add(&all, buf_str(&b->sql), b->sql.len);
    buf_adds(&all, after);
    b->out->stmt = db_stmt_built(b->c->arena, arena_dup(b->c->arena, buf_str(&all)));
    buf_done(&all);
    buf_done(&b->sql);
}

void query_build(struct call *c, const struct query *q, struct query_sql *ret, bool *ret_empty)
{
    struct build b = {.c = c, .q = q, .out = ret, .sql = BUF_INIT, .limit = limit_bucket(q->limit)};
    const char *full = NULL;

    db_args_reset(&ret->args);
    db_arg_int(&ret->args, c->tenant->id);
    query_reach(c, q, &b.reach);
    b.where = query_where(c, q, &ret->args);
    make_order(&b);
    add_branches(&b, b.reach.everywhere, true);
    *ret_empty = b.branches == 0;
    ret->has_full = q->res->anonymity.is_on && !b.reach.everywhere && c->who->department_count > 0;
    if (ret->has_full)
        full = arena_printf(c->arena,
            ", EXISTS (SELECT 1 FROM juxin.participant f WHERE f.tenant_id = $1 AND f.resource = '%s' AND "
            "f.record_id = r.id AND f.holder = ANY(%s::uuid[]))",
            q->res->full_name, arg(&b, reader_holders(c, q->res, true), ""));
    if (b.direct && row_has_custom(q->res,
                        q->choice)) { /* of the page alone: what they cost does not weigh on its plan */
        finish(&b, arena_printf(c->arena, "SELECT r.*%s FROM (", row_custom_values),
            arena_printf(c->arena, ") r%s", b.order));
        return;
    }
    if (b.direct) { /* has_full is for who does not read everything */
        finish(&b, "", "");
        return;
    }
    finish(&b,
        arena_printf(c->arena, "SELECT %s%s FROM (SELECT * FROM (", row_columns(c->arena, q->res, q->choice),
            full ? full : ""),
        arena_printf(c->arena, ") p%s LIMIT %u) p JOIN %s r ON r.id = p.id WHERE r.tenant_id = $1%s",
            b.order_outer, b.limit, q->res->table, b.order_outer));
}

void query_build_count(struct call *c, const struct query *q, struct query_sql *ret)
{
    struct query plain = *q;
    struct build b = {.c = c, .q = &plain, .out = ret, .sql = BUF_INIT};
    bool capped = q->count == COUNT_CAPPED;

    plain.has_cursor = false;
    plain.sort_is_id = plain.sort_desc = true;
    plain.sort = (struct query_column){"r.id", "id", NULL, false};
    b.limit = capped ? QUERY_COUNT_MAX + 1 : 0;
    db_args_reset(&ret->args);
    db_arg_int(&ret->args, c->tenant->id);
    query_reach(c, q, &b.reach);
    b.where = query_where(c, q, &ret->args);
    make_order(&b);
    add_branches(&b, b.reach.everywhere, false);
    ret->has_full = false;
    finish(&b, "SELECT count(*) FROM (SELECT * FROM (",
        capped ? arena_printf(c->arena, ") p LIMIT %u) p", QUERY_COUNT_MAX + 1) : ") p) p");
}

/* A unit asked for by name: unknown to whoever reads nothing in it; then the gate, since its records answer. Without
 * one the plugin has to run somewhere. */
int query_check_unit(struct call *c, const struct query *q)
{
    struct build b = {.c = c, .q = q};

    if (q->unit == TREE_NONE)
        return q->frozen ? 0 : gate_require_somewhere(c, q->res->plugin);
    query_reach(c, q, &b.reach);
    for (int kind = 0; kind < QUERY_REACHES; kind++)
        if (b.reach.counts[kind])
            return q->frozen ? 0 : gate_require(c, q->res->plugin, q->unit);
    return call_not_found(c);
}
