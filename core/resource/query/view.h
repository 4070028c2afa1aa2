/* Saved views of lists: conditions, order and columns under a name. One is an account's own, or a role's, for all who hold
 * it somewhere, or a unit's, for all who read the resource there. */
#pragma once

#include "access/call.h"
#include "resource/declare/declaration.h"

#define VIEW_NAME_MAX 60
#define VIEW_QUERY_MAX 2000
#define VIEW_COLUMNS_MAX 40
#define VIEWS_MAX 100 /* of one owner and resource */

struct view {
    struct uuid id;
    const struct resource *res;
    struct uuid account, role, unit;    /* one of them; the others are nil */
    const char *name, *query, *columns; /* columns: names with commas between, "" as declared */
    bool is_default;
    int64_t version;
    bool may_change; /* by the caller */
};

/* NULL members stay as they are; of a new view name has to be given. */
struct view_input {
    const char *name, *query, *columns;
    bool has_default, is_default;
};

/* A declared resource by its full name, whose plugin runs somewhere and of which the caller holds some permission; otherwise
 * the fault of what is not there. */
MUSTCHECK int view_resource(struct call *c, const char *full_name, const struct resource **ret);
/* What the caller sees of them: their own first. In the call's arena. */
MUSTCHECK int view_list(struct call *c, const struct resource *res, struct view **ret, uint32_t *ret_count);
MUSTCHECK int view_read(struct call *c, struct uuid id, struct view *ret);
/* owner: account, role or unit as in struct view; of a role's or a unit's the caller needs core.view.manage at the root or
 * that unit. Faults with pointers into a JSON body. */
MUSTCHECK int view_create(
    struct call *c, const struct view *owner, const struct view_input *in, struct uuid *ret_id);
MUSTCHECK int view_update(
    struct call *c, struct uuid id, int64_t version, const struct view_input *in, int64_t *ret_version);
MUSTCHECK int view_delete(struct call *c, struct uuid id);
