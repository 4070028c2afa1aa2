/* juxinctl grant add */
#include "access/grant.h"
#include "ctl/commands.h"
#include "ctl/lookup.h"
#include "ctl/outlook.h"

static int find_holder(struct ctl *c, struct call *call, struct grant_input *in)
{
    const char *user = ctl_option(c, "user"), *department = ctl_option(c, "department");

    if (!user == !department)
        return call_fail(
            call, 422, "holder", "say one of --user LOGIN and --department CODE", "请指定用户或部门。");
    return user ? lookup_account(call, user, &in->account, NULL)
                : lookup_department(call, department, &in->department);
}

static int add(struct ctl *c, struct call *call, void *arg)
{
    struct grant_input in = {.account = UUID_NIL};
    int r = find_holder(c, call, &in);

    if (r == 0)
        r = lookup_role(call, ctl_option(c, "role"), &in.role);
    if (r == 0)
        r = lookup_unit(call, ctl_option(c, "unit"), &in.unit);
    if (r == 0)
        r = lookup_time(call, ctl_option(c, "from"), 0, &in.from);
    if (r == 0)
        r = lookup_time(call, ctl_option(c, "until"), INT64_MAX, &in.until);
    if (r == 0 && reach_parse(text_of(ctl_option(c, "reach")), &in.reach) < 0)
        r = call_fail(call, 422, "reach", "--reach is self, children or subtree", "范围不正确。");
    if (r == 0 && ctl_flag(c, "preview")) {
        struct outlook o;

        r = outlook_grant(call, &in, &o);
        return r < 0 ? r : ctl_outlook(c, call, &o);
    }
    return r == 0 ? grant_create(call, &in, arg) : r;
}

static int run(struct ctl *c)
{
    struct uuid id;
    int code = ctl_in_tenant(c, c->argument[0], add, &id, "granting");

    if (code != CTL_OK || ctl_flag(c, "preview"))
        return code;
    if (c->json) {
        jsonw_object(&c->w);
        jsonw_kstr(&c->w, "id", uuid_format(id).s);
        jsonw_object_end(&c->w);
    }
    ctl_say(c, "granted (%s); effective on the next request", uuid_format(id).s);
    return CTL_OK;
}

const struct ctl_command ctl_grant_add = {
    .name = "grant add",
    .arguments = "SLUG",
    .summary = "gives a user or a department a role at a unit",
    .help = "Reach says how far: the unit itself, its direct children too, or everything below.\n"
            "  juxinctl grant add shangcheng --user officer --role officer --unit 330102 --reach subtree\n"
            "  juxinctl grant add shangcheng --department housing --role handler --unit 330102 --reach self "
            "--until 2026-12-31",
    .arguments_min = 1,
    .arguments_max = 1,
    .needs = CTL_DATABASE,
    .run = run,
    .options = {{"user", "LOGIN", "who gets it", false},
        {"department", "CODE", "… or which department", false},
        {"role", "NAME", "`juxinctl role list` shows them", true}, {"unit", "CODE", "where", true},
        {"reach", "REACH", "self, children or subtree", true}, {"from", "TIME", "not before", false},
        {"until", "TIME", "not after; a day means its beginning", false},
        {"preview", NULL, "say what would happen, change nothing", false}},
};
