/* Create, update and delete. */
#include <errno.h>

#include "access/core_permissions.h"
#include "access/permission.h"
#include "base/clock.h"
#include "resource/declare/ddl.h"
#include "resource/record/change.h"
#include "resource/record/create.h"
#include "resource/record/custom_value.h"
#include "resource/record/gate.h"
#include "resource/record/merged.h"
#include "resource/record/reader.h"
#include "resource/record/search.h"
#include "resource/record/secret.h"
#include "resource/record/store.h"
#include "resource/record/take.h"
#include "tenant/tree.h"

static const char *const create_also[] = {"unit", NULL};

/* Who may create at one unit only need not name it. */
static uint32_t only_unit(struct call *c, const struct resource *res)
{
    struct scope scope;

    subject_scope(c->who, c->tenant, res->permissions[ACTION_CREATE], c->arena, &scope);
    if (scope.count != 1 || scope.entries[0].reach == REACH_CHILDREN)
        return TREE_NONE;
    if (scope.entries[0].reach == REACH_SUBTREE &&
        tree_end(c->tenant->tree, scope.entries[0].unit) != scope.entries[0].unit + 1)
        return TREE_NONE;
    return scope.entries[0].unit;
}

int create_take(struct call *c, struct record *rec, const json_t *body)
{
    uint32_t permission = rec->res->permissions[ACTION_CREATE];

    /* Whoever may nowhere is told so; that says nothing about any unit. */
    if (c->who->kind == SUBJECT_ACCOUNT && !subject_may_anywhere(c->who, permission))
        return call_forbidden(c, permission_info(permission)->name);
    rec->unit = json_object_get(body, "unit") ? TREE_NONE : only_unit(c, rec->res);
    if (rec->unit == TREE_NONE)
        rec->unit = change_unit(c, body);
    if (rec->unit != TREE_NONE && !change_may(c, rec->res, permission, rec->unit) &&
        !subject_may(c->who, c->tenant, core_permission(CORE_UNIT_READ), rec->unit))
        rec->unit = change_unknown_unit(c); /* a unit that is not seen is not there */
    take_values(c, rec, body, c->who->kind == SUBJECT_PLUGIN ? FROM_HOOK : FROM_CREATE, NULL, create_also);
    take_defaults(rec);
    take_require(c, rec, NULL);
    if (rec->unit != TREE_NONE && !(rec->res->levels >> tree_level(c->tenant->tree, rec->unit) & 1))
        (void)call_fail_at(c, "/unit", "wrong_level", "A unit of a level at which this is recorded.",
            "该层级的组织机构不受理此类记录。");
    if (c->fault.status)
        return -EINVAL;
    return change_may(c, rec->res, permission, rec->unit)
               ? 0
               : call_forbidden(c, permission_info(permission)->name);
}

static int insert(struct call *c, struct record *rec)
{
    const struct resource *res = rec->res;
    struct db_args *a = arena_alloc(c->arena, sizeof(*a));
    struct db_rows *rows = NULL;
    const char *values = "";
    int r = secret_seal(c, rec);

    if (r < 0)
        return r;
    db_args_reset(a);
    db_arg_int(a, c->tenant->id);
    db_arg_uuid(a, rec->unit_id);
    db_arg_uuid(a, rec->id);
    db_arg_str(a, res->states[rec->state].name);
    db_arg_time(a, c->now_us);
    db_arg_uuid_or_null(a, c->who->account);
    db_arg_str(a, rec->number);
    db_arg_str(a, change_auto_at(c, res, rec->state));
    for (uint32_t i = 0; i < res->column_count; i++) {
        db_arg_str(a, rec->values[i]);
        values =
            arena_printf(c->arena, "%s, $%u::%s", values, a->count, ddl_column_type(res->fields[i].type));
    }
    r = db_exec(c->tx,
        db_stmt_built(
            c->arena, arena_printf(c->arena,
                          "INSERT INTO %s (tenant_id, id, unit_id, a1, a2, a3, a4, origin_unit_id, version, "
                          "state, state_since, "
                          "created_at, created_by, updated_at, updated_by, number, auto_at%s) "
                          "SELECT u.tenant_id, $3::uuid, u.id, u.a1, u.a2, u.a3, u.a4, u.id, 1, $4::text, "
                          "$5::timestamptz, "
                          "$5::timestamptz, $6::uuid, $5::timestamptz, $6::uuid, $7::text, $8::date%s "
                          "FROM juxin.unit u WHERE u.tenant_id = $1 AND u.id = $2 AND u.closed_at IS NULL "
                          "FOR KEY SHARE RETURNING id",
                          res->table, change_columns(c->arena, res), values)),
        a, &rows);
    if (r < 0)
        return change_error(c, r);
    if (db_rows_count(rows) != 1)
        r = call_fail_at(c, "/unit", "unknown_unit", "The id or code of a unit that is open.",
            "应为现有组织机构的编号或代码。");
    db_rows_free(rows);
    return r < 0 ? r : custom_value_write(c, &rec, 1);
}

