/* /roles and /permissions. */
#include <errno.h>

#include "access/access.h"
#include "access/permission.h"
#include "access/role.h"
#include "api/core_routes.h"
#include "api/core_schemas.h"
#include "api/outlook.h"

static const struct db_stmt list_roles = {"api.roles",
    "SELECT id, name, label_zh, label_en, is_builtin, version FROM juxin.role WHERE tenant_id = "
    "$1 ORDER BY name"};

static void write_permissions(struct jsonw *w, const struct access_role *role)
{
    jsonw_key(w, "permissions");
    jsonw_array(w);
    for (uint32_t p = 0; role && p < permission_count(); p++) {
        if (role->permissions[p / 64] >> (p % 64) & 1)
            jsonw_str(w, permission_info(p)->name);
    }
    jsonw_array_end(w);
}

static void write_role(struct call *c, struct jsonw *w, const struct db_rows *rows, int i)
{
    jsonw_object(w);
    jsonw_kuuid(w, "id", db_get_uuid(rows, i, 0));
    jsonw_kstr(w, "name", db_get(rows, i, 1));
    jsonw_kstr(w, "label_zh", db_get(rows, i, 2));
    jsonw_kstr(w, "label_en", db_get(rows, i, 3));
    jsonw_kbool(w, "is_builtin", db_get_bool(rows, i, 4));
    jsonw_kint(w, "version", db_get_int(rows, i, 5));
    write_permissions(w, access_find_role(c->tenant, db_get_uuid(rows, i, 0)));
    jsonw_object_end(w);
}

static int read_roles(struct call *c, struct db_call *call, struct db_args *a)
{
    db_args_reset(a);
    db_arg_int(a, c->tenant->id);
    return call_read(c, call, 1);
}

static int roles_list(struct call *c, struct request *r)
{
    struct db_args a;
    struct db_call call = {.stmt = list_roles, .args = &a};
    struct jsonw *w;
    int result = read_roles(c, &call, &a);

    if (result < 0)
        return result;
    w = response_json(r, 200);
    jsonw_object(w);
    jsonw_key(w, "items");
    jsonw_array(w);
    for (int i = 0; i < db_rows_count(call.rows); i++)
        write_role(c, w, call.rows, i);
    jsonw_array_end(w);
    jsonw_object_end(w);
    return 0;
}

static int roles_read(struct call *c, struct request *r)
{
    struct db_args a;
    struct db_call call = {.stmt = list_roles, .args = &a};
    struct uuid id;
    int result = api_id(c, r, "role", &id);

    if (result == 0)
        result = read_roles(c, &call, &a);
    if (result < 0)
        return result;
    for (int i = 0; i < db_rows_count(call.rows); i++) {
        if (uuid_eq(db_get_uuid(call.rows, i, 0), id)) {
            write_role(c, response_json(r, 200), call.rows, i);
            api_etag(r, db_get_int(call.rows, i, 5));
            return 0;
        }
    }
    return call_not_found(c);
}

static int permissions_list(struct call *c, struct request *r)
{
    struct jsonw *w = response_json(r, 200);

    (void)c;
    jsonw_object(w);
    jsonw_key(w, "items");
    jsonw_array(w);
    for (uint32_t p = 0; p < permission_count(); p++) {
        const struct permission_info *info = permission_info(p);

        if (!info->is_declared)
            continue;
        jsonw_object(w);
        jsonw_kstr(w, "name", info->name);
        jsonw_kstr(w, "label_zh", info->label_zh);
        jsonw_kstr(w, "label_en", info->label_en);
        jsonw_object_end(w);
    }
    jsonw_array_end(w);
    jsonw_object_end(w);
    return 0;
}

static int read_permissions(struct call *c, const json_t *body, bool required, struct role_input *in)
{
    const json_t *list = json_object_get(body, "permissions"), *item;
    const char **names;
    size_t i;

    if (!list && !required)
        return 0;
    if (!json_is_array(list) || json_array_size(list) > PERMISSIONS_MAX)
        return call_fail_at(c, "/permissions", list ? "type" : "required",
            "An array of permission names is expected.", "应为权限名称数组。");
    names = arena_array(c->arena, json_array_size(list) + 1, sizeof(*names));
    json_array_foreach(list, i, item)
    {
        if (!json_is_string(item))
            return call_fail_at(c, arena_printf(c->arena, "/permissions/%zu", i), "type",
                "A string is expected.", "应为字符串。");
        names[i] = json_string_value(item);
    }
    in->permissions = names;
    in->permission_count = (uint32_t)json_array_size(list);
    return 0;
}

