/* The SMS gateway's request: made of the settings, judged by them. */
#include <errno.h>

#include "base/clock.h"
#include "notify/answer.h"
#include "notify/fill.h"
#include "notify/kinds.h"
#include "notify/sms.h"

#define TIMEOUT_MS 10000
#define ANSWER_MAX 65536
#define PAUSE_S 60
#define HEADERS_MAX 20

/* ---- the gateway's settings ---- */

static struct filling filling_of(const struct channel *ch)
{
    return (struct filling){.secrets = ch->secrets, .is_check = true};
}

static void wrong(struct call *c, const char *pointer)
{
    (void)call_fail_at(c, pointer, "place",
        "Texts whose places in {} are to, template, id, timestamp, timestamp_ms, params, param.NAME or "
        "secret.NAME of a "
        "secret that there is.",
        "应为文本；花括号中只能是 to、template、id、timestamp、timestamp_ms、params、param.名称，或已设置的 "
        "secret.名称。");
}

static void check_texts(struct call *c, const struct channel *ch, const char *member, size_t max)
{
    const json_t *object = json_object_get(ch->config, member);
    struct filling f = filling_of(ch);
    CLEANUP(buf_done) struct buf b = BUF_INIT;

    f.params = json_object_get(ch->config, "templates"); /* some object */
    if (object &&
        (!json_is_object(object) || json_object_size(object) > max || fill_form(&f, object, &b) < 0))
        wrong(c, arena_printf(c->arena, "/config/%s", member));
}

static void check_body(struct call *c, const struct channel *ch)
{
    const json_t *body = json_object_get(ch->config, "json");
    struct filling f = filling_of(ch);
    json_t *filled;

    f.params = json_object_get(ch->config, "templates");
    if (body && json_object_get(ch->config, "form"))
        (void)call_fail_at(c, "/config/json", "both", "Either json or form.", "json 与 form 只能有一个。");
    if (!body)
        return;
    if (fill_json(&f, body, &filled) < 0)
        wrong(c, "/config/json");
    else
        json_decref(filled);
}

static void check_success(struct call *c, const struct channel *ch)
{
    const json_t *success = json_object_get(ch->config, "success"), *list;
    const char *const lists[] = {"equals", "throttled"};
    const json_t *one;
    size_t k;
    bool ok = json_is_object(success) && json_str_or(success, "pointer", "")[0] == '/' &&
              json_array_size(json_object_get(success, "equals")) > 0;

    for (size_t i = 0; ok && i < ARRAY_LEN(lists); i++) {
        list = json_object_get(success, lists[i]);
        ok = !list || (json_is_array(list) && json_array_size(list) <= 20);
        json_array_foreach(list, k, one) ok = ok && json_is_string(one);
    }
    if (!ok)
        (void)call_fail_at(c, "/config/success", "success",
            "{\"pointer\": where in the answer, \"equals\": [texts], \"throttled\": [texts]}.",
            "应为 {\"pointer\": 应答中的位置, \"equals\": [文本], \"throttled\": [文本]}。");
}

static const char *const members[] = {
    "url", "method", "headers", "query", "json", "form", "number", "templates", "success", NULL};

static void check(struct call *c, const struct channel *ch)
{
    const char *method = json_str_or(ch->config, "method", "POST"),
               *number = json_str_or(ch->config, "number", "plain");

    channel_check_members(c, ch, members);
    channel_check_url(c, ch, true);
    if (strcmp(method, "POST") != 0 && strcmp(method, "GET") != 0 && strcmp(method, "PUT") != 0)
        (void)call_fail_at(c, "/config/method", "not_one_of", "POST, PUT or GET.", "应为 POST、PUT 或 GET。");
    if (strcmp(number, "plain") != 0 && strcmp(number, "e164") != 0)
        (void)call_fail_at(c, "/config/number", "not_one_of", "plain (13800000000) or e164 (+8613800000000).",
            "应为 plain（13800000000）或 e164（+8613800000000）。");
    channel_check_templates(c, ch, true);
    if (c->fault.status)
        return;
    check_texts(c, ch, "headers", HEADERS_MAX);
    check_texts(c, ch, "query", 50);
    check_texts(c, ch, "form", 50);
    check_body(c, ch);
    check_success(c, ch);
}

/* ---- the request ---- */

struct request_parts {
    struct buf url, body;
    const char *headers[HEADERS_MAX + 2];
};

static int make_headers(
    struct arena *a, const struct channel *ch, const struct filling *f, struct request_parts *parts)
{
    const json_t *headers = json_object_get(ch->config, "headers");
    size_t n = 0;
    const char *key;
    json_t *value;

    if (json_object_get(ch->config, "json"))
        parts->headers[n++] = "Content-Type: application/json; charset=utf-8";
    else if (json_object_get(ch->config, "form"))
        parts->headers[n++] = "Content-Type: application/x-www-form-urlencoded";
    json_object_foreach((json_t *)headers, key, value)
    {
        CLEANUP(buf_done) struct buf b = BUF_INIT;
        int r = fill_text(f, json_string_value(value), &b);

        if (r < 0)
            return r;
        parts->headers[n++] = arena_printf(a, "%s: %s", key, buf_str(&b));
    }
    return 0;
}

