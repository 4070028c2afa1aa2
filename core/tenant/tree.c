/* The tree in memory. What a permission check touches lies in three dense arrays (10 bytes a unit); names, codes and
 * ids lie apart. Two open-addressing tables find a unit by id and by code. */
#include "tenant/tree.h"

#include <errno.h>

#include "base/mem.h"

struct tree {
    uint32_t count;
    uint32_t *end;                    /* by preorder number, as everything here */
    uint32_t *parent;
    uint8_t *depth;
    uint8_t *level;
    struct uuid *id;
    uint32_t *text;                   /* offset of the code in `texts`; the name follows its NUL */
    uint8_t *closed;
    char *texts;
    uint32_t table_mask;
    uint32_t *by_id, *by_code;        /* unit + 1; 0 is empty */
};

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

/* ---- building ---- */

struct build {
    const struct tree_unit *in;
    uint32_t count;
    uint32_t mask;
    uint32_t *by_id, *by_code;        /* input index + 1 */
    uint32_t *parent;                 /* input index; TREE_NONE for the root */
    uint32_t *size;                   /* of the subtree */
    uint32_t *at;                     /* preorder number */
    uint32_t *order;                  /* input indexes by depth */
    uint8_t *depth;
    uint32_t depth_first[TREE_DEPTH_MAX + 2];
    size_t text_bytes;
    uint32_t bad;
    const char *why;
};

static uint32_t code_hash(const char *s, size_t len)
{
    uint64_t h = 1469598103934665603u;

    for (size_t i = 0; i < len; i++)
        h = (h ^ (uint8_t)s[i]) * 1099511628211u;
    return (uint32_t)(h ^ h >> 29);
}

static int refuse(struct build *b, size_t at, const char *why)
{
    b->bad = (uint32_t)at;
    b->why = why;
    return -EINVAL;
}

static int index_ids(struct build *b)
{
    for (uint32_t i = 0; i < b->count; i++) {
        uint32_t slot = (uint32_t)uuid_hash(b->in[i].id) & b->mask;

        for (; b->by_id[slot]; slot = (slot + 1) & b->mask) {
            if (uuid_eq(b->in[b->by_id[slot] - 1].id, b->in[i].id))
                return refuse(b, i, "duplicate id");
        }
        b->by_id[slot] = i + 1;
    }
    return 0;
}

static int index_codes(struct build *b)
{
    for (uint32_t i = 0; i < b->count; i++) {
        const char *code = b->in[i].code;
        size_t len = strlen(code);
        uint32_t slot = code_hash(code, len) & b->mask;

        b->text_bytes += len + strlen(b->in[i].name) + 2;
        for (; b->by_code[slot]; slot = (slot + 1) & b->mask) {
            if (strcmp(b->in[b->by_code[slot] - 1].code, code) == 0)
                return refuse(b, i, "duplicate code");
        }
        b->by_code[slot] = i + 1;
    }
    return 0;
}

static int link_parents(struct build *b)
{
    uint32_t root = TREE_NONE;

    for (uint32_t i = 0; i < b->count; i++) {
        struct uuid p = b->in[i].parent;
        uint32_t slot;

        b->parent[i] = TREE_NONE;
        if (uuid_is_nil(p)) {
            if (root != TREE_NONE)
                return refuse(b, i, "more than one root");
            root = i;
            continue;
        }
        for (slot = (uint32_t)uuid_hash(p) & b->mask; b->by_id[slot]; slot = (slot + 1) & b->mask) {
            if (uuid_eq(b->in[b->by_id[slot] - 1].id, p)) {
                b->parent[i] = b->by_id[slot] - 1;
                break;
            }
        }
        if (b->parent[i] == TREE_NONE)
            return refuse(b, i, "unknown parent");
    }
    return 0; /* without a root there is a cycle, which find_depths reports */
}

/* Depths are found by walking up at most five steps; a longer walk is a deep unit or a cycle, told apart only then. */
static int find_depths(struct build *b)
{
    uint32_t counts[TREE_DEPTH_MAX + 1] = {0};

    for (uint32_t i = 0; i < b->count; i++) {
        uint32_t depth = 0, up;

        for (up = b->parent[i]; up != TREE_NONE && depth <= TREE_DEPTH_MAX; up = b->parent[up])
            depth++;
        if (depth > TREE_DEPTH_MAX) {
            for (; up != TREE_NONE && depth <= b->count; up = b->parent[up])
                depth++;
            return up == TREE_NONE ? refuse(b, i, "too deep") : refuse(b, up, "cycle");
        }
        b->depth[i] = (uint8_t)depth;
        counts[depth]++;
    }
    for (uint32_t d = 0; d <= TREE_DEPTH_MAX; d++)
        b->depth_first[d + 1] = b->depth_first[d] + counts[d];
    return 0;
}

static int check_levels(struct build *b)
{
    for (uint32_t i = 0; i < b->count; i++) {
        if (b->parent[i] != TREE_NONE && !level_may_contain(b->in[b->parent[i]].level, b->in[i].level))
            return refuse(b, i, "level not allowed under its parent");
    }
    return 0;
}

