/* DingTalk: the robot of a group, whose requests are signed with the time they are made at. */
#include <errno.h>

#include "base/clock.h"
#include "base/digest.h"
#include "notify/answer.h"
#include "notify/dingtalk.h"
#include "notify/errcode.h"
#include "notify/fill.h"
#include "notify/kinds.h"

#define SERVER "https://oapi.dingtalk.com"
#define TEXT_BYTES 18000 /* of 20,000 for the whole request, escaped */

void dingtalk_sign(struct buf *out, const char *secret, int64_t timestamp_ms)
{
    CLEANUP(buf_done) struct buf said = BUF_INIT, coded = BUF_INIT;
    struct sha256 mac;

    buf_addf(&said, "%lld\n%s", (long long)timestamp_ms, secret);
    mac = hmac_sha256(text_of(secret), buf_text(&said));
    base64_add(&coded, mac.b, sizeof(mac.b));
    fill_urlencode(out, buf_text(&coded));
}

static void check(struct call *c, const struct channel *ch)
{
    static const char *const members[] = {"url", "kinds", "language", NULL};

    channel_check_members(c, ch, members);
    channel_check_url(c, ch, false);
    channel_check_kinds(c, ch);
    (void)channel_text(c, ch, "/secrets/access_token", true, 200);
    (void)channel_text(c, ch, "/secrets/secret", true, 200);
}

static int send_parcel(struct call *c, const struct channel *ch, const struct parcel *p, struct outcome *ret)
{
    CLEANUP(buf_done) struct buf url = BUF_INIT;
    int64_t now_ms = clock_agreed_us() / 1000;
    json_t *body = json_pack(
        "{s:s,s:{s:s}}", "msgtype", "text", "text", "content", channel_cut(c->arena, p->text, TEXT_BYTES));
    const json_t *answer;
    int r, status;

    buf_addf(&url, "%s/robot/send?access_token=", json_str_or(ch->config, "url", SERVER));
    fill_urlencode(&url, text_of(json_str_or(ch->secrets, "access_token", "")));
    buf_addf(&url, "&timestamp=%lld&sign=", (long long)now_ms);
    dingtalk_sign(&url, json_str_or(ch->secrets, "secret", ""), now_ms);
    r = errcode_post(c, buf_str(&url), errcode_body(c->arena, body), &answer, &status, ret);
    if (r == 0)
        *ret = answer_errcode(c->arena, json_int_or(answer, "errcode", -1), status);
    return r < 0 ? r : 0;
}

const struct channel_kind channel_dingtalk = {.name = "dingtalk_robot",
    .label_zh = "钉钉群机器人",
    .label_en = "DingTalk robot",
    .is_robot = true,
    .rate_per_minute = 20,
    .check = check,
    .send = send_parcel};
