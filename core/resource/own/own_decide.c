/* Deciding requests about own data. */
#include <errno.h>

#include "access/account.h"
#include "access/core_permissions.h"
#include "base/json.h"
#include "resource/declare/edition.h"
#include "resource/own/consent_ledger.h"
#include "resource/own/consent_scan.h"
#include "resource/own/erase.h"
#include "resource/own/own.h"
#include "resource/own/own_request.h"
#include "resource/own/suppress.h"
#include "tenant/tree.h"

#define PAGE 100
#define KEPT_MAX 50
#define ACCOUNT "core.account"

static const struct db_stmt take = {"own_request.take",
    "SELECT what, resource, record_id, account_id, unit_id, changes, state, fields FROM juxin.own_request "
    "WHERE tenant_id = $1 "
    "AND id = $2 FOR UPDATE"};
static const struct db_stmt settle = {"own_request.settle",
    "UPDATE juxin.own_request SET state = $3, changes = NULL, answer = $4, kept = $5, erased = $6, "
    "decided_at = $7, decided_by "
    "= $8 WHERE tenant_id = $1 AND id = $2 AND state = 'open'"};
static const struct db_stmt drop_others = {"own_request.drop_others",
    "UPDATE juxin.own_request SET state = 'cancelled', changes = NULL, decided_at = $4, decided_by = $5 "
    "WHERE tenant_id = $1 "
    "AND account_id = $2 AND id <> $3 AND state = 'open'"};

struct deciding {
    struct uuid id, record, account, unit;
    const char *what, *changes, *fields;
    const struct resource *res;
    const struct own_decision *d;
    int64_t erased;
};

/* Locks it. What one may not decide is not there. */
static int open_request(struct call *c, struct uuid id, struct deciding *ret)
{
    struct db_args a;
    struct db_call call = {.stmt = take, .args = &a};
    const struct db_rows *rows;
    uint32_t unit;
    int r;

    db_args_reset(&a);
    db_arg_int(&a, c->tenant->id);
    db_arg_uuid(&a, id);
    r = call_read(c, &call, 1);
    if (r < 0)
        return r;
    rows = call.rows;
    unit = db_rows_count(rows) ? tree_find(c->tenant->tree, db_get_uuid(rows, 0, 4)) : TREE_NONE;
    if (unit == TREE_NONE || !subject_may(c->who, c->tenant, core_permission(CORE_OWN_DECIDE), unit))
        return call_not_found(c);
    if (uuid_eq(db_get_uuid(rows, 0, 3), c->who->account))
        return call_fail(c, 409, "same_person", "Who asked for it does not decide it: another person has to.",
            "本人提出的请求不得自行办理，须由他人办理。");
    if (strcmp(db_get(rows, 0, 6), "open") != 0)
        return call_fail(c, 409, "decided", "The request is decided already.", "该请求已办结。");
    *ret = (struct deciding){.id = id,
        .what = db_get(rows, 0, 0),
        .res = db_get(rows, 0, 1) ? edition_find(c->tenant, db_get(rows, 0, 1)) : NULL,
        .record = db_get_uuid(rows, 0, 2),
        .account = db_get_uuid(rows, 0, 3),
        .unit = db_get_uuid(rows, 0, 4),
        .changes = db_get(rows, 0, 5),
        .fields = db_get(rows, 0, 7)};
    if (db_get(rows, 0, 1) && !ret->res)
        return call_fail(
            c, 409, "no_plugin", "The plugin of these records is out of order.", "相应插件不可用。");
    return 0;
}

/* ---- what may be kept ---- */

static bool is_kept(const struct deciding *x, const char *resource)
{
    const json_t *v;
    size_t i;

    json_array_foreach(x->d->kept, i, v)
    {
        if (strcmp(json_str(v, "resource"), resource) == 0)
            return true;
    }
    return false;
}

static int check_kept(struct call *c, const struct deciding *x)
{
    const json_t *v;
    size_t i;

    if (x->d->kept && (!json_is_array(x->d->kept) || json_array_size(x->d->kept) > KEPT_MAX))
        return call_fail_at(
            c, "/kept", "type", "A list of at most 50 objects.", "应为最多 50 个对象的列表。");
    if (json_array_size(x->d->kept) > 0 && (!x->d->accept || strcmp(x->what, "close") != 0))
        return call_fail_at(c, "/kept", "not_here",
            "Only what is asked to be deleted altogether can be kept in part.",
            "仅注销并删除全部信息的请求可列明保留事项。");
    json_array_foreach(x->d->kept, i, v)
    {
        const char *resource = json_str(v, "resource"), *reason = json_str(v, "reason");
        const char *at = arena_printf(c->arena, "/kept/%zu", i);

        if (!resource || (strcmp(resource, ACCOUNT) != 0 && !own_section_find(c, text_of(resource))))
            return call_fail_at(c, at, "unknown_resource",
                "\"resource\": " ACCOUNT " or a resource about persons.",
                "resource 应为 " ACCOUNT " 或涉及个人信息的资源。");
        if (!reason || !*reason || text_chars(text_of(reason)) > OWN_REASON_MAX)
            return call_fail_at(c, at, "reason", "\"reason\": why it is kept, 1 to 500 characters.",
                "reason 应说明保留理由，1 至 500 个字。");
    }
    return 0;
}

