/* juxinctl tenant list */
#include "base/clock.h"
#include "ctl/commands.h"

static const struct db_stmt list = {
    "ctl_tenant_list", "SELECT id, slug, name, is_active, created_at FROM juxin.tenant ORDER BY slug"};

static int run(struct ctl *c)
{
    static const char *const titles[] = {"id", "slug", "name", "active", "created_at", NULL};
    struct db_args args;
    struct db_call call = {.stmt = list, .args = &args};
    struct ctl_table *table;
    int r;

    db_args_reset(&args);
    r = db_read(c->db, 0, &call, 1, NULL, NULL);
    if (r < 0)
        return ctl_fail_errno(c, r, "listing the tenants");
    table = ctl_table_new(c, titles);
    for (int i = 0; i < db_rows_count(call.rows); i++) {
        ctl_table_cell(table, db_get(call.rows, i, 0));
        ctl_table_cell(table, db_get(call.rows, i, 1));
        ctl_table_cell(table, db_get(call.rows, i, 2));
        ctl_table_cell(table, db_get_bool(call.rows, i, 3) ? "yes" : "no");
        ctl_table_cell(table, clock_format(db_get_time(call.rows, i, 4)).s);
    }
    ctl_table_end(table);
    db_calls_done(&call, 1);
    return CTL_OK;
}

const struct ctl_command ctl_tenant_list = {
    .name = "tenant list",
    .summary = "all tenants of this deployment",
    .help = "  juxinctl tenant list --json",
    .needs = CTL_DATABASE,
    .run = run,
};
