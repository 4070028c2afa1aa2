/* The tree in memory. What a permission check touches lies in three dense arrays (10 bytes a unit); names, codes and
 * ids lie apart. A unit is found by id through an open-addressing table, by code through the order of codes.
 *
 * Building is bound by cache misses, so it is spared what it can do without: units usually come in the order of their
 * codes, in which siblings follow each other, so that a parent is looked up once and codes need no sorting; and a slot
 * of the table holds bits of the hash beside the number, so that the id behind a wrong slot is not looked at. */
#include "tenant/tree.h"

#include <errno.h>

#include "base/mem.h"

struct tree {
    uint32_t count;
    uint32_t *end; /* by preorder number, as everything here */
    uint32_t *parent;
    uint8_t *depth;
    uint8_t *level;
    struct uuid *id;
    uint32_t *text; /* offset of the code in `texts`; the name follows its NUL */
    uint8_t *closed;
    char *texts;
    uint32_t table_mask;
    uint32_t *by_id;   /* see slot_make */
    uint32_t *by_code; /* units in the order of their codes */
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
    uint32_t *by_id;   /* slots of input numbers */
    uint32_t *by_code; /* input numbers in the order of codes */
    uint32_t *parent;  /* input index; TREE_NONE for the root */
    uint32_t *size;    /* of the subtree */
    uint32_t *at;      /* preorder number */
    uint32_t *order;   /* input indexes by depth */
    uint8_t *depth;
    uint32_t depth_first[TREE_DEPTH_MAX + 2];
    size_t text_bytes;
    uint32_t bad;
    const char *why;
};

/* A slot: twenty bits of number + 1 (0 is empty) under twelve bits of the hash that do not choose the slot. */
#define NUMBER_BITS 20
#define COUNT_MAX ((1u << NUMBER_BITS) - 2)

static uint32_t slot_make(uint64_t hash, uint32_t number)
{
    return (uint32_t)(hash >> 52) << NUMBER_BITS | (number + 1);
}

static uint32_t slot_number(uint32_t slot)
{
    return (slot & ((1u << NUMBER_BITS) - 1)) - 1;
}

static bool slot_may_be(uint32_t slot, uint64_t hash)
{
    return slot >> NUMBER_BITS == (uint32_t)(hash >> 52);
}

static uint64_t id_hash(struct uuid id)
{
    return uuid_hash(id) * 0x9e3779b97f4a7c15u; /* all 64 bits are used */
}

static int refuse(struct build *b, size_t at, const char *why)
{
    b->bad = (uint32_t)at;
    b->why = why;
    return -EINVAL;
}

static uint32_t find_input(const struct build *b, struct uuid id, uint64_t hash, uint32_t *ret_slot)
{
    uint32_t at = (uint32_t)hash & b->mask;

    for (; b->by_id[at]; at = (at + 1) & b->mask) {
        if (slot_may_be(b->by_id[at], hash) && uuid_eq(b->in[slot_number(b->by_id[at])].id, id))
            return slot_number(b->by_id[at]);
    }
    *ret_slot = at;
    return TREE_NONE;
}

#define AHEAD 8 /* slots fetched before they are needed */

static int index_ids(struct build *b)
{
    uint64_t hashes[AHEAD] = {0};
    uint32_t slot;

    for (uint32_t i = 0; i < b->count + AHEAD; i++) {
        uint64_t hash = hashes[i % AHEAD];

        if (i < b->count) {
            hashes[i % AHEAD] = id_hash(b->in[i].id);
            __builtin_prefetch(&b->by_id[(uint32_t)hashes[i % AHEAD] & b->mask], 1);
        }
        if (i < AHEAD)
            continue;
        if (find_input(b, b->in[i - AHEAD].id, hash, &slot) != TREE_NONE)
            return refuse(b, i - AHEAD, "duplicate id");
        b->by_id[slot] = slot_make(hash, i - AHEAD);
    }
    return 0;
}

struct code_ref {
    const char *code;
    uint32_t number;
};

static int by_code(const void *a, const void *b)
{
    const struct code_ref *x = a, *y = b;
    int c = strcmp(x->code, y->code);

    return c ? c : x->number < y->number ? -1 : 1;
}

