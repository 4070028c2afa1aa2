/* Permission checks. A subject's grants are turned, per permission and on first use, into disjoint preorder intervals,
 * so that a check is one short binary search; grants with dates are few and looked at one by one. */
#include "access/subject.h"

#include <errno.h>

#include "access/permission.h"
#include "base/arena.h"
#include "base/clock.h"
#include "base/mem.h"

struct interval {
    uint32_t first, end;
};

struct permission_index {
    uint32_t count, child_count, dated_count;
    struct interval *intervals; /* sorted, disjoint: self and subtree grants without dates */
    uint32_t *children;         /* sorted: units whose direct children are reached */
    uint32_t *dated;            /* numbers of grants with a beginning ahead or an end */
};

struct subject_index {
    uint32_t size;
    struct permission_index **permissions; /* by permission; NULL until first asked for */
};

const char *subject_kind_name(enum subject_kind k)
{
    static const char *const names[] = {"anonymous", "account", "operator", "system", "plugin"};

    return (unsigned)k < ARRAY_LEN(names) ? names[k] : "unknown";
}

static const char *const reach_names[] = {"self", "children", "subtree"};

const char *reach_name(enum reach r)
{
    return (unsigned)r < ARRAY_LEN(reach_names) ? reach_names[r] : "unknown";
}

int reach_parse(struct text t, enum reach *ret)
{
    for (unsigned i = 0; i < ARRAY_LEN(reach_names); i++) {
        if (text_is(t, reach_names[i])) {
            *ret = (enum reach)i;
            return 0;
        }
    }
    return -EINVAL;
}

struct subject_index *subject_index_new(void)
{
    return mem_zalloc(sizeof(struct subject_index));
}

void subject_index_free(struct subject_index *x)
{
    if (!x)
        return;
    for (uint32_t i = 0; i < x->size; i++) {
        if (!x->permissions[i])
            continue;
        free(x->permissions[i]->intervals);
        free(x->permissions[i]->children);
        free(x->permissions[i]->dated);
        free(x->permissions[i]);
    }
    free(x->permissions);
    free(x);
}

bool subject_grant_has(const struct subject_grant *g, uint32_t permission)
{
    return g->permissions[permission / 64] >> (permission % 64) & 1;
}

bool reach_covers(const struct tree *t, uint32_t at, enum reach reach, uint32_t unit)
{
    switch (reach) {
    case REACH_SELF:
        return unit == at;
    case REACH_CHILDREN:
        return tree_parent(t, unit) == at;
    case REACH_SUBTREE:
        return tree_contains(unit, at, tree_end(t, at));
    }
    return false;
}

static bool grant_reaches(const struct subject_grant *g, const struct tree *t, uint32_t unit)
{
    return reach_covers(t, g->unit, g->reach, unit);
}

static bool grant_is_dated(const struct subject_grant *g)
{
    return g->from != 0 || g->until != (uint64_t)INT64_MAX;
}

static bool grant_is_current(const struct subject_grant *g, int64_t now_us)
{
    return g->from <= (uint64_t)now_us && (uint64_t)now_us < g->until;
}

bool subject_grant_covers(
    const struct subject_grant *g, const struct tree *t, uint32_t permission, uint32_t unit, int64_t now_us)
{
    return subject_grant_has(g, permission) && grant_is_current(g, now_us) && grant_reaches(g, t, unit);
}

static int by_first(const void *a, const void *b)
{
    const struct interval *x = a, *y = b;

    if (x->first != y->first)
        return x->first < y->first ? -1 : 1;
    return x->end == y->end ? 0 : x->end > y->end ? -1 : 1;
}

static int by_number(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

    return x == y ? 0 : x < y ? -1 : 1;
}

static struct permission_index *make_index(const struct subject *s, uint32_t permission)
{
    struct permission_index *p = mem_zalloc(sizeof(*p));
    uint32_t n = 0;

