/* Words of messages. */
#include "notify/news.h"

#include <errno.h>

#include "notify/words.h"

#define DIGEST_LINES 30

static const struct db_stmt read_notice = {"news.notice",
    "SELECT n.kind, n.resource, n.record_id, n.unit_id, n.params, n.read_at FROM juxin.notification n WHERE "
    "n.tenant_id = $1 AND"
    " n.account_id = $2 AND n.id = $3"};
/* Unread ones since the first, of kinds that are wanted so. */
static const struct db_stmt read_digest = {"news.digest",
    "SELECT n.kind, n.resource, n.record_id, n.unit_id, n.params, n.read_at FROM juxin.notification n LEFT "
    "JOIN juxin.contact_wish e ON"
    " e.tenant_id = $1 AND e.account_id = n.account_id AND e.channel = $4 AND e.kind = n.kind LEFT JOIN "
    "juxin.contact_wish d ON"
    " d.tenant_id = $1 AND d.account_id = n.account_id AND d.channel = $4 AND d.kind = '*' WHERE n.tenant_id "
    "= $1 AND n.account_id = $2"
    " AND n.id >= $3 AND n.read_at IS NULL AND coalesce(e.how, d.how) = 'digest' ORDER BY n.id LIMIT 1000"};

const char *news_of_notice(struct call *c, struct uuid account, struct uuid notice, const char *language)
{
    return arena_printf(c->arena, "{\"notice\":\"%s\",\"account\":\"%s\",\"language\":\"%s\"}",
        uuid_format(notice).s, uuid_format(account).s, language);
}

const char *news_of_digest(
    struct call *c, struct uuid account, struct uuid first, const char *channel_kind, const char *language)
{
    return arena_printf(c->arena,
        "{\"digest\":\"%s\",\"account\":\"%s\",\"channel\":\"%s\",\"language\":\"%s\"}", uuid_format(first).s,
        uuid_format(account).s, channel_kind, language);
}

static bool is_zh(const struct parcel *p)
{
    return strcmp(json_str_or(p->params, "language", "zh-CN"), "en") != 0;
}

static struct uuid id_of(const struct parcel *p, const char *key)
{
    struct uuid id = UUID_NIL;

    return uuid_parse(text_of(json_str_or(p->params, key, "")), &id) < 0 ? UUID_NIL : id;
}

static int read_rows(struct call *c, const struct parcel *p, struct db_stmt stmt, const char *key,
    const char *channel, const struct db_rows **ret)
{
    struct db_args *a = arena_alloc(c->arena, sizeof(*a));
    struct db_call call = {.stmt = stmt, .args = a};
    int r;

    db_args_reset(a);
    db_arg_int(a, c->tenant->id);
    db_arg_uuid(a, id_of(p, "account"));
    db_arg_uuid(a, id_of(p, key));
    if (channel)
        db_arg_str(a, channel);
    r = call_read(c, &call, 1);
    *ret = call.rows;
    return r;
}

static struct notice notice_of(const struct db_rows *rows, int i)
{
    return (struct notice){.kind = db_get(rows, i, 0),
        .resource = db_get(rows, i, 1),
        .record = db_get_uuid(rows, i, 2),
        .unit = db_get_uuid(rows, i, 3),
        .params = db_get(rows, i, 4)};
}

static void free_json(void *value)
{
    json_decref(value);
}

static int fill_notice(struct call *c, const struct channel *ch, struct parcel *p, const char **ret_gone)
{
    const struct db_rows *rows;
    const struct notice_kind *kind;
    struct notice n;
    json_t *params;
    int r = read_rows(c, p, read_notice, "notice", NULL, &rows);

    if (r < 0)
        return r;
    if (db_rows_count(rows) == 0) {
        *ret_gone = "gone";
        return 0;
    }
    if (db_get(rows, 0, 5) && !ch->kind->is_robot) {
        *ret_gone = "read";
        return 0;
    }
    n = notice_of(rows, 0);
    kind = notice_kind_find(text_of(n.kind));
    params = kind ? notice_params(c, &n, is_zh(p)) : NULL;
    if (!params) {
        *ret_gone = "not_shown";
        return 0;
    }
    arena_defer(c->arena, free_json, params);
    p->subject = is_zh(p) || !kind->label_en ? kind->label_zh : kind->label_en;
    p->text = json_str_or(params, "text", "");
    p->params = params;
    p->is_notice = true;
    return 0;
}

static const char *digest_lines(
    struct call *c, const struct parcel *p, const struct db_rows *rows, int *ret_count)
{
    CLEANUP(buf_done) struct buf b = BUF_INIT;
    struct notice_words words;

    *ret_count = 0;
    for (int i = 0; i < db_rows_count(rows); i++) {
        struct notice n = notice_of(rows, i);

        if (!notice_words(c, &n, &words))
            continue;
        if (++*ret_count <= DIGEST_LINES)
            buf_addf(&b, "\n%d. %s", *ret_count, is_zh(p) ? words.zh : words.en);
    }
    if (*ret_count > DIGEST_LINES)
        buf_adds(&b, "\n…");
    return arena_dup(c->arena, buf_str(&b));
}

static int fill_digest(struct call *c, struct parcel *p, const char **ret_gone)
{
    const struct db_rows *rows;
    const char *lines, *number;
    int count, r = read_rows(c, p, read_digest, "digest", json_str_or(p->params, "channel", ""), &rows);

    if (r < 0)
        return r;
    lines = digest_lines(c, p, rows, &count);
    if (count == 0) {
        *ret_gone = "read";
        return 0;
    }
    number = arena_printf(c->arena, "%d", count);
    p->subject = arena_printf(c->arena, is_zh(p) ? "%s 条未读通知" : "%s unread notices", number);
    p->text = arena_printf(
        c->arena, is_zh(p) ? "您有 %s 条未读通知：%s" : "You have %s unread notices:%s", number, lines);
    p->params = json_pack("{s:s,s:s}", "count", number, "text", p->text);
    if (!p->params)
        return -ENOMEM;
    arena_defer(c->arena, free_json, (void *)p->params);
    p->is_notice = true;
    return 0;
}

int news_fill(struct call *c, const struct channel *ch, struct parcel *p, const char **ret_gone)
{
    const char *code = json_str(p->params, "code");

    *ret_gone = NULL;
    if (json_str(p->params, "notice"))
        return fill_notice(c, ch, p, ret_gone);
    if (json_str(p->params, "digest"))
        return fill_digest(c, p, ret_gone);
    p->subject = code ? "验证码 / Code" : "测试 / Test";
    p->text = code ? arena_printf(c->arena,
                         "验证码：%s，%s 分钟内有效，请勿告知他人。\nYour code is %s, good for %s minutes. "
                         "Tell it to nobody.",
                         code, json_str_or(p->params, "minutes", "10"), code,
                         json_str_or(p->params, "minutes", "10"))
                   : "这是一条测试消息。\nThis is a test message.";
    return 0;
}
