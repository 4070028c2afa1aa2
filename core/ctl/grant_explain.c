/* juxinctl grant explain */
#include "access/explain.h"
#include "access/permission.h"
#include "base/clock.h"
#include "ctl/commands.h"
#include "ctl/lookup.h"

static const char *end_text(struct arena *a, int64_t us, int64_t none)
{
    return us == none ? "" : arena_dup(a, clock_format(us).s);
}

static void show(struct ctl *c, const struct call *call, const struct explain_answer *answer)
{
    static const char *const titles[] = {
        "reason", "role", "unit", "reach", "from", "until", "through", "grant", NULL};
    struct ctl_table *table = ctl_table_new(c, titles);

    for (uint32_t i = 0; i < answer->count; i++) {
        const struct explain_line *l = &answer->lines[i];

        ctl_table_cell(table, explain_reason_name(l->reason));
        ctl_table_cell(table, l->role);
        ctl_table_cell(table, tree_unit(call->tenant->tree, l->unit).code);
        ctl_table_cell(table, reach_name(l->reach));
        ctl_table_cell(table, end_text(c->arena, l->from, 0));
        ctl_table_cell(table, end_text(c->arena, l->until, INT64_MAX));
        ctl_table_cell(table, !uuid_is_nil(l->post)         ? "post"
                              : !uuid_is_nil(l->department) ? "department"
                                                            : "account");
        ctl_table_cell(table, uuid_format(l->grant_id).s);
    }
    ctl_table_end(table);
}

static int explain_it(struct ctl *c, struct call *call, void *arg)
{
    struct explain_answer *answer = arg;
    uint32_t permission = permission_find(text_of(ctl_option(c, "permission"))), unit;
    struct uuid account;
    int r;

    if (permission == PERMISSION_NONE)
        return call_fail(call, 404, "not_found",
            "there is no such permission; `juxinctl role list` shows those in use", "没有这个权限。");
    r = lookup_account(call, ctl_option(c, "user"), &account, NULL);
    if (r == 0)
        r = lookup_unit(call, ctl_option(c, "unit"), &unit);
    if (r == 0)
        r = explain_account(call, account, permission, unit, answer);
    if (r < 0)
        return r;
    if (c->json) {
        jsonw_object(&c->w);
        jsonw_kbool(&c->w, "may", answer->may);
        jsonw_key(&c->w, "grants");
    }
    ctl_say(c, answer->may     ? "yes, because of"
               : answer->count ? "no; these come nearest"
                               : "no: no grant comes near");
    if (answer->count || c->json)
        show(c, call, answer);
    if (c->json)
        jsonw_object_end(&c->w);
    return 0;
}

static int run(struct ctl *c)
{
    struct explain_answer answer = {0};

    return ctl_in_tenant(c, c->argument[0], explain_it, &answer, "explaining");
}

const struct ctl_command ctl_grant_explain = {
    .name = "grant explain",
    .arguments = "SLUG",
    .summary = "says which grant allows somebody something, or what is missing",
    .help = "  juxinctl grant explain shangcheng --user officer --permission core.unit.read --unit 330102001",
    .arguments_min = 1,
    .arguments_max = 1,
    .needs = CTL_DATABASE,
    .run = run,
    .options = {{"user", "LOGIN", "who", true}, {"permission", "NAME", "what", true},
        {"unit", "CODE", "where", true}},
};
