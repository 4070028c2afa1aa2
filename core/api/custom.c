/* /fields, /labels, /dictionaries: what a tenant says in its own words. */
#include <errno.h>

#include "api/core_routes.h"
#include "api/core_schemas.h"
#include "resource/custom/field.h"
#include "resource/custom/label.h"
#include "resource/custom/words.h"

static const char *query_text(struct call *c, const struct request *r, const char *name)
{
    struct text t = request_query(r, name);

    return t.ptr ? arena_ndup(c->arena, t.ptr, t.len) : NULL;
}

/* ---- fields ---- */

static int fields_list(struct call *c, struct request *r)
{
    return own_field_list_write(c, query_text(c, r, "resource"), response_json(r, 200));
}

static int fields_read(struct call *c, struct request *r)
{
    struct uuid id;
    int64_t version;
    int result = api_id(c, r, "field", &id);

    if (result == 0)
        result = own_field_write(c, id, response_json(r, 200), &version);
    if (result == 0)
        api_etag(r, version);
    return result;
}

static int fields_create(struct call *c, struct request *r)
{
    static const char *const known[] = {"resource", "name", "type", "label", "required", "filterable",
        "max_length", "min", "max", "dictionary", "mask", "about_person", "purpose", "retention", NULL};
    struct uuid id;
    json_t *body;
    int result = request_object(r, known, &body);

    if (result == 0)
        result = own_field_create(c, body, &id);
    return result < 0 || c->is_replay ? result : api_created(c, r, id, 1);
}

static int fields_update(struct call *c, struct request *r)
{
    static const char *const known[] = {
        "label", "required", "filterable", "max_length", "min", "max", "mask", "purpose", "retention", NULL};
    int64_t version;
    struct uuid id;
    json_t *body;
    int result = request_object(r, known, &body);

    if (result == 0)
        result = api_id(c, r, "field", &id);
    if (result == 0)
        result = api_if_match(c, r, &version);
    if (result == 0)
        result = own_field_update(c, id, version, body, &version);
    return result < 0 || c->is_replay ? result : api_changed(c, r, id, version);
}

static int decide(struct call *c, struct request *r,
    int (*act)(struct call *c, struct uuid id, int64_t version, int64_t *ret_version))
{
    int64_t version;
    struct uuid id;
    int result = api_id(c, r, "field", &id);

    if (result == 0)
        result = api_if_match(c, r, &version);
    if (result == 0)
        result = act(c, id, version, &version);
    return result < 0 || c->is_replay ? result : api_changed(c, r, id, version);
}

static int fields_approve(struct call *c, struct request *r)
{
    return decide(c, r, own_field_approve);
}

static int fields_refuse(struct call *c, struct request *r)
{
    return decide(c, r, own_field_refuse);
}

static int fields_retire(struct call *c, struct request *r)
{
    return decide(c, r, own_field_retire);
}

static int fields_restore(struct call *c, struct request *r)
{
    return decide(c, r, own_field_restore);
}

/* ---- labels ---- */

static int labels_list(struct call *c, struct request *r)
{
    const char *resource = query_text(c, r, "resource");

    if (!resource)
        return call_fail_at(
            c, "resource", "required", "PLUGIN.RESOURCE, whose labels they are.", "应为 插件.业务。");
    return own_label_list_write(c, resource, response_json(r, 200));
}

static int labels_put(struct call *c, struct request *r)
{
    static const char *const known[] = {"resource", "place", "label", NULL};
    const char *resource, *place;
    const json_t *label;
    json_t *body;
    int result = request_object(r, known, &body);

    if (result == 0)
        result = api_str(c, body, "resource", true, &resource);
    if (result == 0)
        result = api_str(c, body, "place", true, &place);
    label = result == 0 ? json_object_get(body, "label") : NULL;
    if (result == 0 && !label)
        result = call_fail_at(c, "/label", "required", "A label, or null for the declared one again.",
            "应为显示名称，或 null（恢复原名）。");
    if (result == 0)
        result = own_label_set(c, resource, place, json_is_null(label) ? NULL : label);
    return result < 0 || c->is_replay ? result : api_done(c, r);
}