void create_start(struct call *c, struct record *rec)
{
    rec->id = uuid_new();
    rec->unit_id = rec->origin_unit_id = tree_unit(c->tenant->tree, rec->unit).id;
    rec->version = 1;
    rec->state = rec->res->initial_state;
    rec->created_by = rec->updated_by = c->who->account;
    rec->created_at = rec->updated_at = rec->state_since = arena_dup(c->arena, clock_format(c->now_us).s);
}

static int create_store(struct call *c, struct record *rec)
{
    struct history_entry entry = {
        .action = "create", .to_state = rec->res->states[rec->state].name, .redirected_from = TREE_NONE};
    int r = change_check(c, HOOK_BEFORE_CREATE, NULL, rec);

    if (r == 0 && rec->res->number_prefix)
        r = number_next(c, rec->res, &rec->number);
    if (r == 0)
        r = insert(c, rec);
    if (r == 0)
        r = search_write(c, rec, false);
    if (r == 0 && c->who->kind == SUBJECT_ACCOUNT)
        r = participant_add(c, rec, c->who->account, "submitter");
    if (r == 0)
        r = history_add(c, rec, &entry);
    return r < 0 ? r : change_finish(c, HOOK_AFTER_CREATE, NULL, rec, 201);
}

int record_create(struct call *c, const struct resource *res, json_t *body, struct record **ret)
{
    struct record *rec = record_new(c->arena, res);
    int r;

    rec->is_new = true;
    r = create_take(c, rec, body);
    if (r == 0)
        r = gate_require(c, res->plugin, rec->unit);
    if (r == 0)
        r = call_begin(c);
    if (r < 0 || c->is_replay)
        return r;
    create_start(c, rec);
    r = create_store(c, rec);
    if (r == 0)
        *ret = rec;
    return r;
}

/* The creator's own right, while nobody has dealt with the record yet. */
static bool is_own_start(const struct call *c, const struct record *rec)
{
    return c->who->kind == SUBJECT_ACCOUNT && uuid_eq(c->who->account, rec->created_by) &&
           rec->state == rec->res->initial_state;
}

/* Opens the unit of work and locks the record; *ret stays NULL for a replayed request. */
static int change_open(
    struct call *c, const struct resource *res, struct uuid id, int64_t version, struct record **ret)
{
    int r = call_begin(c);

    *ret = NULL;
    if (r < 0 || c->is_replay)
        return r;
    r = record_fetch(c, res, id, true, ret);
    return r < 0 ? r : change_expect(c, *ret, version);
}

int record_store_update(struct call *c, struct record *rec)
{
    return record_store_as(c, rec, "update");
}

