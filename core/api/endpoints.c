/* /endpoints: webhooks of the district, for who may manage them. */
#include <errno.h>

#include "access/core_permissions.h"
#include "api/core_routes.h"
#include "api/core_schemas.h"
#include "base/json.h"
#include "notify/endpoint.h"

static const struct db_stmt list_endpoints = {"api.endpoints",
    "SELECT " ENDPOINT_COLUMNS " FROM juxin.endpoint e WHERE e.tenant_id = $1 ORDER BY e.id LIMIT 1000"};
static const struct db_stmt list_deliveries = {"api.deliveries",
    "SELECT id, message_id, seq, type, attempt, outcome, status, reason, ms, at FROM juxin.delivery WHERE "
    "tenant_id = $1"
    " AND endpoint_id = $2 AND ($3::uuid IS NULL OR id < $3) ORDER BY id DESC LIMIT $4"};

static int endpoints_list(struct call *c, struct request *r)
{
    struct db_args a;
    struct db_call call = {.stmt = list_endpoints, .args = &a};
    struct jsonw *w;
    int result;

    db_args_reset(&a);
    db_arg_int(&a, c->tenant->id);
    result = call_read(c, &call, 1);
    if (result < 0)
        return result;
    w = response_json(r, 200);
    jsonw_object(w);
    jsonw_key(w, "items");
    jsonw_array(w);
    for (int i = 0; i < db_rows_count(call.rows); i++)
        if (endpoint_may_manage(c, db_get_uuid(call.rows, i, 4)))
            endpoint_write(w, call.rows, i);
    jsonw_array_end(w);
    jsonw_object_end(w);
    return 0;
}

static int endpoints_read(struct call *c, struct request *r)
{
    const struct db_rows *rows;
    struct uuid id;
    int result = api_id(c, r, "endpoint", &id);

    if (result == 0)
        result = endpoint_find(c, id, &rows);
    if (result < 0)
        return result;
    api_etag(r, db_get_int(rows, 0, 11));
    endpoint_write(response_json(r, 200), rows, 0);
    return 0;
}

static int take_input(struct call *c, const json_t *body, bool is_new, struct endpoint_input *in)
{
    const json_t *events = json_object_get(body, "events"), *rate = json_object_get(body, "rate_per_minute");
    int bad = 0;

    bad |= api_str(c, body, "name", is_new, &in->name);
    bad |= api_str(c, body, "url", is_new, &in->url);
    bad |= api_bool(c, body, "active", &in->has_active, &in->is_active);
    bad |= api_body_unit(c, body, "unit", false, core_permission(CORE_ENDPOINT_MANAGE), &in->unit);
    if (events || is_new)
        in->events = endpoint_events(c, "/events", events);
    if (rate && (!json_is_integer(rate) || json_integer_value(rate) == 0))
        (void)call_fail_at(
            c, "/rate_per_minute", "type", "A whole number of 1 to 6000.", "应为 1 至 6000 的整数。");
    else if (rate)
        in->rate_per_minute = json_integer_value(rate);
    return bad || c->fault.status ? -EINVAL : 0;
}

static int answer_secret(struct call *c, struct request *r, int status, struct uuid id, const char *secret)
{
    struct jsonw *w;
    int result = call_commit(c);

    if (result < 0)
        return result;
    w = response_json(r, status);
    if (status == 201)
        response_header(r->response, "Location", "%.*s/%s", (int)r->path.len, r->path.ptr, uuid_format(id).s);
    jsonw_object(w);
    jsonw_kuuid(w, "id", id);
    jsonw_kstr(w, "secret", secret);
    jsonw_object_end(w);
    return 0;
}

/* Without a unit it is the root's. */
static int endpoints_create(struct call *c, struct request *r)
{
    static const char *const known[] = {"name", "url", "events", "unit", "rate_per_minute", NULL};
    struct endpoint_input in = {0};
    const char *secret = NULL;
    struct uuid id = UUID_NIL;
    json_t *body;
    int result = request_object(r, known, &body);

    if (result == 0)
        result = take_input(c, body, true, &in);
    if (result < 0)
        return result;
    if (in.unit == TREE_NONE)
        in.unit = 0;
    if (in.unit >= tree_count(c->tenant->tree) ||
        !subject_may(c->who, c->tenant, core_permission(CORE_ENDPOINT_MANAGE), in.unit))
        return call_forbidden(c, core_permission_name(CORE_ENDPOINT_MANAGE));
    result = endpoint_create(c, &in, &id, &secret);
    return result < 0 ? result : answer_secret(c, r, 201, id, secret);
}

