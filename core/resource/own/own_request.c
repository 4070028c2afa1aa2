/* Requests about own data: asked, listed, withdrawn. Deciding them is own_decide.c. */
#include "resource/own/own_request.h"

#include <errno.h>

#include "access/account.h"
#include "access/core_permissions.h"
#include "access/notice.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "db/pgarray.h"
#include "resource/own/own.h"
#include "resource/own/own_row.h"
#include "resource/record/change.h"
#include "resource/record/gate.h"
#include "resource/record/take.h"
#include "tenant/calendar.h"
#include "tenant/tree.h"

#define OPEN_MAX 50

static const struct db_stmt count_open = {"own_request.count",
    "SELECT count(*), count(*) FILTER (WHERE what = $3 AND record_id IS NOT DISTINCT FROM $4::uuid) FROM "
    "juxin.own_request "
    "WHERE tenant_id = $1 AND account_id = $2 AND state = 'open'"};
static const struct db_stmt insert = {"own_request.insert",
    "INSERT INTO juxin.own_request (tenant_id, id, account_id, what, resource, record_id, unit_id, fields, "
    "changes, reason, "
    "due_on, created_at, recorded_by, filed, signed_on) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, "
    "$11, $12, $13, "
    "$14, $15)"};
static const struct db_stmt cancel = {"own_request.cancel",
    "UPDATE juxin.own_request SET state = 'cancelled', changes = NULL, decided_at = $4, decided_by = $3 "
    "WHERE tenant_id = $1 "
    "AND id = $2 AND account_id = $3 AND state = 'open'"};
static const struct db_stmt unit_of_account = {
    "own_request.unit", "SELECT unit_id FROM juxin.account WHERE tenant_id = $1 AND id = $2"};
static const struct db_stmt list_mine = {"own_request.mine",
    "SELECT " OWN_ROW_COLUMNS OWN_ROW_FROM " WHERE q.tenant_id = $1 AND q.account_id = $2" OWN_ROW_FILTER};
static const struct db_stmt list_decidable = {"own_request.decidable",
    "SELECT " OWN_ROW_COLUMNS OWN_ROW_FROM
    " WHERE q.tenant_id = $1 AND (q.unit_id = ANY($2::uuid[]) OR q.recorded_by = $8)" OWN_ROW_FILTER};

/* ---- asking ---- */

struct asked {
    const char *what;
    struct uuid account;               /* whose */
    const struct consent_paper *paper; /* recorded by the subject; NULL: asked by the subject */
    const struct resource *res;        /* NULL: all */
    struct uuid record, unit;
    const char *fields, *changes, *reason;
};

static int check_reason(struct call *c, const char *reason)
{
    if (reason && text_chars(text_of(reason)) > OWN_REASON_MAX)
        return call_fail_at(c, "/reason", "too_long", "At most 500 characters.", "不超过 500 个字。");
    return 0;
}

/* As many as anybody needs; the same one only once. */
static int check_open(struct call *c, const struct asked *in)
{
    struct db_args a;
    struct db_call call = {.stmt = count_open, .args = &a};
    int r;

    db_args_reset(&a);
    db_arg_int(&a, c->tenant->id);
    db_arg_uuid(&a, in->account);
    db_arg_str(&a, in->what);
    db_arg_uuid_or_null(&a, in->record);
    r = call_read(c, &call, 1);
    if (r < 0)
        return r;
    if (strcmp(in->what, "correct") != 0 && db_get_int(call.rows, 0, 1) > 0)
        return call_fail(c, 409, "request_open", "This was asked for already; it is not decided yet.",
            "已提出相同请求，尚未办结。");
    if (db_get_int(call.rows, 0, 0) >= OPEN_MAX)
        return call_fail(c, 409, "requests_open", "Fifty requests of this person are not decided yet.",
            "该人员已有五十项请求尚未办结。");
    return 0;
}

static void paper_args(struct db_args *a, const struct call *c, const struct consent_paper *paper)
{
    db_arg_uuid_or_null(a, paper ? c->who->account : UUID_NIL);
    db_arg_str(a, paper ? paper->filed : "");
    if (paper && paper->signed_on)
        db_arg_date(a, paper->signed_on);
    else
        db_arg_str(a, NULL);
}

