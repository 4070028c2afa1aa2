/* The tree in memory. What a permission check touches lies in dense arrays (10 bytes a unit); ids, codes and names lie
 * apart. A unit is found by id through an open-addressing table, by code through the order of codes. */
#include "tenant/tree.h"

#include <errno.h>

#include "tenant/tree_parts.h"

static const char *const level_names[LEVELS] = {"county", "street", "community", "park"};

const char *level_name(enum level l)
{
    return (unsigned)l < LEVELS ? level_names[l] : "unknown";
}

int level_parse(struct text t, enum level *ret)
{
    for (unsigned i = 0; i < LEVELS; i++) {
        if (text_is(t, level_names[i])) {
            *ret = (enum level)i;
            return 0;
        }
    }
    return -EINVAL;
}

bool level_may_contain(enum level parent, enum level child)
{
    static const uint8_t below[LEVELS] = {
        [LEVEL_COUNTY] = 1 << LEVEL_STREET | 1 << LEVEL_PARK | 1 << LEVEL_COMMUNITY,
        [LEVEL_STREET] = 1 << LEVEL_COMMUNITY | 1 << LEVEL_PARK,
        [LEVEL_COMMUNITY] = 0,
        [LEVEL_PARK] = 1 << LEVEL_STREET | 1 << LEVEL_COMMUNITY | 1 << LEVEL_PARK,
    };

    return (unsigned)parent < LEVELS && (unsigned)child < LEVELS && (below[parent] >> child & 1);
}

void tree_free(struct tree *t)
{
    if (!t)
        return;
    free(t->end);
    free(t->parent);
    free(t->depth);
    free(t->level);
    free(t->id);
    free(t->text);
    free(t->closed);
    free(t->texts);
    free(t->by_id);
    free(t->by_code);
    free(t);
}

/* ---- asking ---- */

uint32_t tree_count(const struct tree *t)
{
    return t->count;
}

uint32_t tree_find(const struct tree *t, struct uuid id)
{
    uint32_t slot = *table_slot(t->by_id, t->table_mask, t->id, id, id_hash(id));

    return slot ? slot_number(slot) : TREE_NONE;
}

static int compare_code(struct text code, const char *other)
{
    size_t len = strlen(other);
    int c = code.len ? memcmp(code.ptr, other, MIN(code.len, len)) : 0;

    return c ? c : code.len == len ? 0 : code.len < len ? -1 : 1;
}

uint32_t tree_find_code(const struct tree *t, struct text code)
{
    uint32_t lo = 0, hi = t->count;

    while (lo < hi) {
        uint32_t mid = lo + (hi - lo) / 2;
        uint32_t unit = t->by_code ? t->by_code[mid] : mid;
        int c = compare_code(code, t->texts + t->text[unit]);

        if (c == 0)
            return unit;
        if (c < 0)
            hi = mid;
        else
            lo = mid + 1;
    }
    return TREE_NONE;
}

uint32_t tree_find_named(const struct tree *t, struct text id_or_code)
{
    struct uuid id;

    return uuid_parse(id_or_code, &id) == 0 ? tree_find(t, id) : tree_find_code(t, id_or_code);
}

uint32_t tree_parent(const struct tree *t, uint32_t unit)
{
    return t->parent[unit];
}

uint32_t tree_end(const struct tree *t, uint32_t unit)
{
    return t->end[unit];
}

uint32_t tree_depth(const struct tree *t, uint32_t unit)
{
    return t->depth[unit];
}

uint32_t tree_ancestor(const struct tree *t, uint32_t unit, uint32_t depth)
{
    if (depth > t->depth[unit])
        return TREE_NONE;
    while (t->depth[unit] > depth)
        unit = t->parent[unit];
    return unit;
}

struct tree_unit tree_unit(const struct tree *t, uint32_t unit)
{
    const char *code = t->texts + t->text[unit];

    return (struct tree_unit){
        .id = t->id[unit],
        .parent = t->parent[unit] == TREE_NONE ? UUID_NIL : t->id[t->parent[unit]],
        .code = code,
        .name = code + strlen(code) + 1,
        .level = (enum level)t->level[unit],
        .is_closed = t->closed[unit],
    };
}

enum level tree_level(const struct tree *t, uint32_t unit)
{
    return (enum level)t->level[unit];
}
