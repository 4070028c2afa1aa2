/* /channels: the district's ways to people outside of the server, for who may manage them. */
#include <errno.h>

#include "access/core_permissions.h"
#include "api/core_routes.h"
#include "api/core_schemas.h"
#include "base/json.h"
#include "notify/message.h"

static const struct db_stmt list_channels = {"api.channels",
    "SELECT " CHANNEL_COLUMNS " FROM juxin.channel h WHERE h.tenant_id = $1 ORDER BY h.id LIMIT 1000"};
static const struct db_stmt list_messages = {"api.messages",
    "SELECT id, what, masked, state, attempts, status, reason, ms, created_at, ended_at FROM juxin.message "
    "WHERE"
    " tenant_id = $1 AND channel_id = $2 AND ($3::uuid IS NULL OR id < $3) ORDER BY id DESC LIMIT $4"};

static int channels_list(struct call *c, struct request *r)
{
    struct db_args a;
    struct db_call call = {.stmt = list_channels, .args = &a};
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
    for (int i = 0; i < db_rows_count(call.rows) && result == 0; i++)
        if (channel_may_manage(c, db_get_uuid(call.rows, i, 3)))
            result = channel_write(c, w, call.rows, i);
    jsonw_array_end(w);
    jsonw_object_end(w);
    return result;
}

static int channels_read(struct call *c, struct request *r)
{
    const struct db_rows *rows;
    struct uuid id;
    int result = api_id(c, r, "channel", &id);

    if (result == 0)
        result = channel_find(c, id, &rows);
    if (result < 0)
        return result;
    api_etag(r, db_get_int(rows, 0, 12));
    return channel_write(c, response_json(r, 200), rows, 0);
}

static void take_object(
    struct call *c, const json_t *body, const char *key, bool is_needed, const json_t **ret)
{
    const json_t *value = json_object_get(body, key);

    *ret = value;
    if (value ? !json_is_object(value) : is_needed)
        (void)call_fail_at(
            c, arena_printf(c->arena, "/%s", key), value ? "type" : "required", "An object.", "应为对象。");
}

static void take_rate(struct call *c, const json_t *body, const char *key, int64_t *ret)
{
    const json_t *value = json_object_get(body, key);

    if (value && (!json_is_integer(value) || json_integer_value(value) <= 0))
        (void)call_fail_at(c, arena_printf(c->arena, "/%s", key), "type", "A whole number of 1 to 6000.",
            "应为 1 至 6000 的整数。");
    else if (value)
        *ret = json_integer_value(value);
}

static int take_input(struct call *c, const json_t *body, bool is_new, struct channel_input *in)
{
    int bad = 0;

    bad |= api_str(c, body, "name", is_new, &in->name);
    bad |= is_new ? api_str(c, body, "kind", true, &in->kind) : 0;
    bad |= api_bool(c, body, "active", &in->has_active, &in->is_active);
    bad |= api_body_unit(c, body, "unit", false, core_permission(CORE_CHANNEL_MANAGE), &in->unit);
    take_object(c, body, "config", is_new, &in->config);
    take_object(c, body, "secrets", false, &in->secrets);
    take_rate(c, body, "rate_per_minute", &in->rate_per_minute);
    take_rate(c, body, "receiver_per_hour", &in->receiver_per_hour);
    return bad || c->fault.status ? -EINVAL : 0;
}

/* Without a unit it is the root's. */
static int channels_create(struct call *c, struct request *r)
{
    static const char *const known[] = {
        "name", "kind", "unit", "config", "secrets", "rate_per_minute", "receiver_per_hour", NULL};
    struct channel_input in = {0};
    struct uuid id = UUID_NIL;
    json_t *body;
    int result = request_object(r, known, &body);

    if (result == 0)
        result = take_input(c, body, true, &in);
    if (result < 0)
        return result;
    if (!subject_may(
            c->who, c->tenant, core_permission(CORE_CHANNEL_MANAGE), in.unit == TREE_NONE ? 0 : in.unit))
        return call_forbidden(c, core_permission_name(CORE_CHANNEL_MANAGE));
    result = channel_create(c, &in, &id);
    return result < 0 || c->is_replay ? result : api_created(c, r, id, 1);
}