    p->intervals = mem_zarray(s->grant_count + 1, sizeof(*p->intervals));
    p->children = mem_zarray(s->grant_count + 1, sizeof(*p->children));
    p->dated = mem_zarray(s->grant_count + 1, sizeof(*p->dated));
    for (uint32_t i = 0; i < s->grant_count; i++) {
        const struct subject_grant *g = &s->grants[i];

        if (!subject_grant_has(g, permission))
            continue;
        if (grant_is_dated(g))
            p->dated[p->dated_count++] = i;
        else if (g->reach == REACH_CHILDREN)
            p->children[p->child_count++] = g->unit;
        else
            p->intervals[n++] = (struct interval){g->unit, g->reach == REACH_SELF ? g->unit + 1 : g->end};
    }
    qsort(p->intervals, n, sizeof(*p->intervals), by_first);
    qsort(p->children, p->child_count, sizeof(*p->children), by_number);
    for (uint32_t i = 0; i < n; i++) {
        struct interval *last = p->count ? &p->intervals[p->count - 1] : NULL;

        if (last && p->intervals[i].first <= last->end)
            last->end = MAX(last->end, p->intervals[i].end);
        else
            p->intervals[p->count++] = p->intervals[i];
    }
    return p;
}

static bool in_children(const struct permission_index *p, uint32_t parent)
{
    for (uint32_t i = 0; i < p->child_count && p->children[i] <= parent; i++) {
        if (p->children[i] == parent)
            return true;
    }
    return false;
}

static bool in_dated(
    const struct subject *s, const struct permission_index *p, const struct tree *t, uint32_t unit)
{
    int64_t now = clock_wall_us();

    for (uint32_t i = 0; i < p->dated_count; i++) {
        const struct subject_grant *g = &s->grants[p->dated[i]];

        if (grant_is_current(g, now) && grant_reaches(g, t, unit))
            return true;
    }
    return false;
}

static const struct permission_index *index_of(const struct subject *s, uint32_t permission)
{
    struct subject_index *x = s->index;

    if (permission >= x->size) {
        uint32_t size = permission + 16;

        x->permissions = mem_resize(x->permissions, size, sizeof(*x->permissions));
        memset(x->permissions + x->size, 0, (size - x->size) * sizeof(*x->permissions));
        x->size = size;
    }
    if (!x->permissions[permission])
        x->permissions[permission] = make_index(s, permission);
    return x->permissions[permission];
}

static bool may_by_scan(const struct subject *s, const struct tree *t, uint32_t permission, uint32_t unit)
{
    int64_t now = clock_wall_us();

    for (uint32_t i = 0; i < s->grant_count; i++) {
        if (subject_grant_covers(&s->grants[i], t, permission, unit, now))
            return true;
    }
    return false;
}

bool subject_may(const struct subject *s, const struct tenant *t, uint32_t permission, uint32_t unit)
{
    const struct permission_index *p;
    const struct interval *base;

    if (s->kind == SUBJECT_SYSTEM || s->kind == SUBJECT_OPERATOR)
        return true;
    if (permission >= PERMISSIONS_MAX || unit >= tree_count(t->tree) || s->grant_count == 0)
        return false;
    if (!s->index)
        return may_by_scan(s, t->tree, permission, unit);
    p = index_of(s, permission);
    base = p->intervals;
    for (uint32_t n = p->count; n > 1;
         n -= n / 2) /* no branch inside: the last interval that begins at or before */
        base += base[n / 2].first <= unit ? n / 2 : 0;
    if (p->count && tree_contains(unit, base->first, base->end))
        return true;
    if (p->child_count && in_children(p, tree_parent(t->tree, unit)))
        return true;
    return p->dated_count && in_dated(s, p, t->tree, unit);
}

bool subject_may_anywhere(const struct subject *s, uint32_t permission)
{
    int64_t now;

    if (s->kind == SUBJECT_SYSTEM || s->kind == SUBJECT_OPERATOR)
        return true;
    if (permission >= PERMISSIONS_MAX)
        return false;
    now = clock_wall_us();
    for (uint32_t i = 0; i < s->grant_count; i++) {
        if (subject_grant_has(&s->grants[i], permission) && grant_is_current(&s->grants[i], now))
            return true;
    }
    return false;
}

/* ---- scope ---- */

