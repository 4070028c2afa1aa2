/* juxinctl plugin hooks */
#include "ctl/commands.h"
#include "ctl/plugin_common.h"
#include "plugin/hook/hook_list.h"

struct listing {
    struct ctl_table *table;
    uint32_t n;
};

static void show(const struct hook_entry *e, void *arg)
{
    struct listing *l = arg;
    char n[16];

    snprintf(n, sizeof(n), "%u", ++l->n);
    ctl_table_cell(l->table, n);
    ctl_table_cell(l->table, e->point);
    ctl_table_cell(l->table, e->phase);
    ctl_table_cell(l->table, e->plugin);
    ctl_table_cell(l->table, e->name);
    ctl_table_cell(l->table, e->resource);
    ctl_table_cell(l->table, e->transition ? e->transition : "");
    ctl_table_cell(l->table, e->fails);
}

static int run(struct ctl *c)
{
    static const char *const titles[] = {
        "n", "point", "phase", "plugin", "hook", "resource", "transition", "fails", NULL};
    struct listing l = {.n = 0};
    int code = plugin_registry(c, true);

    if (code != CTL_OK)
        return code;
    l.table = ctl_table_new(c, titles);
    hook_list(c->argument_count > 0 ? c->argument[0] : NULL, show, &l);
    ctl_table_end(l.table);
    return CTL_OK;
}

const struct ctl_command ctl_plugin_hooks = {
    .name = "plugin hooks",
    .arguments = "[POINT]",
    .summary = "who takes part at a point, in the order of dispatch",
    .help = "Points: validate, before_create, before_update, before_delete, before_transition, serialise, "
            "after_create,\n"
            "after_update, after_delete, after_transition. Loads the plugins as a worker would, so it asks "
            "for the same\n"
            "trust.\n"
            "  juxinctl plugin hooks before_transition",
    .arguments_max = 1,
    .needs = CTL_CONFIG,
    .run = run,
};
