/* What the invited do: they look, prove their number, agree. And who signed a paper. */
#include "resource/own/accept.h"

#include <errno.h>

#include "access/account.h"
#include "access/core_permissions.h"
#include "access/digest_arg.h"
#include "access/member.h"
#include "access/ratelimit.h"
#include "resource/own/suppress.h"
#include "tenant/calendar.h"
#include "tenant/tree.h"

static const struct db_stmt find = {"invitation.find",
    "SELECT id, unit_id, purpose, how, phone_mac FROM juxin.invitation WHERE tenant_id = $1 AND token_hash = "
    "$2 AND state ="
    " 'open' AND expires_at > $3"};
static const struct db_stmt find_by_id = {"invitation.find_id",
    "SELECT phone_mac FROM juxin.invitation WHERE tenant_id = $1 AND id = $2 AND state "
    "= 'open' AND expires_at > $3"};
static const struct db_stmt use = {"invitation.use",
    "UPDATE juxin.invitation SET state = 'used', ended_at = $3, token_hash = NULL, phone_mac = NULL, phone = "
    "NULL"
    " WHERE tenant_id = $1 AND id = $2 AND state = 'open' AND expires_at > $3"};

/* ---- looking ---- */

/* As it was typed: without case, blanks and dashes. */
static const char *normalised(struct arena *a, const char *token)
{
    struct invitation_token t = {""};
    size_t n = 0;

    for (; *token; token++) {
        char ch = *token >= 'a' && *token <= 'z' ? (char)(*token - 32) : *token;

        if (ch == '-' || ch == ' ')
            continue;
        if (n == sizeof(t.s) - 1)
            return "";
        if (n % 5 == 4)
            t.s[n++] = '-';
        t.s[n++] = ch;
    }
    return arena_dup(a, t.s);
}

int invitation_find(struct call *c, const char *token, const char *peer, struct invitation *ret)
{
    static const struct ratelimit_rule rule = {"invitation-peer", 60, 60};
    struct sha256 digest = sha256_of(text_of(normalised(c->arena, token)));
    struct db_args a;
    struct db_call call = {.stmt = find, .args = &a};
    int64_t wait;
    int r;

    db_args_reset(&a);
    db_arg_int(&a, c->tenant->id);
    db_arg_str(&a, digest_arg(c->arena, &digest));
    db_arg_time(&a, c->now_us);
    r = call_read(c, &call, 1);
    if (r == 0)
        r = ratelimit_take(c->db, c->tenant->id, rule, text_of(peer ? peer : ""), &wait);
    if (r == -EDQUOT)
        return session_limited(c, wait);
    if (r < 0)
        return r;
    if (db_rows_count(call.rows) == 0)
        return call_fail(c, 404, "no_invitation", "This invitation is not known, was used, or is over.",
            "邀请不存在、已使用或已过期。");
    *ret = (struct invitation){.id = db_get_uuid(call.rows, 0, 0),
        .unit = db_get_uuid(call.rows, 0, 1),
        .purpose = db_get(call.rows, 0, 2),
        .how = db_get(call.rows, 0, 3),
        .phone_mac = db_get(call.rows, 0, 4)};
    return 0;
}

int invitation_show(struct call *c, const struct invitation *i, struct jsonw *w)
{
    uint32_t unit = tree_find(c->tenant->tree, i->unit);
    struct uuid notice;
    int r = notice_current(c, i->purpose, &notice);

    if (r < 0)
        return r;
    jsonw_object(w);
    jsonw_kstr(w, "tenant_name", c->tenant->name);
    jsonw_kstr(w, "unit_name", unit == TREE_NONE ? NULL : tree_unit(c->tenant->tree, unit).name);
    jsonw_kstr(w, "how", i->how);
    jsonw_key(w, "notice");
    r = notice_write(c, notice, w);
    jsonw_object_end(w);
    return r;
}

int invitation_ask_code(struct call *c, const struct invitation *i, const char *phone, const char *peer,
    struct phone_binding *ret)
{
    struct phone_ask ask = {.purpose = PHONE_INVITATION, .phone = phone, .subject = i->id, .peer = peer};

    return phone_code_ask(c, &ask, ret);
}

/* Only to the number that was invited, where one was. */
static int number_fits(struct call *c, struct uuid invitation, const char *phone, bool *ret)
{
    const char *mac;
    struct db_args a;
    struct db_call call = {.stmt = find_by_id, .args = &a};
    int r;

    *ret = false;
    db_args_reset(&a);
    db_arg_int(&a, c->tenant->id);
    db_arg_uuid(&a, invitation);
    db_arg_time(&a, c->now_us);
    r = call_read(c, &call, 1);
    if (r < 0 || db_rows_count(call.rows) == 0)
        return r;
    if (!db_get(call.rows, 0, 0)) {
        *ret = true;
        return 0;
    }
    r = phone_mac(c, phone, &mac);
    *ret = r == 0 && strcmp(mac, db_get(call.rows, 0, 0)) == 0;
    return r;
}

int invitation_code_wanted(struct call *c, const char *phone, struct uuid subject, bool *ret)
{
    return number_fits(c, subject, phone, ret);
}

/* ---- agreeing ---- */

static int use_invitation(struct call *c, struct uuid id)
{
    struct db_args a;
    int r;

    db_args_reset(&a);
    db_arg_int(&a, c->tenant->id);
    db_arg_uuid(&a, id);
    db_arg_time(&a, c->now_us);
    r = db_exec_expect(c->tx, use, &a, 1);
    return r == -ESTALE
               ? call_fail(c, 404, "no_invitation", "This invitation is not known, was used, or is over.",
                     "邀请不存在、已使用或已过期。")
               : r;
}

