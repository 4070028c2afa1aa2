/* A plugin that asks other systems and tells people, as the bodies of its routes say. */
#include <juxin/plugin.h>
#include <stdlib.h>
#include <string.h>

static const struct jx_host *host;

static uint32_t number(struct jx_text t)
{
    return t.ptr ? (uint32_t)strtoul(t.ptr, NULL, 10) : 0;
}

static void answer(
    struct jx_call *call, int32_t error, const struct jx_http_answer *got, struct jx_result *result)
{
    struct jx_json *out = host->http->respond(call, 200);

    host->http->json_object(out);
    host->http->json_key(out, "error");
    host->http->json_int(out, error);
    if (got) {
        host->http->json_key(out, "status");
        host->http->json_int(out, got->status);
        host->http->json_key(out, "sent");
        host->http->json_bool(out, (got->flags & JX_SENT) != 0);
        host->http->json_key(out, "length");
        host->http->json_int(out, (int64_t)got->body.len);
        host->http->json_key(out, "retry_after");
        host->http->json_int(out, got->retry_after_s);
    }
    host->http->json_object_end(out);
    jx_ok(result);
}

static void fetch(struct jx_call *call, jx_unit unit, struct jx_result *result)
{
    const char *headers[] = {"X-From: caller", host->http->body(call, "header").ptr, NULL};
    struct jx_http_request request = {.size = sizeof(request),
        .method = JX_POST,
        .url = host->http->body(call, "url").ptr,
        .headers = headers,
        .body = host->http->body(call, "body"),
        .timeout_ms = number(host->http->body(call, "timeout_ms")),
        .answer_max = number(host->http->body(call, "answer_max"))};
    struct jx_http_answer got = {.size = sizeof(got)};

    (void)unit;
    answer(call, host->fetch->http(call, &request, &got), &got, result);
}

static void tell(struct jx_call *call, jx_unit unit, struct jx_result *result)
{
    struct jx_notice notice = {.size = sizeof(notice),
        .unit = unit,
        .kind = host->http->body(call, "kind").ptr,
        .holder_count = 1,
        .params = host->http->body(call, "params")};
    struct jx_id holder;

    if (host->core->id_parse(host->http->body(call, "holder"), &holder) < 0)
        return;
    notice.holders = &holder;
    answer(call, host->notify->tell(call, &notice), NULL, result);
}

static const struct jx_route routes[] = {
    {.method = JX_POST,
        .path = "/fetch",
        .permission = "caller.use",
        .summary_zh = "外呼",
        .summary_en = "Ask another system",
        .members = "url,header,body,timeout_ms,answer_max",
        .fn = fetch},
    {.method = JX_POST,
        .path = "/tell/{unit}",
        .permission = "caller.use",
        .summary_zh = "通知",
        .summary_en = "Tell somebody",
        .members = "kind,holder,params",
        .fn = tell},
};

static const struct jx_plugin plugin = {.size = sizeof(plugin), JX_ROUTES(routes)};

static const struct jx_plugin *start(const struct jx_host *h)
{
    host = h;
    return JX_HAS(h, fetch) && JX_HAS(h, notify) ? &plugin : NULL;
}

JX_PLUGIN_NEEDS("caller", "0.1.0", 1, start)
