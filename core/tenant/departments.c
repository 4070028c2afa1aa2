/* Departments and their members. */
#include "tenant/departments.h"

#include <errno.h>

#include "tenant/units.h"

static const struct db_stmt insert_department = {"department.insert",
    "INSERT INTO juxin.department (tenant_id, id, unit_id, code, name, created_at, updated_at)"
    " VALUES ($1, $2, $3, $4, $5, $6, $6)"};
static const struct db_stmt rename_department = {"department.rename",
    "UPDATE juxin.department SET name = $4, version = version + 1, updated_at = $5"
    " WHERE tenant_id = $1 AND id = $2 AND version = $3"};
static const struct db_stmt close_department = {"department.close",
    "UPDATE juxin.department SET closed_at = $4, version = version + 1, updated_at = $4"
    " WHERE tenant_id = $1 AND id = $2 AND version = $3 AND closed_at IS NULL"};
static const struct db_stmt put_member = {"department.put_member",
    "INSERT INTO juxin.department_member (tenant_id, department_id, account_id, is_head, created_at)"
    " VALUES ($1, $2, $3, $4, $5)"
    " ON CONFLICT (tenant_id, department_id, account_id) DO UPDATE SET is_head = EXCLUDED.is_head"};
static const struct db_stmt remove_member = {"department.remove_member",
    "DELETE FROM juxin.department_member WHERE tenant_id = $1 AND department_id = $2 AND account_id = $3"};

static void args(struct tenant_change *c, struct db_args *a, struct uuid id)
{
    db_args_reset(a);
    db_arg_int(a, c->t->id);
    db_arg_uuid(a, id);
}

static int check_name(struct tenant_change *c, const char *name)
{
    const char *why = unit_name_objection(text_of(name));

    return why ? change_fail_at(c, "/name", why, "A name has 1 to 100 characters and no control characters.",
                     "名称为 1 至 100 个字符，不含控制字符。")
               : 0;
}

int department_create(struct tenant_change *c, const struct department_input *in, struct uuid *ret_id)
{
    const char *why = unit_code_objection(text_of(in->code));
    struct uuid id = uuid_new();
    struct db_args a;
    int r;

    if (why)
        return change_fail_at(c, "/code", why, "A code has 1 to 32 letters, digits, '-', '_' or '.'.",
            "编码为 1 至 32 位字母、数字、“-”、“_”或“.”。");
    r = check_name(c, in->name);
    if (r < 0)
        return r;
    args(c, &a, id);
    db_arg_uuid(&a, tree_unit(c->t->tree, in->unit).id);
    db_arg_str(&a, in->code);
    db_arg_str(&a, in->name);
    db_arg_time(&a, c->now_us);
    r = db_exec_expect(c->tx, insert_department, &a, 1);
    if (r == -EEXIST)
        return change_fail_at(
            c, "/code", "duplicate", "Another department has this code.", "该编码已被使用。");
    if (r == 0)
        *ret_id = id;
    return r;
}

int department_rename(struct tenant_change *c, struct uuid id, const char *name, int64_t version)
{
    struct db_args a;
    int r = check_name(c, name);

    if (r < 0)
        return r;
    args(c, &a, id);
    db_arg_int(&a, version);
    db_arg_str(&a, name);
    db_arg_time(&a, c->now_us);
    return db_exec_expect(c->tx, rename_department, &a, 1);
}

int department_close(struct tenant_change *c, struct uuid id, int64_t version)
{
    struct db_args a;

    args(c, &a, id);
    db_arg_int(&a, version);
    db_arg_time(&a, c->now_us);
    return db_exec_expect(c->tx, close_department, &a, 1);
}

int department_put_member(struct tenant_change *c, struct uuid department, struct uuid account, bool is_head)
{
    struct db_args a;
    int r;

    args(c, &a, department);
    db_arg_uuid(&a, account);
    db_arg_bool(&a, is_head);
    db_arg_time(&a, c->now_us);
    r = db_exec(c->tx, put_member, &a, NULL);
    if (r == -ENOLINK)
        return change_fail_at(c, "/account", "unknown", "There is no such account.", "账号不存在。");
    return r;
}

int department_remove_member(struct tenant_change *c, struct uuid department, struct uuid account)
{
    struct db_args a;
    int r;

    args(c, &a, department);
    db_arg_uuid(&a, account);
    r = db_exec_expect(c->tx, remove_member, &a, 1);
    return r == -ESTALE ? -ENOENT : r;
}
