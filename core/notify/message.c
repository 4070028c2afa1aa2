/* Messages: written, claimed, sent, settled. */
#include "notify/message.h"

#include <errno.h>

#include "access/notice.h"
#include "base/clock.h"
#include "base/log.h"
#include "db/cipher.h"
#include "loop/fiber.h"
#include "notify/news.h"

#define SECOND_US INT64_C(1000000)
#define CLAIM_S 90 /* longer than any kind waits for the other side */
#define GIVE_UP "interval '1 day'"

/* Seconds to wait after what was certainly not taken; after the last one it is left. */
static const int64_t pauses[] = {15, 60, 300, 900, 3600, 10800};

static const struct db_stmt insert = {"message.insert",
    "INSERT INTO juxin.message (tenant_id, id, channel_id, what, account_id, address, content, masked, "
    "receiver, state,"
    " attempts, next_at, until_at, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, 'waiting', 0,"
    " coalesce($10::timestamptz, now()), coalesce($11::timestamptz, now() + interval '1 day'), $12)"
    " ON CONFLICT (tenant_id, channel_id, account_id, until_at) WHERE what = 'digest' DO NOTHING"};
static const struct db_stmt claim = {"message.claim",
    "UPDATE juxin.message m SET state = 'sending', attempts = m.attempts + 1, next_at = now() + $4::int * "
    "interval '1 s'"
    " FROM juxin.channel h WHERE m.tenant_id = $1 AND m.id = $2 AND m.state = 'waiting' AND h.tenant_id = $1 "
    "AND"
    " h.id = m.channel_id AND m.until_at > now() AND ($3::boolean OR (m.next_at <= now() AND h.state = 'on' "
    "AND"
    " (h.blocked_until IS NULL OR h.blocked_until <= now()))) RETURNING m.what, m.address, m.content, "
    "m.receiver,"
    " m.attempts, m.channel_id"};
static const struct db_stmt read_channel = {"message.channel",
    "SELECT " CHANNEL_COLUMNS " FROM juxin.channel h WHERE h.tenant_id = $1 AND h.id = $2"};
/* $4: thousandths that it holds; $5: what comes in an hour. */
static const struct db_stmt take_token = {"message.take_token",
    "INSERT INTO juxin.channel_bucket AS b (tenant_id, channel_id, key, tokens, at) VALUES ($1, $2, $3, "
    "$4::bigint - 1000,"
    " now()) ON CONFLICT (tenant_id, channel_id, key) DO UPDATE SET tokens = least($4::bigint, b.tokens + "
    "(extract(epoch FROM"
    " now() - b.at) * $5::bigint / 3600)::bigint) - 1000, at = now() WHERE least($4::bigint, b.tokens + "
    "(extract(epoch FROM"
    " now() - b.at) * $5::bigint / 3600)::bigint) >= 1000 RETURNING b.tokens"};
static const struct db_stmt postpone = {"message.postpone",
    "UPDATE juxin.message SET next_at = now() + $3::int * interval '1 s', state = CASE WHEN $4::boolean THEN "
    "'dead' ELSE"
    " state END, reason = 'rate', ended_at = CASE WHEN $4::boolean THEN now() END, address = CASE WHEN "
    "$4::boolean THEN NULL"
    " ELSE address END, content = CASE WHEN $4::boolean THEN NULL ELSE content END WHERE tenant_id = $1 AND "
    "id = $2 AND"
    " state = 'waiting'"};
static const struct db_stmt give_up = {"message.give_up",
    "UPDATE juxin.message SET state = 'dead', reason = $3, ended_at = now(), address = NULL, "
    "content = NULL WHERE"
    " tenant_id = $1 AND id = $2 AND state = 'waiting'"};
static const struct db_stmt block = {"message.block",
    "UPDATE juxin.channel SET blocked_until = greatest(blocked_until, now() + $3::bigint * interval '1 ms') "
    "WHERE"
    " tenant_id = $1 AND id = $2"};
static const struct db_stmt settle = {"message.settle",
    "UPDATE juxin.message SET state = $4, next_at = now() + $5::int * interval '1 s', status = "
    "NULLIF($6::int, 0), reason = $7,"
    " ms = $8, ended_at = CASE WHEN $4 = 'waiting' THEN NULL ELSE now() END, address = CASE WHEN $4 = "
    "'waiting' THEN address"
    " END, content = CASE WHEN $4 = 'waiting' THEN content END WHERE tenant_id = $1 AND id = $2 AND attempts "
    "= $3 AND"
    " state = 'sending'"};
