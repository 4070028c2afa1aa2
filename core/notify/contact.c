/* Contacts and wishes. */
#include "notify/contact.h"

#include <errno.h>

#include "access/notice.h"
#include "base/clock.h"
#include "db/cipher.h"
#include "db/pgarray.h"
#include "notify/message.h"
#include "tenant/calendar.h"

#define MINUTE_US (INT64_C(60) * 1000000)
#define CODES_AN_HOUR 5

static const struct db_stmt find_channel = {"contact.channel",
    "SELECT h.id FROM juxin.channel h WHERE h.tenant_id = $1 AND h.kind = $2 AND h.state = 'on'"};
static const struct db_stmt count_codes = {"contact.codes",
    "SELECT count(*) FROM juxin.message m WHERE m.tenant_id = $1 AND m.account_id = $2 AND m.what = 'code' "
    "AND m.created_at >"
    " now() - interval '1 hour'"};
static const struct db_stmt put = {"contact.put",
    "INSERT INTO juxin.contact AS t (tenant_id, account_id, kind, id, address, masked, code, code_until, "
    "created_at) VALUES ($1, $2, $3,"
    " $4, $5, $6, $7, $8, $9) ON CONFLICT (tenant_id, account_id, kind) DO UPDATE SET address = "
    "excluded.address, masked ="
    " excluded.masked, code = excluded.code, code_until = excluded.code_until, code_tries = 0, confirmed_at "
    "= NULL, created_at ="
    " excluded.created_at"};
/* Each guess counts, also one beside another. */
static const struct db_stmt take_try = {"contact.take_try",
    "UPDATE juxin.contact SET code_tries = code_tries + 1 WHERE tenant_id = $1 AND account_id = $2 AND kind "
    "= $3 AND confirmed_at IS"
    " NULL RETURNING code, code_until > now() AND code_tries <= $4::int"};
static const struct db_stmt confirm = {"contact.confirm",
    "UPDATE juxin.contact SET confirmed_at = $4, code = NULL WHERE tenant_id = $1 AND "
    "account_id = $2 AND kind = $3"};
static const struct db_stmt drop = {
    "contact.drop", "DELETE FROM juxin.contact WHERE tenant_id = $1 AND account_id = $2 AND kind = $3"};
static const struct db_stmt drop_waiting = {"contact.drop_waiting",
    "UPDATE juxin.message m SET state = 'dead', reason = 'withdrawn', address = NULL, content = NULL, "
    "ended_at = now() FROM juxin.channel"
    " h WHERE m.tenant_id = $1 AND m.account_id = $2 AND h.tenant_id = $1 AND h.id = m.channel_id AND h.kind "
    "= $3 AND m.state ="
    " 'waiting'"};
static const struct db_stmt list = {"contact.list",
    "SELECT t.kind, t.masked, t.confirmed_at, t.created_at FROM juxin.contact t WHERE t.tenant_id = $1 AND "
    "t.account_id = $2 ORDER BY"
    " t.kind"};
static const struct db_stmt drop_wishes = {
    "contact.drop_wishes", "DELETE FROM juxin.contact_wish WHERE tenant_id = $1 AND account_id = $2"};
static const struct db_stmt add_wishes = {"contact.add_wishes",
    "INSERT INTO juxin.contact_wish (tenant_id, account_id, channel, kind, how) SELECT $1, $2, x.channel, "
    "x.kind, x.how FROM"
    " unnest($3::text[], $4::text[], $5::text[]) AS x(channel, kind, how) ON CONFLICT (tenant_id, "
    "account_id, channel, kind) DO NOTHING"};
static const struct db_stmt put_hours = {"contact.put_hours",
    "INSERT INTO juxin.contact_hours (tenant_id, account_id, quiet_from, quiet_until, digest_at, language) "
    "VALUES ($1, $2, $3, $4, $5, $6)"
    " ON CONFLICT (tenant_id, account_id) DO UPDATE SET quiet_from = excluded.quiet_from, quiet_until = "
    "excluded.quiet_until, digest_at ="
    " excluded.digest_at, language = excluded.language"};
static const struct db_stmt read_hours = {"contact.hours",
    "SELECT o.quiet_from, o.quiet_until, o.digest_at, o.language FROM juxin.contact_hours o "
    "WHERE o.tenant_id = $1 AND o.account_id = $2"};
