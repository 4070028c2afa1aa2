/* E-mail: a plain text in UTF-8, encoded so that any relay takes it; replies of the mail server judged. */
#include <errno.h>

#include "base/clock.h"
#include "base/digest.h"
#include "fetch/mail.h"
#include "notify/answer.h"
#include "notify/kinds.h"

#define PAUSE_S 60
#define WORD_BYTES 45 /* of UTF-8 in one encoded word, which has 75 characters at most (RFC 2047) */
#define LINE_BYTES 57 /* of the body in one line of 76 */
#define SUBJECT_MAX 200

/* ---- settings ---- */

static const char *const members[] = {"url", "from", "from_name", "reply_to", "user", "link", NULL};

static void check_address(struct call *c, const struct channel *ch, const char *pointer, bool is_needed)
{
    const char *s = channel_text(c, ch, pointer, is_needed, 254);

    if (s && !mail_is_address(text_of(s)))
        (void)call_fail_at(
            c, pointer, "address", "A mail address: name@example.cn.", "应为邮件地址：name@example.cn。");
}

static void check(struct call *c, const struct channel *ch)
{
    const char *url = channel_text(c, ch, "/config/url", true, 300);
    int r = url ? mail_check_url(c->arena, url) : 0;

    channel_check_members(c, ch, members);
    if (r == -EACCES)
        (void)call_fail_at(c, "/config/url", "not_allowed",
            "This address is not a public one; the operator can allow it (outgoing.allow).",
            "该地址不是公网地址；可由系统管理员在 outgoing.allow 中允许。");
    else if (r < 0)
        (void)call_fail_at(c, "/config/url", "url", "smtp://host:587 (STARTTLS) or smtps://host:465.",
            "应为 smtp://主机:587（STARTTLS）或 smtps://主机:465。");
    check_address(c, ch, "/config/from", true);
    check_address(c, ch, "/config/reply_to", false);
    (void)channel_text(c, ch, "/config/from_name", false, 200);
    channel_check_link(c, ch);
    if (channel_text(c, ch, "/config/user", false, 200))
        (void)channel_text(c, ch, "/secrets/password", true, 1000);
}

static int address(struct arena *a, const char *text, const char **ret, const char **ret_masked)
{
    const char *at = strchr(text, '@');

    if (!mail_is_address(text_of(text)))
        return -EINVAL;
    *ret = arena_dup(a, text);
    *ret_masked = arena_printf(a, "%.1s****%s", text, at);
    return 0;
}

/* ---- the message (RFC 5322) ---- */

/* A line break in what somebody wrote is a blank; so is any other control character. */
static const char *one_line(struct arena *a, const char *text)
{
    struct text t = text_cut(text_of(text), SUBJECT_MAX);
    char *out = arena_ndup(a, t.ptr, t.len);

    for (char *s = out; *s; s++)
        if ((unsigned char)*s < ' ' || *s == 0x7f)
            *s = ' ';
    return out;
}

/* As encoded words, no character cut in two. */
static void add_words(struct buf *out, const char *text)
{
    struct text rest = text_of(text);
    bool is_first = true;

    while (rest.len) {
        struct text part = text_cut(rest, WORD_BYTES);

        buf_adds(out, is_first ? "=?UTF-8?B?" : "\r\n =?UTF-8?B?");
        base64_add(out, part.ptr, part.len);
        buf_adds(out, "?=");
        rest = text_skip(rest, part.len);
        is_first = false;
    }
}

static void add_date(struct buf *out, int64_t wall_us)
{
    static const char *const days[] = {"Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"}, *const months[] = {
                                                                                             "Jan", "Feb",
                                                                                             "Mar", "Apr",
                                                                                             "May", "Jun",
                                                                                             "Jul", "Aug",
                                                                                             "Sep", "Oct",
                                                                                             "Nov", "Dec"};
    struct clock_text t = clock_format(wall_us); /* 2026-11-23T02:24:58.123456Z */
    int month = (t.s[5] - '0') * 10 + t.s[6] - '0';

    buf_addf(out, "Date: %s, %.2s %s %.4s %.8s +0000\r\n", days[date_weekday(date_of(wall_us, 0))], t.s + 8,
        months[month - 1], t.s, t.s + 11);
}

