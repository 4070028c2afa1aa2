/* juxinctl user disable */
#include "access/account.h"
#include "ctl/commands.h"
#include "ctl/lookup.h"

static int change(struct ctl *c, struct call *call, void *arg)
{
    struct account_input in = {.unit = TREE_NONE, .set_active = true, .is_active = ctl_flag(c, "undo")};
    struct uuid id;
    int64_t version;
    int r = lookup_account(call, c->argument[1], &id, &version);

    (void)arg;
    return r == 0 ? account_update(call, id, &in, version, &version) : r;
}

static int run(struct ctl *c)
{
    int code = ctl_in_tenant(c, c->argument[0], change, NULL, "changing the account");

    if (code == CTL_OK)
        ctl_say(c,
            ctl_flag(c, "undo") ? "%s may sign in again" : "%s was signed out everywhere and cannot sign in",
            c->argument[1]);
    return code;
}

const struct ctl_command ctl_user_disable = {
    .name = "user disable",
    .arguments = "SLUG LOGIN",
    .summary = "ends an account's sessions and keeps it from signing in",
    .help = "Effective on the next request. Its records and grants stay; --undo lets it in again.\n"
            "  juxinctl user disable shangcheng someone",
    .arguments_min = 2,
    .arguments_max = 2,
    .needs = CTL_DATABASE,
    .run = run,
    .options = {{"undo", NULL, "enables it again", false}},
};
