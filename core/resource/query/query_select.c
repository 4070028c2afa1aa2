/* Something of all records of a list, each once: a branch per kind of reach, each without what the ones before it had, and
 * one for what the asker takes part in besides. Unlike pages, branches need no order, so that nothing is put together by
 * id and every branch may read an index alone. */
#include "db/pgarray.h"
#include "resource/query/query_reach.h"
#include "resource/record/reader.h"
#include "tenant/tree.h"

struct selecting {
    struct call *c;
    const struct query *q;
    const struct query_select *select;
    struct query_sql *out;
    const char *where;
    struct buf sql;
    const char *before; /* what the branches so far had */
    uint32_t branches;
};

static void add_branch(struct selecting *x, const char *from, const char *predicate)
{
    buf_addf(&x->sql, "%sSELECT %s FROM %s%s WHERE r.tenant_id = $1 AND r.deleted_at IS NULL%s%s%s%s",
        x->branches++ ? " UNION ALL " : "", x->select->columns, from, x->select->join, predicate, x->before,
        x->where, x->select->groups);
}

#define SUBTREE_MAX 2000

/* Subtrees as the units they have, which an index of units and what else is counted answers alone; the tree is that of the
 * snapshot that is read. NULL when they are too many. */
static const char *subtrees(struct selecting *x, const struct query_reach *reach, int kind)
{
    const struct tree *t = x->c->tenant->tree;
    struct uuid *ids = arena_array(x->c->arena, SUBTREE_MAX, sizeof(*ids));
    uint32_t n = 0;

    for (uint32_t i = 0; i < reach->counts[kind]; i++) {
        uint32_t unit = tree_find(t, reach->units[kind][i]);

        if (n + tree_end(t, unit) - unit > SUBTREE_MAX)
            return NULL;
        for (uint32_t u = unit; u < tree_end(t, unit); u++)
            ids[n++] = tree_unit(t, u).id;
    }
    return arena_printf(x->c->arena, " AND r.unit_id = ANY(%s)",
        query_arg(x->c->arena, &x->out->args, pgarray_of_uuids(x->c->arena, ids, n), "::uuid[]"));
}

/* " AND r.a1 = ANY($4::uuid[])" */
static const char *predicate_of(struct selecting *x, const struct query_reach *reach, int kind)
{
    const char *p = query_reach_predicates[kind], *at = strstr(p, "%s"), *units;
    struct arena *a = x->c->arena;
    const char *listed = kind >= BR_A1 && kind <= BR_A4 ? subtrees(x, reach, kind) : NULL;

    if (listed || !at)
        return listed ? listed : p;
    if (reach->counts[kind] == 1)
        units = query_arg(a, &x->out->args, arena_dup(a, uuid_format(reach->units[kind][0]).s), "::uuid");
    else
        units = arena_printf(a, "ANY(%s)",
            query_arg(
                a, &x->out->args, pgarray_of_uuids(a, reach->units[kind], reach->counts[kind]), "::uuid[]"));
    return arena_printf(a, "%.*s%s%s", (int)(at - p), p, units, at + 2);
}

static void add_units(struct selecting *x, const struct query_reach *reach)
{
    for (int kind = 0; kind < QUERY_REACHES; kind++) {
        const char *predicate;

        if (reach->counts[kind] == 0)
            continue;
        predicate = predicate_of(x, reach, kind);
        add_branch(x, arena_printf(x->c->arena, "%s r", x->q->res->table), predicate);
        x->before = arena_printf(x->c->arena, "%s AND (true%s) IS NOT TRUE", x->before, predicate);
    }
}

static void add_participations(struct selecting *x, const char *holders)
{
    struct arena *a = x->c->arena;
    const struct resource *res = x->q->res;
    const char *unit = query_unit_predicate(x->c, x->q, &x->out->args);

    add_branch(x,
        arena_printf(a,
            "(SELECT DISTINCT h.record_id FROM juxin.participant h WHERE h.tenant_id = $1 AND h.holder = "
            "ANY(%s)"
            " AND h.resource = '%s') h JOIN %s r ON r.tenant_id = $1 AND r.id = h.record_id",
            query_arg(a, &x->out->args, holders, "::uuid[]"), res->full_name, res->table),
        unit);
}

void query_build_select(struct call *c, const struct query *q, const struct query_select *select,
    struct query_sql *ret, bool *ret_empty)
{
    struct selecting x = {.c = c, .q = q, .select = select, .out = ret, .before = ""};
    const char *holders;
    struct query_reach reach;

    query_reach(c, q, &reach);
    x.where = query_where(c, q, &ret->args);
    add_units(&x, &reach);
    holders = reach.everywhere || q->counts_only ? NULL : reader_holders(c, q->res, false);
    if (holders)
        add_participations(&x, holders);
    ret->stmt = db_stmt_built(
        c->arena, arena_printf(c->arena, "%s%s%s", select->before, buf_str(&x.sql), select->after));
    ret->has_full = false;
    *ret_empty = x.branches == 0;
    buf_done(&x.sql);
}