static int by_unit(const void *a, const void *b)
{
    const struct scope_entry *x = a, *y = b;

    if (x->unit != y->unit)
        return x->unit < y->unit ? -1 : 1;
    return (int)y->reach - (int)x->reach; /* the widest first */
}

/* Is the entry inside what was kept already? Entries come in preorder, so a containing subtree comes before. */
static bool is_covered(const struct scope *kept, const struct tree *t, const struct scope_entry *e)
{
    for (uint32_t i = 0; i < kept->count; i++) {
        const struct scope_entry *k = &kept->entries[i];

        if (k->reach == REACH_SUBTREE && tree_contains(e->unit, k->unit, tree_end(t, k->unit)))
            return true;
        if (k->unit == e->unit && k->reach == e->reach)
            return true;
        if (k->reach == REACH_CHILDREN && e->reach == REACH_SELF && tree_parent(t, e->unit) == k->unit)
            return true;
    }
    return false;
}

static bool has_subtree_at(const struct scope *kept, uint32_t unit)
{
    for (uint32_t i = 0; i < kept->count; i++) {
        if (kept->entries[i].reach == REACH_SUBTREE && kept->entries[i].unit == unit)
            return true;
    }
    return false;
}

/* A `children` entry and a `subtree` entry at one of the children share that child; then the other children are named
 * one by one, so that no unit is in two entries. */
static void split_children(struct scope *kept, const struct tree *t, struct arena *a)
{
    for (uint32_t i = 0; i < kept->count; i++) {
        uint32_t up = kept->entries[i].unit, children = 0, n = kept->count;
        struct scope_entry *grown;
        bool shared = false;

        if (kept->entries[i].reach != REACH_CHILDREN)
            continue;
        for (uint32_t u = up + 1; u < tree_end(t, up); u = tree_end(t, u), children++)
            shared |= has_subtree_at(kept, u);
        if (!shared)
            continue;
        grown = arena_array(a, n + children, sizeof(*grown));
        memcpy(grown, kept->entries, n * sizeof(*grown));
        grown[i] = grown[--n];
        for (uint32_t u = up + 1; u < tree_end(t, up); u = tree_end(t, u)) {
            if (!has_subtree_at(kept, u))
                grown[n++] = (struct scope_entry){u, REACH_SELF};
        }
        kept->entries = grown;
        kept->count = n;
        i--; /* another entry stands here now */
    }
}

void subject_scope(
    const struct subject *s, const struct tenant *t, uint32_t permission, struct arena *a, struct scope *ret)
{
    struct scope_entry *found = arena_array(a, s->grant_count + 1, sizeof(*found));
    struct scope kept = {.entries = arena_array(a, s->grant_count + 1, sizeof(*kept.entries))};
    uint32_t count = 0;
    int64_t now = clock_wall_us();

    *ret = kept;
    if (tree_count(t->tree) == 0)
        return;
    if (s->kind == SUBJECT_SYSTEM || s->kind == SUBJECT_OPERATOR) {
        kept.entries[kept.count++] = (struct scope_entry){0, REACH_SUBTREE};
        kept.everywhere = true;
        *ret = kept;
        return;
    }
    for (uint32_t i = 0; i < s->grant_count && permission < PERMISSIONS_MAX; i++) {
        const struct subject_grant *g = &s->grants[i];

        if (subject_grant_has(g, permission) && grant_is_current(g, now))
            found[count++] = (struct scope_entry){g->unit, g->reach};
    }
    qsort(found, count, sizeof(*found), by_unit);
    for (uint32_t i = 0; i < count; i++) {
        if (!is_covered(&kept, t->tree, &found[i]))
            kept.entries[kept.count++] = found[i];
    }
    split_children(&kept, t->tree, a);
    kept.everywhere = kept.count && kept.entries[0].unit == 0 && kept.entries[0].reach == REACH_SUBTREE;
    *ret = kept;
}

bool subject_in_department(const struct subject *s, struct uuid department, bool as_head)
{
    for (uint32_t i = 0; i < s->department_count; i++) {
        if (uuid_eq(s->departments[i], department))
            return !as_head || s->heads[i];
    }
    return false;
}
