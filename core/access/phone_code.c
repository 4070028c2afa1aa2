/* Codes: asking, sending, checking. */
#include "access/phone_code.h"

#include <errno.h>

#include "access/access.h"
#include "access/digest_arg.h"
#include "access/permission.h"
#include "access/ratelimit.h"
#include "base/json.h"
#include "base/jsonw.h"

#define KIND "phone.code"
#define MINUTE_US (60ll * 1000000)

static const char *const purposes[PHONE_PURPOSES] = {"sign_in", "invitation", "own_data", "number"};
static phone_wanted_fn *deciders[PHONE_PURPOSES];

static const struct db_stmt insert = {"phone_code.insert",
    "INSERT INTO juxin.phone_code (tenant_id, id, purpose, binding_hash, subject_id, phone, code, code_mac, "
    "tries,"
    " created_at, expires_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 0, $9, $10)"};
static const struct db_stmt count_try = {"phone_code.try",
    "UPDATE juxin.phone_code SET tries = tries + 1 WHERE tenant_id = $1 AND binding_hash = $2 AND purpose = "
    "$3"
    " AND used_at IS NULL AND expires_at > $4 AND tries < $5::int RETURNING id, subject_id, phone, code_mac"};
static const struct db_stmt use = {"phone_code.use",
    "UPDATE juxin.phone_code SET used_at = $3 WHERE tenant_id = $1 AND id = $2 AND used_at IS NULL"};
static const struct db_stmt take = {"phone_code.take",
    "SELECT purpose, subject_id, phone, code, expires_at FROM juxin.phone_code WHERE tenant_id = $1 AND id = "
    "$2 AND code IS NOT NULL"
    " AND used_at IS NULL AND expires_at > $3 FOR UPDATE"};
static const struct db_stmt sent = {
    "phone_code.sent", "UPDATE juxin.phone_code SET code = NULL WHERE tenant_id = $1 AND id = $2"};
static const struct db_stmt by_phone = {"phone_code.account",
    "SELECT id, is_active FROM juxin.account WHERE tenant_id = $1 AND phone = $2 AND kind = 'person'"};

void phone_code_decide(enum phone_purpose purpose, phone_wanted_fn *wanted)
{
    deciders[purpose] = wanted;
}

static void id_args(struct db_args *a, const struct call *c, struct uuid id)
{
    db_args_reset(a);
    db_arg_int(a, c->tenant->id);
    db_arg_uuid(a, id);
}

/* ---- asking ---- */

/* A number, an address, a district: the last one's delay stays short, so that nobody keeps everybody out. */
static const struct ratelimit_rule phone_rule = {"sms-phone", 3, 3600}, peer_rule = {"sms-peer", 60, 300},
                                   tenant_rule = {"sms-tenant", 300, 1};

static int take_turn(struct call *c, const char *mac, const char *peer)
{
    int64_t wait = 0;
    int r = ratelimit_take(c->db, c->tenant->id, peer_rule, text_of(peer ? peer : ""), &wait);

    if (r == 0)
        r = ratelimit_take(c->db, c->tenant->id, phone_rule, text_of(mac), &wait);
    if (r == 0)
        r = ratelimit_take(c->db, c->tenant->id, tenant_rule, TEXT(""), &wait);
    return r == -EDQUOT ? session_limited(c, wait) : r;
}

/* Even over all of them: what does not divide evenly is thrown again. */
static void make_code(char out[PHONE_CODE_DIGITS + 1])
{
    uint32_t n;

    do
        random_bytes(&n, sizeof(n));
    while (n >= 4294000000u);
    snprintf(out, PHONE_CODE_DIGITS + 1, "%06u", n % 1000000u);
}

/* Under the tenant's secret: what stands in the database alone does not lead to the code. */
static int code_mac(struct call *c, struct uuid id, const char *code, const char **ret)
{
    return phone_mac(c, arena_printf(c->arena, "code|%s|%s", uuid_format(id).s, code), ret);
}

