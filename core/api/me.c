/* /me and /data-requests: what is held about oneself, and what one asks about it. */
#include <errno.h>

#include "access/core_permissions.h"
#include "api/core_routes.h"
#include "api/download.h"
#include "api/paper.h"
#include "resource/declare/edition.h"
#include "resource/own/own.h"
#include "resource/own/own_export.h"
#include "resource/own/own_request.h"

#define OVERVIEW 20 /* items of each section */

static int is_account(struct call *c)
{
    return c->who->kind == SUBJECT_ACCOUNT ? 0 : call_not_found(c);
}

/* ---- seeing ---- */

static int write_section(
    struct call *c, struct jsonw *w, const struct own_section *s, struct uuid after, uint32_t limit)
{
    struct own_page page;
    int e = own_read(c, c->who->account, s, after, limit, &page);

    if (e < 0)
        return e;
    jsonw_object(w);
    jsonw_kstr(w, "name", s->name);
    jsonw_key(w, "label");
    jsonw_object(w);
    jsonw_kstr(w, "zh-CN", s->label.zh);
    jsonw_kstr(w, "en", s->label.en);
    jsonw_object_end(w);
    own_fields_write(w, s);
    jsonw_key(w, "items");
    jsonw_array(w);
    for (uint32_t i = 0; i < page.count; i++)
        own_item_write(c, &page, i, w);
    jsonw_array_end(w);
    jsonw_kuuid(w, "next", page.next);
    jsonw_object_end(w);
    return 0;
}

static int data(struct call *c, struct request *r)
{
    uint32_t count;
    const struct own_section *all = own_sections(c, &count);
    struct jsonw *w;
    int e = is_account(c);

    if (e < 0)
        return e;
    w = response_json(r, 200);
    jsonw_object(w);
    jsonw_kuuid(w, "account", c->who->account);
    jsonw_key(w, "sections");
    jsonw_array(w);
    for (uint32_t i = 0; i < count && e == 0; i++)
        e = write_section(c, w, &all[i], UUID_NIL, OVERVIEW);
    jsonw_array_end(w);
    jsonw_object_end(w);
    return e;
}

static int data_section(struct call *c, struct request *r)
{
    const struct own_section *s = own_section_find(c, request_param(r, "section"));
    struct uuid after;
    uint32_t limit;
    int e = is_account(c);

    if (e == 0)
        e = s ? api_limit(c, r, 50, 200, &limit) : call_not_found(c);
    if (e == 0)
        e = api_cursor(c, r, &after);
    return e < 0 ? e : write_section(c, response_json(r, 200), s, after, limit);
}

/* ---- taking away ---- */

static int take_word(
    struct call *c, const json_t *body, const char *key, const char *const words[2], bool *ret_second)
{
    const char *word = NULL;
    int e = api_str(c, body, key, false, &word);

    *ret_second = word && strcmp(word, words[1]) == 0;
    if (e == 0 && word && !*ret_second && strcmp(word, words[0]) != 0)
        e = call_fail_at(c, arena_printf(c->arena, "/%s", key), "not_one_of",
            arena_printf(c->arena, "%s or %s.", words[0], words[1]),
            arena_printf(c->arena, "应为 %s 或 %s。", words[0], words[1]));
    return e;
}

static int export_create(struct call *c, struct request *r)
{
    static const char *const known[] = {"format", "language", NULL};
    static const char *const formats[2] = {"xlsx", "json"}, *const languages[2] = {"zh-CN", "en"};
    bool is_json, is_english;
    struct uuid id;
    json_t *body;
    int e = is_account(c);

    if (e == 0)
        e = request_object(r, known, &body);
    if (e == 0)
        e = take_word(c, body, "format", formats, &is_json);
    if (e == 0)
        e = take_word(c, body, "language", languages, &is_english);
    if (e == 0)
        e = call_begin(c);
    if (e < 0 || c->is_replay)
        return e;
    e = own_export_create(c, is_json, is_english, &id);
    if (e == 0)
        e = own_export_write(c, id, response_json(r, 201));
    if (e < 0)
        return e;
    response_header(r->response, "Location", "%.*s/%s", (int)r->path.len, r->path.ptr, uuid_format(id).s);
    return call_commit(c);
}

static int export_list(struct call *c, struct request *r)
{
    int e = is_account(c);

    return e < 0 ? e : own_export_list_write(c, response_json(r, 200));
}

static int export_get(struct call *c, struct request *r)
{
    struct uuid id;
    int e = is_account(c);

    if (e == 0)
        e = api_id(c, r, "export", &id);
    return e < 0 ? e : own_export_write(c, id, response_json(r, 200));
}

