/* juxinctl grant list */
#include "base/clock.h"
#include "ctl/commands.h"
#include "ctl/lookup.h"

static const struct db_stmt list = {"ctl_grant_list",
    "SELECT coalesce(a.login, ''), coalesce(d.code, ''), coalesce(p.title, ''), r.name, u.code, g.reach, "
    "g.valid_from, g.valid_until, g.id"
    " FROM juxin.access_grant g JOIN juxin.role r ON r.tenant_id = $1 AND r.id = g.role_id"
    " JOIN juxin.unit u ON u.tenant_id = $1 AND u.id = g.unit_id"
    " LEFT JOIN juxin.account a ON a.tenant_id = $1 AND a.id = g.account_id"
    " LEFT JOIN juxin.department d ON d.tenant_id = $1 AND d.id = g.department_id"
    " LEFT JOIN juxin.post p ON p.tenant_id = $1 AND p.id = g.post_id"
    " WHERE g.tenant_id = $1 AND ($2::uuid IS NULL OR g.account_id = $2)"
    " AND ($3 OR g.valid_until IS NULL OR g.valid_until > now()) ORDER BY 1, 2, 3, 4, 5 LIMIT 10000"};

static void time_cell(struct ctl_table *table, const struct db_rows *rows, int row, int column)
{
    ctl_table_cell(table, db_get(rows, row, column) ? clock_format(db_get_time(rows, row, column)).s : "");
}

static int show(struct ctl *c, struct call *call, void *arg)
{
    static const char *const titles[] = {
        "user", "department", "post", "role", "unit", "reach", "from", "until", "id", NULL};
    struct uuid account = UUID_NIL;
    struct db_args args;
    struct db_call read = {.stmt = list, .args = &args};
    struct ctl_table *table;
    int r = ctl_option(c, "user") ? lookup_account(call, ctl_option(c, "user"), &account, NULL) : 0;

    (void)arg;
    if (r < 0)
        return r;
    db_args_reset(&args);
    db_arg_int(&args, call->tenant->id);
    db_arg_uuid_or_null(&args, account);
    db_arg_bool(&args, ctl_flag(c, "all"));
    r = call_read(call, &read, 1);
    if (r < 0)
        return r;
    table = ctl_table_new(c, titles);
    for (int i = 0; i < db_rows_count(read.rows); i++) {
        for (int k = 0; k < 6; k++)
            ctl_table_cell(table, db_get(read.rows, i, k));
        time_cell(table, read.rows, i, 6);
        time_cell(table, read.rows, i, 7);
        ctl_table_cell(table, db_get(read.rows, i, 8));
    }
    ctl_table_end(table);
    return 0;
}

static int run(struct ctl *c)
{
    return ctl_in_tenant(c, c->argument[0], show, NULL, "listing grants");
}

const struct ctl_command ctl_grant_list = {
    .name = "grant list",
    .arguments = "SLUG",
    .summary = "who holds which role where",
    .help = "  juxinctl grant list shangcheng --user officer",
    .arguments_min = 1,
    .arguments_max = 1,
    .needs = CTL_DATABASE,
    .run = run,
    .options = {{"user", "LOGIN", "only this account's own grants", false},
        {"all", NULL, "ended ones too", false}},
};
