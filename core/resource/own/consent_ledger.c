/* Notices, given and withdrawn consent. */
#include "resource/own/consent_ledger.h"

#include <errno.h>

#include "access/account.h"
#include "access/core_permissions.h"
#include "base/clock.h"
#include "base/digest.h"
#include "resource/own/suppress.h"
#include "tenant/calendar.h"

#define TITLE_MAX 100
#define TEXT_MAX 20000
#define FILED_MAX 200
#define PURPOSE_MAX 40

#define NOTICE_OF                                                                                            \
    "n.id, n.purpose, n.version, n.title_zh, n.title_en, n.text_zh, n.text_en, n.sha256, n.published_at"
#define IS_CURRENT                                                                                           \
    "NOT EXISTS (SELECT 1 FROM juxin.notice l WHERE l.tenant_id = n.tenant_id AND l.purpose = n.purpose "    \
    "AND l.version > n.version)"

static const struct db_stmt last_version = {"notice.last",
    "SELECT coalesce(max(version), 0) FROM juxin.notice WHERE tenant_id = $1 AND purpose = $2"};
static const struct db_stmt insert_notice = {"notice.insert",
    "INSERT INTO juxin.notice (tenant_id, id, purpose, version, title_zh, title_en, text_zh, text_en, "
    "sha256, is_new_purpose, "
    "published_at, published_by) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)"};
static const struct db_stmt end_old = {"notice.end_old",
    "UPDATE juxin.consent SET ended_at = $3, ended_why = 'purpose', ended_by = $4 WHERE tenant_id = $1 AND "
    "purpose = $2 AND "
    "ended_at IS NULL"};
static const struct db_stmt list_notices = {"notice.list",
    "SELECT " NOTICE_OF
    ", EXISTS (SELECT 1 FROM juxin.consent s WHERE s.tenant_id = n.tenant_id AND s.account_id = $2 AND "
    "s.purpose = n.purpose AND s.ended_at IS NULL) FROM juxin.notice n WHERE n.tenant_id = $1 AND (($3::uuid "
    "IS NULL "
    "AND " IS_CURRENT ") OR n.id = $3) ORDER BY n.purpose LIMIT 200"};
static const struct db_stmt find_notice = {"notice.find",
    "SELECT n.purpose, " IS_CURRENT " FROM juxin.notice n WHERE n.tenant_id = $1 AND n.id = $2"};
static const struct db_stmt insert_consent = {"consent.insert",
    "INSERT INTO juxin.consent (tenant_id, id, account_id, notice_id, purpose, how, filed, given_at, "
    "recorded_by, signed_on) VALUES ($1, $2, "
    "$3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT (tenant_id, account_id, purpose) WHERE ended_at IS NULL DO "
    "NOTHING"};
static const struct db_stmt end_consent = {"consent.end",
    "UPDATE juxin.consent SET ended_at = $4, ended_why = 'withdrawn', ended_by = $2 WHERE tenant_id = $1 AND "
    "account_id = $2 AND id "
    "= $3 AND ended_at IS NULL RETURNING purpose"};
static const struct db_stmt last_withdrawal = {"consent.last_withdrawal",
    "SELECT max(ended_at) FROM juxin.consent WHERE tenant_id = $1 AND account_id = $2 AND purpose = $3 AND "
    "ended_why = 'withdrawn'"};
static const struct db_stmt current_notice = {"notice.current",
    "SELECT n.id FROM juxin.notice n WHERE n.tenant_id = $1 AND n.purpose = $2 AND " IS_CURRENT};
static const struct db_stmt end_all = {"consent.end_all",
    "UPDATE juxin.consent SET ended_at = $3, ended_why = 'closed', ended_by = $4 WHERE tenant_id = $1 AND "
    "account_id = $2 AND "
    "ended_at IS NULL"};
static const struct db_stmt list_consents = {"consent.list",
    "SELECT s.id, s.purpose, s.notice_id, n.version, n.sha256, s.how, s.filed, s.given_at, s.ended_at, "
    "s.ended_why, s.signed_on, s.scan_sha256 IS NOT NULL FROM "
    "juxin.consent s JOIN juxin.notice n ON n.tenant_id = s.tenant_id AND n.id = s.notice_id WHERE "
    "s.tenant_id = $1 AND "
    "s.account_id = $2 ORDER BY s.id DESC LIMIT 500"};

/* Who agrees and who publishes wait for each other: what was found to be current still is when consent to it is committed, and
 * whoever ends consent misses none. */
#define LEDGER "notices"

/* ---- notices ---- */

static void check_text(struct call *c, const char *at, const char *s, size_t max)
{
    size_t n = text_chars(text_of(s));

    if (n == 0 || n > max)
        (void)call_fail_at(c, at, "length", arena_printf(c->arena, "1 to %zu characters.", max),
            arena_printf(c->arena, "1 至 %zu 个字。", max));
}