static int export_content(struct call *c, struct request *r)
{
    struct own_file file;
    struct uuid id;
    int e = is_account(c);

    if (e == 0)
        e = api_id(c, r, "export", &id);
    if (e == 0)
        e = call_begin(c);
    if (e == 0)
        e = own_export_take(c, id, &file);
    if (e == 0)
        e = call_commit(c);
    return e < 0 ? e
                 : download(c, r, file.is_json ? "application/json" : MEDIA_XLSX, file.name, &file.digest,
                       file.size);
}

/* ---- asking ---- */

static int correction(struct call *c, struct request *r)
{
    static const char *const known[] = {"resource", "record", "changes", "reason", NULL};
    struct own_corrected done;
    const struct resource *res;
    const char *reason = NULL;
    struct text rest;
    struct uuid id;
    struct jsonw *w;
    json_t *body, *changes;
    int e = is_account(c);

    if (e == 0)
        e = request_object(r, known, &body);
    if (e == 0)
        e = api_about_record(c, body, true, &res, &id);
    if (e == 0)
        e = api_str(c, body, "reason", false, &reason);
    if (e < 0)
        return e;
    changes = json_object_get(body, "changes");
    if (!json_is_object(changes) || json_object_size(changes) == 0)
        return call_fail_at(
            c, "/changes", "required", "An object: fields and their right values.", "应为字段及其正确内容。");
    e = call_begin(c);
    if (e < 0 || c->is_replay)
        return e;
    e = own_correct(c, res, id, changes, reason, &done);
    if (e == 0)
        e = call_commit(c);
    if (e < 0)
        return e;
    rest = text_of(*done.applied ? done.applied : NULL);
    w = response_json(r, 200);
    jsonw_object(w);
    jsonw_key(w, "applied");
    jsonw_array(w);
    while (rest.ptr)
        jsonw_text(w, text_split(&rest, ','));
    jsonw_array_end(w);
    jsonw_kuuid(w, "request", done.request);
    jsonw_object_end(w);
    return 0;
}

static int request_add(struct call *c, struct request *r)
{
    static const char *const known[] = {"resource", "record", "reason", NULL};
    const struct resource *res;
    const char *reason = NULL;
    struct uuid record, id;
    json_t *body;
    int e = is_account(c);

    if (e == 0)
        e = request_object(r, known, &body);
    if (e == 0)
        e = api_about_record(c, body, false, &res, &record);
    if (e == 0)
        e = api_str(c, body, "reason", false, &reason);
    if (e == 0)
        e = call_begin(c);
    if (e < 0 || c->is_replay)
        return e;
    e = own_request_add(c, res, record, reason, &id);
    if (e == 0)
        e = own_request_write(c, id, response_json(r, 201));
    if (e < 0)
        return e;
    response_header(r->response, "Location", "%.*s/%s", (int)r->path.len, r->path.ptr, uuid_format(id).s);
    return call_commit(c);
}

static int take_filter(struct call *c, struct request *r, struct own_filter *f)
{
    static const char *const states[] = {"open", "done", "refused", "cancelled"};
    struct text state = request_query(r, "state");
    bool known = !state.ptr;
    int e = api_limit(c, r, 20, 200, &f->limit);

    for (size_t i = 0; i < ARRAY_LEN(states); i++) {
        if (!text_is(state, states[i]))
            continue;
        known = true;
        f->state = states[i];
    }
    if (!known)
        e = call_fail_at(c, "state", "not_one_of", "open, done, refused or cancelled.",
            "应为 open、done、refused 或 cancelled。");
    return api_cursor(c, r, &f->before) < 0 ? -EINVAL : e;
}

static int requests_mine(struct call *c, struct request *r)
{
    struct own_filter f = {.is_mine = true};
    int e = is_account(c);

    if (e == 0)
        e = take_filter(c, r, &f);
    return e < 0 ? e : own_requests_write(c, &f, response_json(r, 200));
}

static int requests_all(struct call *c, struct request *r)
{
    struct own_filter f = {.is_overdue = text_is(request_query(r, "overdue"), "true")};
    int e = take_filter(c, r, &f);

    return e < 0 ? e : own_requests_write(c, &f, response_json(r, 200));
}

static int request_get(struct call *c, struct request *r)
{
    struct uuid id;
    int e = api_id(c, r, "request", &id);

    return e < 0 ? e : own_request_write(c, id, response_json(r, 200));
}

static int request_cancel(struct call *c, struct request *r)
{
    struct uuid id;
    int e = api_id(c, r, "request", &id);

    if (e == 0)
        e = call_begin(c);
    if (e < 0 || c->is_replay)
        return e;
    e = own_request_cancel(c, id);
    return e < 0 ? e : api_done(c, r);
}

