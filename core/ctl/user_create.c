/* juxinctl user create */
#include "access/account.h"
#include "ctl/commands.h"
#include "ctl/lookup.h"

struct create {
    const char *password;
    struct uuid id;
};

static int create(struct ctl *c, struct call *call, void *arg)
{
    struct create *in = arg;
    struct account_input account = {.login = c->argument[1],
        .display_name = ctl_option(c, "name"),
        .unit = TREE_NONE,
        .must_change_password = ctl_flag(c, "must-change")};
    const char *unit = ctl_option(c, "unit");

    if (unit) {
        int r = lookup_unit(call, unit, &account.unit);

        if (r < 0)
            return r;
    }
    return account_create(call, &account, in->password, &in->id);
}

static int run(struct ctl *c)
{
    struct create in = {0};
    bool is_generated;
    int code = CTL_USAGE;

    in.password = lookup_password(c, &is_generated, &code);
    if (!in.password)
        return code;
    code = ctl_in_tenant(c, c->argument[0], create, &in, "creating the account");
    if (code != CTL_OK)
        return code;
    if (c->json) {
        jsonw_object(&c->w);
        jsonw_kstr(&c->w, "id", uuid_format(in.id).s);
        jsonw_kstr(&c->w, "login", c->argument[1]);
        if (is_generated)
            jsonw_kstr(&c->w, "password", in.password);
        jsonw_object_end(&c->w);
    }
    ctl_say(c,
        "account %s is there; it may do nothing until it is granted a role: juxinctl grant add %s --user %s "
        "…",
        c->argument[1], c->argument[0], c->argument[1]);
    if (is_generated)
        ctl_say(c, "password: %s", in.password);
    return CTL_OK;
}

const struct ctl_command ctl_user_create = {
    .name = "user create",
    .arguments = "SLUG LOGIN",
    .summary = "makes an account",
    .help = "The password is never an argument: it would stand in the list of processes.\n"
            "  juxinctl user create shangcheng admin --name 管理员 --generate --must-change",
    .arguments_min = 2,
    .arguments_max = 2,
    .needs = CTL_DATABASE,
    .run = run,
    .options = {{"name", "NAME", "the person's name", true},
        {"unit", "CODE", "where the account belongs", false},
        {"generate", NULL, "makes a password and prints it once", false},
        {"password-stdin", NULL, "reads the password from standard input", false},
        {"must-change", NULL, "a new password is asked for at the first sign-in", false}},
};