static const struct db_stmt works = {"message.works",
    "UPDATE juxin.channel SET failing_since = NULL WHERE tenant_id = $1 AND id = $2 AND "
    "failing_since IS NOT NULL"};
static const struct db_stmt fails = {"message.fails",
    "UPDATE juxin.channel SET failing_since = coalesce(failing_since, now()), state = CASE WHEN state = 'on' "
    "AND"
    " failing_since < now() - " GIVE_UP
    " THEN 'failed' ELSE state END, reason = CASE WHEN state = 'on' AND failing_since <"
    " now() - " GIVE_UP
    " THEN $3 ELSE reason END WHERE tenant_id = $1 AND id = $2 AND version = $4 RETURNING state"};
static const struct db_stmt clear = {"message.clear",
    "UPDATE juxin.message SET reason = CASE state WHEN 'sending' THEN 'interrupted' ELSE coalesce(reason, "
    "'expired') END,"
    " state = CASE state WHEN 'sending' THEN 'unknown' ELSE 'dead' END, address = NULL, content = NULL, "
    "ended_at = now()"
    " WHERE tenant_id = $1 AND ((state = 'sending' AND next_at < now()) OR (state = 'waiting' AND until_at < "
    "now()))"};
static const struct db_stmt read_state = {
    "message.state", "SELECT m.state, m.reason FROM juxin.message m WHERE m.tenant_id = $1 AND m.id = $2"};

static const struct keyring *keyring;

void message_set_keys(const struct keyring *keys)
{
    keyring = keys;
}

int message_mac(const char *purpose, struct text data, struct sha256 *ret)
{
    return keyring ? keyring_mac(keyring, keyring_current(keyring), purpose, data, ret) : -ENOKEY;
}

static void key_args(struct db_args *a, const struct call *c, struct uuid id)
{
    db_args_reset(a);
    db_arg_int(a, c->tenant->id);
    db_arg_uuid(a, id);
}

/* ---- writing ---- */

static struct text binding(struct call *c, struct uuid id, const char *member)
{
    return text_of(arena_printf(c->arena, "%d|message|%s|%s", c->tenant->id, uuid_format(id).s, member));
}

static int seal(struct call *c, struct uuid id, const char *member, const char *plain, const char **ret)
{
    CLEANUP(buf_done) struct buf b = BUF_INIT;
    int r = plain ? cipher_seal(text_of(plain), binding(c, id, member), &b) : 0;

    *ret = plain && r == 0 ? arena_dup(c->arena, buf_str(&b)) : NULL;
    return r;
}

static int unseal(struct call *c, struct uuid id, const char *member, const char *sealed, const char **ret)
{
    CLEANUP(buf_done) struct buf b = BUF_INIT;
    int r = sealed ? cipher_open(text_of(sealed), binding(c, id, member), &b) : 0;

    *ret = sealed && r == 0 ? arena_dup(c->arena, buf_str(&b)) : NULL;
    if (b.data)
        explicit_bzero(b.data, b.len);
    return r;
}

/* Who holds the table and not the keys cannot tell which number it is. */
static int receiver_key(struct call *c, const char *to, const char **ret)
{
    struct sha256 mac;
    int r;

    if (!to) {
        *ret = "";
        return 0;
    }
    r = message_mac("receiver", text_of(arena_printf(c->arena, "%d:%s", c->tenant->id, to)), &mac);
    *ret = r == 0 ? arena_dup(c->arena, sha256_format(&mac).s) : NULL;
    return r;
}

static void time_arg(struct db_args *a, int64_t us)
{
    if (us)
        db_arg_time(a, us);
    else
        db_arg_str(a, NULL);
}

