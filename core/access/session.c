/* Sessions: opened by a password, found by the digest of their token, cached with the tenant's snapshot. */
#include "access/session.h"

#include <errno.h>
#include <openssl/crypto.h>

#include "access/digest_arg.h"
#include "access/login.h"
#include "access/password.h"
#include "access/ratelimit.h"
#include "base/digest.h"

#define SEEN_EVERY_US (60ll * 1000000) /* "last seen" is written no more often than this */

static struct session_limits limits = {30ll * 60 * 1000000, 12ll * 3600 * 1000000};

static const struct db_stmt find_account = {"session.find_account",
    "SELECT id, password_hash, must_change_password FROM juxin.account"
    " WHERE tenant_id = $1 AND login = $2 AND is_active"};
/* The account is looked at again: it may have been disabled, or its password changed, while the hash was computed. */
static const struct db_stmt insert_session = {"session.insert",
    "INSERT INTO juxin.session (tenant_id, id, account_id, token_hash, authenticated_at, created_at, "
    "last_seen_at,"
    " idle_until, absolute_until, client)"
    " SELECT a.tenant_id, $3, a.id, $4, $5, $5, $5, $6, $7, $8 FROM juxin.account a"
    " WHERE a.tenant_id = $1 AND a.id = $2 AND a.is_active AND a.password_hash = $9 FOR KEY SHARE RETURNING "
    "id"};
/* Of an account that was proved by a code. */
static const struct db_stmt insert_proved = {"session.insert_proved",
    "INSERT INTO juxin.session (tenant_id, id, account_id, token_hash, authenticated_at, created_at, "
    "last_seen_at,"
    " idle_until, absolute_until, client)"
    " SELECT a.tenant_id, $3, a.id, $4, $5, $5, $5, $6, $7, $8 FROM juxin.account a"
    " WHERE a.tenant_id = $1 AND a.id = $2 AND a.is_active FOR KEY SHARE RETURNING id"};
static const struct db_stmt find_session = {"session.find",
    "SELECT s.id, s.account_id, a.display_name, a.must_change_password, s.authenticated_at, "
    "s.absolute_until, s.last_seen_at"
    " FROM juxin.session s JOIN juxin.account a ON a.tenant_id = $1 AND a.id = s.account_id"
    " WHERE s.tenant_id = $1 AND s.token_hash = $2 AND s.ended_at IS NULL AND a.is_active"};
static const struct db_stmt find_token = {"token.find",
    "SELECT NULL, t.account_id, a.display_name, a.must_change_password, t.created_at, t.expires_at, now()"
    " FROM juxin.api_token t JOIN juxin.account a ON a.tenant_id = $1 AND a.id = t.account_id"
    " WHERE t.tenant_id = $1 AND t.token_hash = $2 AND t.revoked_at IS NULL AND a.is_active"};
static const struct db_stmt seen_account = {
    "session.seen_account", "UPDATE juxin.account SET last_login_at = $3 WHERE tenant_id = $1 AND id = $2"};
static const struct db_stmt touch = {"session.touch",
    "UPDATE juxin.session SET last_seen_at = $3, idle_until = $4 WHERE tenant_id = $1 AND id = $2 AND "
    "ended_at IS NULL"
    " AND last_seen_at < $3"};
static const struct db_stmt end_token = {"session.end_token",
    "UPDATE juxin.session SET ended_at = $3 WHERE tenant_id = $1 AND token_hash = $2 AND ended_at IS NULL"};
static const struct db_stmt end_one = {"session.end",
    "UPDATE juxin.session SET ended_at = $4 WHERE tenant_id = $1 AND account_id = $2 AND id = $3"
    " AND ended_at IS NULL"};
static const struct db_stmt end_all = {"session.end_all",
    "UPDATE juxin.session SET ended_at = $3 WHERE tenant_id = $1 AND account_id = $2 AND ended_at IS NULL"
    " AND ($4::uuid IS NULL OR id <> $4)"};

