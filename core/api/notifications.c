/* /notifications: what the caller was told, and what they do not want to be told. */
#include <errno.h>

#include "access/notice.h"
#include "api/core_routes.h"
#include "api/core_schemas.h"
#include "notify/words.h"

static const struct db_stmt list_notices = {"api.notifications",
    "SELECT id, kind, resource, record_id, unit_id, params, created_at, read_at FROM juxin.notification"
    " WHERE tenant_id = $1 AND account_id = $2 AND ($3::uuid IS NULL OR id < $3) AND"
    " (NOT $4 OR read_at IS NULL) ORDER BY id DESC LIMIT $5"};
static const struct db_stmt count_unread = {"api.notifications_unread",
    "SELECT kind, resource, unit_id, count(*) FROM juxin.notification WHERE tenant_id = $1 AND account_id = "
    "$2"
    " AND read_at IS NULL GROUP BY kind, resource, unit_id"};
static const struct db_stmt list_muted = {"api.notifications_muted",
    "SELECT kind FROM juxin.notification_mute WHERE tenant_id = $1 AND account_id = $2 ORDER BY kind"};

static void own_args(struct db_args *a, const struct call *c)
{
    db_args_reset(a);
    db_arg_int(a, c->tenant->id);
    db_arg_uuid(a, c->who->account);
}

/* Of what is shown: where a plugin is not effective, its notices wait. */
static int64_t unread(struct call *c, const struct db_rows *rows)
{
    int64_t n = 0;

    for (int i = 0; i < db_rows_count(rows); i++)
        if (notice_is_shown(c, db_get(rows, i, 0), db_get(rows, i, 1), db_get_uuid(rows, i, 2)))
            n += db_get_int(rows, i, 3);
    return n;
}

static void write_label(struct jsonw *w, const char *key, const char *zh, const char *en)
{
    jsonw_key(w, key);
    jsonw_object(w);
    jsonw_kstr(w, "zh-CN", zh);
    jsonw_kstr(w, "en", en);
    jsonw_object_end(w);
}

static void write_notice(struct call *c, struct jsonw *w, const struct db_rows *rows, int i)
{
    struct notice n = {.kind = db_get(rows, i, 1),
        .resource = db_get(rows, i, 2),
        .record = db_get_uuid(rows, i, 3),
        .unit = db_get_uuid(rows, i, 4),
        .params = db_get(rows, i, 5)};
    struct notice_words words;

    if (!notice_words(c, &n, &words))
        return;
    jsonw_object(w);
    jsonw_kstr(w, "id", db_get(rows, i, 0));
    jsonw_kstr(w, "kind", n.kind);
    write_label(w, "text", words.zh, words.en);
    jsonw_kstr(w, "resource", n.resource);
    jsonw_kuuid(w, "record", n.record);
    jsonw_kuuid(w, "unit", n.unit);
    jsonw_ktime(w, "created_at", db_get_time(rows, i, 6));
    if (db_get(rows, i, 7))
        jsonw_ktime(w, "read_at", db_get_time(rows, i, 7));
    else
        jsonw_kstr(w, "read_at", NULL);
    jsonw_object_end(w);
}

static int take_filters(struct call *c, const struct request *r, struct db_args *a, uint32_t *ret_limit)
{
    struct text only = request_query(r, "unread");
    struct uuid before;
    int result = api_limit(c, r, 20, 200, ret_limit);

    if (only.ptr && !text_is(only, "true") && !text_is(only, "false"))
        result = call_fail_at(c, "unread", "not_one_of", "true or false.", "应为 true 或 false。");
    if (api_cursor(c, r, &before) < 0 || result < 0)
        return -EINVAL;
    own_args(a, c);
    db_arg_uuid_or_null(a, before);
    db_arg_bool(a, text_is(only, "true"));
    db_arg_int(a, *ret_limit + 1);
    return 0;
}

static int notifications_list(struct call *c, struct request *r)
{
    struct db_args page, own;
    struct db_call calls[] = {{.stmt = list_notices, .args = &page}, {.stmt = count_unread, .args = &own}};
    const struct db_rows *rows;
    struct jsonw *w;
    uint32_t limit;
    int n, result = take_filters(c, r, &page, &limit);

    if (result < 0)
        return result;
    own_args(&own, c);
    result = call_read(c, calls, ARRAY_LEN(calls));
    if (result < 0)
        return result;
    rows = calls[0].rows;
    n = MIN(db_rows_count(rows), (int)limit);
    w = response_json(r, 200);
    jsonw_object(w);
    jsonw_key(w, "items");
    jsonw_array(w);
    for (int i = 0; i < n; i++)
        write_notice(c, w, rows, i);
    jsonw_array_end(w);
    jsonw_kint(w, "unread", unread(c, calls[1].rows));
    jsonw_kstr(w, "next", db_rows_count(rows) > n ? db_get(rows, n - 1, 0) : NULL);
    jsonw_object_end(w);
    return 0;
}

static int notifications_read(struct call *c, struct request *r)
{
    struct uuid id;
    int result = api_id(c, r, "notification", &id);

    if (result == 0)
        result = notice_read(c, id);
    return result < 0 || c->is_replay ? result : api_done(c, r);
}

