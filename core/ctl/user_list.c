/* juxinctl user list */
#include "ctl/commands.h"

static const struct db_stmt list = {"ctl_user_list",
    "SELECT a.login, u.code, a.is_active, a.must_change_password, a.id FROM juxin.account a"
    " LEFT JOIN juxin.unit u ON u.tenant_id = $1 AND u.id = a.unit_id"
    " WHERE a.tenant_id = $1 AND a.login > $2 ORDER BY a.login LIMIT 1000"};

static int page(struct call *call, struct ctl_table *table, const char **after, int *ret_count)
{
    struct db_args args;
    struct db_call read = {.stmt = list, .args = &args};
    int r, count;

    db_args_reset(&args);
    db_arg_int(&args, call->tenant->id);
    db_arg_str(&args, *after);
    r = call_read(call, &read, 1);
    if (r < 0)
        return r;
    count = db_rows_count(read.rows);
    for (int i = 0; i < count; i++) {
        ctl_table_cell(table, db_get(read.rows, i, 0));
        ctl_table_cell(table, db_get(read.rows, i, 1));
        ctl_table_cell(table, db_get_bool(read.rows, i, 2) ? "yes" : "no");
        ctl_table_cell(table, db_get_bool(read.rows, i, 3) ? "yes" : "no");
        ctl_table_cell(table, db_get(read.rows, i, 4));
        *after = db_get(read.rows, i, 0);
    }
    *ret_count = count;
    return 0;
}

static int show(struct ctl *c, struct call *call, void *arg)
{
    static const char *const titles[] = {"login", "unit", "active", "must_change_password", "id", NULL};
    struct ctl_table *table = ctl_table_new(c, titles);
    const char *after = "";
    int r, count = 1;

    (void)arg;
    do
        r = page(call, table, &after, &count);
    while (r == 0 && count == 1000);
    if (r == 0)
        ctl_table_end(table);
    else
        ctl_table_free(table);
    return r;
}

static int run(struct ctl *c)
{
    return ctl_in_tenant(c, c->argument[0], show, NULL, "listing accounts");
}

const struct ctl_command ctl_user_list = {
    .name = "user list",
    .arguments = "SLUG",
    .summary = "the tenant's accounts",
    .help = "  juxinctl user list shangcheng",
    .arguments_min = 1,
    .arguments_max = 1,
    .needs = CTL_DATABASE,
    .run = run,
};