void session_set_limits(struct session_limits l)
{
    limits = l;
}

const char *digest_arg(struct arena *a, const struct sha256 *h)
{
    return arena_dup(a, sha256_format(h).s);
}

void token_random(char out[SESSION_TOKEN_LEN + 1])
{
    uint8_t bytes[32];
    struct buf b = BUF_INIT;

    random_bytes(bytes, sizeof(bytes));
    base64url_add(&b, bytes, sizeof(bytes));
    memcpy(out, buf_str(&b), SESSION_TOKEN_LEN + 1);
    OPENSSL_cleanse(b.data, b.len);
    OPENSSL_cleanse(bytes, sizeof(bytes));
    buf_done(&b);
}

struct csrf_token session_csrf(struct text token)
{
    struct sha256 h = hmac_sha256(token, TEXT("juxin csrf"));
    struct csrf_token t;
    struct buf b = BUF_INIT;

    base64url_add(&b, h.b, sizeof(h.b));
    memcpy(t.s, buf_str(&b), sizeof(t.s));
    buf_done(&b);
    return t;
}

int session_limited(struct call *c, int64_t wait_s)
{
    int r = call_fail(c, 429, "too_many_attempts",
        arena_printf(c->arena, "Too many attempts. Try again in %lld s.", (long long)wait_s),
        arena_printf(c->arena, "尝试次数过多，请在 %lld 秒后再试。", (long long)wait_s));

    c->fault.retry_after_s = wait_s;
    return r;
}

/* ---- opening ---- */

static void tenant_args(struct call *c, struct db_args *a)
{
    db_args_reset(a);
    db_arg_int(a, c->tenant->id);
}

/* hash: the password's, as it was when it matched; NULL: no password was asked for. */
static int insert(struct call *c, const char *hash, const char *user_agent, struct session_opened *s)
{
    struct sha256 digest = sha256_of(text_of(s->token));
    struct db_rows *rows CLEANUP(db_rows_freep) = NULL;
    struct db_args a;
    int r;

    tenant_args(c, &a);
    db_arg_uuid(&a, s->account);
    db_arg_uuid(&a, s->id);
    db_arg_str(&a, digest_arg(c->arena, &digest));
    db_arg_time(&a, c->now_us);
    db_arg_time(&a, c->now_us + limits.idle_us);
    db_arg_time(&a, s->expires_at);
    db_arg_str(&a, user_agent);
    if (hash)
        db_arg_str(&a, hash);
    r = db_exec(c->tx, hash ? insert_session : insert_proved, &a, &rows);
    return r < 0 ? r : db_rows_count(rows) == 1 ? 0 : -EACCES;
}

static int end_by_token(struct call *c, struct text token)
{
    struct sha256 digest = sha256_of(token);
    struct db_rows *rows CLEANUP(db_rows_freep) = NULL;
    struct db_args a;
    int r;

    if (token.len == 0)
        return 0;
    tenant_args(c, &a);
    db_arg_str(&a, digest_arg(c->arena, &digest));
    db_arg_time(&a, c->now_us);
    r = db_exec(c->tx, end_token, &a, &rows);
    if (r == 0 && db_rows_affected(rows))
        r = epoch_bump(c->tx); /* behind the row: two sign-ins of one browser are all that could meet here */
    return r;
}

static const struct ratelimit_rule peer_rule = {"login-peer", 4, 300}, login_rule = {"login", 30, 8};

static struct text peer_key(struct call *c, const char *login, const char *peer)
{
    return text_of(arena_printf(c->arena, "%s %s", peer ? peer : "", login));
}

static int take_attempt(struct call *c, const char *login, const char *peer, int64_t *ret_wait_s)
{
    struct text key = peer_key(c, login, peer);
    int r = ratelimit_take(c->db, c->tenant->id, peer_rule, key, ret_wait_s), undone;

    if (r < 0)
        return r;
    r = ratelimit_take(c->db, c->tenant->id, login_rule, text_of(login), ret_wait_s);
    if (r != -EDQUOT)
        return r;
    undone = ratelimit_give_back(c->db, c->tenant->id, peer_rule, key);
    return undone < 0 ? undone : r;
}

