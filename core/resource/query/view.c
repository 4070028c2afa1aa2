/* Saved views in the database, and who may see and change them. */
#include "resource/query/view.h"

#include <errno.h>

#include "access/access.h"
#include "access/core_permissions.h"
#include "resource/declare/edition.h"
#include "resource/query/view_check.h"
#include "resource/record/gate.h"
#include "resource/record/reader.h"
#include "tenant/tree.h"

#define VIEW_COLUMNS "id, resource, name, account_id, role_id, unit_id, query, columns, is_default, version"

/* Those of roles and units are few, and who sees them is decided here. */
static const struct db_stmt list_views = {"view.list",
    "SELECT " VIEW_COLUMNS
    " FROM juxin.saved_view WHERE tenant_id = $1 AND resource = $2 AND (account_id = $3 OR "
    "account_id IS NULL)"
    " ORDER BY account_id IS NULL, role_id IS NULL, name, id LIMIT 1000"};
static const struct db_stmt read_view = {
    "view.read", "SELECT " VIEW_COLUMNS " FROM juxin.saved_view WHERE tenant_id = $1 AND id = $2"};
static const struct db_stmt count_views = {"view.count",
    "SELECT count(*) FROM juxin.saved_view WHERE tenant_id = $1 AND resource = $2 AND account_id IS NOT "
    "DISTINCT FROM $3::uuid"
    " AND role_id IS NOT DISTINCT FROM $4::uuid AND unit_id IS NOT DISTINCT FROM $5::uuid"};
static const struct db_stmt insert_view = {"view.insert",
    "INSERT INTO juxin.saved_view (tenant_id, resource, account_id, role_id, unit_id, id, name, query, "
    "columns, is_default,"
    " created_by, created_at, updated_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $12)"};
static const struct db_stmt update_view = {"view.update",
    "UPDATE juxin.saved_view SET name = coalesce($4, name), query = coalesce($5, query), columns = "
    "coalesce($6, columns),"
    " is_default = coalesce($7::boolean, is_default), version = version + 1, updated_at = $8"
    " WHERE tenant_id = $1 AND id = $2 AND version = $3"};
static const struct db_stmt delete_view = {
    "view.delete", "DELETE FROM juxin.saved_view WHERE tenant_id = $1 AND id = $2"};
static const struct db_stmt clear_default = {"view.clear_default",
    "UPDATE juxin.saved_view SET is_default = false WHERE tenant_id = $1 AND resource = $2 AND account_id IS "
    "NOT DISTINCT FROM"
    " $3::uuid AND role_id IS NOT DISTINCT FROM $4::uuid AND unit_id IS NOT DISTINCT FROM $5::uuid AND id <> "
    "$6 AND is_default"};

/* ---- whose they are ---- */

int view_resource(struct call *c, const char *full_name, const struct resource **ret)
{
    *ret = edition_find(c->tenant, full_name);
    if (!*ret || !reader_has_business(c->who, *ret))
        return call_not_found(c);
    return gate_require_somewhere(c, (*ret)->plugin);
}

static bool holds_role(const struct call *c, struct uuid id)
{
    const struct access_role *role = access_find_role(c->tenant, id);
    uint64_t now = (uint64_t)c->now_us;

    for (uint32_t i = 0; role && i < c->who->grant_count; i++) {
        const struct subject_grant *g = &c->who->grants[i];

        if (g->from <= now && now < g->until && strcmp(g->role, role->name) == 0)
            return true;
    }
    return false;
}

static bool may_manage_at(const struct call *c, uint32_t unit)
{
    return unit < tree_count(c->tenant->tree) &&
           subject_may(c->who, c->tenant, core_permission(CORE_VIEW_MANAGE), unit);
}

static bool may_change(const struct call *c, const struct view *v)
{
    if (!uuid_is_nil(v->account))
        return uuid_eq(v->account, c->who->account);
    return may_manage_at(c, uuid_is_nil(v->unit) ? 0 : tree_find(c->tenant->tree, v->unit));
}

static bool may_see(const struct call *c, const struct view *v)
{
    uint32_t unit = uuid_is_nil(v->unit) ? TREE_NONE : tree_find(c->tenant->tree, v->unit);

    if (!v->res || !reader_has_business(c->who, v->res))
        return false;
    return v->may_change || (!uuid_is_nil(v->role) && holds_role(c, v->role)) ||
           (unit != TREE_NONE && subject_may(c->who, c->tenant, v->res->permissions[ACTION_READ], unit));
}

static void fill(const struct call *c, struct view *v, const struct db_rows *rows, int row)
{
    *v = (struct view){.id = db_get_uuid(rows, row, 0),
        .res = edition_find(c->tenant, db_get(rows, row, 1)),
        .name = db_get(rows, row, 2),
        .account = db_get_uuid(rows, row, 3),
        .role = db_get_uuid(rows, row, 4),
        .unit = db_get_uuid(rows, row, 5),
        .query = db_get(rows, row, 6),
        .columns = db_get(rows, row, 7),
        .is_default = db_get_bool(rows, row, 8),
        .version = db_get_int(rows, row, 9)};
    v->may_change = may_change(c, v);
}

/* ---- reading ---- */

int view_list(struct call *c, const struct resource *res, struct view **ret, uint32_t *ret_count)
{
    struct db_args args;
    struct db_call call = {.stmt = list_views, .args = &args};
    struct view *views;
    uint32_t count = 0;
    int r;

    db_args_reset(&args);
    db_arg_int(&args, c->tenant->id);
    db_arg_str(&args, res->full_name);
    db_arg_uuid_or_null(&args, c->who->account);
    r = call_read(c, &call, 1);
    if (r < 0)
        return r;
    views = arena_array(c->arena, (size_t)db_rows_count(call.rows) + 1, sizeof(*views));
    for (int i = 0; i < db_rows_count(call.rows); i++) {
        fill(c, &views[count], call.rows, i);
        count += may_see(c, &views[count]);
    }
    *ret = views;
    *ret_count = count;
    return 0;
}

