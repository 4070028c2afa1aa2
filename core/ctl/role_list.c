/* juxinctl role list */
#include "ctl/commands.h"

static const struct db_stmt list = {"ctl_role_list",
    "SELECT r.name, r.label_zh, r.label_en, CASE WHEN r.is_builtin THEN 'yes' ELSE 'no' END, "
    "string_agg(p.permission, ' ' ORDER BY p.permission)"
    " FROM juxin.role r LEFT JOIN juxin.role_permission p ON p.tenant_id = $1 AND p.role_id = r.id"
    " WHERE r.tenant_id = $1 GROUP BY r.name, r.label_zh, r.label_en, r.is_builtin ORDER BY r.name LIMIT "
    "1000"};

static int show(struct ctl *c, struct call *call, void *arg)
{
    static const char *const titles[] = {"name", "label_zh", "label_en", "ready_made", "permissions", NULL};
    struct db_args args;
    struct db_call read = {.stmt = list, .args = &args};

    (void)arg;
    db_args_reset(&args);
    db_arg_int(&args, call->tenant->id);
    return ctl_table_read(c, call, &read, titles);
}

static int run(struct ctl *c)
{
    return ctl_in_tenant(c, c->argument[0], show, NULL, "listing roles");
}

const struct ctl_command ctl_role_list = {
    .name = "role list",
    .arguments = "SLUG",
    .summary = "roles and the permissions in them",
    .help = "  juxinctl role list shangcheng",
    .arguments_min = 1,
    .arguments_max = 1,
    .needs = CTL_DATABASE,
    .run = run,
};