static int endpoints_update(struct call *c, struct request *r)
{
    static const char *const known[] = {"name", "url", "events", "unit", "rate_per_minute", "active", NULL};
    struct endpoint_input in = {0};
    int64_t version;
    struct uuid id;
    json_t *body;
    int result = request_object(r, known, &body);

    if (result == 0)
        result = api_id(c, r, "endpoint", &id);
    if (result == 0)
        result = api_if_match(c, r, &version);
    if (result == 0)
        result = take_input(c, body, false, &in);
    if (result == 0)
        result = endpoint_update(c, id, version, &in, &version);
    return result < 0 || c->is_replay ? result : api_changed(c, r, id, version);
}

static int endpoints_delete(struct call *c, struct request *r)
{
    struct uuid id;
    int result = api_id(c, r, "endpoint", &id);

    if (result == 0)
        result = endpoint_delete(c, id);
    return result < 0 || c->is_replay ? result : api_done(c, r);
}

static int endpoints_rotate(struct call *c, struct request *r)
{
    const char *secret = NULL;
    struct uuid id;
    int result = api_id(c, r, "endpoint", &id);

    if (result == 0)
        result = endpoint_rotate(c, id, &secret);
    return result < 0 ? result : answer_secret(c, r, 200, id, secret);
}

static int answer_result(struct request *r, const struct webhook_result *result)
{
    struct jsonw *w = response_json(r, 200);

    jsonw_object(w);
    jsonw_kbool(w, "delivered", result->is_delivered);
    if (result->status)
        jsonw_kint(w, "status", result->status);
    jsonw_kstr(w, "reason", result->reason);
    jsonw_kint(w, "ms", result->ms);
    jsonw_object_end(w);
    return 0;
}

static int send_now(struct call *c, struct request *r, struct uuid id, const struct webhook_event *e)
{
    struct webhook_result sent = {0};
    int result = endpoint_send_now(c, id, e, &sent);

    return result < 0 ? result : answer_result(r, &sent);
}

static int endpoints_test(struct call *c, struct request *r)
{
    const struct db_rows *rows;
    struct webhook_event e = {.id = uuid_new(),
        .tenant = c->tenant->slug,
        .type = "core.endpoint.test",
        .time_us = c->now_us,
        .data = "{}"};
    struct uuid id;
    int result = api_id(c, r, "endpoint", &id);

    if (result == 0)
        result = endpoint_find(c, id, &rows);
    return result < 0 ? result : send_now(c, r, id, &e);
}

static int deliveries_resend(struct call *c, struct request *r)
{
    const struct db_rows *rows;
    struct webhook_event e;
    struct uuid id, delivery;
    int result = api_id(c, r, "endpoint", &id);

    if (result == 0)
        result = api_id(c, r, "delivery", &delivery);
    if (result == 0)
        result = endpoint_find(c, id, &rows);
    if (result == 0)
        result = endpoint_event_of(c, id, delivery, &e);
    return result < 0 ? result : send_now(c, r, id, &e);
}

static void write_delivery(struct jsonw *w, const struct db_rows *rows, int i)
{
    jsonw_object(w);
    jsonw_kstr(w, "id", db_get(rows, i, 0));
    jsonw_kstr(w, "message", db_get(rows, i, 1));
    if (db_get(rows, i, 2))
        jsonw_kint(w, "seq", db_get_int(rows, i, 2));
    jsonw_kstr(w, "type", db_get(rows, i, 3));
    jsonw_kint(w, "attempt", db_get_int(rows, i, 4));
    jsonw_kstr(w, "outcome", db_get(rows, i, 5));
    if (db_get(rows, i, 6))
        jsonw_kint(w, "status", db_get_int(rows, i, 6));
    jsonw_kstr(w, "reason", db_get(rows, i, 7));
    jsonw_kint(w, "ms", db_get_int(rows, i, 8));
    jsonw_ktime(w, "at", db_get_time(rows, i, 9));
    jsonw_object_end(w);
}

static int deliveries_list(struct call *c, struct request *r)
{
    struct uuid id, before;
    const struct db_rows *found;
    struct db_args a;
    struct db_call call = {.stmt = list_deliveries, .args = &a};
    uint32_t limit;
    int result = api_id(c, r, "endpoint", &id);

    if (result == 0)
        result = api_limit(c, r, 50, 200, &limit);
    if (result == 0)
        result = api_cursor(c, r, &before);
    if (result == 0)
        result = endpoint_find(c, id, &found);
    if (result < 0)
        return result;
    db_args_reset(&a);
    db_arg_int(&a, c->tenant->id);
    db_arg_uuid(&a, id);
    db_arg_uuid_or_null(&a, before);
    db_arg_int(&a, limit + 1);
    result = call_read(c, &call, 1);
    if (result == 0)
        api_page(r, call.rows, limit, write_delivery);
    return result;
}