static int refuse_number(struct call *c)
{
    return call_fail(c, 409, "phone_unusable", "This number cannot be used here. Ask the district.",
        "该手机号不能用于此项登记，请联系工作人员。");
}

/* The number's account; one is made where there is none. Who it is acts from here on. */
static int settle_account(struct call *c, const struct invitation *i, const struct invitation_answer *in,
    const char *phone, struct uuid *ret)
{
    struct member member = {.display_name = in->display_name, .phone = phone, .unit = i->unit};
    struct uuid any;
    int r = phone_account(c, phone, ret, &any);

    if (r < 0 || !uuid_is_nil(*ret))
        return r;
    if (!uuid_is_nil(any))
        return refuse_number(c);
    r = member_add(c, &member, ret);
    return r == -EEXIST ? refuse_number(c) : r;
}

static int lift(struct call *c, const char *phone, const char *purpose)
{
    const char *mac;
    int r = phone_mac(c, phone, &mac);

    return r < 0 ? r : suppress_lift(c, mac, purpose);
}

static int agree(struct call *c, const struct invitation *i, const struct invitation_answer *in,
    const struct phone_proof *proof, struct session_opened *ret, struct uuid *ret_account)
{
    struct consent_input consent = {
        .notice = in->notice, .how = i->how, .purpose = i->purpose, .is_again = true};
    struct subject *who = arena_alloc(c->arena, sizeof(*who));
    struct uuid id;
    int r = phone_code_use(c, proof);

    if (r == 0)
        r = use_invitation(c, i->id);
    if (r == 0)
        r = settle_account(c, i, in, proof->phone, ret_account);
    if (r < 0)
        return r;
    consent.account = *ret_account;
    *who = (struct subject){.kind = SUBJECT_ACCOUNT, .account = *ret_account};
    c->who = who;
    r = consent_add(c, &consent, &id);
    if (r == 0)
        r = lift(c, proof->phone, i->purpose);
    if (r == 0)
        r = call_audit(c, "invitation.accept", "invitation", i->id, i->unit, i->purpose);
    if (r == 0 && !phone_is_officer(c->tenant, *ret_account))
        r = session_open_proved(c, *ret_account, in->old_token, in->user_agent, ret);
    return r;
}

int invitation_accept(struct call *c, const struct invitation *i, const struct invitation_answer *in,
    struct session_opened *ret, struct uuid *ret_account)
{
    const struct subject *before = c->who;
    struct phone_proof proof;
    bool fits = false;
    int r = member_check_name(c, in->display_name);

    *ret = (struct session_opened){.token = ""};
    if (r == 0)
        r = phone_code_check(c, PHONE_INVITATION, &in->code, &proof);
    if (r == 0 && uuid_eq(proof.subject, i->id))
        r = number_fits(c, i->id, proof.phone, &fits);
    if (r == 0 && !fits)
        r = refuse_number(c);
    if (r == 0)
        r = call_begin(c);
    if (r == 0)
        r = agree(c, i, in, &proof, ret, ret_account);
    c->who = before;
    return r;
}

/* ---- on paper ---- */

/* Whoever withdrew signs again, later than that. */
static int number_is_free(struct call *c, const struct registration *in, const char *purpose)
{
    int32_t day = in->paper.signed_on ? in->paper.signed_on : calendar_today(c->now_us);
    const char *mac;
    int64_t since;
    int r = phone_mac(c, in->phone, &mac);

    if (r == 0)
        r = suppress_since(c, mac, purpose, &since);
    if (r == 0 && since && day < calendar_today(since))
        r = refuse_number(c);
    return r;
}

/* Of somebody who is here already: only for who records consent where that account is. */
static int known_account(struct call *c, const char *phone, struct uuid *ret)
{
    struct uuid any;
    uint32_t unit;
    int r = phone_account(c, phone, ret, &any);

    if (r < 0 || uuid_is_nil(any))
        return r;
    return uuid_is_nil(*ret) || account_unit(c, *ret, CORE_CONSENT_RECORD, &unit) < 0 ? refuse_number(c) : 0;
}

static int paper_account(struct call *c, const struct registration *in, const char *purpose, struct uuid *ret)
{
    struct member member = {.display_name = in->display_name,
        .phone = in->phone,
        .unit = tree_unit(c->tenant->tree, in->unit).id};
    int r = 0;

    *ret = UUID_NIL;
    if (in->phone)
        r = number_is_free(c, in, purpose);
    if (r == 0 && in->phone)
        r = known_account(c, in->phone, ret);
    if (r == 0 && uuid_is_nil(*ret))
        r = member_add(c, &member, ret);
    return r == -EEXIST ? refuse_number(c) : r;
}

int registration_record(
    struct call *c, const struct registration *in, struct uuid *ret_account, struct uuid *ret_consent)
{
    struct consent_input consent = {.notice = in->notice, .how = "paper", .paper = &in->paper};
    const char *purpose;
    int r = member_check_name(c, in->display_name);

    if (!subject_may(c->who, c->tenant, core_permission(CORE_CONSENT_RECORD), in->unit))
        return call_forbidden(c, core_permission_name(CORE_CONSENT_RECORD));
    if (r == 0)
        r = consent_paper_check(c, &in->paper);
    if (r == 0)
        r = notice_purpose(c, in->notice, &purpose);
    if (r == 0)
        r = paper_account(c, in, purpose, ret_account);
    consent.account = *ret_account;
    if (r == 0)
        r = consent_add(c, &consent, ret_consent);
    if (r == 0 && in->phone)
        r = lift(c, in->phone, purpose);
    c->result_status = 201;
    c->result_id = *ret_account;
    return r;
}
