/* /departments and their members. */
#include <errno.h>

#include "access/core_permissions.h"
#include "access/org.h"
#include "api/core_routes.h"
#include "api/core_schemas.h"
#include "api/outlook.h"
#include "api/unit_scope.h"

static const struct db_stmt list_departments = {"api.departments",
    "SELECT d.id, d.unit_id, d.code, d.name, d.version, d.closed_at IS NOT NULL FROM juxin.department d"
    " JOIN juxin.unit u ON u.tenant_id = $1 AND u.id = d.unit_id"
    " WHERE d.tenant_id = $1 AND ($2::uuid IS NULL OR d.unit_id = $2) AND " UNIT_SCOPE
    " AND ($7::text IS NULL OR d.code = $7) AND ($8::text IS NULL OR d.code > $8)"
    " ORDER BY d.code LIMIT $9"};
static const struct db_stmt read_department = {"api.department",
    "SELECT id, unit_id, code, name, version, closed_at IS NOT NULL FROM juxin.department"
    " WHERE tenant_id = $1 AND id = $2"};
static const struct db_stmt list_members = {"api.department_members",
    "SELECT m.account_id, a.display_name, m.is_head FROM juxin.department_member m"
    " JOIN juxin.account a ON a.tenant_id = $1 AND a.id = m.account_id"
    " WHERE m.tenant_id = $1 AND m.department_id = $2 ORDER BY m.account_id LIMIT 1000"};

static bool may_see(const struct call *c, const struct db_rows *rows, int i)
{
    uint32_t unit =
        tree_count(c->tenant->tree) ? tree_find(c->tenant->tree, db_get_uuid(rows, i, 1)) : TREE_NONE;

    return unit != TREE_NONE && subject_may(c->who, c->tenant, core_permission(CORE_DEPARTMENT_READ), unit);
}

static void write_department(struct jsonw *w, const struct db_rows *rows, int i)
{
    jsonw_kuuid(w, "id", db_get_uuid(rows, i, 0));
    jsonw_kuuid(w, "unit", db_get_uuid(rows, i, 1));
    jsonw_kstr(w, "code", db_get(rows, i, 2));
    jsonw_kstr(w, "name", db_get(rows, i, 3));
    jsonw_kint(w, "version", db_get_int(rows, i, 4));
    jsonw_kbool(w, "is_closed", db_get_bool(rows, i, 5));
}

static int list_args(struct call *c, const struct request *r, uint32_t limit, struct db_args *a)
{
    struct text unit = request_query(r, "unit"), code = request_query(r, "code"),
                cursor = request_query(r, "cursor");
    struct uuid id = UUID_NIL;

    if (unit.ptr && uuid_parse(unit, &id) < 0)
        return call_fail_at(c, "unit", "uuid", "A UUID is expected.", "应为 UUID。");
    db_args_reset(a);
    db_arg_int(a, c->tenant->id);
    db_arg_uuid_or_null(a, id);
    unit_scope_args(c, CORE_DEPARTMENT_READ, a);
    db_arg_str(a, code.ptr ? arena_ndup(c->arena, code.ptr, code.len) : NULL);
    db_arg_str(a, cursor.ptr ? arena_ndup(c->arena, cursor.ptr, cursor.len) : NULL);
    db_arg_int(a, (int64_t)limit + 1);
    return 0;
}

static int departments_list(struct call *c, struct request *r)
{
    struct db_args a;
    struct db_call call = {.stmt = list_departments, .args = &a};
    struct jsonw *w;
    uint32_t limit;
    int result, count;

    if (api_limit(c, r, 100, 1000, &limit) < 0 || list_args(c, r, limit, &a) < 0)
        return -EINVAL;
    result = call_read(c, &call, 1);
    if (result < 0)
        return result;
    count = db_rows_count(call.rows);
    w = response_json(r, 200);
    jsonw_object(w);
    jsonw_key(w, "items");
    jsonw_array(w);
    for (int i = 0; i < count && i < (int)limit; i++) {
        jsonw_object(w);
        write_department(w, call.rows, i);
        jsonw_object_end(w);
    }
    jsonw_array_end(w);
    if (count > (int)limit)
        jsonw_kstr(w, "next", db_get(call.rows, (int)limit - 1, 2));
    jsonw_object_end(w);
    return 0;
}