static const struct db_stmt read_wishes = {"contact.wishes",
    "SELECT w.channel, w.kind, w.how FROM juxin.contact_wish w WHERE w.tenant_id = $1 AND "
    "w.account_id = $2 ORDER BY w.channel, w.kind"};

static void own_args(struct db_args *a, const struct call *c, const char *kind)
{
    db_args_reset(a);
    db_arg_int(a, c->tenant->id);
    db_arg_uuid(a, c->who->account);
    if (kind)
        db_arg_str(a, kind);
}

struct text contact_binding(struct call *c, struct uuid account, const char *kind)
{
    return text_of(arena_printf(c->arena, "%d|contact|%s|%s", c->tenant->id, uuid_format(account).s, kind));
}

static int code_hash(struct call *c, const char *kind, const char *code, const char **ret)
{
    struct sha256 mac;
    int r = message_mac("contact",
        text_of(
            arena_printf(c->arena, "%d:%s:%s:%s", c->tenant->id, uuid_format(c->who->account).s, kind, code)),
        &mac);

    *ret = r == 0 ? arena_dup(c->arena, sha256_format(&mac).s) : NULL;
    return r;
}

/* ---- setting ---- */

/* Six digits, each as likely as another. */
static const char *new_code(struct arena *a)
{
    uint32_t n;

    do
        random_bytes(&n, sizeof(n));
    while (n >= 4294000000u);
    return arena_printf(a, "%06u", n % 1000000u);
}

static int read_one(struct call *c, struct db_stmt stmt, struct db_args *a, const struct db_rows **ret)
{
    struct db_call call = {.stmt = stmt, .args = a};
    int r = call_read(c, &call, 1);

    *ret = call.rows;
    return r;
}

static int may_ask(struct call *c, const char *kind, struct uuid *ret_channel)
{
    struct db_args *a = arena_alloc(c->arena, sizeof(*a)), *own = arena_alloc(c->arena, sizeof(*own));
    const struct db_rows *rows;
    int r;

    db_args_reset(a);
    db_arg_int(a, c->tenant->id);
    db_arg_str(a, kind);
    r = read_one(c, find_channel, a, &rows);
    if (r < 0)
        return r;
    if (db_rows_count(rows) == 0)
        return call_fail(c, 503, "no_channel", "The district has no channel of this kind.",
            "本区县尚未开通此类消息通道。");
    *ret_channel = db_get_uuid(rows, 0, 0);
    own_args(own, c, NULL);
    r = read_one(c, count_codes, own, &rows);
    if (r == 0 && db_get_int(rows, 0, 0) >= CODES_AN_HOUR) {
        r = call_fail(c, 429, "rate", "Five codes an hour are sent; try again later.",
            "每小时最多发送五次验证码，请稍后再试。");
        c->fault.retry_after_s = 600;
    }
    return r;
}

static int send_code(
    struct call *c, struct uuid channel, const char *to, const char *masked, const char *code)
{
    struct uuid id;

    return message_add(c,
        &(struct message){.channel = channel,
            .what = "code",
            .account = c->who->account,
            .to = to,
            .masked = masked,
            .params =
                arena_printf(c->arena, "{\"code\":\"%s\",\"minutes\":\"%d\"}", code, CONTACT_CODE_S / 60),
            .until_us = c->now_us + CONTACT_CODE_S * INT64_C(1000000)},
        &id);
}

