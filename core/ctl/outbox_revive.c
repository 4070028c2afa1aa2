/* juxinctl outbox revive */
#include <errno.h>

#include "ctl/commands.h"
#include "db/outbox.h"

static const struct db_stmt count = {"ctl_outbox_count",
    "SELECT plugin, count(*), min(created_at) FROM juxin.outbox WHERE tenant_id = $1 AND state = 'dead'"
    " AND ($2::text IS NULL OR plugin = $2) GROUP BY plugin ORDER BY plugin"};

static int revive_one(struct ctl *c, struct call *call, void *arg)
{
    struct uuid id;
    int r;

    (void)arg;
    if (uuid_parse(text_of(c->argument[1]), &id) < 0)
        return call_fail(
            call, 422, "id", "a dead letter's id is a UUID; `juxinctl outbox list` shows it", "编号不正确。");
    r = call_begin(call);
    if (r == 0)
        r = outbox_revive(call->tx, id);
    if (r == -ENOENT)
        return call_fail(call, 404, "not_found",
            "there is no such dead letter; `juxinctl outbox list` shows them", "没有这条记录。");
    return r < 0 ? r : call_audit(call, "outbox.revive", "outbox", id, UUID_NIL, "state");
}

/* One line a plugin; how many there are is for the caller. */
static int show_all(struct ctl *c, struct call *call, void *arg)
{
    static const char *const titles[] = {"plugin", "dead", "oldest", NULL};
    int64_t *total = arg;
    struct ctl_table *table;
    struct db_args args;
    struct db_call read = {.stmt = count, .args = &args};
    int r;

    db_args_reset(&args);
    db_arg_int(&args, call->tenant->id);
    db_arg_str(&args, ctl_option(c, "plugin"));
    r = call_read(call, &read, 1);
    if (r < 0)
        return r;
    *total = 0;
    for (int i = 0; i < db_rows_count(read.rows); i++)
        *total += db_get_int(read.rows, i, 1);
    if (c->json && !ctl_flag(c, "preview"))
        return 0;
    table = ctl_table_new(c, titles);
    for (int i = 0; i < db_rows_count(read.rows); i++)
        for (int k = 0; k < 3; k++)
            ctl_table_cell(table, db_get(read.rows, i, k));
    ctl_table_end(table);
    return 0;
}

static int revive_all(struct ctl *c, struct call *call, void *arg)
{
    uint64_t *revived = arg;
    int r = call_begin(call);

    if (r == 0)
        r = outbox_revive_all(call->tx, ctl_option(c, "plugin"), revived);
    return r < 0 ? r : call_audit(call, "outbox.revive_all", "outbox", UUID_NIL, UUID_NIL, "state");
}

static int run_all(struct ctl *c)
{
    int64_t total = 0;
    uint64_t revived = 0;
    int code = ctl_in_tenant(c, c->argument[0], show_all, &total, "counting dead letters");

    if (code != CTL_OK || ctl_flag(c, "preview"))
        return code;
    if (total > 0 && !ctl_confirm(c, "All of these are delivered again."))
        return CTL_REFUSED;
    if (total > 0)
        code = ctl_in_tenant(c, c->argument[0], revive_all, &revived, "reviving dead letters");
    if (code != CTL_OK)
        return code;
    ctl_say(c, "%llu revived; they are delivered within seconds", (unsigned long long)revived);
    if (c->json) {
        jsonw_object(&c->w);
        jsonw_kint(&c->w, "revived", (int64_t)revived);
        jsonw_object_end(&c->w);
    }
    return CTL_OK;
}

static int run(struct ctl *c)
{
    int code;

    if (ctl_flag(c, "all") == (c->argument_count == 2))
        return ctl_fail(c, CTL_USAGE, "name one dead letter by its id, or all of the tenant's with --all");
    if (ctl_flag(c, "all"))
        return run_all(c);
    if (ctl_flag(c, "preview") || ctl_option(c, "plugin"))
        return ctl_fail(c, CTL_USAGE, "--preview and --plugin go with --all");
    code = ctl_in_tenant(c, c->argument[0], revive_one, NULL, "reviving the dead letter");
    if (code == CTL_OK)
        ctl_say(c, "revived; it is delivered within seconds");
    return code;
}

const struct ctl_command ctl_outbox_revive = {
    .name = "outbox revive",
    .arguments = "SLUG [ID]",
    .summary = "delivers dead letters again, from the first attempt",
    .help = "What came behind a dead letter has been delivered meanwhile: a revived one comes late, and its "
            "plugin\n"
            "looks at the record as it is now.\n"
            "  juxinctl outbox revive shangcheng 019abcde-0000-7000-8000-000000000000\n"
            "  juxinctl outbox revive shangcheng --all --preview",
    .arguments_min = 1,
    .arguments_max = 2,
    .needs = CTL_DATABASE,
    .run = run,
    .options = {{"all", NULL, "all of the tenant's", false},
        {"plugin", "PLUGIN", "with --all: of this plugin only", false},
        {"preview", NULL, "with --all: say how many, change nothing", false}},
};