#define S_RATE "{\"type\":\"integer\",\"minimum\":1,\"maximum\":6000}"
#define S_URL "{\"type\":\"string\",\"maxLength\":2048}"
#define ENDPOINT_MEMBERS                                                                                     \
    "\"name\":" S_NAME ",\"url\":" S_URL ",\"events\":" S_STRINGS ",\"unit\":" S_ID                          \
    ",\"rate_per_minute\":" S_RATE
#define S_SECRET S_OBJECT("\"id\":" S_ID ",\"secret\":" S_STRING, "\"id\",\"secret\"")
#define S_RESULT                                                                                             \
    "{\"type\":\"object\",\"properties\":{\"delivered\":" S_BOOL ",\"status\":{\"type\":\"integer\"},"       \
    "\"reason\":{\"type\":[\"string\",\"null\"]},\"ms\":{\"type\":\"integer\"}}}"

static const struct api_route endpoint_routes[] = {
    {.method = HTTP_GET,
        .path = "/endpoints",
        .permission = "core.endpoint.manage",
        .handle = endpoints_list,
        .summary_en = "Webhooks at the units where one may manage them",
        .summary_zh = "可管理的组织机构上的推送地址"},
    {.method = HTTP_GET,
        .path = "/endpoints/{endpoint}",
        .permission = "core.endpoint.manage",
        .handle = endpoints_read,
        .summary_en = "One webhook",
        .summary_zh = "单个推送地址"},
    {.method = HTTP_POST,
        .path = "/endpoints",
        .permission = "core.endpoint.manage",
        .flags = API_NO_REPLAY,
        .handle = endpoints_create,
        .request_schema = S_OBJECT(ENDPOINT_MEMBERS, "\"name\",\"url\",\"events\""),
        .response_schema = S_SECRET,
        .summary_en = "Have another system told of events; the secret is shown once",
        .summary_zh = "新增推送地址；密钥只显示一次"},
    {.method = HTTP_PATCH,
        .path = "/endpoints/{endpoint}",
        .permission = "core.endpoint.manage",
        .handle = endpoints_update,
        .request_schema = S_OBJECT(ENDPOINT_MEMBERS ",\"active\":" S_BOOL, ""),
        .summary_en = "Change a webhook, turn it off or on again",
        .summary_zh = "修改、停用或重新启用推送地址"},
    {.method = HTTP_DELETE,
        .path = "/endpoints/{endpoint}",
        .permission = "core.endpoint.manage",
        .handle = endpoints_delete,
        .summary_en = "Remove a webhook and the log of its deliveries",
        .summary_zh = "删除推送地址及其推送记录"},
    {.method = HTTP_POST,
        .path = "/endpoints/{endpoint}/rotate-secret",
        .permission = "core.endpoint.manage",
        .flags = API_NO_REPLAY,
        .handle = endpoints_rotate,
        .response_schema = S_SECRET,
        .summary_en = "Give it a new secret; the one before signs too for a day",
        .summary_zh = "更换密钥；旧密钥一天内同时签名"},
    {.method = HTTP_POST,
        .path = "/endpoints/{endpoint}/test",
        .permission = "core.endpoint.manage",
        .flags = API_NO_REPLAY,
        .handle = endpoints_test,
        .response_schema = S_RESULT,
        .summary_en = "Send it a test message now",
        .summary_zh = "立即发送一条测试消息"},
    {.method = HTTP_GET,
        .path = "/endpoints/{endpoint}/deliveries",
        .permission = "core.endpoint.manage",
        .query = "limit,cursor",
        .handle = deliveries_list,
        .summary_en = "What was sent and what came of it, newest first",
        .summary_zh = "推送记录，最新在前"},
    {.method = HTTP_POST,
        .path = "/endpoints/{endpoint}/deliveries/{delivery}/resend",
        .permission = "core.endpoint.manage",
        .flags = API_NO_REPLAY,
        .handle = deliveries_resend,
        .response_schema = S_RESULT,
        .summary_en = "Send the event of a delivery again now",
        .summary_zh = "立即重新推送某次推送的事件"},
};

int api_endpoint_routes(struct router *rt)
{
    return api_add_all(rt, endpoint_routes, ARRAY_LEN(endpoint_routes));
}