int contact_set(struct call *c, const char *kind, const char *address)
{
    const struct channel_kind *k = channel_kind_find(kind);
    const char *to, *masked, *hash, *code = new_code(c->arena);
    CLEANUP(buf_done) struct buf sealed = BUF_INIT;
    struct uuid channel;
    struct db_args a;
    int r;

    if (!k || !k->address)
        return call_not_found(c);
    if (k->address(c->arena, address, &to, &masked) < 0)
        return call_fail_at(
            c, "/address", "address", "Not an address of this kind of channel.", "不是此类通道的有效地址。");
    r = call_begin(c);
    if (r < 0 || c->is_replay)
        return r;
    r = may_ask(c, kind, &channel);
    if (r == 0)
        r = code_hash(c, kind, code, &hash);
    if (r == 0)
        r = cipher_seal(text_of(to), contact_binding(c, c->who->account, kind), &sealed);
    if (r < 0)
        return r;
    own_args(&a, c, kind);
    db_arg_uuid(&a, uuid_new());
    db_arg_str(&a, buf_str(&sealed));
    db_arg_str(&a, masked);
    db_arg_str(&a, hash);
    db_arg_time(&a, c->now_us + CONTACT_CODE_S * INT64_C(1000000));
    db_arg_time(&a, c->now_us);
    r = db_exec_expect(c->tx, put, &a, 1);
    if (r == 0)
        r = send_code(c, channel, to, masked, code);
    if (r == 0)
        r = call_audit(c, "contact.set", "account", c->who->account, UUID_NIL, kind);
    c->result_status = 204;
    return r;
}

static int guess(struct call *c, const char *kind, const char *hash, bool *ret_right)
{
    struct db_rows *rows CLEANUP(db_rows_freep) = NULL;
    struct db_args a;
    int r;

    own_args(&a, c, kind);
    db_arg_int(&a, CONTACT_CODE_TRIES);
    r = db_exec(c->tx, take_try, &a, &rows);
    if (r < 0)
        return r;
    if (db_rows_count(rows) == 0)
        return call_not_found(c);
    *ret_right = db_get_bool(rows, 0, 1) && strlen(db_get(rows, 0, 0)) == strlen(hash) &&
                 secret_eq(db_get(rows, 0, 0), hash, strlen(hash));
    return 0;
}

int contact_confirm(struct call *c, const char *kind, const char *code)
{
    bool is_right = false;
    const char *hash;
    struct db_args a;
    int r = code_hash(c, kind, code, &hash);

    if (r == 0)
        r = call_begin(c);
    if (r == 0)
        r = guess(c, kind, hash, &is_right);
    if (r == 0 && is_right) {
        own_args(&a, c, kind);
        db_arg_time(&a, c->now_us);
        r = db_exec_expect(c->tx, confirm, &a, 1);
    }
    if (r == 0 && is_right)
        r = call_audit(c, "contact.confirm", "account", c->who->account, UUID_NIL, kind);
    c->result_status = 204;
    if (r == 0)
        r = call_commit(c); /* a wrong guess counts */
    if (r == 0 && !is_right)
        r = call_fail(
            c, 422, "code_wrong", "This code is not right, or not any more.", "验证码错误或已失效。");
    return r;
}

int contact_remove(struct call *c, const char *kind)
{
    struct db_args a;
    int r = call_begin(c);

    if (r < 0 || c->is_replay)
        return r;
    own_args(&a, c, kind);
    r = db_exec(c->tx, drop_waiting, &a, NULL);
    if (r == 0)
        r = db_exec_expect(c->tx, drop, &a, 1);
    if (r == -ESTALE)
        return call_not_found(c);
    if (r == 0)
        r = call_audit(c, "contact.remove", "account", c->who->account, UUID_NIL, kind);
    c->result_status = 204;
    return r;
}

int contacts_write(struct call *c, struct jsonw *w)
{
    struct db_args *a = arena_alloc(c->arena, sizeof(*a));
    const struct db_rows *rows;
    int r;

    own_args(a, c, NULL);
    r = read_one(c, list, a, &rows);
    if (r < 0)
        return r;
    jsonw_object(w);
    jsonw_key(w, "items");
    jsonw_array(w);
    for (int i = 0; i < db_rows_count(rows); i++) {
        jsonw_object(w);
        jsonw_kstr(w, "kind", db_get(rows, i, 0));
        jsonw_kstr(w, "address", db_get(rows, i, 1));
        jsonw_kbool(w, "confirmed", db_get(rows, i, 2) != NULL);
        jsonw_kstr(w, "created_at", clock_format(db_get_time(rows, i, 3)).s);
        jsonw_object_end(w);
    }
    jsonw_array_end(w);
    jsonw_object_end(w);
    return 0;
}

/* ---- wishes ---- */

