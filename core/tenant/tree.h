/* A tenant's units in memory, in preorder: a unit's index is its preorder number and its subtree is [index, end), so
 * "is B under A" is two comparisons. Immutable once built. */
#pragma once

#include "base/base.h"
#include "base/text.h"
#include "base/uuid.h"

#define TREE_NONE UINT32_MAX
#define TREE_DEPTH_MAX 4 /* the root is depth 0; records carry a key for depths 1 to 4 */

enum level { LEVEL_COUNTY, LEVEL_STREET, LEVEL_COMMUNITY, LEVEL_PARK, LEVELS };

const char *level_name(enum level l);                      /* county, street, community, park */
MUSTCHECK int level_parse(struct text t, enum level *ret); /* -EINVAL */
/* May a unit of `child` stand directly under one of `parent`? The default table of the domain. */
bool level_may_contain(enum level parent, enum level child);

struct tree;

struct tree_unit { /* input and view */
    struct uuid id;
    struct uuid parent; /* nil for the root */
    const char *code;   /* official division code or a local one; unique in the tenant */
    const char *name;
    enum level level;
    bool is_closed;
};

/* Builds from units in any order; strings are copied. -EINVAL with *ret_at on the offending unit: no or several roots,
 * unknown parent, cycle, duplicate id or code, level not allowed under its parent, too deep. */
MUSTCHECK int tree_build(
    const struct tree_unit *units, size_t count, struct tree **ret, size_t *ret_at, const char **ret_why);
void tree_free(struct tree *t);

uint32_t tree_count(const struct tree *t);
uint32_t tree_find(const struct tree *t, struct uuid id);               /* TREE_NONE */
uint32_t tree_find_code(const struct tree *t, struct text code);        /* TREE_NONE */
uint32_t tree_find_named(const struct tree *t, struct text id_or_code); /* TREE_NONE */
uint32_t tree_parent(const struct tree *t, uint32_t unit);              /* TREE_NONE for the root */
uint32_t tree_end(const struct tree *t, uint32_t unit);                 /* one past the last of its subtree */
uint32_t tree_depth(const struct tree *t, uint32_t unit);
uint32_t tree_ancestor(
    const struct tree *t, uint32_t unit, uint32_t depth); /* itself at its own depth; TREE_NONE below */
struct tree_unit tree_unit(const struct tree *t, uint32_t unit); /* borrowed strings */
enum level tree_level(const struct tree *t, uint32_t unit);

static inline bool tree_contains(uint32_t unit, uint32_t ancestor, uint32_t ancestor_end)
{
    return unit >= ancestor && unit < ancestor_end;
}