/* ---- dictionaries ---- */

static const char *dictionary_name(struct call *c, const struct request *r)
{
    struct text name = request_param(r, "dictionary");

    return arena_ndup(c->arena, name.ptr, name.len);
}

static int dictionaries_list(struct call *c, struct request *r)
{
    return own_dictionary_list_write(c, response_json(r, 200));
}

static int dictionaries_read(struct call *c, struct request *r)
{
    return own_dictionary_write(c, dictionary_name(c, r), response_json(r, 200));
}

static int dictionaries_create(struct call *c, struct request *r)
{
    static const char *const known[] = {"name", "label", NULL};
    const char *name;
    json_t *body;
    int result = request_object(r, known, &body);

    if (result == 0)
        result = api_str(c, body, "name", true, &name);
    if (result == 0)
        result = own_dictionary_create(c, name, json_object_get(body, "label"));
    return result < 0 || c->is_replay ? result : api_done(c, r);
}

static int dictionaries_rename(struct call *c, struct request *r)
{
    static const char *const known[] = {"label", NULL};
    json_t *body;
    int result = request_object(r, known, &body);

    if (result == 0)
        result = own_dictionary_rename(c, dictionary_name(c, r), json_object_get(body, "label"));
    return result < 0 || c->is_replay ? result : api_done(c, r);
}

static int entries_put(struct call *c, struct request *r)
{
    static const char *const known[] = {"entries", NULL};
    json_t *body;
    int result = request_object(r, known, &body);

    if (result == 0)
        result = own_entries_put(c, dictionary_name(c, r), json_object_get(body, "entries"));
    return result < 0 || c->is_replay ? result : api_done(c, r);
}

#define S_LABEL S_OBJECT("\"zh-CN\":" S_STRING ",\"en\":" S_STRING, "\"zh-CN\",\"en\"")
#define S_INT "{\"type\":\"integer\"}"
#define FIELD_CHANGES                                                                                        \
    "\"label\":" S_LABEL ",\"required\":" S_BOOL ",\"filterable\":" S_BOOL ",\"max_length\":{\"type\":"      \
    "\"integer\",\"minimum\":1,\"maximum\":20000},\"min\":" S_INT ",\"max\":" S_INT                          \
    ",\"mask\":{\"enum\":[\"none\",\"all\",\"phone\",\"name\",\"email\",\"id_number\"]},"                    \
    "\"purpose\":" S_STRING ",\"retention\":{\"type\":\"string\",\"description\":\"P3Y, P6M, P30D\"}"
#define S_FIELD                                                                                              \
    S_OBJECT("\"resource\":" S_STRING ",\"name\":{\"type\":\"string\",\"description\":\"x_…\"},\"type\":{" \
             "\"enum\":[\"text\",\"longtext\",\"integer\",\"money\",\"boolean\",\"date\",\"enum\"]},"        \
             "\"dictionary\":" S_STRING ",\"about_person\":" S_BOOL "," FIELD_CHANGES,                       \
        "\"resource\",\"name\",\"type\",\"label\"")
#define S_ENTRIES                                                                                            \
    S_OBJECT("\"entries\":{\"type\":\"array\",\"minItems\":1,\"maxItems\":500,\"items\":" S_OBJECT(          \
                 "\"code\":" S_STRING ",\"label\":" S_LABEL ",\"parent\":" S_STRING ",\"position\":" S_INT   \
                 ",\"valid_from\":{\"type\":\"string\",\"format\":\"date\"},\"valid_until\":{\"type\":"      \
                 "\"string\",\"format\":\"date\"}",                                                          \
                 "\"code\",\"label\"") "}",                                                                  \
        "\"entries\"")