static int channels_update(struct call *c, struct request *r)
{
    static const char *const known[] = {
        "name", "unit", "config", "secrets", "rate_per_minute", "receiver_per_hour", "active", NULL};
    struct channel_input in = {0};
    int64_t version;
    struct uuid id;
    json_t *body;
    int result = request_object(r, known, &body);

    if (result == 0)
        result = api_id(c, r, "channel", &id);
    if (result == 0)
        result = api_if_match(c, r, &version);
    if (result == 0)
        result = take_input(c, body, false, &in);
    if (result == 0)
        result = channel_update(c, id, version, &in, &version);
    return result < 0 || c->is_replay ? result : api_changed(c, r, id, version);
}

static int channels_delete(struct call *c, struct request *r)
{
    struct uuid id;
    int result = api_id(c, r, "channel", &id);

    if (result == 0)
        result = channel_delete(c, id);
    return result < 0 || c->is_replay ? result : api_done(c, r);
}

static const char *fate_name(enum fate f)
{
    static const char *const names[] = {"accepted", "refused", "later", "unknown"};

    return names[f];
}

static int channels_test(struct call *c, struct request *r)
{
    static const char *const known[] = {"to", "what", "params", NULL};
    struct trial t = {0};
    const json_t *params;
    struct outcome o = {0};
    struct jsonw *w;
    json_t *body;
    char *text;
    int result = request_object(r, known, &body);

    if (result == 0)
        result = api_id(c, r, "channel", &t.channel);
    if (result == 0)
        result = api_str(c, body, "to", false, &t.to);
    if (result == 0)
        result = api_str(c, body, "what", false, &t.what);
    if (result < 0)
        return result;
    take_object(c, body, "params", false, &params);
    if (c->fault.status)
        return -EINVAL;
    t.what = t.what ? t.what : "test";
    text = params ? json_dumps(params, JSON_COMPACT) : NULL;
    t.params = arena_dup(c->arena, text);
    free(text);
    result = message_try(c, &t, &o);
    if (result < 0)
        return result;
    w = response_json(r, 200);
    jsonw_object(w);
    jsonw_kstr(w, "outcome", fate_name(o.fate));
    if (o.status)
        jsonw_kint(w, "status", o.status);
    jsonw_kstr(w, "reason", o.reason);
    jsonw_object_end(w);
    return 0;
}

static void time_or_null(struct jsonw *w, const char *key, const struct db_rows *rows, int row, int column)
{
    if (db_get(rows, row, column))
        jsonw_ktime(w, key, db_get_time(rows, row, column));
    else
        jsonw_kstr(w, key, NULL);
}

static void write_message(struct jsonw *w, const struct db_rows *rows, int i)
{
    jsonw_object(w);
    jsonw_kstr(w, "id", db_get(rows, i, 0));
    jsonw_kstr(w, "what", db_get(rows, i, 1));
    jsonw_kstr(w, "to", db_get(rows, i, 2));
    jsonw_kstr(w, "state", db_get(rows, i, 3));
    jsonw_kint(w, "attempts", db_get_int(rows, i, 4));
    if (db_get(rows, i, 5))
        jsonw_kint(w, "status", db_get_int(rows, i, 5));
    jsonw_kstr(w, "reason", db_get(rows, i, 6));
    if (db_get(rows, i, 7))
        jsonw_kint(w, "ms", db_get_int(rows, i, 7));
    jsonw_ktime(w, "created_at", db_get_time(rows, i, 8));
    time_or_null(w, "ended_at", rows, i, 9);
    jsonw_object_end(w);
}

static int messages_list(struct call *c, struct request *r)
{
    struct uuid id, before;
    const struct db_rows *found;
    struct db_args a;
    struct db_call call = {.stmt = list_messages, .args = &a};
    uint32_t limit;
    int result = api_id(c, r, "channel", &id);

    if (result == 0)
        result = api_limit(c, r, 50, 200, &limit);
    if (result == 0)
        result = api_cursor(c, r, &before);
    if (result == 0)
        result = channel_find(c, id, &found);
    if (result < 0)
        return result;
    db_args_reset(&a);
    db_arg_int(&a, c->tenant->id);
    db_arg_uuid(&a, id);
    db_arg_uuid_or_null(&a, before);
    db_arg_int(&a, limit + 1);
    result = call_read(c, &call, 1);
    if (result == 0)
        api_page(r, call.rows, limit, write_message);
    return result;
}

