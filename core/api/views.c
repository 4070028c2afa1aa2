/* /views: saved views of lists. */
#include <errno.h>

#include "access/access.h"
#include "access/core_permissions.h"
#include "api/core_routes.h"
#include "api/core_schemas.h"
#include "resource/query/view.h"

static void write_columns(struct jsonw *w, const char *columns)
{
    struct text rest = text_of(columns);

    jsonw_key(w, "columns");
    jsonw_array(w);
    while (rest.ptr && rest.len > 0)
        jsonw_text(w, text_split(&rest, ','));
    jsonw_array_end(w);
}

static void write_view(struct jsonw *w, const struct view *v)
{
    jsonw_object(w);
    jsonw_kuuid(w, "id", v->id);
    jsonw_kint(w, "version", v->version);
    jsonw_kstr(w, "resource", v->res->full_name);
    jsonw_kstr(w, "name", v->name);
    jsonw_kuuid(w, "account", v->account);
    jsonw_kuuid(w, "role", v->role);
    jsonw_kuuid(w, "unit", v->unit);
    jsonw_kstr(w, "query", v->query);
    write_columns(w, v->columns);
    jsonw_kbool(w, "default", v->is_default);
    jsonw_kbool(w, "may_change", v->may_change);
    jsonw_object_end(w);
}

static int views_list(struct call *c, struct request *r)
{
    struct text name = request_query(r, "resource");
    const struct resource *res;
    struct view *views;
    struct jsonw *w;
    uint32_t count;
    int result;

    if (!name.ptr)
        return call_fail_at(c, "resource", "required", "PLUGIN.RESOURCE, whose lists they are of.",
            "应为列表所属的 插件.业务。");
    result = view_resource(c, arena_ndup(c->arena, name.ptr, name.len), &res);
    if (result == 0)
        result = view_list(c, res, &views, &count);
    if (result < 0)
        return result;
    w = response_json(r, 200);
    jsonw_object(w);
    jsonw_key(w, "items");
    jsonw_array(w);
    for (uint32_t i = 0; i < count; i++)
        write_view(w, &views[i]);
    jsonw_array_end(w);
    jsonw_object_end(w);
    return 0;
}

static int views_read(struct call *c, struct request *r)
{
    struct uuid id;
    struct view v;
    int result = api_id(c, r, "view", &id);

    if (result == 0)
        result = view_read(c, id, &v);
    if (result < 0)
        return result;
    api_etag(r, v.version);
    write_view(response_json(r, 200), &v);
    return 0;
}

/* ["a", "b"] to "a,b". */
static int take_columns(struct call *c, const json_t *body, const char **ret)
{
    const json_t *list = json_object_get(body, "columns"), *v;
    const char *s = "";
    size_t i;

    if (!list)
        return 0;
    if (!json_is_array(list) || json_array_size(list) > VIEW_COLUMNS_MAX)
        return call_fail_at(
            c, "/columns", "type", "An array of at most 40 names.", "应为不超过 40 个名称的数组。");
    json_array_foreach(list, i, v)
    {
        if (!json_is_string(v) || strchr(json_string_value(v), ',') || !*json_string_value(v))
            return call_fail_at(
                c, arena_printf(c->arena, "/columns/%zu", i), "type", "A name is expected.", "应为名称。");
        s = arena_printf(c->arena, "%s%s%s", s, i ? "," : "", json_string_value(v));
    }
    *ret = s;
    return 0;
}

static int take_input(struct call *c, const json_t *body, bool is_new, struct view_input *in)
{
    int bad = 0;

    bad |= api_str(c, body, "name", is_new, &in->name);
    bad |= api_str(c, body, "query", false, &in->query);
    bad |= take_columns(c, body, &in->columns);
    bad |= api_bool(c, body, "default", &in->has_default, &in->is_default);
    return bad ? -EINVAL : 0;
}