static int note_login(struct call *c, struct uuid account)
{
    struct db_args a;

    tenant_args(c, &a);
    db_arg_uuid(&a, account);
    db_arg_time(&a, c->now_us);
    return db_exec_expect(c->tx, seen_account, &a, 1);
}

static int write_session(struct call *c, const char *hash, const char *login, const char *peer,
    struct text old_token, const char *user_agent, struct session_opened *s)
{
    struct subject who = {.kind = SUBJECT_ACCOUNT, .account = s->account};
    const struct subject *before = c->who;
    int r = db_begin(c->db, c->tenant->id, DB_WRITE, NULL, &c->tx, NULL);

    if (r < 0)
        return r;
    r = end_by_token(c, old_token);
    if (r == 0)
        r = insert(c, hash, user_agent, s);
    if (r == 0)
        r = note_login(c, s->account);
    if (r == 0)
        r = ratelimit_forget(c->tx, login_rule.kind, text_of(login));
    if (r == 0)
        r = ratelimit_forget(c->tx, peer_rule.kind, peer_key(c, login, peer));
    c->who = &who;
    if (r == 0)
        r = call_audit(c, "session.open", "session", s->id, UUID_NIL, NULL);
    c->who = before;
    if (r < 0) {
        call_rollback(c);
        return r;
    }
    c->idempotency_key = NULL; /* a session's secret cannot be answered twice */
    return call_commit(c);
}

int session_open(struct call *c, struct text login_text, struct text password, struct text old_token,
    const char *peer, const char *user_agent, struct session_opened *ret)
{
    struct session_opened s = {.id = uuid_new(), .expires_at = c->now_us + limits.absolute_us};
    struct login login = {""};
    struct db_args a;
    struct db_call call = {.stmt = find_account, .args = &a};
    const char *hash = NULL;
    int64_t wait;
    bool match;
    int r;

    if (login_parse(login_text, &login) < 0)
        login.s[0] = 0; /* nobody's; goes the same way */
    tenant_args(c, &a);
    db_arg_str(&a, login.s);
    r = call_read(c, &call, 1);
    if (r == 0)
        r = take_attempt(c, login.s, peer, &wait);
    if (r == -EDQUOT)
        return session_limited(c, wait);
    if (r < 0)
        return r;
    if (db_rows_count(call.rows)) {
        s.account = db_get_uuid(call.rows, 0, 0);
        hash = db_get(call.rows, 0, 1);
        s.must_change_password = db_get_bool(call.rows, 0, 2);
    }
    r = password_verify(password, hash, &match);
    if (r < 0)
        return r;
    if (match) {
        token_random(s.token);
        r = write_session(c, hash, login.s, peer, old_token, user_agent, &s);
    }
    if (!match || r == -EACCES)
        return call_fail(
            c, 401, "bad_credentials", "Login or password is not right.", "登录名或密码不正确。");
    if (r == 0)
        *ret = s;
    return r;
}

int session_open_proved(struct call *c, struct uuid account, struct text old_token, const char *user_agent,
    struct session_opened *ret)
{
    struct subject who = {.kind = SUBJECT_ACCOUNT, .account = account};
    const struct subject *before = c->who;
    int r;

    *ret = (struct session_opened){
        .id = uuid_new(), .account = account, .expires_at = c->now_us + limits.absolute_us};
    token_random(ret->token);
    r = end_by_token(c, old_token);
    if (r == 0)
        r = insert(c, NULL, user_agent, ret);
    if (r == 0)
        r = note_login(c, account);
    c->who = &who;
    if (r == 0)
        r = call_audit(c, "session.open", "session", ret->id, UUID_NIL, "code");
    c->who = before;
    return r;
}

/* ---- using ---- */