#define S_ANY_OBJECT "{\"type\":\"object\"}"
#define S_RATE "{\"type\":\"integer\",\"minimum\":1,\"maximum\":6000}"
#define S_KIND "{\"enum\":[\"sms\",\"email\",\"wecom_robot\",\"wecom_app\",\"dingtalk_robot\",\"wechat\"]}"
#define CHANNEL_MEMBERS                                                                                      \
    "\"name\":" S_NAME ",\"unit\":" S_ID ",\"config\":" S_ANY_OBJECT ",\"secrets\":" S_ANY_OBJECT            \
    ",\"rate_per_minute\":" S_RATE ",\"receiver_per_hour\":" S_RATE
#define S_OUTCOME                                                                                            \
    "{\"type\":\"object\",\"properties\":{\"outcome\":{\"enum\":[\"accepted\",\"refused\",\"later\","        \
    "\"unknown\"]},\"status\":{\"type\":\"integer\"},\"reason\":{\"type\":[\"string\",\"null\"]}}}"

static const struct api_route channel_routes[] = {
    {.method = HTTP_GET,
        .path = "/channels",
        .permission = "core.channel.manage",
        .handle = channels_list,
        .summary_en = "Channels at the units where one may manage them",
        .summary_zh = "可管理的组织机构上的消息通道"},
    {.method = HTTP_GET,
        .path = "/channels/{channel}",
        .permission = "core.channel.manage",
        .handle = channels_read,
        .summary_en = "One channel, with names of its secrets",
        .summary_zh = "单个消息通道，密钥只显示名称"},
    {.method = HTTP_POST,
        .path = "/channels",
        .permission = "core.channel.manage",
        .handle = channels_create,
        .request_schema = S_OBJECT("\"kind\":" S_KIND "," CHANNEL_MEMBERS, "\"name\",\"kind\",\"config\""),
        .summary_en = "Set up a way to people outside of the server; it is turned off at first",
        .summary_zh = "新增消息通道；初始为停用"},
    {.method = HTTP_PATCH,
        .path = "/channels/{channel}",
        .permission = "core.channel.manage",
        .handle = channels_update,
        .request_schema = S_OBJECT(CHANNEL_MEMBERS ",\"active\":" S_BOOL, ""),
        .summary_en = "Change a channel, turn it on or off; another address forgets its secrets",
        .summary_zh = "修改、启用或停用消息通道；更换地址后须重新填写密钥"},
    {.method = HTTP_DELETE,
        .path = "/channels/{channel}",
        .permission = "core.channel.manage",
        .handle = channels_delete,
        .summary_en = "Remove a channel with all notes of its messages",
        .summary_zh = "删除消息通道及其发送记录"},
    {.method = HTTP_POST,
        .path = "/channels/{channel}/test",
        .permission = "core.channel.manage",
        .flags = API_NO_REPLAY,
        .handle = channels_test,
        .request_schema = S_OBJECT("\"to\":" S_STRING ",\"what\":" S_STRING ",\"params\":" S_ANY_OBJECT, ""),
        .response_schema = S_OUTCOME,
        .summary_en = "Send one message now, to see whether it works; not tried again",
        .summary_zh = "立即发送一条测试消息；不自动重试"},
    {.method = HTTP_GET,
        .path = "/channels/{channel}/messages",
        .permission = "core.channel.manage",
        .query = "limit,cursor",
        .handle = messages_list,
        .summary_en = "What was sent and what came of it, newest first; addresses are masked",
        .summary_zh = "发送记录，最新在前；接收地址脱敏"},
};

int api_channel_routes(struct router *rt)
{
    return api_add_all(rt, channel_routes, ARRAY_LEN(channel_routes));
}
