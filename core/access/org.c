/* Structure changes on behalf of a subject. */
#include "access/org.h"

#include <errno.h>

#include "access/access.h"
#include "access/account.h"
#include "access/core_permissions.h"
#include "access/holder.h"

static const struct db_stmt find_department = {"org.find_department",
    "SELECT unit_id FROM juxin.department WHERE tenant_id = $1 AND id = $2 AND closed_at IS NULL"};

static bool may(struct call *c, enum core_permission p, uint32_t unit)
{
    return subject_may(c->who, c->tenant, core_permission(p), unit);
}

/* 0; 403 where the subject may at least see; otherwise the answer of what does not exist. */
static int need(struct call *c, enum core_permission p, enum core_permission see, uint32_t unit)
{
    if (may(c, p, unit))
        return 0;
    return may(c, see, unit) ? call_forbidden(c, core_permission_name(p)) : call_not_found(c);
}

static int change_begin(struct call *c, struct tenant_change *ch)
{
    int r = call_begin(c);

    if (r < 0 || c->is_replay)
        return r;
    r = call_bump(c);
    *ch = (struct tenant_change){.tx = c->tx, .t = c->tenant, .arena = c->arena, .now_us = c->now_us};
    return r;
}

static int change_end(struct call *c, const struct tenant_change *ch, int r)
{
    if (r == -EINVAL && ch->fault.status) {
        if (ch->fault.pointer)
            return call_fail_at(c, ch->fault.pointer, ch->fault.code, ch->fault.en, ch->fault.zh);
        return call_fail(c, ch->fault.status, ch->fault.code, ch->fault.en, ch->fault.zh);
    }
    return r;
}

int org_unit_create(struct call *c, const struct unit_input *in, struct uuid *ret_id)
{
    struct tenant_change ch;
    struct uuid id;
    int r = 0;

    if (in->parent == TREE_NONE) {
        if (tree_count(c->tenant->tree))
            return call_fail_at(
                c, "/parent", "required", "Name the unit that the new one stands under.", "请指定上级机构。");
        if (c->who->kind != SUBJECT_OPERATOR && c->who->kind != SUBJECT_SYSTEM)
            r = call_forbidden(c, core_permission_name(CORE_UNIT_CREATE));
    } else {
        r = need(c, CORE_UNIT_CREATE, CORE_UNIT_READ, in->parent);
    }
    if (r == 0)
        r = change_begin(c, &ch);
    if (r < 0 || c->is_replay)
        return r;
    r = change_end(c, &ch, unit_create(&ch, in, &id));
    if (r == 0)
        r = call_audit(c, "unit.create", "unit", id, id, "code,name,level,parent");
    if (r == 0)
        *ret_id = id;
    return r;
}

int org_unit_rename(struct call *c, uint32_t unit, const char *name, int64_t version, int64_t *ret_version)
{
    struct uuid id = tree_unit(c->tenant->tree, unit).id;
    struct tenant_change ch;
    int r = need(c, CORE_UNIT_UPDATE, CORE_UNIT_READ, unit);

    if (r == 0)
        r = change_begin(c, &ch);
    if (r < 0 || c->is_replay)
        return r;
    r = change_end(c, &ch, unit_rename(&ch, unit, name, version, ret_version));
    return r < 0 ? r : call_audit(c, "unit.rename", "unit", id, id, "name");
}

static int may_move(struct call *c, uint32_t unit, uint32_t parent)
{
    int r = need(c, CORE_UNIT_MOVE, CORE_UNIT_READ, unit);

    if (r < 0 || may(c, CORE_UNIT_MOVE, parent))
        return r;
    return may(c, CORE_UNIT_READ, parent) /* what is not seen is an unknown parent */
               ? call_forbidden(c, core_permission_name(CORE_UNIT_MOVE))
               : call_fail_at(c, "/parent", "unknown", "There is no such unit.", "机构不存在。");
}

int org_unit_move_check(struct call *c, uint32_t unit, uint32_t parent)
{
    struct tenant_change ch = {.t = c->tenant, .arena = c->arena, .now_us = c->now_us};
    int r = may_move(c, unit, parent);

    return r < 0 ? r : change_end(c, &ch, unit_move_check(&ch, unit, parent));
}

