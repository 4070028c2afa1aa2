/* juxinctl plugin why */
#include "base/clock.h"
#include "ctl/commands.h"
#include "ctl/lookup.h"
#include "plugin/policy/policies.h"

static const char *unit_label(struct ctl *c, struct call *call, uint32_t unit)
{
    struct tree_unit u;

    if (unit == TREE_NONE)
        return "(deployment)";
    u = tree_unit(call->tenant->tree, unit);
    return arena_printf(c->arena, "%s %s", u.code, u.name);
}

static void show_rows(
    struct ctl *c, struct call *call, const char *plugin, uint32_t unit, const struct policy_row *winner)
{
    static const char *const titles[] = {
        "unit", "rule", "reach", "levels", "from", "until", "reason", "decides", NULL};
    const struct policy_set *set = policy_rows(call, plugin);
    const struct tree *t = call->tenant->tree;
    struct ctl_table *table = ctl_table_new(c, titles);

    for (size_t i = 0; set && i < set->count; i++) {
        const struct policy_row *r = &set->rows[i];

        if (r->unit != TREE_NONE && !tree_contains(unit, r->unit, tree_end(t, r->unit)))
            continue;
        ctl_table_cell(table, unit_label(c, call, r->unit));
        ctl_table_cell(table, policy_rule_name(r->rule));
        ctl_table_cell(table, r->is_subtree ? "subtree" : "self");
        ctl_table_cell(table, r->levels ? policy_levels_text(c->arena, r->levels) : "all");
        ctl_table_cell(table, clock_format(r->from_us).s);
        ctl_table_cell(table, r->until_us == INT64_MAX ? "" : clock_format(r->until_us).s);
        ctl_table_cell(table, r->reason);
        ctl_table_cell(table, r == winner ? "yes" : "");
    }
    ctl_table_end(table);
}

static int explain(struct ctl *c, struct call *call, void *arg)
{
    const char *plugin = c->argument[1];
    struct policy_answer a;
    struct policy_reason why;
    uint32_t unit;
    int r = lookup_unit(call, ctl_option(c, "unit"), &unit);

    (void)arg;
    if (r < 0)
        return r;
    a = policy_at(call, plugin, unit);
    why = policy_reason(call, plugin, unit);
    ctl_say(c, "%s at %s: %s (%s; %s)", plugin, unit_label(c, call, unit), policy_state_name(a.state), why.en,
        why.zh);
    if (a.next_change_us != INT64_MAX)
        ctl_say(c, "changes by itself at %s", clock_format(a.next_change_us).s);
    if (c->json) {
        jsonw_object(&c->w);
        jsonw_kstr(&c->w, "state", policy_state_name(a.state));
        jsonw_kstr(&c->w, "why", why.en);
        jsonw_kstr(&c->w, "why_zh", why.zh);
        jsonw_kstr(&c->w, "decided_by", a.decided_by ? uuid_format(a.decided_by->id).s : NULL);
        jsonw_kstr(&c->w, "blocked_by", a.blocked_by);
        jsonw_key(&c->w, "rows");
    }
    show_rows(c, call, plugin, unit, a.decided_by);
    if (c->json)
        jsonw_object_end(&c->w);
    return call_fence(call);
}

static int run(struct ctl *c)
{
    return ctl_in_tenant(c, c->argument[0], explain, NULL, "asking why");
}

const struct ctl_command ctl_plugin_why = {
    .name = "plugin why",
    .arguments = "SLUG PLUGIN",
    .summary = "whether a plugin runs at a unit, and which rule decided it",
    .help = "Shows every rule from the deployment down to the unit; overruled ones too.\n"
            "  juxinctl plugin why shangcheng suggestions --unit 330102008",
    .arguments_min = 2,
    .arguments_max = 2,
    .needs = CTL_DATABASE,
    .run = run,
    .options = {{"unit", "CODE", "the unit asked about", true}},
};