static int add(struct call *c, const struct asked *in, struct uuid *ret_id)
{
    int32_t today = calendar_today(c->now_us);
    struct uuid id = uuid_new();
    struct db_args a;
    int r = check_open(c, in);

    if (r < 0)
        return r;
    db_args_reset(&a);
    db_arg_int(&a, c->tenant->id);
    db_arg_uuid(&a, id);
    db_arg_uuid(&a, in->account);
    db_arg_str(&a, in->what);
    db_arg_str(&a, in->res ? in->res->full_name : NULL);
    db_arg_uuid_or_null(&a, in->record);
    db_arg_uuid(&a, in->unit);
    db_arg_str(&a, in->fields ? in->fields : "");
    db_arg_str(&a, in->changes);
    db_arg_str(&a, in->reason ? in->reason : "");
    db_arg_date(&a, calendar_add(tenant_calendar(c->tenant), today, OWN_WORKING_DAYS));
    db_arg_time(&a, c->now_us);
    paper_args(&a, c, in->paper);
    r = db_exec_expect(c->tx, insert, &a, 1);
    if (r == 0)
        r = call_audit(
            c, arena_printf(c->arena, "own_request.%s", in->what), "own_request", id, in->unit, in->fields);
    *ret_id = id;
    return r;
}

/* Who decides about an account: at its unit, or at the root. */
static int account_home(struct call *c, struct uuid account, struct uuid *ret)
{
    struct db_args a;
    struct db_call call = {.stmt = unit_of_account, .args = &a};
    int r;

    db_args_reset(&a);
    db_arg_int(&a, c->tenant->id);
    db_arg_uuid(&a, account);
    r = call_read(c, &call, 1);
    if (r < 0)
        return r;
    *ret = db_rows_count(call.rows) ? db_get_uuid(call.rows, 0, 0) : UUID_NIL;
    if (uuid_is_nil(*ret))
        *ret = tree_unit(c->tenant->tree, 0).id;
    return 0;
}

static int add_deletion(struct call *c, struct asked *in, struct uuid *ret_id)
{
    struct record *rec;
    int r = in->res ? own_find(c, in->res, in->account, in->record, false, &rec)
                    : account_home(c, in->account, &in->unit);

    if (r == 0 && in->res)
        in->unit = rec->unit_id;
    return r < 0 ? r : add(c, in, ret_id);
}

int own_request_add(
    struct call *c, const struct resource *res, struct uuid record, const char *reason, struct uuid *ret_id)
{
    struct asked in = {.what = res ? "delete" : "close",
        .account = c->who->account,
        .res = res,
        .record = record,
        .reason = reason};
    int r = check_reason(c, reason);

    if (r == 0 && c->who->kind != SUBJECT_ACCOUNT)
        r = call_not_found(c);
    if (r == 0)
        r = add_deletion(c, &in, ret_id);
    c->result_status = 201;
    c->result_id = *ret_id;
    return r;
}

int own_request_cancel(struct call *c, struct uuid id)
{
    struct db_args a;
    int r;

    db_args_reset(&a);
    db_arg_int(&a, c->tenant->id);
    db_arg_uuid(&a, id);
    db_arg_uuid(&a, c->who->account);
    db_arg_time(&a, c->now_us);
    r = db_exec_expect(c->tx, cancel, &a, 1);
    if (r == -ESTALE)
        return call_not_found(c);
    c->result_status = 204;
    c->result_id = id;
    return r < 0 ? r : call_audit(c, "own_request.cancel", "own_request", id, UUID_NIL, NULL);
}

/* ---- correcting ---- */

/* What is wrong with a value stands in the body below "changes". */
static void move_faults(struct call *c)
{
    for (struct call_error *e = c->fault.errors; e; e = e->next)
        e->pointer = arena_printf(c->arena, "/changes%s", e->pointer);
}