int org_unit_move(struct call *c, uint32_t unit, uint32_t parent, int64_t version, int64_t *ret_version)
{
    struct uuid id = tree_unit(c->tenant->tree, unit).id;
    struct tenant_change ch;
    int r = may_move(c, unit, parent);

    if (r == 0)
        r = change_begin(c, &ch);
    if (r < 0 || c->is_replay)
        return r;
    r = change_end(c, &ch, unit_move(&ch, unit, parent, version, ret_version));
    return r < 0 ? r : call_audit(c, "unit.move", "unit", id, id, "parent");
}

static int may_retire(struct call *c, uint32_t unit, uint32_t into)
{
    static const enum core_permission all[] = {
        CORE_UNIT_MOVE, CORE_UNIT_UPDATE, CORE_ACCOUNT_UPDATE, CORE_DEPARTMENT_UPDATE};
    int r = may_move(c, unit, into);

    for (size_t i = 0; i < ARRAY_LEN(all) && r == 0; i++)
        if (!may(c, all[i], unit) || !may(c, all[i], into))
            r = call_forbidden(c, core_permission_name(all[i]));
    return r;
}

int org_unit_retire_check(struct call *c, uint32_t unit, uint32_t into)
{
    struct tenant_change ch = {.t = c->tenant, .arena = c->arena, .now_us = c->now_us};
    int r = may_retire(c, unit, into);

    return r < 0 ? r : change_end(c, &ch, unit_retire_check(&ch, unit, into));
}

int org_unit_retire(struct call *c, uint32_t unit, uint32_t into, bool is_split)
{
    struct uuid id = tree_unit(c->tenant->tree, unit).id;
    struct tenant_change ch;
    int r = may_retire(c, unit, into);

    if (r == 0)
        r = change_begin(c, &ch);
    if (r < 0 || c->is_replay)
        return r;
    r = change_end(c, &ch, unit_retire(&ch, unit, into));
    return r < 0 ? r : call_audit(c, is_split ? "unit.split_up" : "unit.merged", "unit", id, id, "closed_at");
}

int org_unit_close(struct call *c, uint32_t unit, int64_t version, int64_t *ret_version)
{
    struct uuid id = tree_unit(c->tenant->tree, unit).id;
    struct tenant_change ch;
    int r = need(c, CORE_UNIT_UPDATE, CORE_UNIT_READ, unit);

    if (r == 0)
        r = change_begin(c, &ch);
    if (r < 0 || c->is_replay)
        return r;
    r = change_end(c, &ch, unit_close(&ch, unit, version, ret_version));
    return r < 0 ? r : call_audit(c, "unit.close", "unit", id, id, "closed_at");
}

int org_unit_import(struct call *c, const struct units_import *plan)
{
    struct tenant_change ch;
    int r;

    if (tree_count(c->tenant->tree) == 0) {
        if (c->who->kind != SUBJECT_OPERATOR && c->who->kind != SUBJECT_SYSTEM)
            return call_forbidden(c, core_permission_name(CORE_UNIT_CREATE));
    } else if (!may(c, CORE_UNIT_CREATE, 0) || !may(c, CORE_UNIT_UPDATE, 0)) {
        return call_forbidden(c, core_permission_name(CORE_UNIT_CREATE));
    }
    r = change_begin(c, &ch);
    if (r < 0 || c->is_replay)
        return r;
    r = change_end(c, &ch, units_import_write(&ch, plan));
    return r < 0 ? r : call_audit(c, "unit.import", "tenant", UUID_NIL, UUID_NIL, "units");
}

/* ---- departments ---- */

/* The department's unit, when the subject may see the department. */
static int department_unit(struct call *c, struct uuid id, uint32_t *ret_unit)
{
    struct db_args a;
    struct db_call call = {.stmt = find_department, .args = &a};
    uint32_t unit;
    int r;

    db_args_reset(&a);
    db_arg_int(&a, c->tenant->id);
    db_arg_uuid(&a, id);
    r = call_read(c, &call, 1);
    if (r < 0)
        return r;
    if (db_rows_count(call.rows) == 0)
        return call_not_found(c);
    unit = tree_find(c->tenant->tree, db_get_uuid(call.rows, 0, 0));
    if (unit == TREE_NONE)
        return call_not_found(c);
    *ret_unit = unit;
    return 0;
}

static int department_need(struct call *c, struct uuid id, uint32_t *ret_unit)
{
    int r = department_unit(c, id, ret_unit);

    return r < 0 ? r : need(c, CORE_DEPARTMENT_UPDATE, CORE_DEPARTMENT_READ, *ret_unit);
}

