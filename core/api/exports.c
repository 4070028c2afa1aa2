/* P/R/exports: a list as a table to take away. */
#include "api/exports.h"

#include <errno.h>

#include "api/download.h"
#include "api/resource_routes.h"
#include "resource/declare/resource.h"
#include "resource/record/search.h"
#include "resource/transfer/export.h"

/* ["title", …] as title,… ; NULL when it is absent. */
static int take_fields(struct call *c, const json_t *body, const char **ret)
{
    const json_t *list = json_object_get(body, "fields"), *v;
    const char *names = NULL;
    size_t i;

    *ret = NULL;
    if (!list || json_is_null(list))
        return 0;
    if (!json_is_array(list) || json_array_size(list) == 0 || json_array_size(list) > 60)
        return call_fail_at(
            c, "/fields", "type", "A list of 1 to 60 names of fields.", "应为 1 至 60 个字段名称的列表。");
    json_array_foreach(list, i, v)
    {
        const char *name = json_is_string(v) ? json_string_value(v) : "";

        if (!*name || strchr(name, ','))
            return call_fail_at(c, "/fields", "unknown_field", "Names of fields.", "应为字段名称。");
        names = names ? arena_printf(c->arena, "%s,%s", names, name) : name;
    }
    *ret = names;
    return 0;
}

static int take_word(struct call *c, const json_t *body, const char *key, const char *first,
    const char *second, bool *ret_second)
{
    const char *word = NULL;
    int e = api_str(c, body, key, false, &word);

    *ret_second = word && strcmp(word, second) == 0;
    if (e == 0 && word && !*ret_second && strcmp(word, first) != 0)
        e = call_fail_at(c, arena_printf(c->arena, "/%s", key), "not_one_of",
            arena_printf(c->arena, "%s or %s.", first, second),
            arena_printf(c->arena, "应为 %s 或 %s。", first, second));
    return e;
}

static int create(struct call *c, struct request *r)
{
    struct query_param *params = arena_array(r->arena, r->query_count + 1, sizeof(*params));
    struct export_input in = {.params = params, .param_count = r->query_count};
    struct export made;
    static const char *const known[] = {"format", "language", "fields", NULL};
    json_t *body;
    bool is_csv;
    int e = request_object(r, known, &body);

    for (size_t i = 0; i < r->query_count; i++)
        params[i] = (struct query_param){r->query[i].name, r->query[i].value};
    if (e == 0)
        e = take_fields(c, body, &in.fields);
    if (e == 0)
        e = take_word(c, body, "format", "xlsx", "csv", &is_csv);
    if (e == 0)
        e = take_word(c, body, "language", "zh-CN", "en", &in.is_english);
    if (e < 0)
        return e;
    in.format = is_csv ? SHEET_CSV : SHEET_XLSX;
    e = call_begin(c);
    if (e < 0 || c->is_replay)
        return e;
    e = export_create(c, api_resource(c, r), &in, &made);
    if (e == 0)
        e = export_write(c, api_resource(c, r), made.id, response_json(r, 201));
    if (e < 0)
        return e;
    response_header(
        r->response, "Location", "%.*s/%s", (int)r->path.len, r->path.ptr, uuid_format(made.id).s);
    return call_commit(c);
}

static int list(struct call *c, struct request *r)
{
    return export_list_write(c, api_resource(c, r), response_json(r, 200));
}

static int get(struct call *c, struct request *r)
{
    struct uuid id;
    int e = api_id(c, r, "export", &id);

    return e < 0 ? e : export_write(c, api_resource(c, r), id, response_json(r, 200));
}

static int content(struct call *c, struct request *r)
{
    const struct resource *res = api_resource(c, r);
    struct export found;
    struct uuid id;
    int e = api_id(c, r, "export", &id);

    if (e == 0)
        e = call_begin(c);
    if (e == 0)
        e = export_find(c, res, id, &found);
    if (e == 0 && !subject_may_anywhere(c->who, res->permissions[ACTION_EXPORT]))
        e = call_forbidden(c, arena_printf(c->arena, "%s.export", res->full_name));
    if (e == 0 && !found.is_ready)
        e = call_fail(c, 409, "not_ready", "The export is not ready yet.", "导出尚未完成。");
    if (e == 0)
        e = export_check_units(c, res, &found);
    if (e == 0)
        e = export_note_download(c, res, &found);
    if (e == 0)
        e = call_commit(c);
    if (e < 0)
        return e;
    return download(
        c, r, strstr(found.name, ".csv") ? MEDIA_CSV : MEDIA_XLSX, found.name, &found.digest, found.size);
}

