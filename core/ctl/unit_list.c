/* juxinctl unit list */
#include "base/mem.h"
#include "ctl/commands.h"
#include "ctl/lookup.h"

static int list(struct ctl *c, struct call *call, void *arg)
{
    static const char *const titles[] = {"code", "level", "name", "parent", "id", NULL};
    const struct tree *t = call->tenant->tree;
    const char *under = ctl_option(c, "under");
    uint32_t from = 0, end = tree_count(t);
    struct ctl_table *table;

    (void)arg;
    if (under) {
        int r = lookup_unit(call, under, &from);

        if (r < 0)
            return r;
        end = tree_end(t, from);
    }
    table = ctl_table_new(c, titles);
    for (uint32_t i = from; i < end; i++) {
        struct tree_unit u = tree_unit(t, i);
        uint32_t parent = tree_parent(t, i);
        CLEANUP(mem_freep)
        char *name = str_printf(
            "%*s%s%s", c->json ? 0 : (int)tree_depth(t, i) * 2, "", u.name, u.is_closed ? " (closed)" : "");

        ctl_table_cell(table, u.code);
        ctl_table_cell(table, level_name(u.level));
        ctl_table_cell(table, name);
        ctl_table_cell(table, parent == TREE_NONE ? "" : tree_unit(t, parent).code);
        ctl_table_cell(table, uuid_format(u.id).s);
    }
    ctl_table_end(table);
    return 0;
}

static int run(struct ctl *c)
{
    return ctl_in_tenant(c, c->argument[0], list, NULL, "listing units");
}

const struct ctl_command ctl_unit_list = {
    .name = "unit list",
    .arguments = "SLUG",
    .summary = "the tenant's tree, in its order",
    .help = "  juxinctl unit list shangcheng --under 330102001",
    .arguments_min = 1,
    .arguments_max = 1,
    .needs = CTL_DATABASE,
    .run = run,
    .options = {{"under", "CODE", "that unit and what is below it", false}},
};