int message_add(struct call *c, const struct message *m, struct uuid *ret_id)
{
    const char *address, *content, *receiver = NULL;
    struct db_args a;
    int r;

    *ret_id = uuid_new();
    r = seal(c, *ret_id, "address", m->to, &address);
    if (r == 0)
        r = seal(c, *ret_id, "content", m->params, &content);
    if (r == 0)
        r = receiver_key(c, m->to, &receiver);
    if (r < 0)
        return r;
    key_args(&a, c, *ret_id);
    db_arg_uuid(&a, m->channel);
    db_arg_str(&a, m->what);
    db_arg_uuid_or_null(&a, m->account);
    db_arg_str(&a, address);
    db_arg_str(&a, content);
    db_arg_str(&a, m->masked ? m->masked : "");
    db_arg_str(&a, receiver);
    time_arg(&a, m->due_us);
    time_arg(&a, m->until_us);
    db_arg_time(&a, c->now_us);
    r = db_exec_expect(c->tx, insert, &a, 1);
    return r == -ESTALE && strcmp(m->what, "digest") == 0 ? 0 : r; /* the day's digest waits already */
}

/* ---- claiming ---- */

struct turn {
    struct uuid id;
    struct channel channel;
    struct parcel parcel;
    const char *receiver;
    int64_t attempt, wait_s;
    bool is_claimed, is_blocked; /* the whole channel has to wait */
    const char *gone;            /* why there is nothing to be said any more */
};

static int take(
    struct call *c, struct turn *t, const char *key, int64_t holds, int64_t per_hour, bool *ret_taken)
{
    struct db_rows *rows CLEANUP(db_rows_freep) = NULL;
    struct db_args a;
    int r;

    key_args(&a, c, t->channel.id);
    db_arg_str(&a, key);
    db_arg_int(&a, holds * 1000);
    db_arg_int(&a, per_hour * 1000);
    r = db_exec(c->tx, take_token, &a, &rows);
    *ret_taken = r == 0 && db_rows_count(rows) == 1;
    return r;
}

static int take_tokens(struct call *c, struct turn *t)
{
    int64_t rate = t->channel.rate_per_minute, each = t->channel.receiver_per_hour;
    bool taken;
    int r = take(c, t, "", rate, rate * 60, &taken);

    if (r == 0 && !taken) {
        t->is_blocked = true;
        t->wait_s = 60 / rate + 1;
        return -EDQUOT;
    }
    if (r == 0 && *t->receiver) {
        r = take(c, t, t->receiver, each, each, &taken);
        if (r == 0 && !taken) {
            t->wait_s = 3600 / each + 1;
            return -EDQUOT;
        }
    }
    return r;
}

static void free_json(void *value)
{
    json_decref(value);
}

static int open_parcel(struct call *c, struct turn *t, const struct db_rows *claimed)
{
    const char *content;
    json_t *params = NULL;
    int r = unseal(c, t->id, "address", db_get(claimed, 0, 1), &t->parcel.to);

    if (r == 0)
        r = unseal(c, t->id, "content", db_get(claimed, 0, 2), &content);
    if (r == 0)
        r = json_parse(content ? text_of(content) : TEXT("{}"), JSON_LIMITS, &params, NULL);
    if (r < 0)
        return r;
    arena_defer(c->arena, free_json, params);
    t->parcel.id = t->id;
    t->parcel.what = arena_dup(c->arena, db_get(claimed, 0, 0));
    t->parcel.params = params;
    t->receiver = arena_dup(c->arena, db_get(claimed, 0, 3));
    t->attempt = db_get_int(claimed, 0, 4);
    return 0;
}

static int open_channel(struct call *c, struct turn *t, struct uuid id)
{
    struct db_args *a = arena_alloc(c->arena, sizeof(*a));
    struct db_call call = {.stmt = read_channel, .args = a};
    int r;

    key_args(a, c, id);
    r = call_read(c, &call, 1);
    if (r == 0 && db_rows_count(call.rows) != 1)
        r = -ENOENT;
    return r < 0 ? r : channel_of(c, call.rows, 0, &t->channel);
}

static int claim_in(struct call *c, struct turn *t, bool is_now)
{
    struct db_rows *rows CLEANUP(db_rows_freep) = NULL;
    struct db_args a;
    int r;

    key_args(&a, c, t->id);
    db_arg_bool(&a, is_now);
    db_arg_int(&a, CLAIM_S);
    r = db_exec(c->tx, claim, &a, &rows);
    if (r < 0 || db_rows_count(rows) == 0)
        return r;
    r = open_channel(c, t, db_get_uuid(rows, 0, 5));
    if (r == 0)
        r = open_parcel(c, t, rows);
    if (r == 0)
        r = news_fill(c, &t->channel, &t->parcel, &t->gone);
    if (r == 0)
        r = t->gone ? -ENODATA : take_tokens(c, t);
    t->is_claimed = r == 0;
    return r;
}

