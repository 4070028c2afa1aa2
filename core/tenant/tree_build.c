/* Building a tree. Units usually come in the order of their codes, and official codes are hierarchical: that is preorder
 * already. Then one pass builds everything; units in any other order are put into preorder first. */
#include "base/mem.h"
#include "tenant/tree_parts.h"

struct build {
    struct tree *t;
    struct tree_input in;
    struct tree_fault *fault;
    struct { /* the unit before and those above it: what the next one may stand under */
        struct uuid ids[TREE_DEPTH_MAX + 1];
        uint32_t units[TREE_DEPTH_MAX + 1];
        uint32_t depth;
    } above;
    size_t text_used, text_capacity;
    const char *code; /* of the unit before */
    size_t code_size; /* with its NUL */
    bool codes_in_order;
};

#define NOT_PREORDER 1
#define BLOCK 512 /* units that stay in the processor's cache from one step to the next */

/* Depth of a unit under that parent; 0 when it cannot stand here. The subtrees that are left end at `at`. */
static uint32_t find_depth(struct build *b, struct uuid parent, uint32_t at)
{
    uint32_t depth = b->above.depth + 1;

    while (depth > 0 && !uuid_eq(b->above.ids[depth - 1], parent))
        b->t->end[b->above.units[--depth]] = at;
    return depth;
}

static int place_units(struct build *b, uint32_t first, uint32_t end)
{
    struct tree *t = b->t;

    for (uint32_t i = first; i < end; i++) {
        const struct tree_unit *u = &b->in.units[input_number(&b->in, i)];
        uint32_t depth = i ? find_depth(b, u->parent, i) : 0, up;

        if ((depth == 0) != (i == 0) || uuid_is_nil(u->parent) != (i == 0))
            return NOT_PREORDER;
        if (depth > TREE_DEPTH_MAX)
            return tree_refuse(b->fault, input_number(&b->in, i), "too deep");
        up = depth ? b->above.units[depth - 1] : TREE_NONE;
        if (depth && !level_may_contain((enum level)t->level[up], u->level))
            return tree_refuse(b->fault, input_number(&b->in, i), "level not allowed under its parent");
        t->parent[i] = up;
        t->depth[i] = (uint8_t)depth;
        t->level[i] = (uint8_t)u->level;
        t->closed[i] = u->is_closed;
        t->id[i] = u->id;
        b->above.ids[depth] = u->id;
        b->above.units[depth] = i;
        b->above.depth = depth;
    }
    return 0;
}

/* As strcmp; codes share most of their bytes with the one before, so that words are worth it. */
static bool code_is_after(const char *a, size_t a_size, const char *b, size_t b_size)
{
    size_t n = MIN(a_size, b_size), i = 0;
    uint64_t x, y;

    for (; i + sizeof(x) <= n; i += sizeof(x)) {
        memcpy(&x, a + i, sizeof(x));
        memcpy(&y, b + i, sizeof(y));
        if (x != y)
            break;
    }
    while (i < n && a[i] == b[i])
        i++;
    return i < n && (uint8_t)a[i] > (uint8_t)b[i];
}

/* Codes and names behind one another. Notices whether the codes come in order. */
static void take_texts(struct build *b, uint32_t first, uint32_t end)
{
    size_t used = b->text_used;

    for (uint32_t i = first; i < end; i++) {
        const struct tree_unit *u = &b->in.units[input_number(&b->in, i)];
        size_t code = strlen(u->code) + 1, name = strlen(u->name) + 1;

        if (used + code + name > b->text_capacity) {
            b->text_capacity = b->text_capacity * 2 + code + name;
            b->t->texts = mem_resize(b->t->texts, b->text_capacity, 1);
        }
        b->t->text[i] = (uint32_t)used;
        memcpy(b->t->texts + used, u->code, code);
        memcpy(b->t->texts + used + code, u->name, name);
        used += code + name;
        b->codes_in_order =
            b->codes_in_order && (i == 0 || code_is_after(u->code, code, b->code, b->code_size));
        b->code = u->code;
        b->code_size = code;
    }
    b->text_used = used;
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

static int sort_codes(struct build *b)
{
    struct tree *t = b->t;
    struct code_ref *refs = mem_zarray(t->count, sizeof(*refs));
    int r = 0;

    t->by_code = mem_zarray(t->count, sizeof(*t->by_code));
    for (uint32_t i = 0; i < t->count; i++)
        refs[i] = (struct code_ref){t->texts + t->text[i], i};
    qsort(refs, t->count, sizeof(*refs), by_code);
    for (uint32_t i = 0; i < t->count && r == 0; i++) {
        t->by_code[i] = refs[i].number;
        if (i && strcmp(refs[i - 1].code, refs[i].code) == 0)
            r = tree_refuse(b->fault,
                MAX(input_number(&b->in, refs[i - 1].number), input_number(&b->in, refs[i].number)),
                "duplicate code");
    }
    free(refs);
    return r;
}

static int build(struct tree *t, struct tree_input in, struct tree_fault *fault)
{
    struct build b = {.t = t, .in = in, .fault = fault, .codes_in_order = true};
    int r = 0;

    b.text_capacity = (size_t)in.count * 32 + 1;
    t->texts = mem_alloc(b.text_capacity);
    memset(t->by_id, 0, ((size_t)t->table_mask + 1) * sizeof(*t->by_id));
    for (uint32_t first = 0, end; first < in.count && r == 0; first = end) {
        uint32_t twice;

        end = MIN(first + BLOCK, in.count);
        r = place_units(&b, first, end);
        if (r != 0)
            break;
        twice = table_fill(t->by_id, t->table_mask, t->id, first, end);
        if (twice != TREE_NONE)
            r = tree_refuse(fault, input_number(&in, twice), "duplicate id");
        take_texts(&b, first, end);
    }
    for (uint32_t depth = 0; in.count && depth <= b.above.depth; depth++)
        t->end[b.above.units[depth]] = in.count;
    t->texts = mem_resize(t->texts, b.text_used, 1);
    return r || b.codes_in_order ? r : sort_codes(&b);
}

static struct tree *make_tree(uint32_t count)
{
    struct tree *t = mem_zalloc(sizeof(*t));

    t->count = count;
    t->end = mem_alloc(count * sizeof(*t->end));
    t->parent = mem_alloc(count * sizeof(*t->parent));
    t->depth = mem_alloc(count);
    t->level = mem_alloc(count);
    t->id = mem_alloc(count * sizeof(*t->id));
    t->text = mem_alloc(count * sizeof(*t->text));
    t->closed = mem_alloc(count);
    t->table_mask = table_mask(count);
    t->by_id = mem_alloc(((size_t)t->table_mask + 1) * sizeof(*t->by_id));
    return t;
}

int tree_build(
    const struct tree_unit *units, size_t count, struct tree **ret, size_t *ret_at, const char **ret_why)
{
    struct tree_input in = {.units = units, .count = (uint32_t)count};
    struct tree_fault fault = {0};
    struct tree *t;
    int r;

    if (count > TREE_COUNT_MAX)
        return -E2BIG;
    t = make_tree(in.count);
    r = build(t, in, &fault);
    if (r == NOT_PREORDER) {
        uint32_t *order = mem_zarray(count, sizeof(*order));

        free(t->texts);
        r = tree_order(&in, order, &fault);
        in.order = order;
        t->texts = NULL;
        if (r == 0)
            r = build(t, in, &fault);
        free(order);
    }
    if (r == 0) {
        *ret = t;
        return 0;
    }
    tree_free(t);
    if (ret_at)
        *ret_at = fault.at;
    if (ret_why)
        *ret_why = fault.why;
    return r;
}