/* Sizes from the leaves up, then positions from the root down; siblings keep the order of the input. */
static void size_units(struct build *b)
{
    uint32_t next[TREE_DEPTH_MAX + 1];

    memcpy(next, b->depth_first, sizeof(next));
    for (uint32_t i = 0; i < b->count; i++) {
        b->order[next[b->depth[i]]++] = i;
        b->size[i] = 1;
    }
    for (uint32_t k = b->count; k-- > 1;) {
        uint32_t i = b->order[k];

        b->size[b->parent[i]] += b->size[i];
    }
}

static void place_units(struct build *b)
{
    uint32_t *used = mem_zarray(b->count, sizeof(*used)); /* places taken by earlier siblings */

    for (uint32_t k = 1; k < b->count; k++) {
        uint32_t i = b->order[k], p = b->parent[i];

        b->at[i] = b->at[p] + 1 + used[p];
        used[p] += b->size[i];
    }
    free(used);
}

static void fill_tables(struct tree *t, const struct build *b)
{
    /* the build's tables hold input numbers; the tree's hold preorder numbers at the same slots */
    for (uint32_t slot = 0; slot <= b->mask; slot++) {
        if (b->by_id[slot])
            b->by_id[slot] = b->at[b->by_id[slot] - 1] + 1;
        if (b->by_code[slot])
            b->by_code[slot] = b->at[b->by_code[slot] - 1] + 1;
    }
    t->by_id = b->by_id;
    t->by_code = b->by_code;
    t->table_mask = b->mask;
}

static struct tree *make_tree(const struct build *b)
{
    struct tree *t = mem_zalloc(sizeof(*t));
    uint32_t n = b->count ? b->count : 1, offset = 0;

    t->count = b->count;
    t->end = mem_zarray(n, sizeof(*t->end));
    t->parent = mem_zarray(n, sizeof(*t->parent));
    t->depth = mem_zarray(n, 1);
    t->level = mem_zarray(n, 1);
    t->id = mem_zarray(n, sizeof(*t->id));
    t->text = mem_zarray(n, sizeof(*t->text));
    t->closed = mem_zarray(n, 1);
    t->texts = mem_zalloc(b->text_bytes + 1);
    for (uint32_t i = 0; i < b->count; i++) {
        const struct tree_unit *u = &b->in[i];
        uint32_t at = b->at[i];
        size_t code = strlen(u->code) + 1, name = strlen(u->name) + 1;

        t->end[at] = at + b->size[i];
        t->parent[at] = b->parent[i] == TREE_NONE ? TREE_NONE : b->at[b->parent[i]];
        t->depth[at] = b->depth[i];
        t->level[at] = (uint8_t)u->level;
        t->id[at] = u->id;
        t->closed[at] = u->is_closed;
        t->text[at] = offset;
        memcpy(t->texts + offset, u->code, code);
        memcpy(t->texts + offset + code, u->name, name);
        offset += (uint32_t)(code + name);
    }
    fill_tables(t, b);
    return t;
}

static int build_all(struct build *b)
{
    int r;

    if (b->count == 0)
        return 0;
    r = index_ids(b);
    if (r == 0)
        r = index_codes(b);
    if (r == 0)
        r = link_parents(b);
    if (r == 0)
        r = find_depths(b);
    if (r == 0)
        r = check_levels(b);
    if (r < 0)
        return r;
    size_units(b);
    place_units(b);
    return 0;
}

int tree_build(const struct tree_unit *units, size_t count, struct tree **ret, size_t *ret_at, const char **ret_why)
{
    struct build b = {.in = units, .count = (uint32_t)count, .mask = 7};
    int r;

    if (count >= TREE_NONE / 4)
        return -E2BIG;
    while (b.mask < count * 2)
        b.mask = b.mask * 2 + 1;
    b.by_id = mem_zarray((size_t)b.mask + 1, sizeof(*b.by_id));
    b.by_code = mem_zarray((size_t)b.mask + 1, sizeof(*b.by_code));
    b.parent = mem_zarray(count + 1, sizeof(*b.parent));
    b.size = mem_zarray(count + 1, sizeof(*b.size));
    b.at = mem_zarray(count + 1, sizeof(*b.at));
    b.order = mem_zarray(count + 1, sizeof(*b.order));
    b.depth = mem_zarray(count + 1, 1);
    r = build_all(&b);
    if (r == 0) {
        *ret = make_tree(&b);
    } else {
        free(b.by_id);
        free(b.by_code);
        if (ret_at)
            *ret_at = b.bad;
        if (ret_why)
            *ret_why = b.why;
    }
    free(b.parent);
    free(b.size);
    free(b.at);
    free(b.order);
    free(b.depth);
    return r;
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
    uint32_t slot = (uint32_t)uuid_hash(id) & t->table_mask;

    for (; t->by_id[slot]; slot = (slot + 1) & t->table_mask) {
        if (uuid_eq(t->id[t->by_id[slot] - 1], id))
            return t->by_id[slot] - 1;
    }
    return TREE_NONE;
}

uint32_t tree_find_code(const struct tree *t, struct text code)
{
    uint32_t slot = code_hash(code.ptr, code.len) & t->table_mask;

    for (; t->by_code[slot]; slot = (slot + 1) & t->table_mask) {
        uint32_t unit = t->by_code[slot] - 1;

        if (text_is(code, t->texts + t->text[unit]))
            return unit;
    }
    return TREE_NONE;
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