/* Carrying is not decided anew: what was written down to be sent is, whatever has changed in the tenant since, and once. So no epoch
 * is compared, and what the call is remembered by is the business of whoever wrote it down. */
static int begin(struct call *c)
{
    return db_begin(c->db, c->tenant->id, DB_WRITE, NULL, &c->tx, NULL);
}

static int commit(struct call *c)
{
    struct db_tx *tx = c->tx;

    c->tx = NULL;
    return db_commit(tx);
}

/* What could not be taken from a bucket is not claimed either. */
static int put_off(struct call *c, const struct turn *t, bool is_now)
{
    struct db_args a;
    int r = begin(c);

    key_args(&a, c, t->is_blocked && !is_now ? t->channel.id : t->id);
    if (t->is_blocked && !is_now) {
        db_arg_int(&a, t->wait_s * 1000);
        r = r < 0 ? r : db_exec(c->tx, block, &a, NULL);
    } else {
        db_arg_int(&a, t->wait_s);
        db_arg_bool(&a, is_now);
        r = r < 0 ? r : db_exec(c->tx, postpone, &a, NULL);
    }
    return r < 0 ? r : commit(c);
}

/* What cannot be read (its key is not there any more, its channel of a kind that this server does not know) and what nobody has to be told
 * any more. */
static int bury(struct call *c, const struct turn *t)
{
    struct db_args a;
    int r = begin(c);

    if (!t->gone)
        log_event(LOG_ERROR, "message.not_readable", LF_INT("tenant", c->tenant->id),
            LF_STR("message", uuid_format(t->id).s));
    key_args(&a, c, t->id);
    db_arg_str(&a, t->gone ? t->gone : "not_readable");
    if (r == 0)
        r = db_exec(c->tx, give_up, &a, NULL);
    return r < 0 ? r : commit(c);
}

static int take_claim(struct call *c, struct turn *t, bool is_now)
{
    int r = begin(c);

    if (r == 0)
        r = claim_in(c, t, is_now);
    if (r == 0)
        return commit(c);
    call_rollback(c);
    t->is_claimed = false;
    if (r == -EDQUOT)
        return put_off(c, t, is_now);
    return r == -ENODATA || r == -EBADMSG || r == -ENOKEY || r == -ENOTSUP || r == -EINVAL ? bury(c, t) : r;
}

/* ---- settling ---- */

static int tell_owner(struct call *c, const struct channel *ch)
{
    struct notice n = {.kind = NOTICE_CHANNEL, .unit = ch->unit};
    struct buf b CLEANUP(buf_done) = BUF_INIT;
    struct jsonw w;

    jsonw_init(&w, &b);
    jsonw_object(&w);
    jsonw_kstr(&w, "name", ch->name);
    jsonw_object_end(&w);
    n.params = buf_str(&b);
    return notice_add(c, &n, &ch->created_by, 1);
}

/* One that has failed for a day is turned off, and whoever made it told. */
static int note_channel(struct call *c, const struct turn *t, const struct outcome *o)
{
    struct db_rows *rows CLEANUP(db_rows_freep) = NULL;
    struct db_args a;
    int r = 0;

    if (o->pause_s) {
        key_args(&a, c, t->channel.id);
        db_arg_int(&a, o->pause_s * 1000);
        r = db_exec(c->tx, block, &a, NULL);
    }
    if (r < 0 || (o->fate != FATE_ACCEPTED && (!o->is_ours || o->pause_s)))
        return r;
    key_args(&a, c, t->channel.id);
    if (o->fate == FATE_ACCEPTED)
        return db_exec(c->tx, works, &a, NULL);
    db_arg_str(&a, o->reason);
    db_arg_int(&a, t->channel.version);
    r = db_exec(c->tx, fails, &a, &rows);
    if (r == 0 && db_rows_count(rows) == 1 && strcmp(db_get(rows, 0, 0), "failed") == 0 &&
        strcmp(t->channel.state, "on") == 0)
        r = tell_owner(c, &t->channel);
    return r;
}