int record_store_as(struct call *c, struct record *rec, const char *action)
{
    struct history_entry entry = {.action = action, .redirected_from = TREE_NONE};
    int r = change_check(c, HOOK_BEFORE_UPDATE, NULL, rec);

    if (r == 0 && !*record_changed_names(c->arena, rec)) { /* nothing to write: the version stays */
        c->result_status = 200;
        c->result_id = rec->id;
        c->result_version = rec->version;
        return 0;
    }
    if (r == 0)
        r = change_write(c, rec, NULL);
    if (r == 0)
        r = search_write(c, rec, false);
    if (r == 0)
        r = history_add(c, rec, &entry);
    return r < 0 ? r : change_finish(c, HOOK_AFTER_UPDATE, NULL, rec, 200);
}

int record_update(struct call *c, const struct resource *res, struct uuid id, int64_t version, json_t *patch,
    struct record **ret)
{
    struct record *rec;
    int r = change_open(c, res, id, version, &rec);

    if (r < 0 || !rec)
        return r;
    if (!change_may(c, res, res->permissions[ACTION_UPDATE], rec->unit) &&
        !(res->submitter_may_update && is_own_start(c, rec)))
        return call_forbidden(c, arena_printf(c->arena, "%s.update", res->full_name));
    if (res->states[rec->state].is_final && c->who->kind != SUBJECT_PLUGIN)
        return call_fail(c, 409, "final", "The record is closed; it cannot be changed any more.",
            "记录已办结，不能再修改。");
    take_values(c, rec, patch, c->who->kind == SUBJECT_PLUGIN ? FROM_HOOK : FROM_UPDATE, NULL, NULL);
    take_require(c, rec, NULL);
    r = c->fault.status ? -EINVAL : record_store_update(c, rec);
    if (r == 0)
        *ret = rec;
    return r;
}

/* Nobody reaches them any more: their contents are collected once they are a day old. The row of the record stays, without
 * anything to look at; it is erased when whoever it is about asks for that. */
static const struct db_stmt drop_files = {"record.drop_files",
    "UPDATE juxin.attachment SET sha256 = NULL, thumbnail = NULL, deleted_at = $4, deleted_by = $5"
    " WHERE tenant_id = $1 AND resource = $2 AND record_id = $3 AND deleted_at IS NULL"};

static int delete_files(struct call *c, const struct record *rec)
{
    struct db_args a;

    if (!rec->res->attachments.is_on)
        return 0;
    record_key_args(&a, c, rec->res, rec->id);
    db_arg_time(&a, c->now_us);
    db_arg_uuid_or_null(&a, c->who->account);
    return db_exec(c->tx, drop_files, &a, NULL);
}

int record_delete(struct call *c, const struct resource *res, struct uuid id, int64_t version)
{
    struct history_entry entry = {.action = "delete", .redirected_from = TREE_NONE};
    struct change_extra extra = {.set = ", deleted_at = $4::timestamptz"};
    struct record *rec;
    int64_t duplicates;
    int r = change_open(c, res, id, version, &rec);

    if (r < 0 || !rec)
        return r;
    if (!change_may(c, res, res->permissions[ACTION_DELETE], rec->unit) &&
        !(res->submitter_may_delete && is_own_start(c, rec)))
        return call_forbidden(c, arena_printf(c->arena, "%s.delete", res->full_name));
    r = merged_count(c, rec, &duplicates);
    if (r == 0 && duplicates > 0)
        r = call_fail(c, 409, "has_duplicates",
            arena_printf(c->arena, "%lld duplicates were merged into it. Take that back first.",
                (long long)duplicates),
            arena_printf(c->arena, "已有 %lld 条重复记录并入该记录，请先撤销合并。", (long long)duplicates));
    if (r == 0)
        r = hook_filter(c, HOOK_BEFORE_DELETE, res->full_name, NULL, &rec, 1);
    if (r == 0)
        r = change_write(c, rec, &extra);
    if (r == 0)
        r = search_write(c, rec, true);
    if (r == 0)
        r = delete_files(c, rec);
    if (r == 0)
        r = history_add(c, rec, &entry);
    return r < 0 ? r : change_finish(c, HOOK_AFTER_DELETE, NULL, rec, 204);
}
