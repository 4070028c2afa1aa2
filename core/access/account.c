/* Accounts and their passwords. */
#include "access/account.h"

#include <errno.h>

#include "access/core_permissions.h"
#include "access/holder.h"
#include "access/login.h"
#include "access/permission.h"
#include "access/ratelimit.h"
#include "access/session.h"
#include "tenant/units.h"

static const struct db_stmt insert_account = {"account.insert",
    "INSERT INTO juxin.account (tenant_id, id, login, display_name, unit_id, password_hash, "
    "must_change_password,"
    " created_at, updated_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $8)"};
static const struct db_stmt update_account = {"account.update",
    "UPDATE juxin.account SET display_name = coalesce($4, display_name), unit_id = coalesce($5, unit_id),"
    " is_active = coalesce($6, is_active), version = version + 1, updated_at = $7"
    " WHERE tenant_id = $1 AND id = $2 AND version = $3"};
static const struct db_stmt find_unit = {
    "account.find_unit", "SELECT unit_id FROM juxin.account WHERE tenant_id = $1 AND id = $2"};
static const struct db_stmt set_password = {"account.set_password",
    "UPDATE juxin.account SET password_hash = $3, must_change_password = $4, password_changed_at = $5,"
    " updated_at = $5 WHERE tenant_id = $1 AND id = $2"};
static const struct db_stmt read_password = {"account.read_password",
    "SELECT login, password_hash FROM juxin.account WHERE tenant_id = $1 AND id = $2 AND is_active"};

static void id_args(struct call *c, struct db_args *a, struct uuid id)
{
    db_args_reset(a);
    db_arg_int(a, c->tenant->id);
    db_arg_uuid(a, id);
}

static int check_name(struct call *c, const char *name)
{
    const char *why = unit_name_objection(text_of(name));

    return why ? call_fail_at(c, "/display_name", why,
                     "A name has 1 to 100 characters and no control characters.",
                     "姓名为 1 至 100 个字符，不含控制字符。")
               : 0;
}

static int need(struct call *c, enum core_permission p, uint32_t unit)
{
    if (unit == TREE_NONE || tree_count(c->tenant->tree) == 0) {
        unit = 0;
        if (tree_count(c->tenant->tree) == 0) /* no tree yet: only the operator is here */
            return c->who->kind == SUBJECT_OPERATOR || c->who->kind == SUBJECT_SYSTEM ? 0 : call_not_found(c);
    }
    if (subject_may(c->who, c->tenant, core_permission(p), unit))
        return 0;
    if (subject_may(c->who, c->tenant, core_permission(CORE_ACCOUNT_READ), unit))
        return call_forbidden(c, core_permission_name(p));
    return call_not_found(c);
}

int account_unit(struct call *c, struct uuid id, int permission, uint32_t *ret_unit)
{
    struct db_args a;
    struct db_call call = {.stmt = find_unit, .args = &a};
    uint32_t unit = TREE_NONE;
    int r;

    id_args(c, &a, id);
    r = call_read(c, &call, 1);
    if (r < 0)
        return r;
    if (db_rows_count(call.rows) == 0)
        return call_not_found(c);
    if (db_get(call.rows, 0, 0))
        unit = tree_find(c->tenant->tree, db_get_uuid(call.rows, 0, 0));
    r = need(c, (enum core_permission)permission, unit);
    if (r == 0)
        *ret_unit = unit == TREE_NONE ? 0 : unit;
    return r;
}

static struct uuid unit_id(struct call *c, uint32_t unit)
{
    return unit == TREE_NONE || unit >= tree_count(c->tenant->tree) ? UUID_NIL
                                                                    : tree_unit(c->tenant->tree, unit).id;
}

static int check_password(struct call *c, const char *pointer, struct text password, const char *login)
{
    const char *why = password_objection(password, text_of(login));

    return why ? call_fail_at(c, pointer, why, password_objection_en(why), password_objection_zh(why)) : 0;
}

int account_create(struct call *c, const struct account_input *in, const char *password, struct uuid *ret_id)
{
    struct password_encoded hash;
    struct uuid id = uuid_new();
    struct login login;
    struct db_args a;
    int r = need(c, CORE_ACCOUNT_CREATE, in->unit);

    if (r < 0)
        return c->fault.status == 404 ? call_forbidden(c, core_permission_name(CORE_ACCOUNT_CREATE)) : r;
    if (login_parse(text_of(in->login), &login) < 0)
        r = call_fail_at(c, "/login", "pattern", "A login has 1 to 64 letters, digits, '.', '-', '_' or '@'.",
            "登录名为 1 至 64 位字母、数字、“.”、“-”、“_”或“@”。");
    if (check_name(c, in->display_name) < 0 || r < 0)
        return -EINVAL;
    r = check_password(c, "/password", text_of(password), login.s);
    if (r == 0)
        r = password_hash(text_of(password), &hash);
    if (r == 0)
        r = call_begin(c);
    if (r < 0 || c->is_replay)
        return r;
    id_args(c, &a, id);
    db_arg_str(&a, login.s);
    db_arg_str(&a, in->display_name);
    db_arg_uuid_or_null(&a, unit_id(c, in->unit));
    db_arg_str(&a, hash.s);
    db_arg_bool(&a, in->must_change_password);
    db_arg_time(&a, c->now_us);
    r = db_exec_expect(c->tx, insert_account, &a, 1);
    if (r == -EEXIST)
        return call_fail_at(
            c, "/login", "duplicate", "Another account has this login.", "该登录名已被使用。");
    if (r == 0)
        r = call_audit(c, "account.create", "account", id, unit_id(c, in->unit), "login,display_name,unit");
    if (r == 0)
        *ret_id = id;
    return r;
}