static bool is_purpose(const char *s)
{
    size_t len = strlen(s);

    return len > 0 && len <= PURPOSE_MAX && s[0] >= 'a' && s[0] <= 'z' &&
           strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789_-") == len;
}

/* What people agreed to, for certain: anybody can compute it from the answer. */
static const char *digest(struct call *c, const struct notice_input *in, int64_t version)
{
    const char *s = arena_printf(
        c->arena, "%s\n%lld\n%s\n%s\n", in->purpose, (long long)version, in->text_zh, in->text_en);
    struct sha256 d = sha256_of(text_of(s));

    return arena_dup(c->arena, sha256_format(&d).s);
}

static int next_version(struct call *c, const char *purpose, int64_t *ret)
{
    struct db_args a;
    struct db_call call = {.stmt = last_version, .args = &a};
    int r = call_lock(c, LEDGER, false);

    db_args_reset(&a);
    db_arg_int(&a, c->tenant->id);
    db_arg_str(&a, purpose);
    if (r == 0)
        r = call_read(c, &call, 1);
    if (r == 0)
        *ret = db_get_int(call.rows, 0, 0) + 1;
    return r;
}

static int store(struct call *c, const struct notice_input *in, int64_t version, struct uuid id)
{
    struct db_args a;
    int r;

    db_args_reset(&a);
    db_arg_int(&a, c->tenant->id);
    db_arg_uuid(&a, id);
    db_arg_str(&a, in->purpose);
    db_arg_int(&a, version);
    db_arg_str(&a, in->title_zh);
    db_arg_str(&a, in->title_en);
    db_arg_str(&a, in->text_zh);
    db_arg_str(&a, in->text_en);
    db_arg_str(&a, digest(c, in, version));
    db_arg_bool(&a, in->is_new_purpose);
    db_arg_time(&a, c->now_us);
    db_arg_uuid_or_null(&a, c->who->account);
    r = db_exec_expect(c->tx, insert_notice, &a, 1);
    if (r < 0 || !in->is_new_purpose)
        return r;
    db_args_reset(&a);
    db_arg_int(&a, c->tenant->id);
    db_arg_str(&a, in->purpose);
    db_arg_time(&a, c->now_us);
    db_arg_uuid_or_null(&a, c->who->account);
    return db_exec(c->tx, end_old, &a, NULL);
}

int notice_publish(struct call *c, const struct notice_input *in, struct uuid *ret_id)
{
    int64_t version;
    int r;

    if (!subject_may(c->who, c->tenant, core_permission(CORE_NOTICE_PUBLISH), 0))
        return call_forbidden(c, core_permission_name(CORE_NOTICE_PUBLISH));
    if (!is_purpose(in->purpose))
        (void)call_fail_at(c, "/purpose", "pattern", "1 to 40 of a-z, 0-9, _ and -, beginning with a letter.",
            "1 至 40 位小写字母、数字、下划线或短横，以字母开头。");
    check_text(c, "/title_zh", in->title_zh, TITLE_MAX);
    check_text(c, "/title_en", in->title_en, TITLE_MAX);
    check_text(c, "/text_zh", in->text_zh, TEXT_MAX);
    check_text(c, "/text_en", in->text_en, TEXT_MAX);
    if (c->fault.status)
        return -EINVAL;
    *ret_id = uuid_new();
    r = next_version(c, in->purpose, &version);
    if (r == 0)
        r = store(c, in, version, *ret_id);
    c->result_status = 201;
    c->result_id = *ret_id;
    return r < 0 ? r : call_audit(c, "notice.publish", "notice", *ret_id, UUID_NIL, in->purpose);
}

static void write_notice(struct jsonw *w, const struct db_rows *rows, int i)
{
    static const char *const names[] = {
        "id", "purpose", NULL, "title_zh", "title_en", "text_zh", "text_en", "sha256"};

    jsonw_object(w);
    for (int k = 0; k < (int)ARRAY_LEN(names); k++)
        if (names[k])
            jsonw_kstr(w, names[k], db_get(rows, i, k));
    jsonw_kint(w, "version", db_get_int(rows, i, 2));
    jsonw_kstr(w, "published_at", clock_format(db_get_time(rows, i, 8)).s);
    jsonw_kbool(w, "agreed", db_get_bool(rows, i, 9));
    jsonw_object_end(w);
}

