/* WeCom: the robot of a group, and the messages of an own application to members. */
#include <errno.h>

#include "notify/answer.h"
#include "notify/errcode.h"
#include "notify/fill.h"
#include "notify/kinds.h"

#define SERVER "https://qyapi.weixin.qq.com"
#define TEXT_BYTES 2048

static const char *base_url(const struct channel *ch)
{
    return json_str_or(ch->config, "url", SERVER);
}

/* ---- robot ---- */

static void check_robot(struct call *c, const struct channel *ch)
{
    static const char *const members[] = {"url", "kinds", "language", NULL};

    channel_check_members(c, ch, members);
    channel_check_url(c, ch, false);
    channel_check_kinds(c, ch);
    (void)channel_text(c, ch, "/secrets/key", true, 200);
}

static int send_robot(struct call *c, const struct channel *ch, const struct parcel *p, struct outcome *ret)
{
    CLEANUP(buf_done) struct buf url = BUF_INIT;
    json_t *body = json_pack(
        "{s:s,s:{s:s}}", "msgtype", "text", "text", "content", channel_cut(c->arena, p->text, TEXT_BYTES));
    const json_t *answer;
    int r, status;

    buf_addf(&url, "%s/cgi-bin/webhook/send?key=", base_url(ch));
    fill_urlencode(&url, text_of(json_str_or(ch->secrets, "key", "")));
    r = errcode_post(c, buf_str(&url), errcode_body(c->arena, body), &answer, &status, ret);
    if (r == 0)
        *ret = answer_errcode(c->arena, json_int_or(answer, "errcode", -1), status);
    return r < 0 ? r : 0;
}

const struct channel_kind channel_wecom_robot = {.name = "wecom_robot",
    .label_zh = "企业微信群机器人",
    .label_en = "WeCom robot",
    .is_robot = true,
    .rate_per_minute = 20,
    .check = check_robot,
    .send = send_robot};

/* ---- application ---- */

static void check_app(struct call *c, const struct channel *ch)
{
    static const char *const members[] = {"url", "corpid", "agentid", "link", NULL};

    channel_check_members(c, ch, members);
    channel_check_url(c, ch, false);
    channel_check_link(c, ch);
    (void)channel_text(c, ch, "/config/corpid", true, 100);
    if (!json_is_integer(json_object_get(ch->config, "agentid")))
        (void)call_fail_at(c, "/config/agentid", "type", "A whole number.", "应为整数。");
    (void)channel_text(c, ch, "/secrets/secret", true, 200);
}

static int address_app(struct arena *a, const char *text, const char **ret, const char **ret_masked)
{
    return channel_member(a, text, 64, ret, ret_masked);
}

/* One member: whom it does not know is told, not an error. */
static struct outcome judge_app(struct call *c, const json_t *answer, int status)
{
    struct outcome o = answer_errcode(c->arena, json_int_or(answer, "errcode", -1), status);

    if (o.fate == FATE_ACCEPTED &&
        (json_str_or(answer, "invaliduser", "")[0] || json_str_or(answer, "unlicenseduser", "")[0]))
        o = (struct outcome){.fate = FATE_REFUSED, .status = status, .reason = "invaliduser"};
    return o;
}

static struct text app_body(struct call *c, const struct channel *ch, const struct parcel *p)
{
    const char *text = channel_cut(c->arena, p->text, TEXT_BYTES);

    return errcode_body(
        c->arena, json_pack("{s:s,s:s,s:I,s:{s:s},s:i,s:i}", "touser", p->to, "msgtype", "text", "agentid",
                      (json_int_t)json_int_or(ch->config, "agentid", 0), "text", "content", text,
                      "enable_duplicate_check", 1, "duplicate_check_interval", 1800));
}

static const char *token_url(struct call *c, const struct channel *ch)
{
    CLEANUP(buf_done) struct buf b = BUF_INIT;

    buf_addf(&b, "%s/cgi-bin/gettoken?corpid=", base_url(ch));
    fill_urlencode(&b, text_of(json_str_or(ch->config, "corpid", "")));
    buf_adds(&b, "&corpsecret=");
    fill_urlencode(&b, text_of(json_str_or(ch->secrets, "secret", "")));
    return arena_dup(c->arena, buf_str(&b));
}

static int send_app(struct call *c, const struct channel *ch, const struct parcel *p, struct outcome *ret)
{
    const json_t *answer;
    int status, r = errcode_post_with_token(c, ch, token_url(c, ch),
                    arena_printf(c->arena, "%s/cgi-bin/message/send", base_url(ch)), app_body(c, ch, p),
                    &answer, &status, ret);

    if (r == 0)
        *ret = judge_app(c, answer, status);
    return r < 0 ? r : 0;
}

const struct channel_kind channel_wecom_app = {.name = "wecom_app",
    .label_zh = "企业微信应用消息",
    .label_en = "WeCom message",
    .rate_per_minute = 600,
    .address = address_app,
    .check = check_app,
    .send = send_app};
