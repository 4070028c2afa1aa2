/* The steps every change of a record takes. */
#include "resource/record/change.h"
#include "resource/record/take.h"

#include <errno.h>

#include "base/clock.h"
#include "db/outbox.h"
#include "resource/declare/ddl.h"
#include "resource/record/consent.h"
#include "resource/record/custom_value.h"
#include "resource/record/secret.h"
#include "resource/record/store.h"
#include "resource/record/take.h"
#include "tenant/calendar.h"

bool change_may(const struct call *c, const struct resource *res, uint32_t permission, uint32_t unit)
{
    if (c->who->kind == SUBJECT_PLUGIN)
        return c->who->plugin && strcmp(c->who->plugin, res->plugin) == 0;
    if (c->who->kind == SUBJECT_SYSTEM || c->who->kind == SUBJECT_OPERATOR)
        return true;
    return unit != TREE_NONE && subject_may(c->who, c->tenant, permission, unit);
}

int change_expect(struct call *c, const struct record *rec, int64_t version)
{
    if (version == 0 || version == rec->version)
        return 0;
    return call_fail(c, 412, "stale",
        arena_printf(c->arena, "The record was changed meanwhile and is at version %lld now. Read it again.",
            (long long)rec->version),
        arena_printf(c->arena, "记录已被他人修改，当前版本为 %lld，请重新读取。", (long long)rec->version));
}

int change_check(struct call *c, enum hook_point point, const char *detail, struct record *rec)
{
    int r = point == HOOK_BEFORE_TRANSITION ? 0 : consent_check(c, rec);

    if (r == 0)
        r = hook_filter(c, HOOK_VALIDATE, rec->res->full_name, detail, &rec, 1);

    if (r == 0)
        r = hook_filter(c, point, rec->res->full_name, detail, &rec, 1);
    if (r == 0)
        r = take_check_stored(c, rec);
    return r < 0 ? r : c->fault.status ? -EINVAL : 0;
}

const char *change_columns(struct arena *a, const struct resource *res)
{
    const char *s = "";

    for (uint32_t i = 0; i < res->column_count; i++)
        s = arena_printf(a, "%s, \"%s\"", s, res->fields[i].name);
    return s;
}

int change_error(struct call *c, int error)
{
    if (error == -EEXIST)
        return call_fail(
            c, 409, "conflict", "A value that must be unique was taken meanwhile.", "唯一值已被占用。");
    if (error == -ENOLINK)
        return call_fail(
            c, 409, "conflict", "Something the record refers to is gone.", "所引用的对象已不存在。");
    return error;
}

int change_write(struct call *c, struct record *rec, const struct change_extra *extra)
{
    const struct resource *res = rec->res;
    const char *set = "version = r.version + 1, updated_at = $4::timestamptz, updated_by = $5::uuid";
    struct db_args *a = arena_alloc(c->arena, sizeof(*a));
    int r = secret_seal(c, rec);

    if (r < 0)
        return r;
    db_args_reset(a);
    db_arg_int(a, c->tenant->id);
    db_arg_uuid(a, rec->id);
    db_arg_int(a, rec->version);
    db_arg_time(a, c->now_us);
    db_arg_uuid_or_null(a, c->who->account);
    for (uint32_t i = 0; extra && i < extra->count; i++)
        db_arg_str(a, extra->values[i]);
    if (extra)
        set = arena_printf(c->arena, "%s%s", set, extra->set);
    for (uint32_t i = 0; i < res->column_count; i++) {
        db_arg_str(a, rec->values[i]);
        set = arena_printf(c->arena, "%s, \"%s\" = $%u::%s", set, res->fields[i].name, a->count,
            ddl_column_type(res->fields[i].type));
    }
    r = db_exec_expect(c->tx,
        db_stmt_built(
            c->arena, arena_printf(c->arena,
                          "UPDATE %s AS r SET %s%s WHERE r.tenant_id = $1 AND r.id = $2 AND r.version = $3%s",
                          res->table, set, extra && extra->from ? " FROM juxin.unit u" : "",
                          extra && extra->from ? extra->from : "")),
        a, 1);
    if (r < 0)
        return change_error(c, r);
    rec->version++;
    rec->updated_at = arena_dup(c->arena, clock_format(c->now_us).s);
    rec->updated_by = c->who->account;
    return custom_value_write(c, &rec, 1);
}

int change_publish(struct call *c, const struct record *rec, const char *verb)
{
    struct buf b CLEANUP(buf_done) = BUF_INIT;
    struct jsonw w;

    jsonw_init(&w, &b);
    jsonw_object(&w);
    jsonw_kstr(&w, "resource", rec->res->full_name);
    jsonw_kstr(&w, "id", uuid_format(rec->id).s);
    jsonw_kstr(&w, "unit", uuid_format(rec->unit_id).s);
    jsonw_kint(&w, "version", rec->version);
    jsonw_kstr(&w, "action", verb);
    jsonw_kstr(&w, "created_by", uuid_is_nil(rec->created_by) ? NULL : uuid_format(rec->created_by).s);
    jsonw_object_end(&w);
    return event_publish(c->tx, "record", uuid_format(rec->id).s, rec->version, buf_str(&b));
}

int change_finish(
    struct call *c, enum hook_point point, const char *detail, const struct record *rec, int status)
{
    static const char *const verbs[HOOK_POINTS] = {
        [HOOK_AFTER_CREATE] = "create", [HOOK_AFTER_UPDATE] = "update", [HOOK_AFTER_DELETE] = "delete"};
    const char *changed = record_changed_names(c->arena, rec);
    const char *verb = detail ? detail : verbs[point];
    int r = call_audit(c, arena_printf(c->arena, "%s.%s", rec->res->full_name, verb), rec->res->full_name,
        rec->id, rec->unit_id, changed);

    if (r == 0)
        r = hook_actions(c, point, rec->res->full_name, detail, rec, rec->version, changed);
    if (r == 0)
        r = change_publish(c, rec, verb);
    if (r == 0) {
        c->result_status = status;
        c->result_id = rec->id;
        c->result_version = rec->version;
    }
    return r;
}

const char *change_auto_at(struct call *c, const struct resource *res, uint32_t state)
{
    int32_t today = calendar_today(c->now_us), first = INT32_MAX;

    for (uint32_t i = 0; i < res->transition_count; i++) {
        const struct transition *t = &res->transitions[i];

        if (t->auto_days && (t->from >> state & 1))
            first = MIN(first, calendar_add(tenant_calendar(c->tenant), today, (int32_t)t->auto_days));
    }
    return first == INT32_MAX ? NULL : arena_dup(c->arena, date_format(first).s);
}

uint32_t change_unknown_unit(struct call *c)
{
    (void)call_fail_at(c, "/unit", "unknown_unit", "The id or code of a unit that is open.",
        "应为现有组织机构的编号或代码。");
    return TREE_NONE;
}

uint32_t change_unit(struct call *c, const json_t *body)
{
    const json_t *v = json_object_get(body, "unit");
    uint32_t unit = TREE_NONE;

    if (!v) {
        (void)call_fail_at(c, "/unit", "required", "The unit's id or code.", "组织机构的编号或代码，必填。");
        return TREE_NONE;
    }
    if (json_is_string(v))
        unit = tree_find_named(c->tenant->tree, (struct text){json_string_value(v), json_string_length(v)});
    return unit == TREE_NONE || tree_unit(c->tenant->tree, unit).is_closed ? change_unknown_unit(c) : unit;
}