int view_read(struct call *c, struct uuid id, struct view *ret)
{
    struct db_args args;
    struct db_call call = {.stmt = read_view, .args = &args};
    int r;

    db_args_reset(&args);
    db_arg_int(&args, c->tenant->id);
    db_arg_uuid(&args, id);
    r = call_read(c, &call, 1);
    if (r < 0)
        return r;
    if (db_rows_count(call.rows) == 0)
        return call_not_found(c);
    fill(c, ret, call.rows, 0);
    return may_see(c, ret) ? gate_require_somewhere(c, ret->res->plugin) : call_not_found(c);
}

/* ---- changing ---- */

static void owner_args(struct db_args *a, const struct call *c, const struct view *v)
{
    db_args_reset(a);
    db_arg_int(a, c->tenant->id);
    db_arg_str(a, v->res->full_name);
    db_arg_uuid_or_null(a, v->account);
    db_arg_uuid_or_null(a, v->role);
    db_arg_uuid_or_null(a, v->unit);
}

/* One view at most is what an owner's list begins with. */
static int only_default(struct call *c, const struct view *v, struct uuid id)
{
    struct db_args a;

    owner_args(&a, c, v);
    db_arg_uuid(&a, id);
    return db_exec(c->tx, clear_default, &a, NULL);
}

static int name_taken(struct call *c, int r)
{
    return r == -EEXIST
               ? call_fail(c, 409, "conflict", "A view of this name exists already.", "已有同名视图。")
               : r;
}

static int check_room(struct call *c, const struct view *owner)
{
    struct db_args *a = arena_alloc(c->arena, sizeof(*a));
    struct db_call call = {.stmt = count_views, .args = a};
    int r;

    owner_args(a, c, owner);
    r = call_read(c, &call, 1);
    if (r == 0 && db_get_int(call.rows, 0, 0) >= VIEWS_MAX)
        return call_fail(
            c, 409, "too_many", "100 views of a list are the most.", "每个列表最多保存 100 个视图。");
    return r;
}

int view_create(struct call *c, const struct view *owner, const struct view_input *in, struct uuid *ret_id)
{
    struct uuid id = uuid_new();
    struct db_args a;
    int r = view_check(c, owner->res, in);

    if (r == 0 && !may_change(c, owner))
        r = call_forbidden(c, core_permission_name(CORE_VIEW_MANAGE));
    if (r == 0)
        r = call_begin(c);
    if (r < 0 || c->is_replay)
        return r;
    r = check_room(c, owner);
    if (r < 0)
        return r;
    owner_args(&a, c, owner);
    db_arg_uuid(&a, id);
    db_arg_str(&a, in->name);
    db_arg_str(&a, in->query ? in->query : "");
    db_arg_str(&a, in->columns ? in->columns : "");
    db_arg_bool(&a, in->is_default);
    db_arg_uuid_or_null(&a, c->who->account);
    db_arg_time(&a, c->now_us);
    r = name_taken(c, db_exec(c->tx, insert_view, &a, NULL));
    if (r == 0 && in->is_default)
        r = only_default(c, owner, id);
    if (r == 0)
        r = call_audit(c, "view.create", "view", id, owner->unit, "name,query,columns");
    if (r == 0)
        *ret_id = id;
    return r;
}

static int find_to_change(struct call *c, struct uuid id, struct view *ret)
{
    int r = call_begin(c);

    if (r < 0 || c->is_replay)
        return r;
    r = view_read(c, id, ret);
    if (r == 0 && !ret->may_change)
        r = call_forbidden(c, core_permission_name(CORE_VIEW_MANAGE));
    return r;
}

int view_update(
    struct call *c, struct uuid id, int64_t version, const struct view_input *in, int64_t *ret_version)
{
    struct db_args a;
    struct view v;
    int r = find_to_change(c, id, &v);

    if (r < 0 || c->is_replay)
        return r;
    r = view_check(c, v.res, in);
    if (r < 0)
        return r;
    db_args_reset(&a);
    db_arg_int(&a, c->tenant->id);
    db_arg_uuid(&a, id);
    db_arg_int(&a, version);
    db_arg_str(&a, in->name);
    db_arg_str(&a, in->query);
    db_arg_str(&a, in->columns);
    db_arg_str(&a, !in->has_default ? NULL : in->is_default ? "true" : "false");
    db_arg_time(&a, c->now_us);
    r = name_taken(c, db_exec_expect(c->tx, update_view, &a, 1));
    if (r == 0 && in->has_default && in->is_default)
        r = only_default(c, &v, id);
    if (r == 0)
        r = call_audit(c, "view.update", "view", id, v.unit, "name,query,columns");
    if (r == 0)
        *ret_version = version + 1;
    return r;
}

int view_delete(struct call *c, struct uuid id)
{
    struct db_args a;
    struct view v;
    int r = find_to_change(c, id, &v);

    if (r < 0 || c->is_replay)
        return r;
    db_args_reset(&a);
    db_arg_int(&a, c->tenant->id);
    db_arg_uuid(&a, id);
    r = db_exec_expect(c->tx, delete_view, &a, 1);
    return r < 0 ? r : call_audit(c, "view.delete", "view", id, v.unit, "name");
}
