/* P/R/batches. */
#include "api/batches.h"

#include <errno.h>

#include "api/batch_routes.h"
#include "api/bulk.h"
#include "api/resource_routes.h"
#include "resource/batch/batch.h"
#include "resource/declare/resource.h"
#include "resource/record/gate.h"
#include "resource/record/search.h"

static struct batch_of own(struct call *c, struct request *r)
{
    return (struct batch_of){BATCH_TRANSITION, api_resource(c, r)->full_name};
}

/* Its items are records: where the plugin runs nowhere they are none. */
static int is_on(struct call *c, struct request *r)
{
    return gate_require_somewhere(c, api_resource(c, r)->plugin);
}

static int list(struct call *c, struct request *r)
{
    int e = is_on(c, r);

    return e < 0 ? e : batch_api_list(c, r, own(c, r));
}

static int get(struct call *c, struct request *r)
{
    int e = is_on(c, r);

    return e < 0 ? e : batch_api_get(c, r, own(c, r));
}

static int items(struct call *c, struct request *r)
{
    int e = is_on(c, r);

    return e < 0 ? e : batch_api_items(c, r, own(c, r));
}

static int content(struct call *c, struct request *r)
{
    int e = is_on(c, r);

    return e < 0 ? e : batch_api_content(c, r, own(c, r));
}

static int start(struct call *c, struct request *r)
{
    int e = is_on(c, r);

    return e < 0 ? e : batch_api_start(c, r, own(c, r));
}

static int delete (struct call *c, struct request *r)
{
    int e = is_on(c, r);

    return e < 0 ? e : batch_api_delete(c, r, own(c, r));
}

static int create(struct call *c, struct request *r)
{
    static const char *const known[] = {"transition", "values", "items", NULL};
    struct query_param *params = arena_array(r->arena, r->query_count + 1, sizeof(*params));
    struct batch_input in = {.params = params, .param_count = r->query_count};
    struct bulk_item *named = NULL;
    struct uuid id;
    json_t *body;
    int e = request_object(r, known, &body);

    for (size_t i = 0; i < r->query_count; i++)
        params[i] = (struct query_param){r->query[i].name, r->query[i].value};
    if (e == 0)
        e = api_str(c, body, "transition", true, &in.transition);
    if (e < 0)
        return e;
    in.values = json_object_get(body, "values");
    if (in.values && !json_is_object(in.values))
        return call_fail_at(c, "/values", "type", "An object.", "应为对象。");
    if (json_object_get(body, "items")) {
        e = api_bulk_items(c, body, BATCH_NAMED_MAX, &named, &in.count);
        if (e == 0 && r->query_count)
            e = call_fail_at(c, "/items", "both", "Records by name, or those of a filter: not both.",
                "只能按记录编号或按筛选条件之一。");
    }
    in.items = named;
    if (e == 0)
        e = is_on(c, r);
    if (e == 0)
        e = call_begin(c);
    if (e < 0 || c->is_replay)
        return e;
    e = batch_create(c, api_resource(c, r), &in, &id);
    return e < 0 ? e : batch_api_created(c, r, own(c, r), id);
}

static const struct api_route templates[] = {
    {.method = HTTP_GET,
        .path = "/batches",
        .handle = list,
        .summary_en = "Your batches that have not expired, newest first",
        .summary_zh = "本人的批量办理",
        .response_schema = BATCH_LIST_SCHEMA},
    {.method = HTTP_POST,
        .path = "/batches",
        .query = "unit,reach,q",
        .handle = create,
        .body_max = 1 << 20,
        .summary_en =
            "Prepare a transition of up to 10,000 records that are named, or 20,000 of the list of the "
            "same query as it is now",
        .summary_zh = "准备批量办理，指定记录最多 10000 条，或按当前筛选条件最多 20000 条",
        .request_schema =
            "{\"type\":\"object\",\"additionalProperties\":false,\"required\":[\"transition\"],"
            "\"properties\":{\"transition\":{\"type\":\"string\"},\"values\":{\"type\":\"object\"},\"items\":"
            "{"
            "\"type\":\"array\",\"minItems\":1,\"maxItems\":10000,\"items\":{\"type\":\"object\","
            "\"additionalProperties\":false,\"required\":[\"id\",\"version\"],\"properties\":{\"id\":{"
            "\"type\":\"string\",\"format\":\"uuid\"},\"version\":{\"type\":\"integer\",\"minimum\":1}}}}}}",
        .response_schema = BATCH_SCHEMA},
    {.method = HTTP_GET,
        .path = "/batches/{batch}",
        .handle = get,
        .summary_en = "A batch: what it is made of, how far it is",
        .summary_zh = "批量办理的范围与进度",
        .response_schema = BATCH_SCHEMA},
    {.method = HTTP_GET,
        .path = "/batches/{batch}/items",
        .query = BATCH_ITEMS_QUERY,
        .handle = items,
        .summary_en = "Its records, each with what came of it",
        .summary_zh = "逐条结果",
        .response_schema = BATCH_ITEMS_SCHEMA},
    {.method = HTTP_GET,
        .path = "/batches/{batch}/content",
        .handle = content,
        .summary_en = "The same as a table (CSV)",
        .summary_zh = "下载逐条结果（CSV）",
        .response_type = "text/csv",
        .response_schema = "{\"type\":\"string\",\"format\":\"binary\"}"},
    {.method = HTTP_POST,
        .path = "/batches/{batch}/start",
        .handle = start,
        .summary_en = "Begin it, once it is ready; a job does it, with your rights at that moment",
        .summary_zh = "开始办理（后台任务）",
        .response_schema = BATCH_SCHEMA},
    {.method = HTTP_DELETE,
        .path = "/batches/{batch}",
        .handle = delete,
        .summary_en = "Remove a batch before it expires; what it has done stays",
        .summary_zh = "删除批量办理记录，已办理的不受影响"},
};

int api_batch_routes(struct router *rt)
{
    int e = 0;

    for (uint32_t i = 0; i < resource_count() && e == 0; i++) {
        const struct resource *res = resource_at(i);
        struct api_route *routes;

        if (res->transition_count == 0)
            continue;
        routes = resource_routes(res, "", templates, ARRAY_LEN(templates));
        for (size_t k = 0; k < ARRAY_LEN(templates); k++)
            if (routes[k].method == HTTP_POST && routes[k].query && !search_is_offered(res))
                routes[k].query = "unit,reach";
        e = api_add_all(rt, routes, ARRAY_LEN(templates));
    }
    return e;
}