static int beyond_own(struct call *c)
{
    return call_fail(c, 403, "beyond_own", "The account has been granted more than you hold yourself.",
        "该账号获得的授权超出本人权限。");
}

int account_update(
    struct call *c, struct uuid id, const struct account_input *in, int64_t version, int64_t *ret_version)
{
    uint32_t unit;
    struct db_args a;
    int r = account_unit(c, id, CORE_ACCOUNT_UPDATE, &unit);

    if (r == 0 && in->unit != TREE_NONE)
        r = need(c, CORE_ACCOUNT_UPDATE, in->unit);
    if (r == 0 && (in->set_active || in->unit != TREE_NONE) && !uuid_eq(id, c->who->account) &&
        holder_is_above(c, id))
        r = beyond_own(c);
    if (r == 0 && in->display_name)
        r = check_name(c, in->display_name);
    if (r == 0)
        r = call_begin(c);
    if (r < 0 || c->is_replay)
        return r;
    r = call_bump(c);
    if (r < 0)
        return r;
    id_args(c, &a, id);
    db_arg_int(&a, version);
    db_arg_str(&a, in->display_name);
    db_arg_uuid_or_null(&a, unit_id(c, in->unit));
    if (in->set_active)
        db_arg_bool(&a, in->is_active);
    else
        db_arg_str(&a, NULL);
    db_arg_time(&a, c->now_us);
    r = db_exec_expect(c->tx, update_account, &a, 1);
    if (r == 0 && in->set_active && !in->is_active)
        r = session_end_all(c, id, UUID_NIL);
    if (r == 0)
        r = call_audit(c, in->set_active && !in->is_active ? "account.disable" : "account.update", "account",
            id, unit_id(c, unit), in->set_active ? "display_name,unit,is_active" : "display_name,unit");
    if (r == 0)
        *ret_version = version + 1;
    return r;
}

static int write_password(
    struct call *c, struct uuid id, const struct password_encoded *hash, bool must_change)
{
    struct db_args a;

    id_args(c, &a, id);
    db_arg_str(&a, hash->s);
    db_arg_bool(&a, must_change);
    db_arg_time(&a, c->now_us);
    return db_exec_expect(c->tx, set_password, &a, 1);
}

int account_reset_password(struct call *c, struct uuid id, const char *password)
{
    struct password_encoded hash;
    uint32_t unit, missing;
    int r = account_unit(c, id, CORE_ACCOUNT_RESET, &unit);

    if (r < 0)
        return r;
    if (!holder_is_within_delegated(c, id, &missing))
        return beyond_own(c);
    r = password_hash(text_of(password), &hash);
    if (r == 0)
        r = call_begin(c);
    if (r < 0 || c->is_replay)
        return r;
    r = call_bump(c);
    if (r == 0)
        r = write_password(c, id, &hash, true);
    if (r == 0)
        r = session_end_all(c, id, UUID_NIL);
    return r < 0 ? r : call_audit(c, "account.reset_password", "account", id, unit_id(c, unit), "password");
}

int account_change_password(struct call *c, struct text current, struct text fresh)
{
    struct db_args a;
    struct db_call call = {.stmt = read_password, .args = &a};
    struct uuid_text me = uuid_format(c->who->account);
    static const struct ratelimit_rule rule = {"password", 4, 300};
    struct password_encoded hash;
    int64_t wait;
    bool match;
    int r;

    id_args(c, &a, c->who->account);
    r = call_read(c, &call, 1);
    if (r < 0)
        return r;
    if (db_rows_count(call.rows) == 0)
        return call_not_found(c);
    r = check_password(c, "/new_password", fresh, db_get(call.rows, 0, 0));
    if (r < 0)
        return r;
    r = ratelimit_take(c->db, c->tenant->id, rule, text_of(me.s), &wait);
    if (r == -EDQUOT)
        return session_limited(c, wait);
    if (r == 0)
        r = password_verify(current, db_get(call.rows, 0, 1), &match);
    if (r < 0)
        return r;
    if (!match)
        return call_fail_at(
            c, "/old_password", "wrong", "This is not the current password.", "当前密码不正确。");
    if (text_eq(current, fresh))
        return call_fail_at(c, "/new_password", "same", "Choose a password other than the current one.",
            "新密码不能与当前密码相同。");
    r = password_hash(fresh, &hash);
    if (r == 0)
        r = call_begin(c);
    if (r < 0 || c->is_replay)
        return r;
    r = call_bump(c);
    if (r == 0)
        r = write_password(c, c->who->account, &hash, false);
    if (r == 0)
        r = session_end_all(c, c->who->account, c->who->session);
    if (r == 0)
        r = ratelimit_forget(c->tx, "password", text_of(me.s));
    return r < 0 ? r
                 : call_audit(c, "account.change_password", "account", c->who->account, UUID_NIL, "password");
}