static int delete (struct call *c, struct request *r)
{
    struct uuid id;
    int e = api_id(c, r, "export", &id);

    if (e == 0)
        e = call_begin(c);
    if (e < 0 || c->is_replay)
        return e;
    e = export_remove(c, api_resource(c, r), id);
    return e < 0 ? e : api_done(c, r);
}

#define EXPORT_SCHEMA                                                                                        \
    "{\"type\":\"object\",\"properties\":{\"id\":{\"type\":\"string\",\"format\":\"uuid\"},\"job\":{"        \
    "\"type\":\"string\","                                                                                   \
    "\"format\":\"uuid\"},\"state\":{\"enum\":[\"waiting\",\"running\",\"done\",\"failed\",\"cancelled\"]}," \
    "\"format\":{"                                                                                           \
    "\"enum\":[\"xlsx\",\"csv\"]},\"name\":{\"type\":\"string\"},\"fields\":{\"type\":\"array\",\"items\":{" \
    "\"type\":"                                                                                              \
    "\"string\"}},\"done\":{\"type\":\"integer\"},\"rows\":{\"type\":[\"integer\",\"null\"]},\"left_out\":{" \
    "\"type\":["                                                                                             \
    "\"integer\",\"null\"],\"description\":\"Records that you may read and not "                             \
    "export\"},\"size\":{\"type\":[\"integer\","                                                             \
    "\"null\"]},\"created_at\":{\"type\":\"string\",\"format\":\"date-time\"},\"expires_at\":{\"type\":"     \
    "\"string\","                                                                                            \
    "\"format\":\"date-time\"},\"error_code\":{\"type\":[\"string\",\"null\"]},\"error_en\":{\"type\":["     \
    "\"string\",\"null\"]},"                                                                                 \
    "\"error_zh\":{\"type\":[\"string\",\"null\"]}}}"
#define INPUT_SCHEMA                                                                                         \
    "{\"type\":\"object\",\"additionalProperties\":false,\"properties\":{\"format\":{\"enum\":[\"xlsx\","    \
    "\"csv\"],\"default\":\"xlsx\"},"                                                                        \
    "\"language\":{"                                                                                         \
    "\"enum\":[\"zh-CN\",\"en\"],\"default\":\"zh-CN\"},\"fields\":{\"type\":\"array\",\"items\":{\"type\":" \
    "\"string\"},"                                                                                           \
    "\"description\":\"Columns, in this order; all when it is absent\"}}}"

static const struct api_route templates[] = {
    {.method = HTTP_GET,
        .path = "/exports",
        .handle = list,
        .summary_en = "Your exports that have not expired, newest first",
        .summary_zh = "本人未过期的导出",
        .response_schema =
            "{\"type\":\"object\",\"properties\":{\"items\":{\"type\":\"array\",\"items\":" EXPORT_SCHEMA
            "}}}"},
    {.method = HTTP_POST,
        .path = "/exports",
        .query = "order,unit,reach,q",
        .handle = create,
        .summary_en = "Export what the list of the same query shows; a job makes it",
        .summary_zh = "按当前筛选条件导出（后台任务）",
        .request_schema = INPUT_SCHEMA,
        .response_schema = EXPORT_SCHEMA},
    {.method = HTTP_GET,
        .path = "/exports/{export}",
        .handle = get,
        .summary_en = "An export: how far it is",
        .summary_zh = "导出进度",
        .response_schema = EXPORT_SCHEMA},
    {.method = HTTP_GET,
        .path = "/exports/{export}/content",
        .handle = content,
        .summary_en = "The file; each download is audited",
        .summary_zh = "下载导出文件（留审计记录）",
        .response_type = "application/octet-stream",
        .response_schema = "{\"type\":\"string\",\"format\":\"binary\"}"},
    {.method = HTTP_DELETE,
        .path = "/exports/{export}",
        .handle = delete,
        .summary_en = "Remove an export before it expires",
        .summary_zh = "删除导出"},
};

int api_export_routes(struct router *rt)
{
    int e = 0;

    for (uint32_t i = 0; i < resource_count() && e == 0; i++) {
        const struct resource *res = resource_at(i);
        struct api_route *routes = resource_routes(res, "", templates, ARRAY_LEN(templates));

        for (size_t k = 0; k < ARRAY_LEN(templates); k++)
            if (routes[k].query && !search_is_offered(res))
                routes[k].query = "order,unit,reach";
        e = api_add_all(rt, routes, ARRAY_LEN(templates));
    }
    return e;
}
