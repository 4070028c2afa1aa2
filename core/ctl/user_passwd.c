/* juxinctl user passwd */
#include "access/account.h"
#include "ctl/commands.h"
#include "ctl/lookup.h"

static int reset(struct ctl *c, struct call *call, void *arg)
{
    struct uuid id;
    int r = lookup_account(call, c->argument[1], &id, NULL);

    return r == 0 ? account_reset_password(call, id, arg) : r;
}

static int run(struct ctl *c)
{
    bool is_generated;
    int code = CTL_USAGE;
    const char *password = lookup_password(c, &is_generated, &code);

    if (!password)
        return code;
    code = ctl_in_tenant(c, c->argument[0], reset, (void *)(uintptr_t)password, "setting the password");
    if (code != CTL_OK)
        return code;
    if (c->json) {
        jsonw_object(&c->w);
        jsonw_kstr(&c->w, "login", c->argument[1]);
        if (is_generated)
            jsonw_kstr(&c->w, "password", password);
        jsonw_object_end(&c->w);
    }
    ctl_say(c, "%s has a new password, must change it at the next sign-in, and was signed out everywhere",
        c->argument[1]);
    if (is_generated)
        ctl_say(c, "password: %s", password);
    return CTL_OK;
}

const struct ctl_command ctl_user_passwd = {
    .name = "user passwd",
    .arguments = "SLUG LOGIN",
    .summary = "gives an account a new first password",
    .help = "Ends the account's sessions; a new password is asked for at the next sign-in.\n"
            "  juxinctl user passwd shangcheng admin --generate",
    .arguments_min = 2,
    .arguments_max = 2,
    .needs = CTL_DATABASE,
    .run = run,
    .options = {{"generate", NULL, "makes a password and prints it once", false},
        {"password-stdin", NULL, "reads the password from standard input", false}},
};
