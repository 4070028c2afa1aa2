/* Inviting: made, listed, taken back, sent. What becomes of it is accept.c. */
#include "resource/own/invitation.h"

#include <errno.h>

#include "access/core_permissions.h"
#include "access/digest_arg.h"
#include "base/clock.h"
#include "base/json.h"
#include "db/pgarray.h"
#include "resource/own/accept.h"
#include "resource/own/suppress.h"
#include "tenant/tree.h"

#define KIND "own.invite"
#define DAY_US (86400ll * 1000000)
#define DAILY_MAX 300 /* that one person sends in a day */

static const struct db_stmt made_today = {"invitation.count",
    "SELECT count(*) FROM juxin.invitation WHERE tenant_id = $1 AND created_by = $2 AND created_at > $3"};
static const struct db_stmt insert = {"invitation.insert",
    "INSERT INTO juxin.invitation (tenant_id, id, unit_id, purpose, how, state, token_hash, phone_mac, "
    "phone, created_by,"
    " created_at, expires_at) VALUES ($1, $2, $3, $4, $5, 'open', $6, $7, $8, $9, $10, $11)"};
static const struct db_stmt revoke = {"invitation.revoke",
    "UPDATE juxin.invitation SET state = 'revoked', ended_at = $3, token_hash = NULL, phone_mac = NULL, "
    "phone = NULL"
    " WHERE tenant_id = $1 AND id = $2 AND state = 'open'"};
/* $2 units, $3 the one, $4 older than, $5 state, $6 now, $7 how many. */
static const struct db_stmt list = {"invitation.list",
    "SELECT i.id, i.unit_id, i.purpose, i.how, CASE WHEN i.state = 'open' AND i.expires_at <= $6 THEN "
    "'expired' ELSE i.state"
    " END, i.phone, i.created_by, i.created_at, i.expires_at, i.ended_at FROM juxin.invitation i WHERE "
    "i.tenant_id = $1"
    " AND i.unit_id = ANY($2::uuid[]) AND ($3::uuid IS NULL OR i.id = $3) AND ($4::uuid IS NULL OR i.id < $4)"
    " AND ($5::text IS NULL OR $5 = CASE WHEN i.state = 'open' AND i.expires_at <= $6 THEN 'expired' ELSE "
    "i.state END)"
    " ORDER BY i.id DESC LIMIT $7"};
static const struct db_stmt take_unsent = {"invitation.unsent",
    "SELECT i.phone, i.phone_mac, i.purpose, i.expires_at, u.name FROM juxin.invitation i JOIN juxin.unit u "
    "ON"
    " u.tenant_id = $1 AND u.id = i.unit_id WHERE i.tenant_id = $1 AND i.id = $2 AND i.state = 'open'"
    " AND i.expires_at > $3 AND i.how = 'sms' AND i.token_hash IS NULL"};
/* To the same number, wherever it was sent from. */
static const struct db_stmt sent_lately = {"invitation.sent_lately",
    "SELECT 1 FROM juxin.invitation WHERE tenant_id = $1 AND phone_mac = $2 AND token_hash IS NOT NULL AND"
    " created_at > $3 LIMIT 1"};
static const struct db_stmt set_token = {
    "invitation.token", "UPDATE juxin.invitation SET token_hash = $3 WHERE tenant_id = $1 AND id = $2"};
static const struct db_stmt purge = {"invitation.purge",
    "DELETE FROM juxin.invitation WHERE tenant_id = $1 AND id IN (SELECT id FROM juxin.invitation WHERE "
    "tenant_id = $1 AND"
    " expires_at < $2 ORDER BY expires_at LIMIT 500)"};
static const struct db_stmt purge_codes = {"phone_code.purge",
    "DELETE FROM juxin.phone_code WHERE tenant_id = $1 AND id IN (SELECT id FROM juxin.phone_code WHERE "
    "tenant_id = $1 AND"
    " expires_at < $2 ORDER BY expires_at LIMIT 500)"};

/* ---- making ---- */

static void make_token(struct invitation_token *ret)
{
    static const char letters[] = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"; /* none like another */
    uint8_t bytes[16];
    size_t n = 0;

    random_bytes(bytes, sizeof(bytes));
    for (size_t i = 0; i < sizeof(bytes); i++) {
        if (i && i % 4 == 0)
            ret->s[n++] = '-';
        ret->s[n++] = letters[bytes[i] & 31];
    }
    ret->s[n] = '\0';
}