/* Checks all of it, then leaves in the record what may be done directly and puts the rest into *ret_asked. is_all_asked: all of it goes
 * there, also what the record says already: who records it for somebody may not be one to learn that. */
static int sort_out(struct call *c, struct record *rec, json_t *changes, bool is_all_asked, json_t *ret_asked)
{
    const char *name;
    json_t *v;

    take_values(c, rec, changes, FROM_UPDATE, NULL, NULL);
    take_require(c, rec, NULL);
    json_object_foreach(changes, name, v)
    {
        const struct field *f = resource_field(rec->res, text_of(name));

        if (f && f->correction == CORRECTION_NO)
            (void)call_fail_at(c, arena_printf(c->arena, "/%s", name), "not_correctable",
                "This is not corrected on request.", "此项不可申请更正。");
    }
    move_faults(c);
    if (c->fault.status)
        return -EINVAL;
    json_object_foreach(changes, name, v)
    {
        const struct field *f = resource_field(rec->res, text_of(name));

        if (!is_all_asked && (f->correction != CORRECTION_REQUEST || !record_is_changed(rec, f)))
            continue;
        if (json_object_set(ret_asked, name, v) < 0)
            give_up("out of memory");
        rec->values[f->index] = rec->old[f->index];
    }
    return 0;
}

static const char *member_names(struct arena *a, json_t *object)
{
    const char *names = "", *name;
    json_t *v;

    json_object_foreach(object, name, v) names = arena_printf(a, "%s%s%s", names, *names ? "," : "", name);
    return names;
}

static int ask(
    struct call *c, const struct record *rec, json_t *asked, const struct asked *by, struct uuid *ret)
{
    char *text = json_dumps(asked, JSON_COMPACT);
    struct asked in = {.what = "correct",
        .account = by->account,
        .paper = by->paper,
        .res = rec->res,
        .record = rec->id,
        .unit = rec->unit_id,
        .fields = member_names(c->arena, asked),
        .changes = arena_dup(c->arena, text),
        .reason = by->reason};

    free(text);
    return add(c, &in, ret);
}

/* At once only where others' changes are taken too: the plugin runs there, so that its filters see it, and the record is open. */
static int store(struct call *c, struct record *rec)
{
    int r = gate_require(c, rec->res->plugin, rec->unit);

    if (r == 0 && rec->res->states[rec->state].is_final)
        r = call_fail(c, 409, "final", "The record is closed; it cannot be changed any more.",
            "记录已办结，不能再修改。");
    return r < 0 ? r : record_store_update(c, rec);
}

static int correct(struct call *c, struct record *rec, json_t *changes, json_t *asked, const char *reason,
    struct own_corrected *ret)
{
    int r = sort_out(c, rec, changes, false, asked);

    if (r < 0)
        return r;
    ret->applied = record_changed_names(c->arena, rec);
    if (*ret->applied)
        r = store(c, rec);
    if (r == 0 && json_object_size(asked) > 0)
        r = ask(c, rec, asked, &(struct asked){.account = c->who->account, .reason = reason}, &ret->request);
    c->result_status = 200;
    c->result_id = rec->id;
    c->result_version = rec->version;
    return r;
}

int own_correct(struct call *c, const struct resource *res, struct uuid record, json_t *changes,
    const char *reason, struct own_corrected *ret)
{
    json_t *asked;
    struct record *rec;
    int r = check_reason(c, reason);

    *ret = (struct own_corrected){.applied = ""};
    if (r == 0)
        r = own_find(c, res, c->who->account, record, true, &rec);
    if (r < 0)
        return r;
    asked = json_object();
    r = asked ? correct(c, rec, changes, asked, reason, ret) : -ENOMEM;
    json_decref(asked);
    return r;
}

/* ---- on paper ---- */

static int tell_person(struct call *c, const struct own_on_behalf *in)
{
    struct notice n = {.kind = NOTICE_RECORDED, .unit = tree_unit(c->tenant->tree, 0).id, .params = "{}"};

    return notice_add(c, &n, &in->account, 1);
}

