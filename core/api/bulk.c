/* P/R/transitions/{name}. */
#include "api/bulk.h"

#include <errno.h>

#include "api/resource_routes.h"
#include "base/json.h"
#include "base/mem.h"
#include "resource/declare/resource.h"
#include "resource/flow/bulk.h"

static int bad_item(struct call *c, size_t i, const char *code, const char *en, const char *zh)
{
    return call_fail_at(c, arena_printf(c->arena, "/items/%zu", i), code, en, zh);
}

/* {"id", "version"}: what If-Match says of one record. */
static int take_item(struct call *c, const json_t *v, size_t i, struct bulk_item *items)
{
    const char *id = json_string_value(json_object_get(v, "id"));
    const json_t *version = json_object_get(v, "version");

    if (json_object_size(v) != 2 || !id || uuid_parse(text_of(id), &items[i].id) < 0 ||
        !json_is_integer(version) || json_integer_value(version) < 1)
        return bad_item(c, i, "type", "{\"id\": a record's id, \"version\": the version that was seen}.",
            "应为 {\"id\": 记录编号, \"version\": 所见版本}。");
    for (size_t k = 0; k < i && i < BULK_MAX; k++) /* of more, whoever sorts them looks */
        if (uuid_eq(items[k].id, items[i].id))
            return bad_item(c, i, "twice", "Each record once.", "同一记录不能重复。");
    items[i].version = json_integer_value(version);
    return 0;
}

int api_bulk_items(
    struct call *c, const json_t *body, uint32_t max, struct bulk_item **ret, uint32_t *ret_count)
{
    const json_t *list = json_object_get(body, "items"), *v;
    size_t i, count = json_array_size(list);
    int r = 0;

    if (!json_is_array(list) || count == 0 || count > max)
        return call_fail_at(c, "/items", "range", arena_printf(c->arena, "A list of 1 to %u records.", max),
            arena_printf(c->arena, "应为 1 至 %u 条记录的列表。", max));
    *ret = arena_array(c->arena, count, sizeof(**ret));
    *ret_count = (uint32_t)count;
    json_array_foreach(list, i, v)
    {
        if (take_item(c, v, i, *ret) < 0)
            r = -EINVAL;
    }
    return r;
}

static int take_body(
    struct call *c, const json_t *body, json_t **values, struct bulk_item **items, uint32_t *count)
{
    const char *key;
    json_t *v;
    int r = 0;

    if (!json_is_object(body))
        return call_fail_at(c, "", "type", "An object.", "应为对象。");
    json_object_foreach((json_t *)body, key, v)
    {
        if (strcmp(key, "items") != 0 && strcmp(key, "values") != 0)
            r = call_fail_at(c, json_pointer(c->arena, key), "unknown_field", "items and values only.",
                "只能包含 items 和 values。");
    }
    *values = json_object_get(body, "values");
    if (*values && !json_is_object(*values))
        r = call_fail_at(c, "/values", "type", "An object.", "应为对象。");
    return api_bulk_items(c, body, BULK_MAX, items, count) < 0 ? -EINVAL : r;
}

static void write_errors(struct jsonw *w, const struct call_fault *f, bool chinese)
{
    jsonw_key(w, "errors");
    jsonw_array(w);
    for (const struct call_error *e = f->errors; e; e = e->next) {
        jsonw_object(w);
        jsonw_kstr(w, "pointer", e->pointer);
        jsonw_kstr(w, "code", e->code);
        jsonw_kstr(w, "detail", chinese ? e->zh : e->en);
        jsonw_object_end(w);
    }
    jsonw_array_end(w);
}

static void write_item(struct jsonw *w, const struct bulk_item *item, bool chinese)
{
    const struct call_fault *f = &item->fault;

    jsonw_object(w);
    jsonw_kuuid(w, "id", item->id);
    jsonw_kint(w, "status", f->status ? f->status : 200);
    if (f->status) {
        jsonw_kstr(w, "code", f->code);
        jsonw_kstr(w, "detail", chinese ? f->zh : f->en);
        write_errors(w, f, chinese);
    } else {
        jsonw_kint(w, "version", item->version);
        jsonw_kstr(w, "state", item->state);
    }
    jsonw_object_end(w);
}

static int transition_many(struct call *c, struct request *r)
{
    struct text name = request_param(r, "name");
    struct bulk_item *items = NULL;
    json_t *body, *values = NULL;
    uint32_t count = 0, done = 0;
    struct jsonw *w;
    int result = request_json(r, &body);

    if (result == 0)
        result = take_body(c, body, &values, &items, &count);
    if (result == 0)
        result = record_transition_many(
            c, api_resource(c, r), arena_ndup(r->arena, name.ptr, name.len), values, items, count);
    if (result < 0 || c->is_replay)
        return result;
    result = call_commit(c);
    if (result < 0)
        return result;
    w = response_json(r, 200);
    jsonw_object(w);
    jsonw_key(w, "items");
    jsonw_array(w);
    for (uint32_t i = 0; i < count; i++) {
        write_item(w, &items[i], request_prefers_chinese(r));
        done += items[i].fault.status == 0;
    }
    jsonw_array_end(w);
    jsonw_kint(w, "done", done);
    jsonw_kint(w, "refused", count - done);
    jsonw_object_end(w);
    return 0;
}

static const struct api_route template = {.method = HTTP_POST,
    .handle = transition_many,
    .request_schema = "{\"type\":\"object\",\"additionalProperties\":false,\"required\":[\"items\"],"
                      "\"properties\":{\"items\":{"
                      "\"type\":\"array\",\"minItems\":1,\"maxItems\":200,\"items\":{\"type\":\"object\","
                      "\"additionalProperties\":false,\"required\":[\"id\",\"version\"],\"properties\":{"
                      "\"id\":{\"type\":\"string\","
                      "\"format\":\"uuid\"},\"version\":{\"type\":\"integer\",\"minimum\":1}}}},\"values\":{"
                      "\"type\":\"object\","
                      "\"description\":\"What the transition takes, the same for all\"}}}",
    .response_schema =
        "{\"type\":\"object\",\"properties\":{\"items\":{\"type\":\"array\",\"items\":{\"type\":\"object\","
        "\"properties\":{\"id\":{\"type\":\"string\"},\"status\":{\"type\":\"integer\"},\"version\":{"
        "\"type\":"
        "\"integer\"},\"state\":{\"type\":\"string\"},\"code\":{\"type\":\"string\"},\"detail\":{\"type\":"
        "\"string\"}}}},"
        "\"done\":{\"type\":\"integer\"},\"refused\":{\"type\":\"integer\"}}}"};

int api_bulk_routes(struct router *rt)
{
    int result = 0;

    for (uint32_t i = 0; i < resource_count() && result == 0; i++) {
        const struct resource *res = resource_at(i);
        struct api_route *route;

        if (res->transition_count == 0)
            continue;
        route = mem_dup(&template, sizeof(template)); /* as long as the process */
        route->path = str_printf("/%s/%s/transitions/{name}", res->plugin, res->name);
        route->summary_en =
            str_printf("%s: Take a transition of up to 200 records, each with its result", res->label.en);
        route->summary_zh = str_printf("%s：批量办理，最多 200 条，逐条给出结果", res->label.zh);
        route->extra = res;
        result = api_add(rt, route);
    }
    return result;
}