static int store(struct call *c, struct db_tx *tx, const struct phone_ask *in, struct uuid id,
    const char *phone, const char *code, const char *mac, const struct phone_binding *binding)
{
    struct sha256 digest = sha256_of(text_of(binding->s));
    struct job_input job = {
        .kind = KIND, .json = arena_printf(c->arena, "{\"code\":\"%s\"}", uuid_format(id).s)};
    struct db_args a;
    int r;

    id_args(&a, c, id);
    db_arg_str(&a, purposes[in->purpose]);
    db_arg_str(&a, digest_arg(c->arena, &digest));
    db_arg_uuid_or_null(&a, in->subject);
    db_arg_str(&a, phone);
    db_arg_str(&a, code);
    db_arg_str(&a, mac);
    db_arg_time(&a, c->now_us);
    db_arg_time(&a, c->now_us + PHONE_CODE_MINUTES * MINUTE_US);
    r = db_exec_expect(tx, insert, &a, 1);
    return r < 0 ? r : job_add_unasked(tx, &job, c->now_us);
}

int phone_code_ask(struct call *c, const struct phone_ask *in, struct phone_binding *ret)
{
    const char *mac, *phone, *code, *number_mac;
    char digits[PHONE_CODE_DIGITS + 1];
    struct uuid id = uuid_new();
    struct db_tx *tx;
    int r = phone_mac(c, in->phone, &number_mac);

    if (r == 0)
        r = take_turn(c, number_mac, in->peer);
    if (r < 0)
        return r;
    token_random(ret->s);
    make_code(digits);
    r = phone_seal(c, "phone_code.phone", id, in->phone, &phone);
    if (r == 0)
        r = phone_seal(c, "phone_code.code", id, digits, &code);
    if (r == 0)
        r = code_mac(c, id, digits, &mac);
    explicit_bzero(digits, sizeof(digits));
    if (r == 0)
        r = db_begin(c->db, c->tenant->id, DB_WRITE, NULL, &tx, NULL);
    if (r < 0)
        return r;
    r = store(c, tx, in, id, phone, code, mac, ret);
    if (r == 0)
        return db_commit(tx);
    db_rollback(tx);
    return r;
}

/* ---- sending ---- */

static const char *params(struct call *c, const char *code)
{
    struct buf b CLEANUP(buf_done) = BUF_INIT;
    struct jsonw w;

    jsonw_init(&w, &b);
    jsonw_object(&w);
    jsonw_kstr(&w, "code", code);
    jsonw_kstr(&w, "minutes", arena_printf(c->arena, "%d", PHONE_CODE_MINUTES));
    jsonw_object_end(&w);
    return arena_dup(c->arena, buf_str(&b));
}

static int purpose_of(const char *name)
{
    for (int i = 0; i < PHONE_PURPOSES; i++)
        if (strcmp(purposes[i], name) == 0)
            return i;
    return -1;
}

struct sending {
    struct uuid id, subject;
    int purpose;
    const char *phone, *code;
    int64_t until_us;
};

/* Nothing is found where it was sent, used, or is over. */
static int find_unsent(struct call *c, struct sending *x, bool *ret_found)
{
    struct db_args a;
    struct db_call call = {.stmt = take, .args = &a};
    int r;

    id_args(&a, c, x->id);
    db_arg_time(&a, c->now_us);
    r = call_read(c, &call, 1);
    *ret_found = r == 0 && db_rows_count(call.rows) > 0;
    if (!*ret_found)
        return r;
    x->purpose = purpose_of(db_get(call.rows, 0, 0));
    x->subject = db_get_uuid(call.rows, 0, 1);
    x->until_us = db_get_time(call.rows, 0, 4);
    r = phone_open(c, "phone_code.phone", x->id, db_get(call.rows, 0, 2), &x->phone);
    return r < 0 ? r : phone_open(c, "phone_code.code", x->id, db_get(call.rows, 0, 3), &x->code);
}

