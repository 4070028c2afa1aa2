/* /me/contacts and /me/contact-preferences: where the caller may be reached outside of the server, and what they want to be told there. */
#include <errno.h>

#include "access/notice.h"
#include "api/core_routes.h"
#include "api/core_schemas.h"
#include "base/json.h"
#include "notify/contact.h"

static const char *const kinds[] = {"sms", "email", "wecom_app", "wechat"};

static bool is_one_of(const char *s, const char *const *list, size_t count)
{
    for (size_t i = 0; s && i < count; i++)
        if (strcmp(s, list[i]) == 0)
            return true;
    return false;
}

static int is_account(struct call *c)
{
    return c->who->kind == SUBJECT_ACCOUNT ? 0 : call_not_found(c);
}

static int kind_of(struct call *c, const struct request *r, const char **ret)
{
    struct text name = request_param(r, "contact");
    int result = is_account(c);

    *ret = arena_ndup(c->arena, name.ptr, name.len);
    return result == 0 && !is_one_of(*ret, kinds, ARRAY_LEN(kinds)) ? call_not_found(c) : result;
}

static int contacts_list(struct call *c, struct request *r)
{
    int result = is_account(c);

    return result < 0 ? result : contacts_write(c, response_json(r, 200));
}

static int contacts_put(struct call *c, struct request *r)
{
    static const char *const known[] = {"address", NULL};
    const char *kind, *address = NULL;
    json_t *body;
    int result = request_object(r, known, &body);

    if (result == 0)
        result = kind_of(c, r, &kind);
    if (result == 0)
        result = api_str(c, body, "address", true, &address);
    if (result == 0)
        result = contact_set(c, kind, address);
    return result < 0 || c->is_replay ? result : api_done(c, r);
}

static int contacts_confirm(struct call *c, struct request *r)
{
    static const char *const known[] = {"code", NULL};
    const char *kind, *code = NULL;
    json_t *body;
    int result = request_object(r, known, &body);

    if (result == 0)
        result = kind_of(c, r, &kind);
    if (result == 0)
        result = api_str(c, body, "code", true, &code);
    if (result == 0)
        result = contact_confirm(c, kind, code);
    if (result == 0)
        response_empty(r);
    return result;
}

static int contacts_delete(struct call *c, struct request *r)
{
    const char *kind;
    int result = kind_of(c, r, &kind);

    if (result == 0)
        result = contact_remove(c, kind);
    return result < 0 || c->is_replay ? result : api_done(c, r);
}

/* ---- preferences ---- */

static int preferences_read(struct call *c, struct request *r)
{
    int result = is_account(c);

    return result < 0 ? result : contact_wishes_write(c, response_json(r, 200));
}

/* "22:30"; what is not said stays as given. */
static void take_minutes(struct call *c, const json_t *body, const char *key, int32_t *minutes)
{
    const json_t *value = json_object_get(body, key);
    struct text rest = text_of(json_string_value(value)), hour = text_split(&rest, ':');
    int64_t h, m;

    if (!value)
        return;
    if (hour.len == 2 && rest.len == 2 && text_to_i64(hour, 0, 23, &h) == 0 &&
        text_to_i64(rest, 0, 59, &m) == 0)
        *minutes = (int32_t)(h * 60 + m);
    else
        (void)call_fail_at(
            c, arena_printf(c->arena, "/%s", key), "time", "A time of day: 22:30.", "应为时刻：22:30。");
}

static size_t take_wishes(struct call *c, const json_t *list, struct contact_wish *out)
{
    static const char *const how[] = {"now", "digest", "off"};
    const json_t *one;
    size_t i, n = 0;

    if (!json_is_array(list) || json_array_size(list) > CONTACT_WISHES_MAX) {
        (void)call_fail_at(
            c, "/wishes", list ? "type" : "required", "A list of at most 400.", "应为不超过 400 项的列表。");
        return 0;
    }
    json_array_foreach(list, i, one)
    {
        struct contact_wish w = {json_str(one, "channel"), json_str(one, "kind"), json_str(one, "how")};
        bool is_kind = w.kind && (strcmp(w.kind, "*") == 0 || notice_kind_find(text_of(w.kind)));

        if (is_kind && json_object_size(one) == 3 && is_one_of(w.channel, kinds, ARRAY_LEN(kinds)) &&
            is_one_of(w.how, how, ARRAY_LEN(how)))
            out[n++] = w;
        else
            (void)call_fail_at(c, arena_printf(c->arena, "/wishes/%zu", i), "wish",
                "channel (sms, email, wecom_app, wechat), kind (a notice's, or *) and how (now, digest, "
                "off).",
                "应有 channel（sms、email、wecom_app、wechat）、kind（通知类型或 *）和 "
                "how（now、digest、off）。");
    }
    return n;
}

