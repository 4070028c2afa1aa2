/* /events: what happens, as server-sent events (WHATWG HTML §9.2), resumable with Last-Event-ID. */
#include <errno.h>

#include "api/core_routes.h"
#include "api/hub.h"
#include "resource/declare/resource.h"

static const struct db_stmt read_head = {"api.event_head",
    "SELECT h.n, (SELECT min(e.seq) FROM juxin.event e WHERE e.tenant_id = $1) FROM juxin.event_head h"
    " WHERE h.tenant_id = $1"};

static int take_topics(struct call *c, const struct request *r, struct hub_listener *l)
{
    struct text topics = request_query(r, "topics");

    if (!topics.ptr)
        l->topics = HUB_JOB | HUB_RECORD | HUB_NOTICE | HUB_REPORT;
    while (topics.ptr) {
        struct text one = text_split(&topics, ',');

        if (text_is(one, "job"))
            l->topics |= HUB_JOB;
        else if (text_is(one, "record"))
            l->topics |= HUB_RECORD;
        else if (text_is(one, "notice"))
            l->topics |= HUB_NOTICE;
        else if (text_is(one, "report"))
            l->topics |= HUB_REPORT;
        else
            return call_fail_at(c, "topics", "not_one_of",
                "job, record, notice, report, or several with commas.",
                "应为 job、record、notice、report，可用逗号并列。");
    }
    return 0;
}

static int take_resource(struct call *c, const struct request *r, struct hub_listener *l)
{
    struct text name = request_query(r, "resource");

    if (!name.ptr)
        return 0;
    l->res = resource_find(arena_ndup(c->arena, name.ptr, name.len));
    if (!l->res)
        return call_fail_at(
            c, "resource", "unknown", "A resource: plugin.resource.", "应为资源名，形如 plugin.resource。");
    return 0;
}

static int take_unit(struct call *c, const struct request *r, struct hub_listener *l)
{
    uint32_t unit;
    int result;

    if (!request_query(r, "unit").ptr)
        return 0;
    result = api_query_unit(c, r, &unit);
    if (result == 0)
        l->unit = tree_unit(c->tenant->tree, unit).id;
    return result;
}

/* Where the client was, or else where the sequence is now. It is lost where the server cannot tell what it has missed: too
 * much, or it was not kept, or the number was never given. */
static int take_position(struct call *c, const struct request *r, struct hub_listener *l)
{
    struct text last = request_header(r, "Last-Event-ID");
    struct db_args a;
    struct db_call call = {.stmt = read_head, .args = &a};
    int64_t head = 0, kept_from = 0;
    int result;

    if (last.ptr && text_to_i64(last, 0, INT64_MAX, &l->after) < 0)
        return call_fail_at(
            c, "Last-Event-ID", "pattern", "The id of the last event.", "应为上一事件的 id。");
    db_args_reset(&a);
    db_arg_int(&a, c->tenant->id);
    result = call_read(c, &call, 1);
    if (result < 0)
        return result;
    if (db_rows_count(call.rows)) {
        head = db_get_int(call.rows, 0, 0);
        kept_from = db_get(call.rows, 0, 1) ? db_get_int(call.rows, 0, 1) : head + 1;
    }
    l->is_lost = last.ptr && l->after != head &&
                 (l->after > head || head - l->after > HUB_BEHIND_MAX || l->after < kept_from - 1);
    if (!last.ptr || l->is_lost)
        l->after = head;
    return 0;
}

static int open_stream(struct call *c, struct request *r)
{
    struct hub_listener l = {
        .tenant = c->tenant->id, .account = c->who->account, .epoch = c->tenant->epoch.tenant};
    void *stream;
    int result = take_topics(c, r, &l);

    if (take_resource(c, r, &l) < 0 || result < 0)
        return -EINVAL;
    result = take_unit(c, r, &l);
    if (result == 0)
        result = take_position(c, r, &l);
    if (result < 0)
        return result;
    l.credential = sha256_of(api_token(c, r, &l.is_bearer));
    result = hub_listen(&l, &stream);
    if (result == -EDQUOT)
        return call_fail(c, 429, "too_many_streams",
            "This account has too many streams open; close one first.",
            "该账号打开的事件流过多，请先关闭其他页面。");
    if (result < 0)
        return result;
    response_push(r, "text/event-stream", hub_open, stream);
    response_header(r->response, "X-Accel-Buffering", "no"); /* nginx would keep it until there is more */
    return 0;
}

static const struct api_route event_routes[] = {
    {.method = HTTP_GET,
        .path = "/events",
        .query = "topics,resource,unit",
        .handle = open_stream,
        .summary_en =
            "What happens, as server-sent events: changes of records and reports, progress of jobs, notices; "
            "goes on behind "
            "Last-Event-ID",
        .summary_zh = "事件流（SSE）：记录与报告变化、任务进度与通知，按 Last-Event-ID 续传",
        .response_type = "text/event-stream",
        .response_schema = "{\"type\":\"string\"}"},
};

int api_event_routes(struct router *rt)
{
    return api_add_all(rt, event_routes, ARRAY_LEN(event_routes));
}
