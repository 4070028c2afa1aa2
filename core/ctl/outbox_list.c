/* juxinctl outbox list */
#include "ctl/commands.h"

static const struct db_stmt list = {"ctl_outbox_list",
    "SELECT id, plugin, key, version, attempts, created_at, next_at, last_error FROM juxin.outbox WHERE "
    "tenant_id = $1"
    " AND state = $2 AND ($3::text IS NULL OR plugin = $3) ORDER BY seq, id LIMIT 1000"};

static int show(struct ctl *c, struct call *call, void *arg)
{
    static const char *const titles[] = {
        "id", "plugin", "about", "version", "attempts", "created_at", "next_at", "error", NULL};
    struct db_args args;
    struct db_call read = {.stmt = list, .args = &args};

    (void)arg;
    db_args_reset(&args);
    db_arg_int(&args, call->tenant->id);
    db_arg_str(&args, ctl_flag(c, "pending") ? "pending" : "dead");
    db_arg_str(&args, ctl_option(c, "plugin"));
    return ctl_table_read(c, call, &read, titles);
}

static int run(struct ctl *c)
{
    return ctl_in_tenant(c, c->argument[0], show, NULL, "listing dead letters");
}

const struct ctl_command ctl_outbox_list = {
    .name = "outbox list",
    .arguments = "SLUG",
    .summary = "the tenant's dead letters: plugins' actions that were given up",
    .help = "The oldest 1000. An action is given up when its plugin refuses it, or after twelve attempts.\n"
            "  juxinctl outbox list shangcheng",
    .arguments_min = 1,
    .arguments_max = 1,
    .needs = CTL_DATABASE,
    .run = run,
    .options = {{"plugin", "PLUGIN", "of this plugin only", false},
        {"pending", NULL, "those that wait, or are tried again, instead", false}},
};
