/* juxinctl job list */
#include "access/job.h"
#include "ctl/commands.h"

static const struct db_stmt list = {"ctl_job_list",
    "SELECT id, kind, state, done, total, attempts, run_at, error_en FROM juxin.job WHERE tenant_id = $1"
    " AND ($2::text IS NULL OR state = $2) ORDER BY id DESC LIMIT 200"};

static int show(struct ctl *c, struct call *call, void *arg)
{
    static const char *const titles[] = {
        "id", "kind", "state", "done", "total", "attempts", "run_at", "error", NULL};
    struct db_args args;
    struct db_call read = {.stmt = list, .args = &args};

    (void)arg;
    db_args_reset(&args);
    db_arg_int(&args, call->tenant->id);
    db_arg_str(&args, ctl_option(c, "state"));
    return ctl_table_read(c, call, &read, titles);
}

static int run(struct ctl *c)
{
    return ctl_in_tenant(c, c->argument[0], show, NULL, "listing jobs");
}

const struct ctl_command ctl_job_list = {
    .name = "job list",
    .arguments = "SLUG",
    .summary = "the tenant's newest 200 jobs: what they do and how far they are",
    .help = "  juxinctl job list shangcheng --state dead",
    .arguments_min = 1,
    .arguments_max = 1,
    .needs = CTL_DATABASE,
    .run = run,
    .options = {{"state", "STATE", "waiting, running, done, failed, cancelled or dead", false}},
};