static int write_wishes(struct call *c, const struct contact_wish *wishes, size_t count)
{
    struct text *column = arena_array(c->arena, count + 1, sizeof(*column));
    struct db_args a;

    own_args(&a, c, NULL);
    for (int k = 0; k < 3; k++) {
        for (size_t i = 0; i < count; i++)
            column[i] = text_of(k == 0 ? wishes[i].channel : k == 1 ? wishes[i].kind : wishes[i].how);
        db_arg_str(&a, pgarray_of_texts(c->arena, column, count));
    }
    return db_exec(c->tx, add_wishes, &a, NULL);
}

int contact_wishes_set(
    struct call *c, const struct contact_hours *hours, const struct contact_wish *wishes, size_t count)
{
    struct db_args a;
    int r = call_begin(c);

    if (r < 0 || c->is_replay)
        return r;
    own_args(&a, c, NULL);
    r = db_exec(c->tx, drop_wishes, &a, NULL);
    if (r == 0)
        r = write_wishes(c, wishes, count);
    own_args(&a, c, NULL);
    db_arg_int(&a, hours->quiet_from);
    db_arg_int(&a, hours->quiet_until);
    db_arg_int(&a, hours->digest_at);
    db_arg_str(&a, hours->language);
    if (r == 0)
        r = db_exec_expect(c->tx, put_hours, &a, 1);
    c->result_status = 204;
    return r;
}

static void write_minutes(struct call *c, struct jsonw *w, const char *key, int64_t minutes)
{
    jsonw_kstr(w, key, arena_printf(c->arena, "%02d:%02d", (int)minutes / 60, (int)minutes % 60));
}

int contact_wishes_write(struct call *c, struct jsonw *w)
{
    struct db_args *a = arena_alloc(c->arena, sizeof(*a));
    struct contact_hours fallback = CONTACT_HOURS;
    struct db_call calls[] = {{.stmt = read_hours, .args = a}, {.stmt = read_wishes, .args = a}};
    const struct db_rows *hours;
    bool has;
    int r;

    own_args(a, c, NULL);
    r = call_read(c, calls, ARRAY_LEN(calls));
    if (r < 0)
        return r;
    hours = calls[0].rows;
    has = db_rows_count(hours) == 1;
    jsonw_object(w);
    write_minutes(c, w, "quiet_from", has ? db_get_int(hours, 0, 0) : fallback.quiet_from);
    write_minutes(c, w, "quiet_until", has ? db_get_int(hours, 0, 1) : fallback.quiet_until);
    write_minutes(c, w, "digest_at", has ? db_get_int(hours, 0, 2) : fallback.digest_at);
    jsonw_kstr(w, "language", has ? db_get(hours, 0, 3) : fallback.language);
    jsonw_key(w, "wishes");
    jsonw_array(w);
    for (int i = 0; i < db_rows_count(calls[1].rows); i++) {
        jsonw_object(w);
        jsonw_kstr(w, "channel", db_get(calls[1].rows, i, 0));
        jsonw_kstr(w, "kind", db_get(calls[1].rows, i, 1));
        jsonw_kstr(w, "how", db_get(calls[1].rows, i, 2));
        jsonw_object_end(w);
    }
    jsonw_array_end(w);
    jsonw_object_end(w);
    return 0;
}

/* ---- when ---- */

static int32_t minute_of_day(int64_t now_us)
{
    int64_t minutes = now_us / MINUTE_US + CALENDAR_OFFSET_MINUTES;

    return (int32_t)(minutes % 1440);
}

/* The next moment at that minute of the day, later than now. */
static int64_t next_at(int64_t now_us, int32_t minute)
{
    int32_t wait = (minute - minute_of_day(now_us) + 1440) % 1440;

    return (now_us / MINUTE_US + (wait ? wait : 1440)) * MINUTE_US;
}

int64_t contact_time(const struct contact_hours *h, int64_t now_us, bool is_urgent)
{
    int32_t now = minute_of_day(now_us), since = (now - h->quiet_from + 1440) % 1440;
    int32_t length = (h->quiet_until - h->quiet_from + 1440) % 1440;

    return is_urgent || since >= length ? now_us : next_at(now_us, h->quiet_until);
}

int64_t contact_digest_time(const struct contact_hours *h, int64_t now_us)
{
    return next_at(now_us, h->digest_at);
}
