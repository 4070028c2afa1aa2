/* juxinctl plugin policy */
#include <errno.h>

#include "base/clock.h"
#include "ctl/commands.h"
#include "ctl/lookup.h"
#include "plugin/policies.h"
#include "plugin/policies_change.h"

static int read_input(struct ctl *c, struct call *call, struct policy_input *in)
{
    const char *reach = ctl_option(c, "reach"), *levels = ctl_option(c, "levels");
    int r = 0;

    *in = (struct policy_input){
        .plugin = c->argument[1], .reason = ctl_option(c, "reason"), .until_us = INT64_MAX};
    if (policy_rule_parse(text_of(ctl_option(c, "rule")), &in->rule) < 0)
        return call_fail(call, 422, "invalid", "--rule is one of on, off, mandatory, forbidden.",
            "--rule 应为 on、off、mandatory 或 forbidden。");
    if (reach && strcmp(reach, "self") != 0 && strcmp(reach, "subtree") != 0)
        return call_fail(
            call, 422, "invalid", "--reach is self or subtree.", "--reach 应为 self 或 subtree。");
    in->is_subtree = !reach || strcmp(reach, "subtree") == 0;
    if (levels && policy_levels_parse(text_of(levels), &in->levels) < 0)
        return call_fail(call, 422, "invalid", "--levels lists county, street, community, park with commas.",
            "--levels 应为 county、street、community、park 的逗号分隔列表。");
    r = lookup_time(call, ctl_option(c, "from"), 0, &in->from_us);
    if (r == 0)
        r = lookup_time(call, ctl_option(c, "until"), INT64_MAX, &in->until_us);
    if (r == 0 && call->tenant && !ctl_option(c, "unit"))
        return call_fail(call, 422, "invalid", "--unit is missing: the code of the unit the rule is for.",
            "缺少 --unit：规则所属组织机构的代码。");
    return r == 0 && call->tenant ? lookup_unit(call, ctl_option(c, "unit"), &in->unit) : r;
}

static int show_preview(struct ctl *c, struct call *call, const struct policy_input *in)
{
    static const char *const titles[] = {"unit", "name", "before", "after", NULL};
    struct policy_preview p;
    struct ctl_table *table;
    int r = policy_preview(call, in, &p);

    if (r < 0)
        return r;
    ctl_say(c, "%u units would be turned on, %u off; %u people are affected", p.turned_on, p.turned_off,
        p.people);
    for (const char *const *also = p.also; *also; also++)
        ctl_say(c, "%s changes too, since it needs %s", *also, in->plugin);
    table = ctl_table_new(c, titles);
    for (uint32_t i = 0; i < p.flip_count; i++) {
        struct tree_unit u = tree_unit(call->tenant->tree, p.flips[i].unit);

        ctl_table_cell(table, u.code);
        ctl_table_cell(table, u.name);
        ctl_table_cell(table, policy_state_name(p.flips[i].before));
        ctl_table_cell(table, policy_state_name(p.flips[i].after));
    }
    ctl_table_end(table);
    return 0;
}

static int list(struct ctl *c, struct call *call)
{
    static const char *const titles[] = {
        "id", "unit", "rule", "reach", "levels", "from", "until", "reason", NULL};
    const struct policy_set *set = policy_rows(call, c->argument[1]);
    struct ctl_table *table = ctl_table_new(c, titles);

    for (size_t i = 0; set && i < set->count; i++) {
        const struct policy_row *r = &set->rows[i];

        ctl_table_cell(table, uuid_format(r->id).s);
        ctl_table_cell(
            table, r->unit == TREE_NONE ? "(deployment)" : tree_unit(call->tenant->tree, r->unit).code);
        ctl_table_cell(table, policy_rule_name(r->rule));
        ctl_table_cell(table, r->is_subtree ? "subtree" : "self");
        ctl_table_cell(table, r->levels ? policy_levels_text(c->arena, r->levels) : "all");
        ctl_table_cell(table, clock_format(r->from_us).s);
        ctl_table_cell(table, r->until_us == INT64_MAX ? "" : clock_format(r->until_us).s);
        ctl_table_cell(table, r->reason);
    }
    ctl_table_end(table);
    return call_fence(call);
}