static int check(struct call *c, const struct invitation_input *in)
{
    struct db_args a;
    struct db_call call = {.stmt = made_today, .args = &a};
    struct uuid notice;
    int r = notice_current(c, in->purpose, &notice);

    if (r == 0 && uuid_is_nil(notice))
        r = call_fail_at(
            c, "/purpose", "unknown", "There is no notice for this purpose.", "没有此用途的告知书。");
    if (in->days < 0 || in->days > INVITATION_DAYS_MAX)
        r = call_fail_at(c, "/days", "range", "1 to 30 days.", "有效期为 1 至 30 天。");
    if (r < 0)
        return r;
    db_args_reset(&a);
    db_arg_int(&a, c->tenant->id);
    db_arg_uuid(&a, c->who->account);
    db_arg_time(&a, c->now_us - DAY_US);
    r = call_read(c, &call, 1);
    if (r < 0 || db_get_int(call.rows, 0, 0) < DAILY_MAX)
        return r;
    r = call_fail(c, 429, "too_many_invitations", "300 invitations a day are the most one person sends.",
        "每人每天最多发出 300 份邀请。");
    c->fault.retry_after_s = 3600;
    return r;
}

/* To a number: the code is made when it is sent, and goes there only. */
static int number_parts(struct call *c, const struct invitation_input *in, struct uuid id,
    const char **ret_mac, const char **ret_sealed)
{
    int r = phone_mac(c, in->phone, ret_mac);

    return r < 0 ? r : phone_seal(c, "invitation.phone", id, in->phone, ret_sealed);
}

static int store(
    struct call *c, const struct invitation_input *in, struct uuid id, const struct invitation_token *token)
{
    const char *mac = NULL, *sealed = NULL;
    struct sha256 digest = sha256_of(text_of(token->s));
    struct db_args a;
    int r = in->phone ? number_parts(c, in, id, &mac, &sealed) : 0;

    if (r < 0)
        return r;
    db_args_reset(&a);
    db_arg_int(&a, c->tenant->id);
    db_arg_uuid(&a, id);
    db_arg_uuid(&a, tree_unit(c->tenant->tree, in->unit).id);
    db_arg_str(&a, in->purpose);
    db_arg_str(&a, in->phone ? "sms" : "qr");
    db_arg_str(&a, in->phone ? NULL : digest_arg(c->arena, &digest));
    db_arg_str(&a, mac);
    db_arg_str(&a, sealed);
    db_arg_uuid(&a, c->who->account);
    db_arg_time(&a, c->now_us);
    db_arg_time(&a, c->now_us + (in->days ? in->days : INVITATION_DAYS) * DAY_US);
    return db_exec_expect(c->tx, insert, &a, 1);
}

int invitation_create(struct call *c, const struct invitation_input *in, struct uuid *ret_id,
    struct invitation_token *ret_token)
{
    struct job_input job = {.kind = KIND};
    struct uuid id = uuid_new();
    int r;

    if (c->who->kind != SUBJECT_ACCOUNT)
        return call_not_found(c);
    r = check(c, in);
    make_token(ret_token);
    if (r == 0)
        r = store(c, in, id, ret_token);
    job.json = arena_printf(c->arena, "{\"invitation\":\"%s\"}", uuid_format(id).s);
    if (r == 0 && in->phone)
        r = job_add_unasked(c->tx, &job, c->now_us);
    c->result_status = 201;
    c->result_id = *ret_id = id;
    return r < 0 ? r
                 : call_audit(c, "invitation.create", "invitation", id,
                       tree_unit(c->tenant->tree, in->unit).id, in->purpose);
}

/* ---- those that there are ---- */

static const char *units_of(struct call *c, uint32_t only)
{
    const struct tree *t = c->tenant->tree;
    struct pgarray units = PGARRAY_INIT;
    const char *s;

    for (uint32_t u = 0; u < tree_count(t); u++)
        if ((only == TREE_NONE || u == only) &&
            subject_may(c->who, c->tenant, core_permission(CORE_INVITATION_MANAGE), u))
            pgarray_uuid(&units, tree_unit(t, u).id);
    s = arena_dup(c->arena, pgarray_end(&units));
    pgarray_done(&units);
    return s;
}

