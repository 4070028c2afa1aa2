/* juxinctl department add */
#include "access/org.h"
#include "ctl/commands.h"
#include "ctl/lookup.h"

static int put(struct ctl *c, struct call *call, void *arg)
{
    struct uuid department, account;
    int r = lookup_department(call, c->argument[1], &department);

    (void)arg;
    if (r == 0)
        r = lookup_account(call, c->argument[2], &account, NULL);
    return r == 0 ? org_member_put(call, department, account, ctl_flag(c, "head")) : r;
}

static int run(struct ctl *c)
{
    int code = ctl_in_tenant(c, c->argument[0], put, NULL, "adding to the department");

    if (code == CTL_OK)
        ctl_say(
            c, "%s is %s of %s", c->argument[2], ctl_flag(c, "head") ? "head" : "a member", c->argument[1]);
    return code;
}

const struct ctl_command ctl_department_add = {
    .name = "department add",
    .arguments = "SLUG CODE LOGIN",
    .summary = "makes somebody a member, or the head, of a department",
    .help = "Without --head somebody who was head becomes a member.\n"
            "  juxinctl department add shangcheng housing housing.head --head",
    .arguments_min = 3,
    .arguments_max = 3,
    .needs = CTL_DATABASE,
    .run = run,
    .options = {{"head", NULL, "signs off before an answer leaves", false}},
};