/* Whose it is to be: the caller's own unless a role or a unit is named. */
static int take_owner(struct call *c, const json_t *body, struct view *owner)
{
    uint32_t unit;
    int bad = 0;

    bad |= api_uuid(c, body, "role", false, &owner->role);
    bad |= api_body_unit(c, body, "unit", false, core_permission(CORE_VIEW_MANAGE), &unit);
    if (bad)
        return -EINVAL;
    if (!uuid_is_nil(owner->role) && unit != TREE_NONE)
        return call_fail_at(
            c, "/unit", "either", "A role or a unit, not both.", "role 与 unit 只能填写一项。");
    if (!uuid_is_nil(owner->role) && !access_find_role(c->tenant, owner->role))
        return call_fail_at(c, "/role", "unknown", "There is no such role.", "角色不存在。");
    if (unit != TREE_NONE)
        owner->unit = tree_unit(c->tenant->tree, unit).id;
    else if (uuid_is_nil(owner->role))
        owner->account = c->who->account;
    return 0;
}

static int views_create(struct call *c, struct request *r)
{
    static const char *const known[] = {
        "resource", "name", "query", "columns", "default", "role", "unit", NULL};
    struct view_input in = {0};
    struct view owner = {0};
    const char *resource;
    struct uuid id;
    json_t *body;
    int result = request_object(r, known, &body);

    if (result == 0)
        result = api_str(c, body, "resource", true, &resource);
    if (result == 0)
        result = take_input(c, body, true, &in);
    if (result == 0)
        result = view_resource(c, resource, &owner.res);
    if (result == 0)
        result = take_owner(c, body, &owner);
    if (result == 0)
        result = view_create(c, &owner, &in, &id);
    return result < 0 || c->is_replay ? result : api_created(c, r, id, 1);
}

static int views_update(struct call *c, struct request *r)
{
    static const char *const known[] = {"name", "query", "columns", "default", NULL};
    struct view_input in = {0};
    int64_t version;
    struct uuid id;
    json_t *body;
    int result = request_object(r, known, &body);

    if (result == 0)
        result = api_id(c, r, "view", &id);
    if (result == 0)
        result = api_if_match(c, r, &version);
    if (result == 0)
        result = take_input(c, body, false, &in);
    if (result == 0)
        result = view_update(c, id, version, &in, &version);
    return result < 0 || c->is_replay ? result : api_changed(c, r, id, version);
}

static int views_delete(struct call *c, struct request *r)
{
    struct uuid id;
    int result = api_id(c, r, "view", &id);

    if (result == 0)
        result = view_delete(c, id);
    return result < 0 || c->is_replay ? result : api_done(c, r);
}

#define VIEW_MEMBERS                                                                                         \
    "\"name\":{\"type\":\"string\",\"minLength\":1,\"maxLength\":60},\"query\":{\"type\":\"string\","        \
    "\"maxLength\":2000,\"description\":\"What stands behind the ? of a list\"},\"columns\":" S_STRINGS      \
    ",\"default\":" S_BOOL

static const struct api_route view_routes[] = {
    {.method = HTTP_GET,
        .path = "/views",
        .query = "resource",
        .handle = views_list,
        .summary_en =
            "Saved views of a resource's lists: one's own, of one's roles and of units one reads at",
        .summary_zh = "某业务列表的已存视图：本人的、本人角色的、可查看的组织机构的"},
    {.method = HTTP_GET,
        .path = "/views/{view}",
        .handle = views_read,
        .summary_en = "One saved view",
        .summary_zh = "单个已存视图"},
    {.method = HTTP_POST,
        .path = "/views",
        .handle = views_create,
        .request_schema =
            S_OBJECT("\"resource\":" S_STRING "," VIEW_MEMBERS ",\"role\":" S_ID ",\"unit\":" S_ID,
                "\"resource\",\"name\""),
        .summary_en = "Save a view for oneself; with core.view.manage for a role or a unit",
        .summary_zh = "保存视图：供本人使用；有 core.view.manage 时可供角色或组织机构使用"},
    {.method = HTTP_PATCH,
        .path = "/views/{view}",
        .handle = views_update,
        .request_schema = S_OBJECT(VIEW_MEMBERS, ""),
        .summary_en = "Change a saved view",
        .summary_zh = "修改已存视图"},
    {.method = HTTP_DELETE,
        .path = "/views/{view}",
        .handle = views_delete,
        .summary_en = "Delete a saved view",
        .summary_zh = "删除已存视图"},
};

int api_view_routes(struct router *rt)
{
    return api_add_all(rt, view_routes, ARRAY_LEN(view_routes));
}