static const char *state_after(
    const struct turn *t, const struct outcome *o, bool is_now, int64_t *ret_wait_s)
{
    *ret_wait_s = 0;
    if (o->fate != FATE_LATER)
        return o->fate == FATE_ACCEPTED ? "accepted" : o->fate == FATE_REFUSED ? "refused" : "unknown";
    if (is_now || t->attempt > (int64_t)ARRAY_LEN(pauses))
        return "dead";
    *ret_wait_s = MAX(pauses[t->attempt - 1], o->pause_s);
    return "waiting";
}

static int write_settled(struct call *c, const struct turn *t, const struct outcome *o, const char *state,
    int64_t wait_s, int64_t ms)
{
    struct db_args a;
    int r;

    key_args(&a, c, t->id);
    db_arg_int(&a, t->attempt);
    db_arg_str(&a, state);
    db_arg_int(&a, wait_s);
    db_arg_int(&a, o->status);
    db_arg_str(&a, o->reason);
    db_arg_int(&a, ms);
    r = db_exec(c->tx, settle, &a, NULL);
    return r < 0 ? r : note_channel(c, t, o);
}

/* The wait for the commit is not broken off. One that is not noted is found to be unknown; nothing of it makes anybody send again. */
static void note_outcome(
    struct call *c, const struct turn *t, const struct outcome *o, bool is_now, int64_t ms)
{
    int64_t wait_s;
    const char *state = state_after(t, o, is_now, &wait_s);
    int r;

    if (o->fate != FATE_ACCEPTED)
        log_event(LOG_WARN, "message.not_sent", LF_INT("tenant", c->tenant->id),
            LF_STR("message", uuid_format(t->id).s), LF_STR("channel", uuid_format(t->channel.id).s),
            LF_STR("kind", t->channel.kind->name), LF_STR("state", state), LF_STR("reason", o->reason),
            LF_INT("status", o->status));
    fiber_shield(true);
    r = begin(c);
    if (r == 0)
        r = write_settled(c, t, o, state, wait_s, ms);
    if (r == 0)
        r = commit(c);
    call_rollback(c);
    fiber_shield(false);
    if (r < 0)
        log_event(LOG_WARN, "message.not_noted", LF_INT("tenant", c->tenant->id),
            LF_STR("message", uuid_format(t->id).s), LF_ERR(r));
}

int message_carry(
    struct call *c, struct uuid id, bool is_now, struct outcome *ret, bool *ret_sent, int64_t *ret_wait_s)
{
    struct turn t = {.id = id, .receiver = ""};
    int64_t began = clock_mono_ms();
    int r = take_claim(c, &t, is_now);

    *ret_sent = false;
    *ret_wait_s = t.wait_s;
    if (r < 0 || !t.is_claimed)
        return r;
    r = t.channel.kind->send(c, &t.channel, &t.parcel, ret);
    if (r < 0) /* broken off */
        *ret = (struct outcome){.fate = FATE_UNKNOWN, .reason = "interrupted"};
    note_outcome(c, &t, ret, is_now, clock_mono_ms() - began);
    *ret_sent = true;
    return r;
}

int message_state(struct call *c, struct uuid id, const char **ret_state, const char **ret_reason)
{
    struct db_args *a = arena_alloc(c->arena, sizeof(*a));
    struct db_call call = {.stmt = read_state, .args = a};
    int r;

    key_args(a, c, id);
    r = call_read(c, &call, 1);
    if (r < 0)
        return r;
    if (db_rows_count(call.rows) == 0)
        return call_not_found(c);
    *ret_state = db_get(call.rows, 0, 0);
    *ret_reason = db_get(call.rows, 0, 1);
    return 0;
}

int message_clear(struct db *db, int32_t tenant)
{
    struct db_args a;
    struct db_tx *tx;
    int r = db_begin(db, tenant, DB_WRITE, NULL, &tx, NULL);

    if (r < 0)
        return r;
    db_args_reset(&a);
    db_arg_int(&a, tenant);
    r = db_exec(tx, clear, &a, NULL);
    if (r == 0)
        return db_commit(tx);
    db_rollback(tx);
    return r;
}
