/* One token for all workers. */
#include "notify/access_token.h"

#include <errno.h>

#include "base/clock.h"
#include "db/cipher.h"
#include "loop/fiber.h"
#include "notify/answer.h"

#define TIMEOUT_MS 8000
#define CLAIM_S 12 /* longer than it takes to get one */
#define WAIT_MS 15000
#define LOOK_MS 100
#define EARLY_S 300 /* it is not used to its last second */

/* Whoever makes or takes over the row gets the next token. What is there stays until then, so that n tells the two apart. */
static const struct db_stmt claim = {"access_token.claim",
    "INSERT INTO juxin.channel_token AS t (tenant_id, channel_id, n, claimed_until) VALUES ($1, $2, 0, now() "
    "+ $4::int * interval"
    " '1 s') ON CONFLICT (tenant_id, channel_id) DO UPDATE SET claimed_until = now() + $4::int * interval '1 "
    "s' WHERE t.n = $3 AND"
    " t.claimed_until <= now() RETURNING t.n"};
static const struct db_stmt find = {"access_token.find",
    "SELECT t.n, t.token, t.until_at > now(), t.version FROM juxin.channel_token t "
    "WHERE t.tenant_id = $1 AND t.channel_id = $2"};
static const struct db_stmt keep = {"access_token.keep",
    "UPDATE juxin.channel_token SET n = n + 1, token = $4, until_at = now() + $5::int * interval '1 s', "
    "version = $6, claimed_until ="
    " now() WHERE tenant_id = $1 AND channel_id = $2 AND n = $3"};
static const struct db_stmt let_go = {"access_token.let_go",
    "UPDATE juxin.channel_token SET claimed_until = now() WHERE tenant_id = $1 AND "
    "channel_id = $2 AND n = $3"};

struct kept {
    int64_t n; /* 0: none yet */
    const char *token;
    bool is_good;
};

static void key_args(struct db_args *a, const struct channel *ch)
{
    db_args_reset(a);
    db_arg_int(a, ch->tenant);
    db_arg_uuid(a, ch->id);
}

static struct text binding(struct call *c, const struct channel *ch)
{
    return text_of(arena_printf(c->arena, "%d|channel|%s|token", ch->tenant, uuid_format(ch->id).s));
}

/* One that was got with other settings is none. */
static int look(struct call *c, const struct channel *ch, struct kept *ret)
{
    CLEANUP(buf_done) struct buf plain = BUF_INIT;
    struct db_args a;
    struct db_call call = {.stmt = find, .args = &a};
    int r;

    *ret = (struct kept){0};
    key_args(&a, ch);
    r = db_read(c->db, ch->tenant, &call, 1, NULL, NULL);
    if (r == 0 && db_rows_count(call.rows) == 1) {
        ret->n = db_get_int(call.rows, 0, 0);
        if (db_get(call.rows, 0, 1) &&
            cipher_open(db_get_text(call.rows, 0, 1), binding(c, ch), &plain) == 0) {
            ret->token = arena_dup(c->arena, buf_str(&plain));
            ret->is_good = db_get_bool(call.rows, 0, 2) && db_get_int(call.rows, 0, 3) == ch->version;
        }
    }
    db_calls_done(&call, 1);
    return r;
}

static int run(
    struct call *c, const struct channel *ch, struct db_stmt stmt, struct db_args *a, bool *ret_done)
{
    struct db_rows *rows CLEANUP(db_rows_freep) = NULL;
    struct db_tx *tx = NULL;
    int r = db_begin(c->db, ch->tenant, DB_WRITE, NULL, &tx, NULL);

    if (r < 0)
        return r;
    r = db_exec(tx, stmt, a, &rows);
    if (ret_done)
        *ret_done = r == 0 && db_rows_affected(rows) == 1;
    if (r == 0)
        return db_commit(tx);
    db_rollback(tx);
    return r;
}

static int try_claim(struct call *c, const struct channel *ch, int64_t n, bool *ret_claimed)
{
    struct db_args a;

    key_args(&a, ch);
    db_arg_int(&a, n);
    db_arg_int(&a, CLAIM_S);
    return run(c, ch, claim, &a, ret_claimed);
}

static int store(struct call *c, const struct channel *ch, int64_t n, const char *token, int64_t good_for_s)
{
    CLEANUP(buf_done) struct buf sealed = BUF_INIT;
    struct db_args a;
    int r = cipher_seal(text_of(token), binding(c, ch), &sealed);

    key_args(&a, ch);
    db_arg_int(&a, n);
    db_arg_str(&a, buf_str(&sealed));
    db_arg_int(&a, MAX(good_for_s - EARLY_S, 60));
    db_arg_int(&a, ch->version);
    return r < 0 ? r : run(c, ch, keep, &a, NULL);
}

/* The other side's answer; 1 with *fate where it gave none. */
static int ask(
    struct call *c, const char *url, const char **ret, int64_t *ret_good_for_s, struct outcome *fate)
{
    struct fetch f = {.method = "GET", .url = url, .timeout_ms = TIMEOUT_MS, .answer_max = 16384};
    struct fetch_answer answer;
    const json_t *body;
    int r = fetch_run(c->arena, &f, &answer);

    if (r == -ECANCELED)
        return r;
    if (!answer_is_good(r, &answer, fate)) {
        /* A token that was given and not heard of is no message: it is asked for again. */
        fate->fate = fate->fate == FATE_UNKNOWN ? FATE_LATER : fate->fate;
        return 1;
    }
    *fate =
        (struct outcome){.fate = FATE_LATER, .status = answer.status, .reason = "answer", .is_ours = true};
    if (answer_json(c->arena, &answer, &body) < 0)
        return 1;
    *ret = json_str(body, "access_token");
    *ret_good_for_s = json_int_or(body, "expires_in", 7200);
    if (*ret && strlen(*ret) <= 1000)
        return 0;
    *fate = answer_errcode(c->arena, json_int_or(body, "errcode", -1), answer.status);
    fate->is_ours = true;
    return 1;
}

static int renew(struct call *c, const struct channel *ch, const char *url, int64_t n, const char **ret,
    struct outcome *fate)
{
    int64_t good_for_s;
    struct db_args a;
    int r = ask(c, url, ret, &good_for_s, fate), kept;

    fiber_shield(true); /* others wait for what comes of it */
    if (r == 0) {
        r = store(c, ch, n, *ret, good_for_s);
    } else {
        key_args(&a, ch);
        db_arg_int(&a, n);
        kept = run(c, ch, let_go, &a, NULL);
        r = kept < 0 ? kept : r;
    }
    fiber_shield(false);
    return r;
}

int access_token_get(struct call *c, const struct channel *ch, const char *url, const char *refused,
    const char **ret, struct outcome *fate)
{
    int64_t until_ms = clock_mono_ms() + WAIT_MS;
    struct kept kept;
    bool is_claimed;
    int r;

    do {
        r = look(c, ch, &kept);
        if (r < 0)
            return r;
        if (kept.is_good && (!refused || strcmp(kept.token, refused) != 0)) {
            *ret = kept.token;
            return 0;
        }
        r = try_claim(c, ch, kept.n, &is_claimed);
        if (r == 0 && is_claimed)
            return renew(c, ch, url, kept.n, ret, fate);
        if (r == 0)
            r = fiber_sleep(LOOK_MS);
    } while (r == 0 && clock_mono_ms() < until_ms);
    *fate = (struct outcome){.fate = FATE_LATER, .reason = "no_token", .is_ours = true};
    return r < 0 ? r : 1;
}
