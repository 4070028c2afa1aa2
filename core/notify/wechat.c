/* WeChat: template messages of a service account to those who follow it. */
#include <errno.h>

#include "notify/answer.h"
#include "notify/errcode.h"
#include "notify/fill.h"
#include "notify/kinds.h"

#define SERVER "https://api.weixin.qq.com"
#define VALUE_CHARS 200

static const char *base_url(const struct channel *ch)
{
    return json_str_or(ch->config, "url", SERVER);
}

static void check(struct call *c, const struct channel *ch)
{
    static const char *const members[] = {"url", "appid", "templates", "link", NULL};

    channel_check_members(c, ch, members);
    channel_check_url(c, ch, false);
    channel_check_link(c, ch);
    channel_check_templates(c, ch, true);
    (void)channel_text(c, ch, "/config/appid", true, 100);
    (void)channel_text(c, ch, "/secrets/secret", true, 200);
}

static int address(struct arena *a, const char *text, const char **ret, const char **ret_masked)
{
    return channel_member(a, text, 64, ret, ret_masked);
}

static const char *token_url(struct call *c, const struct channel *ch)
{
    CLEANUP(buf_done) struct buf b = BUF_INIT;

    buf_addf(&b, "%s/cgi-bin/token?grant_type=client_credential&appid=", base_url(ch));
    fill_urlencode(&b, text_of(json_str_or(ch->config, "appid", "")));
    buf_adds(&b, "&secret=");
    fill_urlencode(&b, text_of(json_str_or(ch->secrets, "secret", "")));
    return arena_dup(c->arena, buf_str(&b));
}

static json_t *data_of(const json_t *params)
{
    json_t *data = json_object(), *value;
    const char *key;

    json_object_foreach((json_t *)params, key, value)
    {
        struct text t = text_cut(text_of(json_string_value(value)), VALUE_CHARS);

        json_object_set_new(data, key, json_pack("{s:s%}", "value", t.ptr ? t.ptr : "", t.len)); /* steals */
    }
    return data;
}

static int send_parcel(struct call *c, const struct channel *ch, const struct parcel *p, struct outcome *ret)
{
    json_t *params = NULL, *body;
    const char *template = channel_template(ch, p->what, p->params, &params),
               *link = json_str(ch->config, "link");
    const json_t *answer;
    int r, status;

    if (!template) {
        json_decref(params);
        *ret = (struct outcome){.fate = FATE_REFUSED, .reason = "no_template", .is_ours = true};
        return 0;
    }
    /* The message's own id: what is sent twice with it arrives once. */
    body = json_pack("{s:s,s:s,s:s,s:o}", "touser", p->to, "template_id", template, "client_msg_id",
        uuid_format(p->id).s, "data", data_of(params));
    json_decref(params);
    if (body && link)
        json_object_set_new(body, "url", json_string(link)); /* steals */
    r = errcode_post_with_token(c, ch, token_url(c, ch),
        arena_printf(c->arena, "%s/cgi-bin/message/template/send", base_url(ch)),
        errcode_body(c->arena, body), &answer, &status, ret);
    if (r == 0)
        *ret = answer_errcode(c->arena, json_int_or(answer, "errcode", -1), status);
    return r < 0 ? r : 0;
}

const struct channel_kind channel_wechat = {.name = "wechat",
    .label_zh = "微信服务号",
    .label_en = "WeChat service account",
    .rate_per_minute = 600,
    .address = address,
    .check = check,
    .send = send_parcel};