static int read_one(struct call *c, struct request *r, struct db_call calls[2], struct db_args *a)
{
    struct uuid id;
    int result = api_id(c, r, "department", &id);

    if (result < 0)
        return result;
    db_args_reset(a);
    db_arg_int(a, c->tenant->id);
    db_arg_uuid(a, id);
    result = call_read(c, calls, 2);
    if (result < 0)
        return result;
    return db_rows_count(calls[0].rows) && may_see(c, calls[0].rows, 0) ? 0 : call_not_found(c);
}

static int departments_read(struct call *c, struct request *r)
{
    struct db_args a;
    struct db_call calls[2] = {{.stmt = read_department, .args = &a}, {.stmt = list_members, .args = &a}};
    const struct db_rows *members;
    struct jsonw *w;
    int result = read_one(c, r, calls, &a);

    if (result < 0)
        return result;
    members = calls[1].rows;
    w = response_json(r, 200);
    api_etag(r, db_get_int(calls[0].rows, 0, 4));
    jsonw_object(w);
    write_department(w, calls[0].rows, 0);
    jsonw_key(w, "members");
    jsonw_array(w);
    for (int i = 0; i < db_rows_count(members); i++) {
        jsonw_object(w);
        jsonw_kuuid(w, "account", db_get_uuid(members, i, 0));
        jsonw_kstr(w, "display_name", db_get(members, i, 1));
        jsonw_kbool(w, "is_head", db_get_bool(members, i, 2));
        jsonw_object_end(w);
    }
    jsonw_array_end(w);
    jsonw_object_end(w);
    return 0;
}

static int departments_create(struct call *c, struct request *r)
{
    static const char *const known[] = {"code", "name", "unit", NULL};
    struct department_input in = {.unit = TREE_NONE};
    struct uuid id;
    json_t *body;
    int result = request_object(r, known, &body);

    if (result < 0)
        return result;
    if (api_str(c, body, "code", true, &in.code) < 0)
        result = -EINVAL;
    if (api_str(c, body, "name", true, &in.name) < 0)
        result = -EINVAL;
    if (api_body_unit(c, body, "unit", true, core_permission(CORE_UNIT_READ), &in.unit) < 0)
        result = -EINVAL;
    if (result == 0)
        result = org_department_create(c, &in, &id);
    if (result < 0 || c->is_replay)
        return result;
    return api_created(c, r, id, 1);
}

static int departments_update(struct call *c, struct request *r)
{
    static const char *const known[] = {"name", NULL};
    const char *name;
    struct uuid id;
    int64_t version;
    json_t *body;
    int result = request_object(r, known, &body);

    if (result == 0)
        result = api_id(c, r, "department", &id);
    if (result == 0)
        result = api_if_match(c, r, &version);
    if (result == 0)
        result = api_str(c, body, "name", true, &name);
    if (result == 0)
        result = org_department_rename(c, id, name, version);
    if (result < 0 || c->is_replay)
        return result;
    return api_changed(c, r, id, version + 1);
}

static int departments_close(struct call *c, struct request *r)
{
    struct uuid id;
    int64_t version;
    int result = api_id(c, r, "department", &id);

    if (result == 0)
        result = api_if_match(c, r, &version);
    if (result == 0)
        result = org_department_close(c, id, version);
    if (result < 0 || c->is_replay)
        return result;
    return api_changed(c, r, id, version + 1);
}

static int members_put(struct call *c, struct request *r)
{
    static const char *const known[] = {"is_head", NULL};
    struct uuid department, account;
    bool present, is_head = false;
    json_t *body;
    int result = request_object(r, known, &body);

    if (result == 0)
        result = api_id(c, r, "department", &department);
    if (result == 0)
        result = api_id(c, r, "account", &account);
    if (result == 0)
        result = api_bool(c, body, "is_head", &present, &is_head);
    if (result == 0)
        result = org_member_put(c, department, account, is_head);
    if (result < 0 || c->is_replay)
        return result;
    return api_done(c, r);
}