static int read_input(struct call *c, const json_t *body, bool create, struct role_input *in)
{
    int result = 0;

    if (create && api_str(c, body, "name", true, &in->name) < 0)
        result = -EINVAL;
    if (api_str(c, body, "label_zh", create, &in->label_zh) < 0)
        result = -EINVAL;
    if (api_str(c, body, "label_en", false, &in->label_en) < 0)
        result = -EINVAL;
    if (read_permissions(c, body, create, in) < 0)
        result = -EINVAL;
    return result;
}

static int roles_create(struct call *c, struct request *r)
{
    static const char *const known[] = {"name", "label_zh", "label_en", "permissions", NULL};
    struct role_input in = {0};
    struct uuid id;
    json_t *body;
    int result = request_object(r, known, &body);

    if (result == 0)
        result = read_input(c, body, true, &in);
    if (result == 0)
        result = role_create(c, &in, &id);
    if (result < 0 || c->is_replay)
        return result;
    return api_created(c, r, id, 1);
}

static int roles_update(struct call *c, struct request *r)
{
    static const char *const known[] = {"label_zh", "label_en", "permissions", NULL};
    struct role_input in = {0};
    struct uuid id;
    int64_t version;
    json_t *body;
    int result = request_object(r, known, &body);

    if (result == 0)
        result = api_id(c, r, "role", &id);
    if (result == 0)
        result = api_if_match(c, r, &version);
    if (result == 0)
        result = read_input(c, body, false, &in);
    if (result == 0)
        result = role_update(c, id, &in, version, &version);
    if (result < 0 || c->is_replay)
        return result;
    return api_changed(c, r, id, version);
}

static int roles_preview(struct call *c, struct request *r)
{
    static const char *const known[] = {"label_zh", "label_en", "permissions", NULL};
    struct role_input in = {0};
    struct outlook o;
    struct uuid id;
    json_t *body;
    int result = request_object(r, known, &body);

    if (result == 0)
        result = api_id(c, r, "role", &id);
    if (result == 0)
        result = read_input(c, body, false, &in);
    if (result == 0)
        result = outlook_role(c, id, &in, &o);
    return result < 0 ? result : outlook_write(c, &o, response_json(r, 200));
}

static const struct api_route role_routes[] = {
    {.method = HTTP_GET,
        .path = "/roles",
        .permission = "core.role.read",
        .handle = roles_list,
        .summary_en = "Roles and their permissions",
        .summary_zh = "角色及其权限"},
    {.method = HTTP_GET,
        .path = "/roles/{role}",
        .permission = "core.role.read",
        .handle = roles_read,
        .summary_en = "One role",
        .summary_zh = "单个角色"},
    {.method = HTTP_POST,
        .path = "/roles",
        .permission = "core.role.write",
        .handle = roles_create,
        .request_schema = SCHEMA_ROLE,
        .summary_en = "Create a role",
        .summary_zh = "新建角色"},
    {.method = HTTP_PATCH,
        .path = "/roles/{role}",
        .permission = "core.role.write",
        .handle = roles_update,
        .request_schema = SCHEMA_ROLE_CHANGE,
        .summary_en = "Change a role",
        .summary_zh = "修改角色"},
    {.method = HTTP_POST,
        .path = "/roles/{role}/preview",
        .permission = "core.role.write",
        .handle = roles_preview,
        .request_schema = SCHEMA_ROLE_CHANGE,
        .summary_en = "What a change of a role would change",
        .summary_zh = "预览修改角色的影响"},
    {.method = HTTP_GET,
        .path = "/permissions",
        .permission = "core.role.read",
        .handle = permissions_list,
        .summary_en = "All permissions",
        .summary_zh = "全部权限"},
};

int api_role_routes(struct router *rt)
{
    return api_add_all(rt, role_routes, ARRAY_LEN(role_routes));
}