static void sort_codes(struct build *b)
{
    struct code_ref *refs = mem_zarray(b->count, sizeof(*refs));

    for (uint32_t i = 0; i < b->count; i++)
        refs[i] = (struct code_ref){b->in[i].code, i};
    qsort(refs, b->count, sizeof(*refs), by_code);
    for (uint32_t i = 0; i < b->count; i++)
        b->by_code[i] = refs[i].number;
    free(refs);
}

static int index_codes(struct build *b)
{
    bool sorted = true;

    for (uint32_t i = 0; i < b->count; i++) {
        b->by_code[i] = i;
        b->text_bytes += strlen(b->in[i].code) + strlen(b->in[i].name) + 2;
        sorted = sorted && (i == 0 || strcmp(b->in[i - 1].code, b->in[i].code) < 0);
    }
    if (sorted)
        return 0;
    sort_codes(b);
    for (uint32_t i = 1; i < b->count; i++) {
        if (strcmp(b->in[b->by_code[i - 1]].code, b->in[b->by_code[i]].code) == 0)
            return refuse(b, b->by_code[i], "duplicate code");
    }
    return 0;
}

static int link_parents(struct build *b)
{
    uint32_t root = TREE_NONE, last = TREE_NONE, slot;

    for (uint32_t i = 0; i < b->count; i++) {
        struct uuid p = b->in[i].parent;

        b->parent[i] = TREE_NONE;
        if (uuid_is_nil(p)) {
            if (root != TREE_NONE)
                return refuse(b, i, "more than one root");
            root = i;
            continue;
        }
        if (last == TREE_NONE || !uuid_eq(b->in[last].id, p))
            last = find_input(b, p, id_hash(p), &slot);
        if (last == TREE_NONE)
            return refuse(b, i, "unknown parent");
        b->parent[i] = last;
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

/* The build's tables hold input numbers; the tree takes them over with preorder numbers in their places. */
static void take_tables(struct tree *t, struct build *b)
{
    for (uint32_t slot = 0; slot <= b->mask && b->count; slot++) {
        if (b->by_id[slot])
            b->by_id[slot] += b->at[slot_number(b->by_id[slot])] - slot_number(b->by_id[slot]);
    }
    for (uint32_t i = 0; i < b->count; i++)
        b->by_code[i] = b->at[b->by_code[i]];
    t->by_id = b->by_id;
    t->by_code = b->by_code;
    t->table_mask = b->mask;
    b->by_id = b->by_code = NULL;
}

static struct tree *make_tree(struct build *b)
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
    take_tables(t, b);
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

int tree_build(
    const struct tree_unit *units, size_t count, struct tree **ret, size_t *ret_at, const char **ret_why)
{
    struct build b = {.in = units, .count = (uint32_t)count, .mask = 7};
    int r;

    if (count > COUNT_MAX)
        return -E2BIG;
    while (b.mask < count * 2)
        b.mask = b.mask * 2 + 1;
    b.by_id = mem_zarray((size_t)b.mask + 1, sizeof(*b.by_id));
    b.by_code = mem_zarray(count + 1, sizeof(*b.by_code));
    b.parent = mem_zarray(count + 1, sizeof(*b.parent));
    b.size = mem_zarray(count + 1, sizeof(*b.size));
    b.at = mem_zarray(count + 1, sizeof(*b.at));
    b.order = mem_zarray(count + 1, sizeof(*b.order));
    b.depth = mem_zarray(count + 1, 1);
    r = build_all(&b);
    if (r == 0) {
        *ret = make_tree(&b);
    } else {
        if (ret_at)
            *ret_at = b.bad;
        if (ret_why)
            *ret_why = b.why;
    }
    free(b.by_id);
    free(b.by_code);
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
    uint64_t hash = id_hash(id);
    uint32_t at = (uint32_t)hash & t->table_mask;

    for (; t->by_id[at]; at = (at + 1) & t->table_mask) {
        if (slot_may_be(t->by_id[at], hash) && uuid_eq(t->id[slot_number(t->by_id[at])], id))
            return slot_number(t->by_id[at]);
    }
    return TREE_NONE;
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
        int c = compare_code(code, t->texts + t->text[t->by_code[mid]]);

        if (c == 0)
            return t->by_code[mid];
        if (c < 0)
            hi = mid;
        else
            lo = mid + 1;
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
