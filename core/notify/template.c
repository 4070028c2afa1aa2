/* What the settings of channels of any kind have in common: texts, templates, codes of the other side's. */
#include "notify/channel.h"

#include <errno.h>

#include "access/notice.h"
#include "fetch/fetch.h"
#include "notify/fill.h"

#define TEMPLATES_MAX 100
#define PARAMETERS_MAX 20

const char *channel_text(
    struct call *c, const struct channel *ch, const char *pointer, bool is_needed, size_t max)
{
    bool is_secret = text_has_prefix(text_of(pointer), "/secrets");
    const json_t *value = json_at(is_secret ? ch->secrets : ch->config, strchr(pointer + 1, '/'));
    const char *s = json_string_value(value);

    if (!value && !is_needed)
        return NULL;
    if (s && s[0] && strlen(s) <= max)
        return s;
    (void)call_fail_at(c, pointer, value ? "type" : "required",
        arena_printf(c->arena, "A text of 1 to %zu bytes.", max),
        arena_printf(c->arena, "应为 1 至 %zu 字节的文本。", max));
    return NULL;
}

void channel_check_members(struct call *c, const struct channel *ch, const char *const *known)
{
    const char *key;
    json_t *value;

    json_object_foreach((json_t *)ch->config, key, value)
    {
        bool is_known = false;

        for (size_t i = 0; known[i]; i++)
            is_known |= strcmp(key, known[i]) == 0;
        if (!is_known)
            (void)call_fail_at(c, arena_printf(c->arena, "/config%s", json_pointer(c->arena, key)), "unknown",
                "This kind of channel knows no such setting.", "此类消息通道没有该设置项。");
    }
}

void channel_check_url(struct call *c, const struct channel *ch, bool is_needed)
{
    const char *url = channel_text(c, ch, "/config/url", is_needed, FETCH_URL_MAX);
    struct text host;
    int r = url ? fetch_check_url(c->arena, url, &host) : 0;

    if (r == -EACCES)
        (void)call_fail_at(c, "/config/url", "not_allowed",
            "This address is not a public one, or not https; the operator can allow it (outgoing.allow).",
            "该地址不是公网地址，或不是 https；可由系统管理员在 outgoing.allow 中允许。");
    else if (r < 0)
        (void)call_fail_at(c, "/config/url", "url", "An https address without user and password.",
            "应为不含用户名和口令的 https 地址。");
}

void channel_check_link(struct call *c, const struct channel *ch)
{
    const char *link = channel_text(c, ch, "/config/link", false, 500);
    bool ok = !link || strncmp(link, "https://", 8) == 0;

    for (const char *s = link; ok && s && *s; s++)
        ok = *s > ' ' && *s < 0x7f && !strchr("<>\"", *s);
    if (!ok)
        (void)call_fail_at(c, "/config/link", "url", "An https address.", "应为 https 地址。");
}

void channel_check_kinds(struct call *c, const struct channel *ch)
{
    const json_t *list = json_object_get(ch->config, "kinds"), *one;
    const char *language = json_str_or(ch->config, "language", "zh-CN");
    bool ok = json_is_array(list) && json_array_size(list) > 0 && json_array_size(list) <= 100;
    size_t i;

    json_array_foreach(list, i, one)
    {
        const char *s = json_string_value(one);

        ok = ok && s && (strcmp(s, "*") == 0 || notice_kind_find(text_of(s)));
    }
    if (!ok)
        (void)call_fail_at(c, "/config/kinds", "unknown", "A list of notices' kinds, or [\"*\"].",
            "应为通知类型的列表，或 [\"*\"]。");
    if (strcmp(language, "zh-CN") != 0 && strcmp(language, "en") != 0)
        (void)call_fail_at(c, "/config/language", "not_one_of", "zh-CN or en.", "应为 zh-CN 或 en。");
}

const char *channel_cut(struct arena *a, const char *text, size_t max)
{
    struct text t = text_of(text);

    if (t.len <= max)
        return text;
    t = text_cut(t, max - strlen("…"));
    return arena_printf(a, "%.*s…", (int)t.len, t.ptr);
}

int channel_member(struct arena *a, const char *text, size_t max, const char **ret, const char **ret_masked)
{
    size_t n = strlen(text);

    if (n == 0 || n > max)
        return -EINVAL;
    for (const char *s = text; *s; s++)
        if (!(*s >= 'a' && *s <= 'z') && !(*s >= 'A' && *s <= 'Z') && !(*s >= '0' && *s <= '9') &&
            !strchr("_.@-", *s))
            return -EINVAL;
    *ret = arena_dup(a, text);
    *ret_masked = arena_printf(a, "%.2s****", text);
    return 0;
}

static bool is_template(const json_t *t)
{
    const json_t *names = json_object_get(t, "parameters"), *name;
    size_t i;

    if (!json_str(t, "id") || json_string_length(json_object_get(t, "id")) > 100 ||
        json_object_size(t) != (names ? 2u : 1u) || (names && !json_is_array(names)) ||
        json_array_size(names) > PARAMETERS_MAX)
        return false;
    json_array_foreach(names, i, name)
    {
        if (!json_is_string(name) || json_string_length(name) == 0 || json_string_length(name) > 40)
            return false;
    }
    return true;
}

void channel_check_templates(struct call *c, const struct channel *ch, bool is_needed)
{
    const json_t *all = json_object_get(ch->config, "templates");
    const char *what;
    json_t *t;

    if (!all && !is_needed)
        return;
    if (!json_is_object(all) || json_object_size(all) > TEMPLATES_MAX) {
        (void)call_fail_at(c, "/config/templates", all ? "type" : "required",
            "An object of templates by what they are for.", "应为按用途列出模板的对象。");
        return;
    }
    json_object_foreach((json_t *)all, what, t)
    {
        if (!is_template(t))
            (void)call_fail_at(c, arena_printf(c->arena, "/config/templates%s", json_pointer(c->arena, what)),
                "template", "{\"id\": the other side's template, \"parameters\": [names]}.",
                "应为 {\"id\": 对方的模板编号, \"parameters\": [参数名]}。");
    }
}

const char *channel_template(
    const struct channel *ch, const char *what, const json_t *params, json_t **ret_params)
{
    const json_t *t = json_object_get(json_object_get(ch->config, "templates"), what), *name;
    const json_t *names = json_object_get(t, "parameters");
    json_t *picked = json_object();
    size_t i;

    if (!names)
        json_object_update(picked, (json_t *)params);
    json_array_foreach(names, i, name)
    {
        const char *key = json_string_value(name);

        json_object_set_new(picked, key, json_string(json_str_or(params, key, ""))); /* steals */
    }
    *ret_params = picked;
    return json_str(t, "id");
}

const char *channel_code(struct arena *a, const char *said)
{
    char out[41];
    size_t n = 0, digits = 0;

    for (const char *s = said; *s; s++) {
        bool is_digit = *s >= '0' && *s <= '9';

        digits = is_digit ? digits + 1 : 0;
        if (digits > 6 || n + 1 == sizeof(out))
            return "code";
        if (is_digit || (*s >= 'a' && *s <= 'z') || (*s >= 'A' && *s <= 'Z') || strchr("._-", *s))
            out[n++] = *s;
    }
    out[n] = '\0';
    return n ? arena_dup(a, out) : "code";
}
