/* juxinctl role list */
#include "ctl/commands.h"

static const struct db_stmt list = {"ctl_role_list",
    "SELECT r.name, r.label_zh, r.label_en, r.is_builtin, string_agg(p.permission, ' ' ORDER BY p.permission)"
    " FROM juxin.role r LEFT JOIN juxin.role_permission p ON p.tenant_id = $1 AND p.role_id = r.id"
    " WHERE r.tenant_id = $1 GROUP BY r.name, r.label_zh, r.label_en, r.is_builtin ORDER BY r.name LIMIT "
    "1000"};

static int show(struct ctl *c, struct call *call, void *arg)
{
    static const char *const titles[] = {"name", "label_zh", "label_en", "ready_made", "permissions", NULL};
    struct db_args args;
    struct db_call read = {.stmt = list, .args = &args};
    struct ctl_table *table;
    int r;

    (void)arg;
    db_args_reset(&args);
    db_arg_int(&args, call->tenant->id);
    r = call_read(call, &read, 1);
    if (r < 0)
        return r;
    table = ctl_table_new(c, titles);
    for (int i = 0; i < db_rows_count(read.rows); i++) {
        for (int k = 0; k < 3; k++)
            ctl_table_cell(table, db_get(read.rows, i, k));
        ctl_table_cell(table, db_get_bool(read.rows, i, 3) ? "yes" : "no");
        ctl_table_cell(table, db_get(read.rows, i, 4));
    }
    ctl_table_end(table);
    return 0;
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