static int read_notices(struct call *c, struct uuid id, struct db_rows **ret)
{
    struct db_args *a = arena_alloc(c->arena, sizeof(*a));
    struct db_call call = {.stmt = list_notices, .args = a};
    int r;

    db_args_reset(a);
    db_arg_int(a, c->tenant->id);
    db_arg_uuid_or_null(a, c->who->account);
    db_arg_uuid_or_null(a, id);
    r = call_read(c, &call, 1);
    *ret = call.rows;
    return r;
}

int notices_write(struct call *c, struct jsonw *w)
{
    struct db_rows *rows;
    int r = read_notices(c, UUID_NIL, &rows);

    if (r < 0)
        return r;
    jsonw_object(w);
    jsonw_key(w, "items");
    jsonw_array(w);
    for (int i = 0; i < db_rows_count(rows); i++)
        write_notice(w, rows, i);
    jsonw_array_end(w);
    jsonw_object_end(w);
    return 0;
}

int notice_write(struct call *c, struct uuid id, struct jsonw *w)
{
    struct db_rows *rows;
    int r = read_notices(c, id, &rows);

    if (r == 0 && db_rows_count(rows) == 0)
        r = call_not_found(c);
    if (r == 0)
        write_notice(w, rows, 0);
    return r;
}

/* ---- the ledger ---- */

/* *ret_purpose of a notice that is current. */
int notice_purpose(struct call *c, struct uuid id, const char **ret_purpose)
{
    struct db_args a;
    struct db_call call = {.stmt = find_notice, .args = &a};
    int r = call_lock(c, LEDGER, true);

    db_args_reset(&a);
    db_arg_int(&a, c->tenant->id);
    db_arg_uuid(&a, id);
    if (r == 0)
        r = call_read(c, &call, 1);
    if (r < 0)
        return r;
    if (db_rows_count(call.rows) == 0)
        return call_not_found(c);
    if (!db_get_bool(call.rows, 0, 1))
        return call_fail(c, 409, "outdated", "There is a newer version of this notice. Read that one.",
            "该告知书已有新版本，请阅读新版本。");
    *ret_purpose = db_get(call.rows, 0, 0);
    return 0;
}

int notice_current(struct call *c, const char *purpose, struct uuid *ret)
{
    struct db_args a;
    struct db_call call = {.stmt = current_notice, .args = &a};
    int r;

    db_args_reset(&a);
    db_arg_int(&a, c->tenant->id);
    db_arg_str(&a, purpose);
    r = call_read(c, &call, 1);
    *ret = r == 0 && db_rows_count(call.rows) ? db_get_uuid(call.rows, 0, 0) : UUID_NIL;
    return r;
}

/* 0; 1: it is given already. */
static int insert(struct call *c, const struct consent_input *in, const char *purpose, struct uuid id)
{
    struct db_rows *rows CLEANUP(db_rows_freep) = NULL;
    struct db_args a;
    int r;

    db_args_reset(&a);
    db_arg_int(&a, c->tenant->id);
    db_arg_uuid(&a, id);
    db_arg_uuid(&a, in->account);
    db_arg_uuid(&a, in->notice);
    db_arg_str(&a, purpose);
    db_arg_str(&a, in->how);
    db_arg_str(&a, in->paper ? in->paper->filed : "");
    db_arg_time(&a, c->now_us);
    db_arg_uuid_or_null(&a, c->who->account);
    if (in->paper && in->paper->signed_on)
        db_arg_date(&a, in->paper->signed_on);
    else
        db_arg_str(&a, NULL);
    r = db_exec(c->tx, insert_consent, &a, &rows);
    return r < 0 ? r : db_rows_affected(rows) == 0;
}

/* What was signed before somebody withdrew does not undo it. */
static int check_withdrawn(struct call *c, const struct consent_input *in, const char *purpose)
{
    struct db_args a;
    struct db_call call = {.stmt = last_withdrawal, .args = &a};
    int r;

    if (!in->paper)
        return 0;
    db_args_reset(&a);
    db_arg_int(&a, c->tenant->id);
    db_arg_uuid(&a, in->account);
    db_arg_str(&a, purpose);
    r = call_read(c, &call, 1);
    if (r < 0 || !db_get(call.rows, 0, 0))
        return r;
    return (in->paper->signed_on ? in->paper->signed_on : calendar_today(c->now_us)) >=
                   calendar_today(db_get_time(call.rows, 0, 0))
               ? 0
               : call_fail_at(c, "/signed_on", "too_early",
                     "The person has withdrawn since: another paper, and its day.",
                     "本人此后已撤回同意：请提供新签署的同意书及签署日期。");
}