/* The code leaves this row in the unit of work that hands it over: it is sent once. */
static int step(struct call *c, struct job *j, void *arg)
{
    struct sending *x = arg;
    struct phone_message m = {.kind = "code", .id = x->id};
    bool found, wanted = false;
    struct db_args a;
    int r = find_unsent(c, x, &found);

    (void)j;
    if (r < 0 || !found)
        return r;
    if (x->purpose >= 0 && deciders[x->purpose])
        r = deciders[x->purpose](c, x->phone, x->subject, &wanted);
    id_args(&a, c, x->id);
    if (r == 0)
        r = db_exec_expect(c->tx, sent, &a, 1);
    if (r < 0 || !wanted)
        return r;
    m.phone = x->phone;
    m.params = params(c, x->code);
    m.until_us = x->until_us;
    return phone_send(c, &m);
}

static int run(struct job *j)
{
    struct sending x = {.purpose = -1};
    json_t *input = NULL;
    int r = json_parse(text_of(j->input), JSON_LIMITS, &input, NULL);

    if (r == 0)
        r = uuid_parse(text_of(json_str_or(input, "code", "")), &x.id);
    json_decref(input);
    if (r < 0)
        return job_fail(j, "input", "The job does not say which code.", "任务未指明验证码。");
    return job_step(j, step, &x);
}

static int sign_in_wanted(struct call *c, const char *phone, struct uuid subject, bool *ret)
{
    struct uuid account;
    int r = phone_account(c, phone, &account, NULL);

    (void)subject;
    *ret = r == 0 && !uuid_is_nil(account) && !phone_is_officer(c->tenant, account);
    return r;
}

/* The number of somebody else's account is not taken over. */
static int number_wanted(struct call *c, const char *phone, struct uuid subject, bool *ret)
{
    struct uuid any;
    int r = phone_account(c, phone, NULL, &any);

    *ret = r == 0 && (uuid_is_nil(any) || uuid_eq(any, subject));
    return r;
}

void phone_code_register(void)
{
    static const struct job_kind kind = {.name = "phone.code",
        .label_zh = "发送短信验证码",
        .label_en = "Send a code to a phone",
        .as = JOB_AS_SYSTEM,
        .run = run};

    job_kind_register(&kind);
    phone_code_decide(PHONE_SIGN_IN, sign_in_wanted);
    phone_code_decide(PHONE_NUMBER, number_wanted);
}

/* ---- checking ---- */

static int wrong(struct call *c)
{
    return call_fail_at(c, "/code", "wrong_code",
        "The code is wrong, too old, or for another browser. Ask for a new one after five tries.",
        "验证码错误、已过期或不是在本浏览器获取；错误五次后请重新获取。");
}

static int count_and_find(
    struct call *c, enum phone_purpose purpose, struct text binding, struct db_rows **ret)
{
    struct sha256 digest = sha256_of(binding);
    struct db_args a;
    struct db_tx *tx;
    int r = db_begin(c->db, c->tenant->id, DB_WRITE, NULL, &tx, NULL);

    if (r < 0)
        return r;
    db_args_reset(&a);
    db_arg_int(&a, c->tenant->id);
    db_arg_str(&a, digest_arg(c->arena, &digest));
    db_arg_str(&a, purposes[purpose]);
    db_arg_time(&a, c->now_us);
    db_arg_int(&a, PHONE_CODE_TRIES);
    r = db_exec(tx, count_try, &a, ret);
    if (r == 0)
        return db_commit(tx);
    db_rollback(tx);
    return r;
}

int phone_code_check(
    struct call *c, enum phone_purpose purpose, const struct phone_answer *in, struct phone_proof *ret)
{
    CLEANUP(db_rows_freep) struct db_rows *rows = NULL;
    const char *mac, *want;
    int r = count_and_find(c, purpose, in->binding, &rows);

