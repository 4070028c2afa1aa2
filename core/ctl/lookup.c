/* Looking things up by what people call them. */
#include "ctl/lookup.h"

#include <errno.h>

#include "access/login.h"
#include "access/password.h"
#include "base/clock.h"

static const struct db_stmt account_by_login = {
    "ctl_account_by_login", "SELECT id, version FROM juxin.account WHERE tenant_id = $1 AND login = $2"};
static const struct db_stmt role_by_name = {
    "ctl_role_by_name", "SELECT id FROM juxin.role WHERE tenant_id = $1 AND name = $2"};
static const struct db_stmt department_by_code = {"ctl_department_by_code",
    "SELECT id FROM juxin.department WHERE tenant_id = $1 AND code = $2 AND closed_at IS NULL"};

static int missing(struct call *call, const char *what, const char *name, const char *how)
{
    return call_fail(call, 404, "not_found",
        arena_printf(call->arena, "there is no %s \"%s\"; `juxinctl %s %s` shows all", what, name, how,
            call->tenant->slug),
        "没有找到。");
}

int lookup_unit(struct call *call, const char *code, uint32_t *ret)
{
    uint32_t unit = tree_find_code(call->tenant->tree, text_of(code));

    if (unit == TREE_NONE)
        return missing(call, "unit with code", code, "unit list");
    *ret = unit;
    return 0;
}

static int by_text(
    struct call *call, struct db_stmt stmt, const char *key, struct uuid *ret_id, int64_t *ret_version)
{
    struct db_args args;
    struct db_call read = {.stmt = stmt, .args = &args};
    int r;

    db_args_reset(&args);
    db_arg_int(&args, call->tenant->id);
    db_arg_str(&args, key);
    r = call_read(call, &read, 1);
    if (r < 0)
        return r;
    if (db_rows_count(read.rows) == 0)
        return -ENOENT;
    *ret_id = db_get_uuid(read.rows, 0, 0);
    if (ret_version)
        *ret_version = db_get_int(read.rows, 0, 1);
    return 0;
}

int lookup_account(struct call *call, const char *login, struct uuid *ret_id, int64_t *ret_version)
{
    struct login l;
    int r = login_parse(text_of(login), &l);

    if (r == 0)
        r = by_text(call, account_by_login, l.s, ret_id, ret_version);
    return r == -ENOENT || r == -EINVAL ? missing(call, "account", login, "user list") : r;
}

int lookup_role(struct call *call, const char *name, struct uuid *ret)
{
    int r = by_text(call, role_by_name, name, ret, NULL);

    return r == -ENOENT ? missing(call, "role", name, "role list") : r;
}

int lookup_department(struct call *call, const char *code, struct uuid *ret)
{
    int r = by_text(call, department_by_code, code, ret, NULL);

    return r == -ENOENT ? missing(call, "department", code, "department list") : r;
}

int lookup_time(struct call *call, const char *text, int64_t fallback, int64_t *ret_us)
{
    int32_t day;

    if (!text) {
        *ret_us = fallback;
        return 0;
    }
    if (date_parse(text_of(text), &day) == 0) {
        *ret_us = ((int64_t)day * 24 - 8) * 3600 * 1000000;
        return 0;
    }
    if (clock_parse(text_of(text), ret_us) == 0)
        return 0;
    return call_fail(call, 422, "time",
        arena_printf(call->arena, "\"%s\" is no time; write 2026-12-31 or 2026-12-31T18:00:00+08:00", text),
        "时间格式不正确。");
}

const char *lookup_password(struct ctl *c, bool *ret_generated, int *ret_code)
{
    char line[PASSWORD_BYTES_MAX + 2];

    *ret_generated = ctl_flag(c, "generate");
    if (*ret_generated && !ctl_flag(c, "password-stdin"))
        return arena_dup(c->arena, password_generate().s);
    if (*ret_generated || !ctl_flag(c, "password-stdin")) {
        *ret_code = ctl_fail(c, CTL_USAGE,
            "say either --generate (the password is printed once) or --password-stdin (it is read from "
            "standard input)");
        return NULL;
    }
    if (!fgets(line, sizeof(line), stdin) || strcspn(line, "\n") == 0) {
        *ret_code = ctl_fail(c, CTL_USAGE, "no password came on standard input");
        return NULL;
    }
    line[strcspn(line, "\n")] = '\0';
    return arena_dup(c->arena, line);
}