static int make_body(const struct channel *ch, const struct filling *f, struct buf *out)
{
    const json_t *form = json_object_get(ch->config, "form"), *body = json_object_get(ch->config, "json");
    json_t *filled;
    char *s;
    int r;

    if (!body)
        return form ? fill_form(f, form, out) : 0;
    r = fill_json(f, body, &filled);
    if (r < 0)
        return r;
    s = json_dumps(filled, JSON_COMPACT | JSON_ENCODE_ANY);
    json_decref(filled);
    buf_adds(out, s ? s : "");
    free(s);
    return s ? 0 : -ENOMEM;
}

static int make_url(const struct channel *ch, const struct filling *f, struct buf *out)
{
    const json_t *query = json_object_get(ch->config, "query");
    const char *url = json_str(ch->config, "url");
    CLEANUP(buf_done) struct buf b = BUF_INIT;
    int r = query ? fill_form(f, query, &b) : 0;

    buf_adds(out, url);
    if (b.len)
        buf_addf(out, "%s%s", strchr(url, '?') ? "&" : "?", buf_str(&b));
    return r;
}

static int make_request(
    struct arena *a, const struct channel *ch, const struct parcel *p, struct request_parts *parts)
{
    const char *number = json_str_or(ch->config, "number", "plain");
    struct filling f = {
        .id = arena_dup(a, uuid_format(p->id).s), .now_us = clock_agreed_us(), .secrets = ch->secrets};
    json_t *params = NULL;
    int r;

    f.to = strcmp(number, "plain") == 0 && strncmp(p->to, "+86", 3) == 0 ? p->to + 3 : p->to;
    f.template = channel_template(ch, p->what, p->params, &params);
    f.params = params;
    r = f.template ? make_url(ch, &f, &parts->url) : -ENOENT;
    if (r == 0)
        r = make_body(ch, &f, &parts->body);
    if (r == 0)
        r = make_headers(a, ch, &f, parts);
    json_decref(params);
    return r;
}

/* ---- the answer ---- */

static bool is_listed(const json_t *list, const char *value)
{
    const json_t *one;
    size_t i;

    json_array_foreach(list, i, one)
    {
        if (strcmp(json_string_value(one), value) == 0)
            return true;
    }
    return false;
}

static void judge(
    struct arena *a, const struct channel *ch, const struct fetch_answer *answer, struct outcome *ret)
{
    const json_t *success = json_object_get(ch->config, "success"), *body, *at;
    const char *said;

    *ret =
        (struct outcome){.fate = FATE_UNKNOWN, .status = answer->status, .reason = "answer", .is_ours = true};
    if (answer_json(a, answer, &body) < 0)
        return;
    at = json_at(body, json_str(success, "pointer"));
    if (json_is_integer(at))
        said = arena_printf(a, "%lld", (long long)json_integer_value(at));
    else
        said = json_is_true(at) ? "true" : json_is_false(at) ? "false" : json_string_value(at);
    if (!said)
        return;
    if (is_listed(json_object_get(success, "equals"), said)) {
        *ret = (struct outcome){.fate = FATE_ACCEPTED, .status = answer->status};
    } else if (is_listed(json_object_get(success, "throttled"), said)) {
        *ret = (struct outcome){
            .fate = FATE_LATER, .status = answer->status, .reason = "throttled", .is_ours = true};
        ret->pause_s = answer->retry_after_s ? answer->retry_after_s : PAUSE_S;
    } else {
        *ret =
            (struct outcome){.fate = FATE_REFUSED, .status = answer->status, .reason = channel_code(a, said)};
    }
}

static int send_parcel(struct call *c, const struct channel *ch, const struct parcel *p, struct outcome *ret)
{
    struct request_parts parts = {0};
    struct fetch_answer answer;
    struct fetch f = {.method = json_str_or(ch->config, "method", "POST"),
        .headers = parts.headers,
        .timeout_ms = TIMEOUT_MS,
        .answer_max = ANSWER_MAX};
    int r = make_request(c->arena, ch, p, &parts);

    if (r < 0) {
        *ret = (struct outcome){
            .fate = FATE_REFUSED, .reason = r == -ENOENT ? "no_template" : "settings", .is_ours = true};
        r = 0;
    } else {
        f.url = buf_str(&parts.url);
        f.body = buf_text(&parts.body);
        r = fetch_run(c->arena, &f, &answer);
        if (r != -ECANCELED && answer_is_good(r, &answer, ret))
            judge(c->arena, ch, &answer, ret);
        r = r == -ECANCELED ? r : 0;
    }
    buf_done(&parts.url);
    buf_done(&parts.body);
    return r;
}

static int address(struct arena *a, const char *text, const char **ret, const char **ret_masked)
{
    int r = sms_number(a, text, ret);

    *ret_masked = r == 0 ? sms_mask(a, *ret) : NULL;
    return r;
}

const struct channel_kind channel_sms = {.name = "sms",
    .label_zh = "短信",
    .label_en = "SMS",
    .rate_per_minute = 100,
    .address = address,
    .check = check,
    .send = send_parcel};
