/* Putting units that come in any order into preorder. */
#include "base/mem.h"
#include "tenant/tree_parts.h"

struct ordering { /* by input number */
    const struct tree_unit *in;
    uint32_t count;
    struct uuid *id;
    uint32_t *parent; /* TREE_NONE for the root */
    uint32_t *size;   /* of the subtree */
    uint32_t *at;     /* preorder number */
    uint8_t *depth;
    uint32_t *by_depth; /* input numbers, the root first */
    uint32_t depth_first[TREE_DEPTH_MAX + 2];
};

static int link_parents(struct ordering *o, struct tree_fault *fault)
{
    uint32_t mask = table_mask(o->count), root = TREE_NONE, twice;
    uint32_t *table = mem_zarray((size_t)mask + 1, sizeof(*table));
    int r = 0;

    for (uint32_t i = 0; i < o->count; i++)
        o->id[i] = o->in[i].id;
    twice = table_fill(table, mask, o->id, 0, o->count);
    if (twice != TREE_NONE)
        r = tree_refuse(fault, twice, "duplicate id");
    for (uint32_t i = 0; i < o->count && r == 0; i++) {
        struct uuid up = o->in[i].parent;
        uint32_t slot = uuid_is_nil(up) ? 0 : *table_slot(table, mask, o->id, up, id_hash(up));

        o->parent[i] = slot ? slot_number(slot) : TREE_NONE;
        if (slot == 0 && !uuid_is_nil(up))
            r = tree_refuse(fault, i, "unknown parent");
        else if (slot == 0 && root != TREE_NONE)
            r = tree_refuse(fault, i, "more than one root");
        else if (slot == 0)
            root = i;
    }
    free(table);
    return r; /* without a root there is a cycle, which find_depths reports */
}

/* Depths are found by walking up at most five steps; a longer walk is a deep unit or a cycle, told apart only then. */
static int find_depths(struct ordering *o, struct tree_fault *fault)
{
    uint32_t counts[TREE_DEPTH_MAX + 1] = {0};

    for (uint32_t i = 0; i < o->count; i++) {
        uint32_t depth = 0, up;

        for (up = o->parent[i]; up != TREE_NONE && depth <= TREE_DEPTH_MAX; up = o->parent[up])
            depth++;
        if (depth > TREE_DEPTH_MAX) {
            for (; up != TREE_NONE && depth <= o->count; up = o->parent[up])
                depth++;
            return up == TREE_NONE ? tree_refuse(fault, i, "too deep") : tree_refuse(fault, up, "cycle");
        }
        o->depth[i] = (uint8_t)depth;
        counts[depth]++;
    }
    for (uint32_t d = 0; d <= TREE_DEPTH_MAX; d++)
        o->depth_first[d + 1] = o->depth_first[d] + counts[d];
    return 0;
}

/* Sizes from the leaves up, then positions from the root down; siblings keep the order of the input. */
static void number_units(struct ordering *o)
{
    uint32_t next[TREE_DEPTH_MAX + 1];
    uint32_t *used = mem_zarray(o->count, sizeof(*used)); /* places taken by earlier siblings */

    memcpy(next, o->depth_first, sizeof(next));
    for (uint32_t i = 0; i < o->count; i++) {
        o->by_depth[next[o->depth[i]]++] = i;
        o->size[i] = 1;
    }
    for (uint32_t k = o->count; k-- > 1;)
        o->size[o->parent[o->by_depth[k]]] += o->size[o->by_depth[k]];
    for (uint32_t k = 1; k < o->count; k++) {
        uint32_t i = o->by_depth[k], up = o->parent[i];

        o->at[i] = o->at[up] + 1 + used[up];
        used[up] += o->size[i];
    }
    free(used);
}

int tree_order(const struct tree_input *in, uint32_t *order, struct tree_fault *fault)
{
    struct ordering o = {.in = in->units, .count = in->count};
    int r;

    o.id = mem_zarray(o.count, sizeof(*o.id));
    o.parent = mem_zarray(o.count, sizeof(*o.parent));
    o.size = mem_zarray(o.count, sizeof(*o.size));
    o.at = mem_zarray(o.count, sizeof(*o.at));
    o.by_depth = mem_zarray(o.count, sizeof(*o.by_depth));
    o.depth = mem_zarray(o.count, 1);
    r = link_parents(&o, fault);
    if (r == 0)
        r = find_depths(&o, fault);
    if (r == 0) {
        number_units(&o);
        for (uint32_t i = 0; i < o.count; i++)
            order[o.at[i]] = i;
    }
    free(o.id);
    free(o.parent);
    free(o.size);
    free(o.at);
    free(o.by_depth);
    free(o.depth);
    return r;
}