static int read_list(struct call *c, const struct invitation_filter *f, struct uuid id, struct db_rows **ret)
{
    struct db_args *a = arena_alloc(c->arena, sizeof(*a));
    struct db_call call = {.stmt = list, .args = a};
    int r;

    db_args_reset(a);
    db_arg_int(a, c->tenant->id);
    db_arg_str(a, units_of(c, f->unit));
    db_arg_uuid_or_null(a, id);
    db_arg_uuid_or_null(a, f->before);
    db_arg_str(a, f->state);
    db_arg_time(a, c->now_us);
    db_arg_int(a, f->limit + 1);
    r = call_read(c, &call, 1);
    *ret = call.rows;
    return r;
}

static int write_one(struct call *c, struct jsonw *w, const struct db_rows *rows, int i)
{
    const char *sealed = db_get(rows, i, 5), *phone = NULL;
    int r = sealed ? phone_open(c, "invitation.phone", db_get_uuid(rows, i, 0), sealed, &phone) : 0;

    if (r < 0)
        return r;
    jsonw_object(w);
    jsonw_kstr(w, "id", db_get(rows, i, 0));
    jsonw_kstr(w, "unit", db_get(rows, i, 1));
    jsonw_kstr(w, "purpose", db_get(rows, i, 2));
    jsonw_kstr(w, "how", db_get(rows, i, 3));
    jsonw_kstr(w, "state", db_get(rows, i, 4));
    jsonw_kstr(w, "phone", phone ? phone_masked(c->arena, phone) : NULL);
    jsonw_kstr(w, "created_by", db_get(rows, i, 6));
    jsonw_kstr(w, "created_at", clock_format(db_get_time(rows, i, 7)).s);
    jsonw_kstr(w, "expires_at", clock_format(db_get_time(rows, i, 8)).s);
    jsonw_kstr(w, "ended_at", db_get(rows, i, 9) ? clock_format(db_get_time(rows, i, 9)).s : NULL);
    jsonw_object_end(w);
    return 0;
}

int invitations_write(struct call *c, const struct invitation_filter *f, struct jsonw *w)
{
    struct db_rows *rows;
    int n, r = read_list(c, f, UUID_NIL, &rows);

    if (r < 0)
        return r;
    n = MIN(db_rows_count(rows), (int)f->limit);
    jsonw_object(w);
    jsonw_key(w, "items");
    jsonw_array(w);
    for (int i = 0; i < n && r == 0; i++)
        r = write_one(c, w, rows, i);
    jsonw_array_end(w);
    jsonw_kstr(w, "next", db_rows_count(rows) > n ? db_get(rows, n - 1, 0) : NULL);
    jsonw_object_end(w);
    return r;
}

static int find_managed(struct call *c, struct uuid id, struct db_rows **ret)
{
    struct invitation_filter f = {.unit = TREE_NONE, .limit = 1};
    int r = read_list(c, &f, id, ret);

    return r == 0 && db_rows_count(*ret) == 0 ? call_not_found(c) : r;
}

int invitation_write(struct call *c, struct uuid id, struct jsonw *w)
{
    struct db_rows *rows;
    int r = find_managed(c, id, &rows);

    return r < 0 ? r : write_one(c, w, rows, 0);
}

int invitation_revoke(struct call *c, struct uuid id)
{
    struct db_rows *rows;
    struct db_args a;
    int r = find_managed(c, id, &rows);

    if (r < 0)
        return r;
    db_args_reset(&a);
    db_arg_int(&a, c->tenant->id);
    db_arg_uuid(&a, id);
    db_arg_time(&a, c->now_us);
    r = db_exec_expect(c->tx, revoke, &a, 1);
    if (r == -ESTALE)
        return call_fail(
            c, 409, "ended", "The invitation was used or taken back already.", "该邀请已使用或已撤销。");
    c->result_status = 204;
    c->result_id = id;
    return r < 0 ? r : call_audit(c, "invitation.revoke", "invitation", id, db_get_uuid(rows, 0, 1), "state");
}

/* ---- sending ---- */

struct sending {
    struct uuid id;
};