int consent_add(struct call *c, const struct consent_input *in, struct uuid *ret_id)
{
    const char *purpose = NULL;
    int r = notice_purpose(c, in->notice, &purpose);

    if (r == 0 && in->purpose && strcmp(in->purpose, purpose) != 0)
        r = call_not_found(c);
    if (r == 0)
        r = check_withdrawn(c, in, purpose);
    if (r < 0)
        return r;
    *ret_id = uuid_new();
    r = insert(c, in, purpose, *ret_id);
    if (r == 1 && !in->is_again)
        return call_fail(
            c, 409, "agreed", "Consent for this purpose is given already.", "已就此用途表示同意。");
    if (r == 1) {
        *ret_id = UUID_NIL;
        return 0;
    }
    c->result_status = 201;
    c->result_id = *ret_id;
    if (r == 0)
        r = suppress_lift_account(c, in->account, purpose);
    return r < 0 ? r : call_audit(c, "consent.give", "consent", *ret_id, UUID_NIL, purpose);
}

int consent_give(struct call *c, struct uuid notice, struct uuid *ret_id)
{
    struct consent_input in = {.account = c->who->account, .notice = notice, .how = "online"};

    return consent_add(c, &in, ret_id);
}

int consent_paper_check(struct call *c, const struct consent_paper *paper)
{
    check_text(c, "/filed", paper->filed, FILED_MAX);
    if (paper->signed_on > calendar_today(c->now_us))
        (void)call_fail_at(c, "/signed_on", "range", "Not later than today.", "不得晚于今天。");
    return c->fault.status ? -EINVAL : 0;
}

int consent_record(struct call *c, struct uuid account, struct uuid notice, const struct consent_paper *paper,
    struct uuid *ret_id)
{
    struct consent_input in = {.account = account, .notice = notice, .how = "paper", .paper = paper};
    uint32_t unit;
    int r = account_unit(c, account, CORE_CONSENT_RECORD, &unit);

    if (r == 0)
        r = consent_paper_check(c, paper);
    return r < 0 ? r : consent_add(c, &in, ret_id);
}

int consent_withdraw(struct call *c, struct uuid id)
{
    CLEANUP(db_rows_freep) struct db_rows *rows = NULL;
    struct db_args a;
    int r;

    db_args_reset(&a);
    db_arg_int(&a, c->tenant->id);
    db_arg_uuid(&a, c->who->account);
    db_arg_uuid(&a, id);
    db_arg_time(&a, c->now_us);
    r = db_exec(c->tx, end_consent, &a, &rows);
    if (r == 0 && db_rows_count(rows) == 0)
        return call_not_found(c);
    if (r == 0)
        r = suppress_account(c, c->who->account, db_get(rows, 0, 0));
    c->result_status = 204;
    c->result_id = id;
    return r < 0 ? r : call_audit(c, "consent.withdraw", "consent", id, UUID_NIL, NULL);
}

int consent_end_all(struct call *c, struct uuid account)
{
    struct db_args a;

    db_args_reset(&a);
    db_arg_int(&a, c->tenant->id);
    db_arg_uuid(&a, account);
    db_arg_time(&a, c->now_us);
    db_arg_uuid_or_null(&a, c->who->account);
    return db_exec(c->tx, end_all, &a, NULL);
}

int consents_write(struct call *c, struct jsonw *w)
{
    struct db_args *a = arena_alloc(c->arena, sizeof(*a));
    struct db_call call = {.stmt = list_consents, .args = a};
    int r;

    db_args_reset(a);
    db_arg_int(a, c->tenant->id);
    db_arg_uuid(a, c->who->account);
    r = call_read(c, &call, 1);
    if (r < 0)
        return r;
    jsonw_object(w);
    jsonw_key(w, "items");
    jsonw_array(w);
    for (int i = 0; i < db_rows_count(call.rows); i++) {
        jsonw_object(w);
        jsonw_kstr(w, "id", db_get(call.rows, i, 0));
        jsonw_kstr(w, "purpose", db_get(call.rows, i, 1));
        jsonw_kstr(w, "notice", db_get(call.rows, i, 2));
        jsonw_kint(w, "version", db_get_int(call.rows, i, 3));
        jsonw_kstr(w, "sha256", db_get(call.rows, i, 4));
        jsonw_kstr(w, "how", db_get(call.rows, i, 5));
        jsonw_kstr(w, "filed", db_get(call.rows, i, 6));
        jsonw_kstr(w, "given_at", clock_format(db_get_time(call.rows, i, 7)).s);
        jsonw_kstr(
            w, "ended_at", db_get(call.rows, i, 8) ? clock_format(db_get_time(call.rows, i, 8)).s : NULL);
        jsonw_kstr(w, "ended_why", db_get(call.rows, i, 9));
        jsonw_kstr(w, "signed_on", db_get(call.rows, i, 10));
        jsonw_kbool(w, "has_scan", db_get_bool(call.rows, i, 11));
        jsonw_object_end(w);
    }
    jsonw_array_end(w);
    jsonw_object_end(w);
    return 0;
}
