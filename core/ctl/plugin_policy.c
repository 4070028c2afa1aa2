/* juxinctl plugin policy */
#include "base/clock.h"
#include "ctl/commands.h"
#include "ctl/lookup.h"
#include "ctl/outlook.h"
#include "plugin/policy/policies.h"
#include "plugin/policy/policies_save.h"

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

static const char *const row_titles[] = {
    "id", "unit", "rule", "reach", "levels", "from", "until", "reason", NULL};

static void show_row(struct ctl_table *table, struct arena *a, const struct policy_row *r, const char *unit)
{
    ctl_table_cell(table, uuid_format(r->id).s);
    ctl_table_cell(table, unit);
    ctl_table_cell(table, policy_rule_name(r->rule));
    ctl_table_cell(table, r->is_subtree ? "subtree" : "self");
    ctl_table_cell(table, r->levels ? policy_levels_text(a, r->levels) : "all");
    ctl_table_cell(table, clock_format(r->from_us).s);
    ctl_table_cell(table, r->until_us == INT64_MAX ? "" : clock_format(r->until_us).s);
    ctl_table_cell(table, r->reason);
}

static int list(struct ctl *c, struct call *call)
{
    const struct policy_set *set = policy_rows(call, c->argument[1]);
    struct ctl_table *table;
    int r = call_fence(call);

    if (r < 0)
        return r;
    table = ctl_table_new(c, row_titles);
    for (size_t i = 0; set && i < set->count; i++)
        show_row(table, c->arena, &set->rows[i],
            set->rows[i].unit == TREE_NONE ? "(deployment)"
                                           : tree_unit(call->tenant->tree, set->rows[i].unit).code);
    ctl_table_end(table);
    return 0;
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

/* What is asked for: the end of a row, a new row, or to see the rows. */
struct asked {
    bool is_end, is_preview;
    struct uuid end;
    struct policy_input in;
    struct uuid made;
    struct ctl_outlook_sum *sum; /* of a preview above all tenants */
};

static int read_asked(struct ctl *c, struct call *call, struct asked *a)
{
    const char *end = ctl_option(c, "end");

    a->is_preview = ctl_flag(c, "preview");
    a->is_end = end != NULL;
    if (end)
        return uuid_parse(text_of(end), &a->end) == 0 ? 0 : call_not_found(call);
    return ctl_option(c, "rule") ? read_input(c, call, &a->in) : 0;
}

static int look(struct ctl *c, struct call *call, struct asked *a, struct outlook *o)
{
    return a->is_end ? outlook_policy_end(call, c->argument[1], a->end, o)
                     : outlook_policy_set(call, &a->in, o);
}

static int change(struct ctl *c, struct call *call, void *arg)
{
    struct asked *a = arg;
    struct outlook o;
    int r = read_asked(c, call, a);

    if (r == 0 && !a->is_end && !ctl_option(c, "rule"))
        return list(c, call);
    if (r == 0 && a->is_preview) {
        r = look(c, call, a, &o);
        return r < 0 ? r : ctl_outlook(c, call, &o);
    }
    if (r == 0)
        r = a->is_end ? policy_end(call, c->argument[1], a->end) : policy_set(call, &a->in, &a->made);
    return r;
}

/* ---- above all tenants: a call without one ---- */

static const struct db_stmt deployment_rows = {"ctl_deployment_policy",
    "SELECT id, rule, levels, reason, valid_from, valid_until FROM juxin.deployment_policy WHERE plugin = $1"
    " AND (valid_until IS NULL OR valid_until > greatest(now(), valid_from)) ORDER BY valid_from, id"};

static int list_deployment(struct ctl *c, struct call *call)
{
    struct db_args args;
    struct db_call read = {.stmt = deployment_rows, .args = &args};
    struct ctl_table *table;
    int r;

    db_args_reset(&args);
    db_arg_str(&args, c->argument[1]);
    r = call_read(call, &read, 1);
    if (r < 0)
        return r;
    table = ctl_table_new(c, row_titles);
    for (int i = 0; i < db_rows_count(read.rows); i++) {
        struct policy_row row = {.id = db_get_uuid(read.rows, i, 0),
            .is_subtree = true,
            .reason = db_get(read.rows, i, 3),
            .from_us = db_get_time(read.rows, i, 4),
            .until_us = db_get(read.rows, i, 5) ? db_get_time(read.rows, i, 5) : INT64_MAX};

        if (policy_rule_parse(db_get_text(read.rows, i, 1), &row.rule) == 0 &&
            policy_levels_parse(db_get_text(read.rows, i, 2), &row.levels) == 0)
            show_row(table, c->arena, &row, "(deployment)");
    }
    ctl_table_end(table);
    return 0;
}

static int look_at_tenant(struct call *call, void *arg)
{
    struct asked *a = arg;
    struct outlook o;
    int r = look(a->sum->ctl, call, a, &o);

    return r < 0 ? r : ctl_outlook_add(a->sum, call, &o);
}

static int preview_deployment(struct ctl *c, struct call *call, struct asked *a)
{
    struct ctl_outlook_sum sum;
    int r;

    ctl_outlook_begin(c, &sum);
    a->sum = &sum;
    a->in.unit = TREE_NONE;
    r = policy_each_tenant(call, look_at_tenant, a);
    ctl_outlook_end(&sum, r == 0);
    return r;
}

static int change_deployment(struct ctl *c)
{
    struct asked a = {.is_end = false};
    struct call call;
    int r, code;

    call_init(&call, c->db, c->arena);
    call.who = &c->who;
    call.request_id = arena_dup(c->arena, uuid_format(uuid_new()).s);
    r = read_asked(c, &call, &a);
    if (r == 0 && !a.is_end && !ctl_option(c, "rule"))
        r = list_deployment(c, &call);
    else if (r == 0 && a.is_preview)
        r = preview_deployment(c, &call, &a);
    else if (r == 0)
        r = a.is_end ? policy_end_deployment(&call, c->argument[1], a.end)
                     : policy_set_deployment(&call, &a.in, &a.made);
    if (r == 0)
        r = call_commit(&call);
    code = r == 0 ? CTL_OK : ctl_fail_call(c, &call, r, "setting the policy");
    if (r == 0 && !uuid_is_nil(a.made))
        say_made(c, a.made);
    call_done(&call);
    return code;
}

static int run(struct ctl *c)
{
    struct asked a = {.is_end = false};
    int code;

    if (strcmp(c->argument[0], "-") == 0)
        return change_deployment(c);
    code = ctl_in_tenant(c, c->argument[0], change, &a, "setting the policy");
    if (code == CTL_OK && !uuid_is_nil(a.made))
        say_made(c, a.made);
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
        {"preview", NULL, "say what would happen, change nothing; with --end too", false},
        {"end", "ID", "end a rule instead", false}},
};