static int request_decide(struct call *c, struct request *r)
{
    static const char *const known[] = {"accept", "answer", "kept", NULL};
    struct own_decision d = {.answer = NULL};
    bool has_accept;
    struct uuid id;
    json_t *body;
    int e = api_id(c, r, "request", &id);

    if (e == 0)
        e = request_object(r, known, &body);
    if (e == 0)
        e = api_bool(c, body, "accept", &has_accept, &d.accept);
    if (e == 0 && !has_accept)
        e = call_fail_at(c, "/accept", "required", "true or false.", "必填：true 或 false。");
    if (e == 0)
        e = api_str(c, body, "answer", false, &d.answer);
    if (e == 0)
        e = call_begin(c);
    if (e < 0 || c->is_replay)
        return e;
    d.answer = d.answer ? d.answer : "";
    d.kept = json_object_get(body, "kept");
    e = own_request_decide(c, id, &d);
    if (e == 0)
        e = own_request_write(c, id, response_json(r, 200));
    return e < 0 ? e : call_commit(c);
}

#define UUID_SCHEMA "{\"type\":\"string\",\"format\":\"uuid\"}"
#define UUID_NULL_SCHEMA "{\"type\":[\"string\",\"null\"],\"format\":\"uuid\"}"
#define SECTION_SCHEMA                                                                                       \
    "{\"type\":\"object\",\"properties\":{\"name\":{\"type\":\"string\"},\"label\":{\"type\":\"object\"},"   \
    "\"fields\":{\"type\":\"array\",\"items\":{\"type\":\"object\"}},\"items\":{\"type\":\"array\","         \
    "\"items\":{\"type\":\"object\"}},\"next\":" UUID_NULL_SCHEMA "}}"
#define EXPORT_SCHEMA                                                                                        \
    "{\"type\":\"object\",\"properties\":{\"id\":" UUID_SCHEMA ",\"job\":" UUID_SCHEMA                       \
    ",\"state\":{\"enum\":[\"waiting\",\"running\",\"done\",\"failed\",\"cancelled\"]},\"format\":{"         \
    "\"enum\":[\"xlsx\",\"json\"]},\"name\":{\"type\":\"string\"},\"done\":{\"type\":\"integer\"},"          \
    "\"size\":{\"type\":[\"integer\",\"null\"]},\"created_at\":{\"type\":\"string\",\"format\":"             \
    "\"date-time\"},\"expires_at\":{\"type\":\"string\",\"format\":\"date-time\"}}}"
#define REQUEST_SCHEMA                                                                                       \
    "{\"type\":\"object\",\"properties\":{\"id\":" UUID_SCHEMA ",\"what\":{\"enum\":[\"correct\","           \
    "\"delete\",\"close\"]},\"resource\":{\"type\":[\"string\",\"null\"]},\"record\":" UUID_NULL_SCHEMA      \
    ",\"account\":" UUID_SCHEMA ",\"account_name\":{\"type\":\"string\"},\"unit\":" UUID_SCHEMA              \
    ",\"fields\":{\"type\":\"array\",\"items\":{\"type\":\"string\"}},\"changes\":{\"type\":[\"object\","    \
    "\"null\"]},\"reason\":{\"type\":\"string\"},\"state\":{\"enum\":[\"open\",\"done\",\"refused\","        \
    "\"cancelled\"]},\"due_on\":{\"type\":\"string\",\"format\":\"date\"},\"days_left\":{\"type\":"          \
    "\"integer\"},\"is_overdue\":{\"type\":\"boolean\"},\"answer\":{\"type\":\"string\"},\"kept\":{"         \
    "\"type\":\"array\",\"items\":{\"type\":\"object\"}},\"erased\":{\"type\":[\"integer\",\"null\"]},"      \
    "\"recorded_by\":" UUID_NULL_SCHEMA                                                                      \
    ",\"filed\":{\"type\":\"string\"},\"signed_on\":{\"type\":[\"string\",\"null\"],\"format\":\"date\"}}}"
#define LIST_OF(schema)                                                                                      \
    "{\"type\":\"object\",\"properties\":{\"items\":{\"type\":\"array\",\"items\":" schema                   \
    "},\"next\":" UUID_NULL_SCHEMA "}}"