    if (r < 0)
        return r;
    if (db_rows_count(rows) == 0)
        return wrong(c);
    *ret = (struct phone_proof){
        .id = db_get_uuid(rows, 0, 0), .subject = db_get_uuid(rows, 0, 1), .peer = in->peer};
    want = db_get(rows, 0, 3);
    r = code_mac(c, ret->id, in->code, &mac);
    if (r < 0)
        return r;
    if (strlen(want) != strlen(mac) || !secret_eq(want, mac, strlen(mac)))
        return wrong(c);
    return phone_open(c, "phone_code.phone", ret->id, db_get(rows, 0, 2), &ret->phone);
}

int phone_code_use(struct call *c, const struct phone_proof *proof)
{
    const char *mac;
    struct db_args a;
    int r = phone_mac(c, proof->phone, &mac);

    if (r < 0)
        return r;
    id_args(&a, c, proof->id);
    db_arg_time(&a, c->now_us);
    r = db_exec_expect(c->tx, use, &a, 1);
    if (r == -ESTALE)
        return wrong(c);
    if (r == 0)
        r = ratelimit_forget(c->tx, phone_rule.kind, text_of(mac));
    return r < 0 ? r : ratelimit_forget(c->tx, peer_rule.kind, text_of(proof->peer ? proof->peer : ""));
}

/* ---- whose ---- */

/* What anybody may hold: to see units, and what does not read others' records. */
static bool is_duty(uint32_t permission)
{
    const char *name = permission_info(permission)->name, *end = strrchr(name, '.');

    if (text_has_prefix(text_of(name), "core."))
        return strcmp(name, "core.unit.read") != 0;
    return end && (strcmp(end, ".read") == 0 || strcmp(end, ".unmask") == 0 || strcmp(end, ".export") == 0);
}

bool phone_is_officer(const struct tenant *t, struct uuid account)
{
    const struct subject *who = access_subject(t, account);

    if (who->department_count)
        return true;
    for (uint32_t p = 0; p < permission_count(); p++) {
        if (!is_duty(p))
            continue;
        for (uint32_t g = 0; g < who->grant_count; g++)
            if (subject_grant_has(&who->grants[g], p))
                return true;
    }
    return false;
}

int phone_account(struct call *c, const char *phone, struct uuid *ret, struct uuid *ret_any)
{
    struct db_args a;
    struct db_call call = {.stmt = by_phone, .args = &a};
    bool found;
    int r;

    db_args_reset(&a);
    db_arg_int(&a, c->tenant->id);
    db_arg_str(&a, phone);
    r = call_read(c, &call, 1);
    if (r < 0)
        return r;
    found = db_rows_count(call.rows) > 0;
    if (ret)
        *ret = found && db_get_bool(call.rows, 0, 1) ? db_get_uuid(call.rows, 0, 0) : UUID_NIL;
    if (ret_any)
        *ret_any = found ? db_get_uuid(call.rows, 0, 0) : UUID_NIL;
    return 0;
}

int session_open_by_code(struct call *c, const struct phone_answer *in, struct text old_token,
    const char *user_agent, struct session_opened *ret)
{
    struct phone_proof proof;
    struct uuid account;
    int r = phone_code_check(c, PHONE_SIGN_IN, in, &proof);

    if (r == 0)
        r = phone_account(c, proof.phone, &account, NULL);
    if (r == 0 && (uuid_is_nil(account) || phone_is_officer(c->tenant, account)))
        r = wrong(c); /* it has changed since the code was sent */
    if (r == 0)
        r = call_begin(c);
    if (r == 0)
        r = phone_code_use(c, &proof);
    if (r == 0)
        r = session_open_proved(c, account, old_token, user_agent, ret);
    if (r == -EACCES)
        r = wrong(c);
    return r < 0 ? r : call_commit(c);
}