static const struct api_route custom_routes[] = {
    {.method = HTTP_GET,
        .path = "/fields",
        .query = "resource",
        .handle = fields_list,
        .summary_en = "The district's own fields, in every state",
        .summary_zh = "自定义字段列表（含各状态）"},
    {.method = HTTP_POST,
        .path = "/fields",
        .handle = fields_create,
        .request_schema = S_FIELD,
        .summary_en = "Add a field to a resource; one about a person waits for another's approval",
        .summary_zh = "新增自定义字段；涉及个人的须由另一人审批"},
    {.method = HTTP_GET,
        .path = "/fields/{field}",
        .handle = fields_read,
        .summary_en = "One own field",
        .summary_zh = "单个自定义字段"},
    {.method = HTTP_PATCH,
        .path = "/fields/{field}",
        .handle = fields_update,
        .request_schema = S_OBJECT(FIELD_CHANGES, ""),
        .summary_en = "Change an own field; of one about a person the change waits for another's approval",
        .summary_zh = "修改自定义字段；涉及个人的，修改须由另一人审批"},
    {.method = HTTP_POST,
        .path = "/fields/{field}/approve",
        .handle = fields_approve,
        .summary_en = "Approve a field about a person, or a change of one; never who asked for it",
        .summary_zh = "审批通过涉及个人的字段或其修改（不得由申请人本人审批）"},
    {.method = HTTP_POST,
        .path = "/fields/{field}/refuse",
        .handle = fields_refuse,
        .summary_en = "Refuse, or take back, what was asked for",
        .summary_zh = "不予通过或撤回申请"},
    {.method = HTTP_POST,
        .path = "/fields/{field}/retire",
        .handle = fields_retire,
        .summary_en = "Retire an own field: its values stay and are read, none is written any more",
        .summary_zh = "停用自定义字段：已有内容保留可查，不再填写"},
    {.method = HTTP_POST,
        .path = "/fields/{field}/restore",
        .handle = fields_restore,
        .summary_en = "Take a retired field up again",
        .summary_zh = "恢复使用自定义字段"},
    {.method = HTTP_GET,
        .path = "/labels",
        .query = "resource",
        .handle = labels_list,
        .summary_en = "Every label of a resource, as it is here and as it is declared",
        .summary_zh = "某业务的全部显示名称：现用的与原定的"},
    {.method = HTTP_PUT,
        .path = "/labels",
        .handle = labels_put,
        .request_schema =
            S_OBJECT("\"resource\":" S_STRING ",\"place\":{\"type\":\"string\",\"description\":"
                     "\"/fields/NAME, /fields/NAME/values/VALUE, /states/NAME, /transitions/NAME, or "
                     "nothing\"},\"label\":{\"anyOf\":[" S_LABEL ",{\"type\":\"null\"}]}",
                "\"resource\",\"place\",\"label\""),
        .summary_en = "Rename what people read; null is the declared label again",
        .summary_zh = "修改显示名称；null 恢复原名"},
    {.method = HTTP_GET,
        .path = "/dictionaries",
        .handle = dictionaries_list,
        .summary_en = "Dictionaries: those of the deployment and the district's own",
        .summary_zh = "字典列表"},
    {.method = HTTP_POST,
        .path = "/dictionaries",
        .handle = dictionaries_create,
        .request_schema =
            S_OBJECT("\"name\":{\"type\":\"string\",\"description\":\"x_…\"},\"label\":" S_LABEL,
                "\"name\",\"label\""),
        .summary_en = "Add a dictionary of the district's own",
        .summary_zh = "新建字典"},
    {.method = HTTP_GET,
        .path = "/dictionaries/{dictionary}",
        .handle = dictionaries_read,
        .summary_en = "A dictionary with all its codes",
        .summary_zh = "字典及其全部代码"},
    {.method = HTTP_PATCH,
        .path = "/dictionaries/{dictionary}",
        .handle = dictionaries_rename,
        .request_schema = S_OBJECT("\"label\":" S_LABEL, "\"label\""),
        .summary_en = "Rename an own dictionary",
        .summary_zh = "修改自建字典的名称"},
    {.method = HTTP_PUT,
        .path = "/dictionaries/{dictionary}/entries",
        .handle = entries_put,
        .request_schema = S_ENTRIES,
        .summary_en =
            "Add codes, or say known ones in the district's words and for how long they may be chosen",
        .summary_zh = "新增代码，或修改其名称和有效期"},
};

int api_custom_routes(struct router *rt)
{
    return api_add_all(rt, custom_routes, ARRAY_LEN(custom_routes));
}
