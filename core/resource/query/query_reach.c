/* What the asker of a list reaches by units. */
#include "resource/query/query_reach.h"

#include "resource/record/reader.h"
#include "tenant/tree.h"

const char *const query_reach_predicates[QUERY_REACHES] = {
    [BR_ALL] = "",
    [BR_UNIT] = " AND r.unit_id = %s",
    [BR_A1] = " AND r.a1 = %s",
    [BR_A2] = " AND r.a2 = %s",
    [BR_A3] = " AND r.a3 = %s",
    [BR_A4] = " AND r.a4 = %s",
    [BR_CHILDREN0] = " AND r.a1 IS NOT NULL AND r.a2 IS NULL",
    [BR_CHILDREN1] = " AND r.a1 = %s AND r.a2 IS NOT NULL AND r.a3 IS NULL",
    [BR_CHILDREN2] = " AND r.a2 = %s AND r.a3 IS NOT NULL AND r.a4 IS NULL",
    [BR_CHILDREN3] = " AND r.a3 = %s AND r.a4 IS NOT NULL",
};

struct reaching {
    struct call *c;
    struct query_reach *out;
    uint32_t entries; /* of the scope: each adds one unit to one kind */
};

static void reach_add(struct reaching *x, enum query_reach_kind kind, uint32_t unit)
{
    struct query_reach *out = x->out;

    if (!out->units[kind])
        out->units[kind] = arena_array(x->c->arena, x->entries, sizeof(struct uuid));
    out->units[kind][out->counts[kind]++] = tree_unit(x->c->tenant->tree, unit).id;
}

static void reach_entry(struct reaching *x, struct scope_entry e)
{
    uint32_t depth = tree_depth(x->c->tenant->tree, e.unit);

    if (e.reach == REACH_SELF)
        reach_add(x, BR_UNIT, e.unit);
    else if (e.reach == REACH_SUBTREE)
        reach_add(x, depth == 0 ? BR_ALL : BR_A1 + (depth - 1), e.unit);
    else if (depth < TREE_DEPTH_MAX)
        reach_add(x, BR_CHILDREN0 + depth, e.unit);
}

/* A scope entry within the subtree of q->unit, or at that unit only; false when nothing is left of it. */
static bool within(const struct tree *t, const struct query *q, struct scope_entry *e)
{
    uint32_t unit = q->unit;
    bool inside, covers;

    if (unit == TREE_NONE)
        return true;
    inside = tree_contains(e->unit, unit, tree_end(t, unit));
    covers = e->reach == REACH_SUBTREE ? tree_contains(unit, e->unit, tree_end(t, e->unit))
             : e->reach == REACH_SELF  ? e->unit == unit
                                       : tree_parent(t, unit) == e->unit;
    if (q->unit_only)
        *e = (struct scope_entry){unit, REACH_SELF};
    else if (covers && e->reach == REACH_SUBTREE)
        *e = (struct scope_entry){unit, REACH_SUBTREE};
    else if (covers && e->reach == REACH_CHILDREN)
        *e = (struct scope_entry){unit, REACH_SELF};
    return covers || (inside && !q->unit_only);
}

void query_reach(struct call *c, const struct query *q, struct query_reach *ret)
{
    struct query_reach out = {0};
    struct reaching x = {.c = c, .out = &out};
    struct scope scope;

    if (q->counts_only)
        subject_scope(c->who, c->tenant, q->res->permissions[ACTION_STATISTICS], c->arena, &scope);
    else
        reader_scope(c, q->res, &scope);
    x.entries = scope.count;
    for (uint32_t i = 0; i < scope.count; i++) {
        struct scope_entry e = scope.entries[i];

        if (within(c->tenant->tree, q, &e))
            reach_entry(&x, e);
    }
    out.everywhere = scope.everywhere;
    *ret = out;
}

const char *query_unit_predicate(struct call *c, const struct query *q, struct db_args *args)
{
    const struct tree *t = c->tenant->tree;
    uint32_t depth = q->unit == TREE_NONE ? 0 : tree_depth(t, q->unit);

    if (q->unit == TREE_NONE || (depth == 0 && !q->unit_only))
        return "";
    return arena_printf(c->arena, " AND r.%s = %s",
        q->unit_only ? "unit_id" : arena_printf(c->arena, "a%u", depth),
        query_arg(c->arena, args, arena_dup(c->arena, uuid_format(tree_unit(t, q->unit).id).s), "::uuid"));
}