static int check_answer(struct call *c, const struct own_decision *d)
{
    if (!d->accept && !*d->answer)
        return call_fail_at(
            c, "/answer", "required", "Why not; the person reads it.", "请说明理由，本人可见。");
    if (text_chars(text_of(d->answer)) > OWN_REASON_MAX)
        return call_fail_at(c, "/answer", "too_long", "At most 500 characters.", "不超过 500 个字。");
    return 0;
}

/* ---- doing it ---- */

/* With the officer's own rights. */
static int correct(struct call *c, const struct deciding *x)
{
    json_t *changes = NULL;
    struct record *rec;
    int r = json_parse(text_of(x->changes ? x->changes : "{}"), JSON_LIMITS, &changes, NULL);

    if (r == 0)
        r = record_update(c, x->res, x->record, 0, changes, &rec);
    json_decref(changes);
    return r;
}

static int erase_one(struct call *c, struct deciding *x, const struct resource *res, struct uuid id)
{
    struct record *rec;
    bool is_deleted = false;
    int r = own_find_held(c, res, x->account, id, &rec, &is_deleted);

    if (r < 0)
        return r;
    if (rec->unit != TREE_NONE &&
        !subject_may(c->who, c->tenant, core_permission(CORE_OWN_DECIDE), rec->unit))
        return call_fail(c, 403, "elsewhere",
            arena_printf(c->arena,
                "A record of %s is with a unit where you do not decide such requests. Keep it, "
                "with that as the reason, or have it decided there.",
                res->full_name),
            arena_printf(c->arena, "%s 有记录在您无权办理的组织机构，请列为保留事项或交由该机构办理。",
                res->label.zh));
    r = erase_record(c, rec, is_deleted);
    x->erased += r == 0;
    return r;
}

static int erase_section(struct call *c, struct deciding *x, const struct own_section *s)
{
    struct uuid *ids, after = UUID_NIL;
    uint32_t count;
    int r;

    do {
        r = own_list_held(c, s->res, x->account, after, PAGE, &ids, &count);
        for (uint32_t i = 0; r == 0 && i < count; i++)
            r = erase_one(c, x, s->res, ids[i]);
        after = r == 0 && count ? ids[count - 1] : after;
    } while (r == 0 && count == PAGE);
    return r;
}

/* What depends on a record of another resource to know whose it is goes before that. */
static int erase_records(struct call *c, struct deciding *x)
{
    uint32_t count;
    const struct own_section *all = own_sections(c, &count);
    int r = 0;

    for (int direct = 0; direct < 2; direct++)
        for (uint32_t i = 0; i < count && r == 0; i++)
            if (all[i].res && (all[i].res->person->type == FIELD_ACCOUNT) == direct &&
                !is_kept(x, all[i].name))
                r = erase_section(c, x, &all[i]);
    return r;
}

static int close_account(struct call *c, struct deciding *x)
{
    struct db_args a;
    int r = call_bump(c);

    if (r == 0)
        r = erase_records(c, x);
    if (r < 0 || is_kept(x, ACCOUNT))
        return r;
    db_args_reset(&a);
    db_arg_int(&a, c->tenant->id);
    db_arg_uuid(&a, x->account);
    db_arg_uuid(&a, x->id);
    db_arg_time(&a, c->now_us);
    db_arg_uuid_or_null(&a, c->who->account);
    r = db_exec(c->tx, drop_others, &a, NULL);
    if (r == 0)
        r = consent_end_all(c, x->account);
    if (r == 0)
        r = suppress_account(c, x->account, "");
    if (r == 0)
        r = consent_scan_drop_all(c, x->account);
    return r < 0 ? r : account_erase(c, x->account);
}

static int carry_out(struct call *c, struct deciding *x)
{
    if (!x->d->accept)
        return 0;
    if (strcmp(x->what, "correct") == 0)
        return correct(c, x);
    return x->res ? erase_one(c, x, x->res, x->record) : close_account(c, x);
}

static int note(struct call *c, const struct deciding *x)
{
    char *kept = x->d->kept ? json_dumps(x->d->kept, JSON_COMPACT) : NULL;
    const char *state = x->d->accept ? "done" : "refused";
    struct db_args a;
    int r;

    db_args_reset(&a);
    db_arg_int(&a, c->tenant->id);
    db_arg_uuid(&a, x->id);
    db_arg_str(&a, state);
    db_arg_str(&a, x->d->answer);
    db_arg_str(&a, kept ? kept : "[]");
    db_arg_int(&a, x->erased);
    db_arg_time(&a, c->now_us);
    db_arg_uuid_or_null(&a, c->who->account);
    r = db_exec_expect(c->tx, settle, &a, 1);
    free(kept);
    if (r == 0)
        r = call_audit(
            c, arena_printf(c->arena, "own_request.%s", state), "own_request", x->id, x->unit, x->fields);
    c->result_status = 200;
    c->result_id = x->id;
    return r;
}

int own_request_decide(struct call *c, struct uuid id, const struct own_decision *d)
{
    struct deciding x;
    int r = check_answer(c, d);

    if (r == 0)
        r = open_request(c, id, &x);
    if (r < 0)
        return r;
    x.d = d;
    r = check_kept(c, &x);
    if (r == 0)
        r = carry_out(c, &x);
    return r < 0 ? r : note(c, &x);
}