static int record_correction(
    struct call *c, const struct own_on_behalf *in, const struct asked *by, struct uuid *ret)
{
    json_t *asked;
    struct record *rec;
    int r = own_find(c, in->res, in->account, in->record, true, &rec);

    if (r < 0)
        return r;
    asked = json_object();
    r = asked ? sort_out(c, rec, in->changes, true, asked) : -ENOMEM;
    if (r == 0)
        r = ask(c, rec, asked, by, ret);
    json_decref(asked);
    return r;
}

int own_request_record(struct call *c, const struct own_on_behalf *in, struct uuid *ret_id)
{
    struct asked by = {.what = in->res ? "delete" : "close",
        .account = in->account,
        .paper = &in->paper,
        .res = in->res,
        .record = in->record,
        .reason = in->reason};
    uint32_t unit;
    int r = account_unit(c, in->account, CORE_OWN_RECORD, &unit);

    if (r == 0 && c->who->kind != SUBJECT_ACCOUNT)
        r = call_not_found(c);
    if (r == 0)
        r = check_reason(c, in->reason);
    if (r == 0)
        r = consent_paper_check(c, &in->paper);
    if (r == 0)
        r = in->changes ? record_correction(c, in, &by, ret_id) : add_deletion(c, &by, ret_id);
    if (r == 0)
        r = tell_person(c, in);
    c->result_status = 201;
    c->result_id = *ret_id;
    return r;
}

/* ---- listing ---- */

static const char *decidable_units(struct call *c)
{
    const struct tree *t = c->tenant->tree;
    struct pgarray units = PGARRAY_INIT;
    const char *s;

    for (uint32_t u = 0; u < tree_count(t); u++)
        if (subject_may(c->who, c->tenant, core_permission(CORE_OWN_DECIDE), u))
            pgarray_uuid(&units, tree_unit(t, u).id);
    s = arena_dup(c->arena, pgarray_end(&units));
    pgarray_done(&units);
    return s;
}

static int read_list(struct call *c, const struct own_filter *f, struct uuid id, struct db_rows **ret)
{
    struct db_args *a = arena_alloc(c->arena, sizeof(*a));
    struct db_call call = {.stmt = f->is_mine ? list_mine : list_decidable, .args = a};
    int r;

    db_args_reset(a);
    db_arg_int(a, c->tenant->id);
    if (f->is_mine)
        db_arg_uuid(a, c->who->account);
    else
        db_arg_str(a, decidable_units(c));
    db_arg_str(a, f->state);
    if (f->is_overdue)
        db_arg_date(a, calendar_today(c->now_us));
    else
        db_arg_str(a, NULL);
    db_arg_uuid_or_null(a, f->before);
    db_arg_uuid_or_null(a, id);
    db_arg_int(a, f->limit + 1);
    if (!f->is_mine)
        db_arg_uuid_or_null(a, c->who->account);
    r = call_read(c, &call, 1);
    *ret = call.rows;
    return r;
}

int own_requests_write(struct call *c, const struct own_filter *f, struct jsonw *w)
{
    struct db_rows *rows;
    int n, r = read_list(c, f, UUID_NIL, &rows);

    if (r < 0)
        return r;
    n = MIN(db_rows_count(rows), (int)f->limit);
    jsonw_object(w);
    jsonw_key(w, "items");
    jsonw_array(w);
    for (int i = 0; i < n; i++)
        own_row_write(c, w, rows, i);
    jsonw_array_end(w);
    jsonw_kstr(w, "next", db_rows_count(rows) > n ? db_get(rows, n - 1, 0) : NULL);
    jsonw_object_end(w);
    return 0;
}

int own_request_write(struct call *c, struct uuid id, struct jsonw *w)
{
    struct own_filter f = {.is_mine = true, .limit = 1};
    struct db_rows *rows;
    int r = read_list(c, &f, id, &rows);

    f.is_mine = false;
    if (r == 0 && db_rows_count(rows) == 0)
        r = read_list(c, &f, id, &rows);
    if (r == 0 && db_rows_count(rows) == 0)
        r = call_not_found(c);
    if (r == 0)
        own_row_write(c, w, rows, 0);
    return r;
}