/* Not to who withdrew, and not twice in a day, whoever invites: the inviting worker is not told of either. */
static int is_wanted(struct call *c, const char *mac, const char *purpose, bool *ret)
{
    struct db_args a;
    struct db_call call = {.stmt = sent_lately, .args = &a};
    int64_t since;
    int r = suppress_since(c, mac, purpose, &since);

    if (r < 0)
        return r;
    db_args_reset(&a);
    db_arg_int(&a, c->tenant->id);
    db_arg_str(&a, mac);
    db_arg_time(&a, c->now_us - DAY_US);
    r = call_read(c, &call, 1);
    *ret = r == 0 && since == 0 && db_rows_count(call.rows) == 0;
    return r;
}

static const char *params(struct call *c, const char *unit, const struct invitation_token *token)
{
    struct buf b CLEANUP(buf_done) = BUF_INIT;
    struct jsonw w;

    jsonw_init(&w, &b);
    jsonw_object(&w);
    jsonw_key(&w, "unit");
    jsonw_text(&w, text_cut(text_of(unit), 60)); /* gateways take 35 characters or less */
    jsonw_kstr(&w, "code", token->s);
    jsonw_kstr(&w, "tenant", c->tenant->slug);
    jsonw_object_end(&w);
    return arena_dup(c->arena, buf_str(&b));
}

static int hand_over(struct call *c, struct uuid id, const char *phone, const char *unit, int64_t until_us)
{
    struct phone_message m = {.phone = phone, .kind = "invitation", .id = id, .until_us = until_us};
    struct invitation_token token;
    struct sha256 digest;
    struct db_args a;
    int r;

    make_token(&token);
    digest = sha256_of(text_of(token.s));
    db_args_reset(&a);
    db_arg_int(&a, c->tenant->id);
    db_arg_uuid(&a, id);
    db_arg_str(&a, digest_arg(c->arena, &digest));
    r = db_exec_expect(c->tx, set_token, &a, 1);
    m.params = params(c, unit, &token);
    return r < 0 ? r : phone_send(c, &m);
}

static int step(struct call *c, struct job *j, void *arg)
{
    const struct sending *x = arg;
    const char *phone;
    struct db_args a;
    struct db_call call = {.stmt = take_unsent, .args = &a};
    bool wanted = false;
    int r;

    (void)j;
    db_args_reset(&a);
    db_arg_int(&a, c->tenant->id);
    db_arg_uuid(&a, x->id);
    db_arg_time(&a, c->now_us);
    r = call_read(c, &call, 1);
    if (r < 0 || db_rows_count(call.rows) == 0)
        return r;
    r = is_wanted(c, db_get(call.rows, 0, 1), db_get(call.rows, 0, 2), &wanted);
    if (r < 0 || !wanted)
        return r;
    r = phone_open(c, "invitation.phone", x->id, db_get(call.rows, 0, 0), &phone);
    return r < 0 ? r : hand_over(c, x->id, phone, db_get(call.rows, 0, 4), db_get_time(call.rows, 0, 3));
}

static int run(struct job *j)
{
    struct sending x;
    json_t *input = NULL;
    int r = json_parse(text_of(j->input), JSON_LIMITS, &input, NULL);

    if (r == 0)
        r = uuid_parse(text_of(json_str_or(input, "invitation", "")), &x.id);
    json_decref(input);
    if (r < 0)
        return job_fail(j, "input", "The job does not say which invitation.", "任务未指明邀请。");
    return job_step(j, step, &x);
}

int invitation_purge(struct call *c, uint32_t *ret_count)
{
    static const struct db_stmt *const stmts[] = {&purge, &purge_codes};

    *ret_count = 0;
    for (size_t i = 0; i < ARRAY_LEN(stmts); i++) {
        CLEANUP(db_rows_freep) struct db_rows *rows = NULL;
        struct db_args a;
        int r;

        db_args_reset(&a);
        db_arg_int(&a, c->tenant->id);
        db_arg_time(&a, c->now_us);
        r = db_exec(c->tx, *stmts[i], &a, &rows);
        if (r < 0)
            return r;
        *ret_count += (uint32_t)db_rows_affected(rows);
    }
    return 0;
}

void invitation_register(void)
{
    static const struct job_kind kind = {.name = "own.invite",
        .label_zh = "发送登记邀请",
        .label_en = "Send an invitation",
        .as = JOB_AS_SYSTEM,
        .run = run};

    job_kind_register(&kind);
    phone_code_decide(PHONE_INVITATION, invitation_code_wanted);
}