static bool is_live(const struct credential *k, int64_t now_us)
{
    return now_us < k->expires_at && (uuid_is_nil(k->session) || now_us < k->seen_at + limits.idle_us);
}

static int look_up(struct call *c, const struct sha256 *digest, bool is_bearer, struct credential **ret)
{
    struct db_args a;
    struct db_call call = {.stmt = is_bearer ? find_token : find_session, .args = &a};
    struct credential k = {.hash = *digest};
    int r;

    tenant_args(c, &a);
    db_arg_str(&a, digest_arg(c->arena, digest));
    r = call_read(c, &call, 1);
    if (r < 0)
        return r;
    if (db_rows_count(call.rows) == 0)
        return -EACCES;
    k.session = db_get_uuid(call.rows, 0, 0);
    k.account = db_get_uuid(call.rows, 0, 1);
    k.display_name = (char *)(uintptr_t)db_get(call.rows, 0, 2); /* copied by access_credential_put */
    k.must_change_password = db_get_bool(call.rows, 0, 3);
    k.authenticated_at = db_get_time(call.rows, 0, 4);
    k.expires_at = db_get(call.rows, 0, 5) ? db_get_time(call.rows, 0, 5) : INT64_MAX;
    k.seen_at = db_get_time(call.rows, 0, 6);
    if (!is_live(&k, c->now_us))
        return -EACCES;
    *ret = access_credential_put(c->tenant, &k);
    return 0;
}

/* Best effort: a lost update makes the session end a minute early at worst. */
static void write_seen(struct call *c, struct uuid session)
{
    struct db_args a;
    struct db_tx *tx;
    int r = db_begin(c->db, c->tenant->id, DB_WRITE, NULL, &tx, NULL);

    if (r < 0)
        return;
    tenant_args(c, &a);
    db_arg_uuid(&a, session);
    db_arg_time(&a, c->now_us);
    db_arg_time(&a, c->now_us + limits.idle_us);
    r = db_exec(tx, touch, &a, NULL);
    if (r == 0)
        r = db_commit(tx);
    else
        db_rollback(tx);
    (void)r;
}

int session_authenticate(struct call *c, struct text token, bool is_bearer, struct credential **ret)
{
    struct sha256 digest = sha256_of(token);
    struct credential *k = access_credential(c->tenant, &digest);
    int r;

    if (token.len != SESSION_TOKEN_LEN + (is_bearer ? strlen(TOKEN_PREFIX) : 0))
        return -EACCES;
    if (!k || !is_live(k, c->now_us) || uuid_is_nil(k->session) != is_bearer) {
        r = look_up(c, &digest, is_bearer, &k);
        if (r < 0)
            return r;
    }
    if (!is_bearer && c->now_us - k->seen_at > MIN(SEEN_EVERY_US, limits.idle_us / 4)) {
        struct credential before = *k;

        k->seen_at = c->now_us; /* before the write: the others need not write too */
        write_seen(c, before.session);
        k = access_credential(c->tenant, &digest);
        if (!k)
            return look_up(c, &digest, is_bearer, ret);
    }
    *ret = k;
    return 0;
}

/* ---- ending ---- */

int session_end(struct call *c, struct uuid account, struct uuid id)
{
    struct db_args a;
    int r;

    tenant_args(c, &a);
    db_arg_uuid(&a, account);
    db_arg_uuid(&a, id);
    db_arg_time(&a, c->now_us);
    r = db_exec_expect(c->tx, end_one, &a, 1);
    if (r == -ESTALE)
        return -ENOENT;
    return r < 0 ? r : call_audit(c, "session.end", "session", id, UUID_NIL, NULL);
}

int session_end_all(struct call *c, struct uuid account, struct uuid except)
{
    struct db_args a;

    tenant_args(c, &a);
    db_arg_uuid(&a, account);
    db_arg_time(&a, c->now_us);
    db_arg_uuid_or_null(&a, except);
    return db_exec(c->tx, end_all, &a, NULL);
}