static void say_made(struct ctl *c, struct uuid id)
{
    ctl_say(c, "%s: rule %s is in force, id %s", c->argument[1], ctl_option(c, "rule"), uuid_format(id).s);
    if (!c->json)
        return;
    jsonw_object(&c->w);
    jsonw_kstr(&c->w, "id", uuid_format(id).s);
    jsonw_object_end(&c->w);
}

static int change(struct ctl *c, struct call *call, void *arg)
{
    struct policy_input in;
    int r;

    if (ctl_option(c, "end")) {
        struct uuid id;

        if (uuid_parse(text_of(ctl_option(c, "end")), &id) < 0)
            return call_not_found(call);
        return policy_end(call, c->argument[1], id);
    }
    if (!ctl_option(c, "rule"))
        return list(c, call);
    r = read_input(c, call, &in);
    if (r < 0)
        return r;
    return ctl_flag(c, "preview") ? show_preview(c, call, &in) : policy_set(call, &in, arg);
}

/* Above all tenants: a call without one. */
static int change_deployment(struct ctl *c)
{
    struct policy_input in;
    struct call call;
    struct uuid id;
    int r, code;

    call_init(&call, c->db, c->arena);
    call.who = &c->who;
    call.request_id = arena_dup(c->arena, uuid_format(uuid_new()).s);
    r = read_input(c, &call, &in);
    if (r == 0)
        r = policy_set_deployment(&call, &in, &id);
    if (r == 0)
        r = call_commit(&call);
    code = r == 0 ? CTL_OK : ctl_fail_call(c, &call, r, "setting the policy");
    if (r == 0)
        say_made(c, id);
    call_done(&call);
    return code;
}

static int run(struct ctl *c)
{
    struct uuid id = UUID_NIL;
    int code;

    if (strcmp(c->argument[0], "-") == 0) {
        if (!ctl_option(c, "rule"))
            return ctl_fail(c, CTL_USAGE, "the deployment's policy needs --rule");
        return change_deployment(c);
    }
    code = ctl_in_tenant(c, c->argument[0], change, &id, "setting the policy");
    if (code == CTL_OK && !uuid_is_nil(id))
        say_made(c, id);
    return code;
}

const struct ctl_command ctl_plugin_policy = {
    .name = "plugin policy",
    .arguments = "SLUG PLUGIN",
    .summary = "turns a plugin on, off, mandatory or forbidden at a unit; without --rule lists the rules",
    .help = "SLUG is a tenant, or - for the deployment above all tenants. --preview only says what would "
            "happen. An off\n"
            "above is a default that units may overrule; forbidden is the ceiling.\n"
            "  juxinctl plugin policy shangcheng suggestions --unit 330102 --rule on --levels county,street\n"
            "  juxinctl plugin policy shangcheng suggestions --unit 330102008 --rule off --reach self "
            "--reason \"…\" --preview",
    .arguments_min = 2,
    .arguments_max = 2,
    .needs = CTL_DATABASE,
    .run = run,
    .options = {{"unit", "CODE", "the unit the rule belongs to", false},
        {"rule", "RULE", "on, off, mandatory or forbidden", false},
        {"reach", "REACH", "subtree (default) or self", false},
        {"levels", "LEVELS", "only units of these levels, with commas", false},
        {"reason", "TEXT", "told to the people there; required for off and forbidden", false},
        {"from", "TIME", "YYYY-MM-DD or RFC 3339; now", false}, {"until", "TIME", "as --from; no end", false},
        {"preview", NULL, "say what would happen, change nothing", false},
        {"end", "ID", "end a rule instead", false}},
};
