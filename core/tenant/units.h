/* Changes of the tree: create, rename, move, close. Units are named by their preorder number in the change's snapshot.
 * What is wrong with the input is a fault in the change; permission and audit are the caller's. */
#pragma once

#include "tenant/change.h"

#define UNIT_NAME_MAX 100 /* characters */
#define UNIT_CODE_MAX 32  /* bytes: letters, digits, '-', '_', '.' */
#define UNITS_MAX 20000   /* per tenant */

struct unit_input {
    const char *code;
    const char *name;
    enum level level;
    uint32_t parent; /* TREE_NONE for the root of a tenant that has none */
};

/* Why a name or code is not accepted, NULL when it is fine: required, too_long, characters. */
const char *unit_name_objection(struct text name);
const char *unit_code_objection(struct text code);

MUSTCHECK int unit_create(struct tenant_change *c, const struct unit_input *in, struct uuid *ret_id);
/* version: what the caller has seen; another one is -ESTALE. The next version is written to *ret_version. */
MUSTCHECK int unit_rename(
    struct tenant_change *c, uint32_t unit, const char *name, int64_t version, int64_t *ret_version);
MUSTCHECK int unit_move(
    struct tenant_change *c, uint32_t unit, uint32_t parent, int64_t version, int64_t *ret_version);
/* What unit_move finds wrong with the place; needs no unit of work. */
MUSTCHECK int unit_move_check(struct tenant_change *c, uint32_t unit, uint32_t parent);
/* The tree with the unit under another parent, in which the check found nothing wrong; the subtree keeps its order. The
 * caller frees it. */
MUSTCHECK int unit_moved_tree(const struct tree *t, uint32_t unit, uint32_t parent, struct tree **ret);
/* Closed units stay in the tree and are read; nothing new is put under them. Refused while an open unit is below. */
MUSTCHECK int unit_close(struct tenant_change *c, uint32_t unit, int64_t version, int64_t *ret_version);

/* Closes a unit whose work another of the same level takes over, the departments and accounts at it with it. What is below it is
 * moved before. Until the commit nobody can add a record at either. */
MUSTCHECK int unit_retire(struct tenant_change *c, uint32_t unit, uint32_t into);
MUSTCHECK int unit_retire_check(struct tenant_change *c, uint32_t unit, uint32_t into);

/* Where a moved unit stands now. a[d - 1] is its ancestor at depth d, itself at its own depth, nil below. */
struct unit_place {
    struct uuid id;
    uint32_t depth;
    struct uuid a[TREE_DEPTH_MAX];
};
/* Called inside the unit of work of a move, after the units' rows are locked and rewritten: whoever stores ancestor
 * keys rewrites its rows. At most 8 hooks, registered at start. */
typedef int unit_move_fn(
    struct db_tx *tx, const struct tenant *t, const struct unit_place *places, size_t count);
void unit_move_hook(unit_move_fn *fn);

/* Places as PostgreSQL array literals, for UPDATE … FROM unnest($2::uuid[], $3::int[], $4::uuid[] … $7::uuid[]).
 * In the arena. */
struct unit_place_arrays {
    const char *id, *depth, *a[TREE_DEPTH_MAX];
};
void unit_place_arrays(
    struct arena *a, const struct unit_place *places, size_t count, struct unit_place_arrays *ret);
