/* juxinctl audit tail */
#include "base/clock.h"
#include "base/text.h"
#include "ctl/commands.h"

static const struct db_stmt tail = {"ctl_audit_tail",
    "SELECT a.at, a.actor_kind, coalesce(x.login, a.actor_id::text), a.action, a.object_kind, a.object_id, "
    "a.fields,"
    " a.result FROM juxin.audit a LEFT JOIN juxin.account x ON x.tenant_id = $1 AND x.id = a.actor_id"
    " WHERE a.tenant_id = $1 ORDER BY a.id DESC LIMIT $2"};

static int show(struct ctl *c, struct call *call, void *arg)
{
    static const char *const titles[] = {
        "at", "kind", "actor", "action", "object", "object_id", "fields", "result", NULL};
    struct db_args args;
    struct db_call read = {.stmt = tail, .args = &args};
    struct ctl_table *table;
    int r;

    db_args_reset(&args);
    db_arg_int(&args, call->tenant->id);
    db_arg_int(&args, *(const int64_t *)arg);
    r = call_read(call, &read, 1);
    if (r < 0)
        return r;
    table = ctl_table_new(c, titles);
    for (int i = db_rows_count(read.rows) - 1; i >= 0; i--) {
        ctl_table_cell(table, clock_format(db_get_time(read.rows, i, 0)).s);
        for (int k = 1; k < 8; k++)
            ctl_table_cell(table, db_get(read.rows, i, k));
    }
    ctl_table_end(table);
    return 0;
}

static int run(struct ctl *c)
{
    const char *lines = ctl_option(c, "lines");
    int64_t count = 20;

    if (lines && text_to_i64(text_of(lines), 1, 10000, &count) < 0)
        return ctl_fail(c, CTL_USAGE, "--lines is a number from 1 to 10000");
    return ctl_in_tenant(c, c->argument[0], show, &count, "reading the audit");
}

const struct ctl_command ctl_audit_tail = {
    .name = "audit tail",
    .arguments = "SLUG",
    .summary = "the newest rows of the audit trail",
    .help = "Ids and names of fields, never values: the trail holds none.\n  juxinctl audit tail shangcheng "
            "--lines 50",
    .arguments_min = 1,
    .arguments_max = 1,
    .needs = CTL_DATABASE,
    .run = run,
    .options = {{"lines", "N", "20 by default", false}},
};
