/* /handovers. */
#include "api/handovers.h"

#include <errno.h>

#include "api/batch_routes.h"
#include "resource/batch/handover.h"

static const struct batch_of own = {BATCH_HANDOVER, ""};

static int list(struct call *c, struct request *r)
{
    return batch_api_list(c, r, own);
}

static int get(struct call *c, struct request *r)
{
    return batch_api_get(c, r, own);
}

static int items(struct call *c, struct request *r)
{
    return batch_api_items(c, r, own);
}

static int content(struct call *c, struct request *r)
{
    return batch_api_content(c, r, own);
}

static int start(struct call *c, struct request *r)
{
    return batch_api_start(c, r, own);
}

static int delete (struct call *c, struct request *r)
{
    return batch_api_delete(c, r, own);
}

static int create(struct call *c, struct request *r)
{
    static const char *const known[] = {"from", "to", NULL};
    struct uuid from, to, id;
    json_t *body;
    int e = request_object(r, known, &body);

    if (e == 0)
        e = api_uuid(c, body, "from", true, &from);
    if (e == 0)
        e = api_uuid(c, body, "to", false, &to);
    if (e == 0)
        e = call_begin(c);
    if (e < 0 || c->is_replay)
        return e;
    e = handover_create(c, from, to, &id);
    return e < 0 ? e : batch_api_created(c, r, own, id);
}

static const struct api_route routes[] = {
    {.method = HTTP_GET,
        .path = "/handovers",
        .permission = "core.handover",
        .handle = list,
        .summary_en = "Your handovers that have not expired, newest first",
        .summary_zh = "本人发起的工作交接",
        .response_schema = BATCH_LIST_SCHEMA},
    {.method = HTTP_POST,
        .path = "/handovers",
        .permission = "core.handover",
        .handle = create,
        .summary_en = "What a person holds at units you administer, and what of it another could take over",
        .summary_zh = "列出某人承办的事项，预览移交给他人",
        .request_schema = "{\"type\":\"object\",\"additionalProperties\":false,\"required\":[\"from\"],"
                          "\"properties\":{\"from\":{\"type\":\"string\",\"format\":\"uuid\"},\"to\":{"
                          "\"type\":\"string\",\"format\":\"uuid\"}}}",
        .response_schema = BATCH_SCHEMA},
    {.method = HTTP_GET,
        .path = "/handovers/{batch}",
        .permission = "core.handover",
        .handle = get,
        .summary_en = "A handover: how many of what, and how far it is",
        .summary_zh = "工作交接的范围与进度",
        .response_schema = BATCH_SCHEMA},
    {.method = HTTP_GET,
        .path = "/handovers/{batch}/items",
        .permission = "core.handover",
        .query = BATCH_ITEMS_QUERY,
        .handle = items,
        .summary_en = "Item by item: what stands in the way, then what came of it",
        .summary_zh = "逐项预览与结果",
        .response_schema = BATCH_ITEMS_SCHEMA},
    {.method = HTTP_GET,
        .path = "/handovers/{batch}/content",
        .permission = "core.handover",
        .handle = content,
        .summary_en = "The same as a table (CSV)",
        .summary_zh = "下载逐项结果（CSV）",
        .response_type = "text/csv",
        .response_schema = "{\"type\":\"string\",\"format\":\"binary\"}"},
    {.method = HTTP_POST,
        .path = "/handovers/{batch}/start",
        .permission = "core.handover",
        .handle = start,
        .summary_en = "Hand it over; a job does it, with your rights at that moment",
        .summary_zh = "开始移交（后台任务）",
        .response_schema = BATCH_SCHEMA},
    {.method = HTTP_DELETE,
        .path = "/handovers/{batch}",
        .permission = "core.handover",
        .handle = delete,
        .summary_en = "Remove a handover before it expires; what was handed over stays so",
        .summary_zh = "删除工作交接记录，已移交的不受影响"},
};

int api_handover_routes(struct router *rt)
{
    return api_add_all(rt, routes, ARRAY_LEN(routes));
}