static const struct api_route routes[] = {
    {.method = HTTP_GET,
        .path = "/me/data",
        .handle = data,
        .response_schema = "{\"type\":\"object\",\"properties\":{\"account\":" UUID_SCHEMA
                           ",\"sections\":{\"type\":\"array\",\"items\":" SECTION_SCHEMA "}}}",
        .summary_en = "Everything held about oneself, the first of each section",
        .summary_zh = "本人信息总览"},
    {.method = HTTP_GET,
        .path = "/me/data/{section}",
        .query = "limit,cursor",
        .handle = data_section,
        .response_schema = SECTION_SCHEMA,
        .summary_en = "A section of what is held about oneself",
        .summary_zh = "本人某类信息"},
    {.method = HTTP_POST,
        .path = "/me/corrections",
        .handle = correction,
        .request_schema =
            "{\"type\":\"object\",\"additionalProperties\":false,\"required\":[\"resource\",\"record\","
            "\"changes\"],\"properties\":{\"resource\":{\"type\":\"string\"},\"record\":" UUID_SCHEMA
            ",\"changes\":{\"type\":\"object\"},\"reason\":{\"type\":\"string\",\"maxLength\":500}}}",
        .response_schema = "{\"type\":\"object\",\"properties\":{\"applied\":{\"type\":\"array\",\"items\":{"
                           "\"type\":\"string\"}},\"request\":" UUID_NULL_SCHEMA "}}",
        .summary_en = "Correct one's own record: at once where that is allowed, else as a request",
        .summary_zh = "更正本人信息：可直接更正的立即生效，其余转为请求"},
    {.method = HTTP_GET,
        .path = "/me/requests",
        .query = "state,limit,cursor",
        .handle = requests_mine,
        .response_schema = LIST_OF(REQUEST_SCHEMA),
        .summary_en = "One's own requests, newest first",
        .summary_zh = "本人的个人信息请求"},
    {.method = HTTP_POST,
        .path = "/me/requests",
        .handle = request_add,
        .request_schema =
            "{\"type\":\"object\",\"additionalProperties\":false,\"properties\":{\"resource\":{\"type\":"
            "\"string\"},\"record\":" UUID_SCHEMA ",\"reason\":{\"type\":\"string\",\"maxLength\":500}}}",
        .response_schema = REQUEST_SCHEMA,
        .summary_en = "Ask that a record about oneself be deleted; without one: everything, and the account",
        .summary_zh = "请求删除本人的一条记录；不指明记录即请求注销账号并删除全部信息"},
    {.method = HTTP_POST,
        .path = "/me/requests/{request}/cancel",
        .handle = request_cancel,
        .summary_en = "Take back a request that is not decided yet",
        .summary_zh = "撤回未办结的请求"},
    {.method = HTTP_GET,
        .path = "/me/exports",
        .handle = export_list,
        .response_schema = LIST_OF(EXPORT_SCHEMA),
        .summary_en = "One's own data as files that have not expired",
        .summary_zh = "未过期的本人信息副本"},
    {.method = HTTP_POST,
        .path = "/me/exports",
        .handle = export_create,
        .request_schema =
            "{\"type\":\"object\",\"additionalProperties\":false,\"properties\":{\"format\":{\"enum\":["
            "\"xlsx\",\"json\"],\"default\":\"xlsx\"},\"language\":{\"enum\":[\"zh-CN\",\"en\"],\"default\":"
            "\"zh-CN\"}}}",
        .response_schema = EXPORT_SCHEMA,
        .summary_en = "Everything held about oneself as a file; a job makes it",
        .summary_zh = "导出全部本人信息（后台任务）"},
    {.method = HTTP_GET,
        .path = "/me/exports/{export}",
        .handle = export_get,
        .response_schema = EXPORT_SCHEMA,
        .summary_en = "How far it is",
        .summary_zh = "导出进度"},
    {.method = HTTP_GET,
        .path = "/me/exports/{export}/content",
        .handle = export_content,
        .response_type = "application/octet-stream",
        .response_schema = "{\"type\":\"string\",\"format\":\"binary\"}",
        .summary_en = "The file; each download is audited",
        .summary_zh = "下载（留审计记录）"},
    {.method = HTTP_GET,
        .path = "/data-requests",
        .query = "state,overdue,limit,cursor",
        .handle = requests_all,
        .response_schema = LIST_OF(REQUEST_SCHEMA),
        .summary_en = "Requests about personal data that one may decide, newest first",
        .summary_zh = "待本人办理的个人信息请求"},
    {.method = HTTP_GET,
        .path = "/data-requests/{request}",
        .handle = request_get,
        .response_schema = REQUEST_SCHEMA,
        .summary_en = "A request about personal data",
        .summary_zh = "个人信息请求"},
    {.method = HTTP_POST,
        .path = "/data-requests/{request}/decide",
        .handle = request_decide,
        .request_schema =
            "{\"type\":\"object\",\"additionalProperties\":false,\"required\":[\"accept\"],\"properties\":{"
            "\"accept\":{\"type\":\"boolean\"},\"answer\":{\"type\":\"string\",\"maxLength\":500},\"kept\":{"
            "\"type\":\"array\",\"items\":{\"type\":\"object\"},\"description\":\"What is not deleted, each "
            "with "
            "resource and reason\"}}}",
        .response_schema = REQUEST_SCHEMA,
        .summary_en = "Decide a request: what is asked is done, or refused with the reason",
        .summary_zh = "办理个人信息请求"},
};

int api_me_routes(struct router *rt)
{
    return api_add_all(rt, routes, ARRAY_LEN(routes));
}
