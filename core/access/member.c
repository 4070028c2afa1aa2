/* Members. */
#include "access/member.h"

#include <errno.h>

#include "tenant/units.h"

/* Nobody types this login. */
static const struct db_stmt insert = {"member.insert",
    "INSERT INTO juxin.account (tenant_id, id, login, display_name, unit_id, phone, must_change_password, "
    "created_at,"
    " updated_at) VALUES ($1, $2, $3, $4, $5, $6, false, $7, $7)"};
static const struct db_stmt correct = {"member.correct",
    "UPDATE juxin.account SET display_name = coalesce($3, display_name), phone = coalesce($4, phone), "
    "version = version + 1,"
    " updated_at = $5 WHERE tenant_id = $1 AND id = $2"};

int member_check_name(struct call *c, const char *name)
{
    const char *why = unit_name_objection(text_of(name));

    return why ? call_fail_at(c, "/display_name", why,
                     "A name has 1 to 100 characters and no control characters.",
                     "姓名为 1 至 100 个字符，不含控制字符。")
               : 0;
}

int member_add(struct call *c, const struct member *in, struct uuid *ret_id)
{
    struct uuid id = uuid_new();
    struct db_args a;
    int r;

    db_args_reset(&a);
    db_arg_int(&a, c->tenant->id);
    db_arg_uuid(&a, id);
    db_arg_str(&a, arena_printf(c->arena, "member-%s", uuid_format(id).s));
    db_arg_str(&a, in->display_name);
    db_arg_uuid(&a, in->unit);
    db_arg_str(&a, in->phone);
    db_arg_time(&a, c->now_us);
    r = db_exec_expect(c->tx, insert, &a, 1);
    if (r == 0)
        r = call_audit(c, "account.create", "account", id, in->unit, "display_name,phone,unit");
    *ret_id = id;
    return r;
}

int member_correct(struct call *c, const char *display_name, const char *phone)
{
    struct db_args a;
    int r = call_bump(c); /* names are in snapshots */

    if (r < 0)
        return r;
    db_args_reset(&a);
    db_arg_int(&a, c->tenant->id);
    db_arg_uuid(&a, c->who->account);
    db_arg_str(&a, display_name);
    db_arg_str(&a, phone);
    db_arg_time(&a, c->now_us);
    r = db_exec_expect(c->tx, correct, &a, 1);
    if (r == -EEXIST)
        return call_fail(c, 409, "phone_unusable", "This number cannot be used here. Ask the district.",
            "该手机号不能使用，请联系工作人员。");
    c->result_status = 204;
    return r < 0 ? r
                 : call_audit(c, "account.correct", "account", c->who->account, UUID_NIL,
                       !phone          ? "display_name"
                       : !display_name ? "phone"
                                       : "display_name,phone");
}
