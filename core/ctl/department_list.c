/* juxinctl department list */
#include "ctl/commands.h"

static const struct db_stmt list = {"ctl_department_list",
    "SELECT d.code, d.name, u.code, a.login, CASE WHEN m.is_head THEN 'yes' ELSE '' END, d.id FROM "
    "juxin.department d"
    " JOIN juxin.unit u ON u.tenant_id = $1 AND u.id = d.unit_id"
    " LEFT JOIN juxin.department_member m ON m.tenant_id = $1 AND m.department_id = d.id"
    " LEFT JOIN juxin.account a ON a.tenant_id = $1 AND a.id = m.account_id"
    " WHERE d.tenant_id = $1 AND d.closed_at IS NULL ORDER BY d.code, m.is_head DESC, a.login LIMIT 10000"};

static int show(struct ctl *c, struct call *call, void *arg)
{
    static const char *const titles[] = {"code", "name", "unit", "member", "head", "id", NULL};
    struct db_args args;
    struct db_call read = {.stmt = list, .args = &args};

    (void)arg;
    db_args_reset(&args);
    db_arg_int(&args, call->tenant->id);
    return ctl_table_read(c, call, &read, titles);
}

static int run(struct ctl *c)
{
    return ctl_in_tenant(c, c->argument[0], show, NULL, "listing departments");
}

const struct ctl_command ctl_department_list = {
    .name = "department list",
    .arguments = "SLUG",
    .summary = "departments with their members",
    .help = "  juxinctl department list shangcheng",
    .arguments_min = 1,
    .arguments_max = 1,
    .needs = CTL_DATABASE,
    .run = run,
};