static int preferences_write(struct call *c, struct request *r)
{
    static const char *const known[] = {"quiet_from", "quiet_until", "digest_at", "language", "wishes", NULL};
    static const char *const languages[] = {"zh-CN", "en"};
    struct contact_wish *wishes = arena_array(c->arena, CONTACT_WISHES_MAX, sizeof(*wishes));
    struct contact_hours hours = CONTACT_HOURS;
    const char *language = NULL;
    json_t *body;
    size_t count;
    int result = request_object(r, known, &body);

    if (result == 0)
        result = is_account(c);
    if (result < 0)
        return result;
    take_minutes(c, body, "quiet_from", &hours.quiet_from);
    take_minutes(c, body, "quiet_until", &hours.quiet_until);
    take_minutes(c, body, "digest_at", &hours.digest_at);
    if (api_str(c, body, "language", false, &language) == 0 && language) {
        hours.language = language;
        if (!is_one_of(language, languages, ARRAY_LEN(languages)))
            (void)call_fail_at(c, "/language", "not_one_of", "zh-CN or en.", "应为 zh-CN 或 en。");
    }
    count = take_wishes(c, json_object_get(body, "wishes"), wishes);
    result = c->fault.status ? -EINVAL : contact_wishes_set(c, &hours, wishes, count);
    return result < 0 || c->is_replay ? result : api_done(c, r);
}

#define S_WISHES                                                                                             \
    "{\"type\":\"array\",\"maxItems\":400,\"items\":{\"type\":\"object\",\"additionalProperties\":false,"    \
    "\"properties\":{\"channel\":{\"enum\":[\"sms\",\"email\",\"wecom_app\",\"wechat\"]},\"kind\":" S_STRING \
    ",\"how\":{\"enum\":[\"now\",\"digest\",\"off\"]}},\"required\":[\"channel\",\"kind\",\"how\"]}}"
#define S_MINUTES "{\"type\":\"string\",\"pattern\":\"^([01][0-9]|2[0-3]):[0-5][0-9]$\"}"

static const struct api_route contact_routes[] = {
    {.method = HTTP_GET,
        .path = "/me/contacts",
        .handle = contacts_list,
        .summary_en = "Where one may be reached outside of the server, masked",
        .summary_zh = "本人登记的联系方式（脱敏）"},
    {.method = HTTP_PUT,
        .path = "/me/contacts/{contact}",
        .handle = contacts_put,
        .request_schema = S_OBJECT("\"address\":{\"type\":\"string\",\"maxLength\":254}", "\"address\""),
        .summary_en = "Say where; a code is sent there",
        .summary_zh = "登记联系方式；系统向其发送验证码"},
    {.method = HTTP_POST,
        .path = "/me/contacts/{contact}/confirm",
        .flags = API_NO_REPLAY,
        .handle = contacts_confirm,
        .request_schema = S_OBJECT("\"code\":{\"type\":\"string\",\"pattern\":\"^[0-9]{6}$\"}", "\"code\""),
        .summary_en = "Confirm it with the code",
        .summary_zh = "用验证码确认联系方式"},
    {.method = HTTP_DELETE,
        .path = "/me/contacts/{contact}",
        .handle = contacts_delete,
        .summary_en = "Forget it; nothing is sent there any more",
        .summary_zh = "删除联系方式，不再向其发送"},
    {.method = HTTP_GET,
        .path = "/me/contact-preferences",
        .handle = preferences_read,
        .summary_en = "What one wants to be told over which channel, and when",
        .summary_zh = "本人的消息接收设置"},
    {.method = HTTP_PUT,
        .path = "/me/contact-preferences",
        .handle = preferences_write,
        .request_schema =
            S_OBJECT("\"quiet_from\":" S_MINUTES ",\"quiet_until\":" S_MINUTES ",\"digest_at\":" S_MINUTES
                     ",\"language\":{\"enum\":[\"zh-CN\",\"en\"]},\"wishes\":" S_WISHES,
                "\"wishes\""),
        .summary_en =
            "Say what one wants to be told over which channel, and when; what is not named is not sent",
        .summary_zh = "设置通过哪些通道、何时接收哪些通知；未列出的不发送"},
};

int api_contact_routes(struct router *rt)
{
    return api_add_all(rt, contact_routes, ARRAY_LEN(contact_routes));
}