static int members_remove(struct call *c, struct request *r)
{
    struct uuid department, account;
    int result = api_id(c, r, "department", &department);

    if (result == 0)
        result = api_id(c, r, "account", &account);
    if (result == 0)
        result = org_member_remove(c, department, account);
    if (result < 0 || c->is_replay)
        return result;
    return api_done(c, r);
}

static int members_outlook(struct call *c, struct request *r, bool is_put)
{
    struct uuid department, account;
    struct outlook o;
    int result = api_id(c, r, "department", &department);

    if (result == 0)
        result = api_id(c, r, "account", &account);
    if (result == 0)
        result = outlook_member(c, department, account, is_put, &o);
    return result < 0 ? result : outlook_write(c, &o, response_json(r, 200));
}

/* Whether it would be a head makes no difference to grants; the body is read all the same, as the change reads it. */
static int members_preview(struct call *c, struct request *r)
{
    static const char *const known[] = {"is_head", NULL};
    bool present, is_head;
    json_t *body;
    int result = request_object(r, known, &body);

    if (result == 0)
        result = api_bool(c, body, "is_head", &present, &is_head);
    return result < 0 ? result : members_outlook(c, r, true);
}

static int members_preview_removal(struct call *c, struct request *r)
{
    return members_outlook(c, r, false);
}

static const struct api_route department_routes[] = {
    {.method = HTTP_GET,
        .path = "/departments",
        .query = "unit,code,limit,cursor",
        .permission = "core.department.read",
        .handle = departments_list,
        .summary_en = "Departments one may see; filters unit, code",
        .summary_zh = "可见的部门；可按 unit、code 筛选"},
    {.method = HTTP_GET,
        .path = "/departments/{department}",
        .permission = "core.department.read",
        .handle = departments_read,
        .summary_en = "One department with its members",
        .summary_zh = "部门及其成员"},
    {.method = HTTP_POST,
        .path = "/departments",
        .permission = "core.department.create",
        .handle = departments_create,
        .request_schema = SCHEMA_DEPARTMENT,
        .summary_en = "Create a department",
        .summary_zh = "新建部门"},
    {.method = HTTP_PATCH,
        .path = "/departments/{department}",
        .permission = "core.department.update",
        .handle = departments_update,
        .request_schema = SCHEMA_NAME,
        .summary_en = "Rename a department",
        .summary_zh = "部门更名"},
    {.method = HTTP_POST,
        .path = "/departments/{department}/close",
        .permission = "core.department.update",
        .handle = departments_close,
        .summary_en = "Close a department",
        .summary_zh = "关闭部门"},
    {.method = HTTP_PUT,
        .path = "/departments/{department}/members/{account}",
        .permission = "core.department.update",
        .handle = members_put,
        .request_schema = SCHEMA_MEMBER,
        .summary_en = "Add a member or change whether it is a head",
        .summary_zh = "添加成员或设为负责人"},
    {.method = HTTP_DELETE,
        .path = "/departments/{department}/members/{account}",
        .permission = "core.department.update",
        .handle = members_remove,
        .summary_en = "Remove a member",
        .summary_zh = "移除成员"},
    {.method = HTTP_POST,
        .path = "/departments/{department}/members/{account}/preview",
        .permission = "core.department.update",
        .handle = members_preview,
        .request_schema = SCHEMA_MEMBER,
        .summary_en = "What a new member would gain",
        .summary_zh = "预览添加成员的影响"},
    {.method = HTTP_GET,
        .path = "/departments/{department}/members/{account}/preview",
        .permission = "core.department.update",
        .handle = members_preview_removal,
        .summary_en = "What the end of a membership would change",
        .summary_zh = "预览移除成员的影响"},
};

int api_department_routes(struct router *rt)
{
    return api_add_all(rt, department_routes, ARRAY_LEN(department_routes));
}