static int notifications_read_upto(struct call *c, struct request *r)
{
    static const char *const known[] = {"upto", NULL};
    struct uuid id;
    json_t *body;
    int result = request_object(r, known, &body);

    if (result == 0)
        result = api_uuid(c, body, "upto", true, &id);
    if (result == 0)
        result = notice_read_upto(c, id);
    return result < 0 || c->is_replay ? result : api_done(c, r);
}

static bool is_muted(const struct db_rows *rows, const char *kind)
{
    for (int i = 0; i < db_rows_count(rows); i++)
        if (strcmp(db_get(rows, i, 0), kind) == 0)
            return true;
    return false;
}

static int preferences_read(struct call *c, struct request *r)
{
    struct db_args a;
    struct db_call call = {.stmt = list_muted, .args = &a};
    const struct notice_kind *k;
    struct jsonw *w;
    int result;

    own_args(&a, c);
    result = call_read(c, &call, 1);
    if (result < 0)
        return result;
    w = response_json(r, 200);
    jsonw_object(w);
    jsonw_key(w, "kinds");
    jsonw_array(w);
    for (size_t i = 0; (k = notice_kind_at(i)); i++) {
        jsonw_object(w);
        jsonw_kstr(w, "kind", k->name);
        write_label(w, "label", k->label_zh, k->label_en);
        jsonw_kbool(w, "muted", is_muted(call.rows, k->name));
        jsonw_object_end(w);
    }
    jsonw_array_end(w);
    jsonw_object_end(w);
    return 0;
}

/* The whole list, so that saying the same twice changes nothing. */
static int preferences_write(struct call *c, struct request *r)
{
    static const char *const known[] = {"muted", NULL};
    const char *kinds[600];
    const json_t *list, *v;
    json_t *body;
    size_t i, n = 0;
    int result = request_object(r, known, &body);

    if (result < 0)
        return result;
    list = json_object_get(body, "muted");
    if (!json_is_array(list))
        return call_fail_at(
            c, "/muted", list ? "type" : "required", "A list of kinds.", "应为通知类型的列表。");
    json_array_foreach(list, i, v)
    {
        const char *name = json_string_value(v);

        if (!name || !notice_kind_find(text_of(name)) || n == ARRAY_LEN(kinds))
            (void)call_fail_at(c, arena_printf(c->arena, "/muted/%zu", i), "unknown",
                "One of the kinds that the preferences list.", "应为偏好设置中列出的通知类型。");
        else
            kinds[n++] = name;
    }
    result = c->fault.status ? -EINVAL : notice_mute(c, kinds, n);
    return result < 0 || c->is_replay ? result : api_done(c, r);
}

#define S_LABEL "{\"type\":\"object\",\"properties\":{\"zh-CN\":" S_STRING ",\"en\":" S_STRING "}}"
#define S_OPTIONAL(type) "{\"type\":[\"string\",\"null\"],\"format\":\"" type "\"}"

static const struct api_route notification_routes[] = {
    {.method = HTTP_GET,
        .path = "/notifications",
        .query = "unread,limit,cursor",
        .handle = notifications_list,
        .response_schema =
            "{\"type\":\"object\",\"properties\":{\"items\":{\"type\":\"array\",\"items\":{\"type\":"
            "\"object\","
            "\"properties\":{\"id\":" S_ID ",\"kind\":" S_STRING ",\"text\":" S_LABEL
            ",\"resource\":{\"type\":[\"string\",\"null\"]},\"record\":" S_OPTIONAL(
                "uuid") ",\"unit\":" S_ID ",\"created_at\":" S_TIME
                        ",\"read_at\":" S_OPTIONAL("date-time") "}}},\"unread\":{\"type\":\"integer\"},"
                                                                "\"next\":{\"type\":[\"string\",\"null\"]}}}",
        .summary_en = "What one was told, newest first, and how much of it is unread",
        .summary_zh = "本人的通知，最新在前，并给出未读数"},
    {.method = HTTP_POST,
        .path = "/notifications/{notification}/read",
        .handle = notifications_read,
        .summary_en = "Mark a notice as read",
        .summary_zh = "将一条通知标为已读"},
    {.method = HTTP_POST,
        .path = "/notifications/read",
        .handle = notifications_read_upto,
        .request_schema = S_OBJECT("\"upto\":" S_ID, "\"upto\""),
        .summary_en = "Mark a notice and all older ones as read",
        .summary_zh = "将某条及更早的通知全部标为已读"},
    {.method = HTTP_GET,
        .path = "/notification-preferences",
        .handle = preferences_read,
        .summary_en = "Kinds of notices, and which of them one has muted",
        .summary_zh = "通知类型及本人已关闭的类型"},
    {.method = HTTP_PUT,
        .path = "/notification-preferences",
        .handle = preferences_write,
        .request_schema = S_OBJECT("\"muted\":" S_STRINGS, "\"muted\""),
        .summary_en = "Say which kinds one does not want to be told from now on",
        .summary_zh = "设置不再接收的通知类型"},
};

int api_notification_routes(struct router *rt)
{
    return api_add_all(rt, notification_routes, ARRAY_LEN(notification_routes));
}