static int department_begin(struct call *c, struct uuid id, struct tenant_change *ch, uint32_t *ret_unit)
{
    int r = change_begin(c, ch);

    return r < 0 || c->is_replay ? r : department_need(c, id, ret_unit);
}

int org_department_create(struct call *c, const struct department_input *in, struct uuid *ret_id)
{
    struct tenant_change ch;
    struct uuid id;
    int r = need(c, CORE_DEPARTMENT_CREATE, CORE_UNIT_READ, in->unit);

    if (r == 0 && tree_unit(c->tenant->tree, in->unit).is_closed)
        r = call_fail_at(c, "/unit", "closed", "The unit is closed.", "该机构已关闭。");
    if (r == 0)
        r = change_begin(c, &ch);
    if (r < 0 || c->is_replay)
        return r;
    r = change_end(c, &ch, department_create(&ch, in, &id));
    if (r == 0)
        r = call_audit(c, "department.create", "department", id, tree_unit(c->tenant->tree, in->unit).id,
            "code,name,unit");
    if (r == 0)
        *ret_id = id;
    return r;
}

int org_department_rename(struct call *c, struct uuid id, const char *name, int64_t version)
{
    struct tenant_change ch;
    uint32_t unit;
    int r = department_begin(c, id, &ch, &unit);

    if (r < 0 || c->is_replay)
        return r;
    r = change_end(c, &ch, department_rename(&ch, id, name, version));
    return r < 0 ? r
                 : call_audit(
                       c, "department.rename", "department", id, tree_unit(c->tenant->tree, unit).id, "name");
}

int org_department_close(struct call *c, struct uuid id, int64_t version)
{
    struct tenant_change ch;
    uint32_t unit;
    int r = department_begin(c, id, &ch, &unit);

    if (r < 0 || c->is_replay)
        return r;
    r = change_end(c, &ch, department_close(&ch, id, version));
    return r < 0 ? r
                 : call_audit(c, "department.close", "department", id, tree_unit(c->tenant->tree, unit).id,
                       "closed_at");
}

/* The members' names are shown: an id alone must not be a way to learn whose it is. */
static int check_member(struct call *c, struct uuid account)
{
    uint32_t home;
    int r = account_unit(c, account, CORE_ACCOUNT_READ, &home);

    if (r != -EINVAL)
        return r;
    memset(&c->fault, 0, sizeof(c->fault));
    return call_fail_at(c, "/account", "unknown", "There is no such account.", "账号不存在。");
}

static int check_put(struct call *c, struct uuid department, struct uuid account)
{
    uint32_t missing;

    if (uuid_eq(account, c->who->account) ? !holder_is_within(c, department, &missing)
                                          : !holder_is_within_delegated(c, department, &missing))
        return call_fail(c, 403, "beyond_own", "The department has been granted more than you hold yourself.",
            "该部门获得的授权超出本人权限。");
    return check_member(c, account);
}

int org_member_check(struct call *c, struct uuid department, struct uuid account, bool is_put)
{
    const struct access *access = access_of(c->tenant);
    uint32_t unit;
    int r = department_need(c, department, &unit);

    if (r < 0 || is_put)
        return r < 0 ? r : check_put(c, department, account);
    for (uint32_t i = 0; i < access->member_count; i++)
        if (uuid_eq(access->members[i].department, department) &&
            uuid_eq(access->members[i].account, account))
            return 0;
    return call_not_found(c);
}

int org_member_put(struct call *c, struct uuid department, struct uuid account, bool is_head)
{
    struct tenant_change ch;
    uint32_t unit;
    int r = department_begin(c, department, &ch, &unit);

    if (r < 0 || c->is_replay)
        return r;
    r = check_put(c, department, account);
    if (r < 0)
        return r;
    r = change_end(c, &ch, department_put_member(&ch, department, account, is_head));
    return r < 0 ? r
                 : call_audit(c, "department.member", "department", department,
                       tree_unit(c->tenant->tree, unit).id, "members");
}

int org_member_remove(struct call *c, struct uuid department, struct uuid account)
{
    struct tenant_change ch;
    uint32_t unit;
    int r = department_begin(c, department, &ch, &unit);

    if (r < 0 || c->is_replay)
        return r;
    r = change_end(c, &ch, department_remove_member(&ch, department, account));
    if (r == -ENOENT)
        return call_not_found(c);
    return r < 0 ? r
                 : call_audit(c, "department.member", "department", department,
                       tree_unit(c->tenant->tree, unit).id, "members");
}