static void add_body(struct buf *out, const char *text, const char *link)
{
    CLEANUP(buf_done) struct buf body = BUF_INIT;
    struct text rest;

    for (const char *s = text; *s; s++) {
        if (*s == '\n')
            buf_addc(&body, '\r');
        if (*s != '\r')
            buf_addc(&body, *s);
    }
    if (link)
        buf_addf(&body, "\r\n\r\n%s", link);
    buf_adds(&body, "\r\n");
    for (rest = buf_text(&body); rest.len; rest = text_skip(rest, MIN(rest.len, (size_t)LINE_BYTES))) {
        base64_add(out, rest.ptr, MIN(rest.len, (size_t)LINE_BYTES));
        buf_adds(out, "\r\n");
    }
}

static void compose(struct arena *a, const struct channel *ch, const struct parcel *p, struct buf *out)
{
    const char *from = json_str(ch->config, "from"), *name = json_str(ch->config, "from_name");
    const char *reply_to = json_str(ch->config, "reply_to"), *link = json_str(ch->config, "link");

    buf_adds(out, "From: ");
    if (name)
        add_words(out, one_line(a, name));
    buf_addf(out, "%s<%s>\r\nTo: <%s>\r\nSubject: ", name ? " " : "", from, p->to);
    add_words(out, one_line(a, p->subject));
    buf_adds(out, "\r\n");
    add_date(out, clock_agreed_us());
    buf_addf(out, "Message-ID: <%s@%s>\r\n", uuid_format(p->id).s, strchr(from, '@') + 1);
    if (reply_to)
        buf_addf(out, "Reply-To: <%s>\r\n", reply_to);
    buf_adds(out, "Auto-Submitted: auto-generated\r\n");
    if (p->is_notice && link) /* where one says what one wants to be told */
        buf_addf(out, "List-Unsubscribe: <%s>\r\n", link);
    buf_adds(out, "MIME-Version: 1.0\r\nContent-Type: text/plain; "
                  "charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\n");
    add_body(out, p->text, p->is_notice ? link : NULL);
}

/* ---- sending ---- */

static struct outcome judge(int r, const struct mail_answer *answer)
{
    struct outcome o = {
        .fate = FATE_LATER, .status = answer->status, .reason = answer_reason(r), .is_ours = true};

    if (r == 0)
        return (struct outcome){.fate = FATE_ACCEPTED, .status = answer->status};
    if (r != -EBADMSG) {
        /* Without a reply to all of it, it may be on its way. */
        if (answer->is_whole && answer->status < 400)
            o.fate = FATE_UNKNOWN;
        else if (r == -EINVAL)
            o.fate = FATE_REFUSED;
        return o;
    }
    o.reason = answer->is_login ? "login" : "status";
    if (answer->status >= 500 && !answer->is_login) {
        o.fate = FATE_REFUSED;
        o.is_ours = false;
    }
    if (answer->status == 421) {
        o.reason = "throttled";
        o.pause_s = PAUSE_S;
    }
    return o;
}

static int send_parcel(struct call *c, const struct channel *ch, const struct parcel *p, struct outcome *ret)
{
    CLEANUP(buf_done) struct buf message = BUF_INIT;
    struct mail_answer answer;
    struct mail m = {.url = json_str(ch->config, "url"),
        .user = json_str(ch->config, "user"),
        .password = json_str(ch->secrets, "password"),
        .from = json_str(ch->config, "from"),
        .to = p->to};
    int r;

    compose(c->arena, ch, p, &message);
    m.message = buf_text(&message);
    r = mail_run(c->arena, &m, &answer);
    *ret = judge(r, &answer);
    return 0;
}

const struct channel_kind channel_email = {.name = "email",
    .label_zh = "电子邮件",
    .label_en = "E-mail",
    .rate_per_minute = 60,
    .address = address,
    .check = check,
    .send = send_parcel};
