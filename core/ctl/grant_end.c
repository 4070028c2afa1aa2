/* juxinctl grant end */
#include "access/grant.h"
#include "ctl/commands.h"
#include "ctl/outlook.h"

static int end(struct ctl *c, struct call *call, void *arg)
{
    struct uuid id;

    (void)arg;
    if (uuid_parse(text_of(c->argument[1]), &id) < 0)
        return call_fail(
            call, 422, "id", "the grant's id is a UUID; `juxinctl grant list` shows it", "编号不正确。");
    if (ctl_flag(c, "preview")) {
        struct outlook o;
        int r = outlook_grant_end(call, id, &o);

        return r < 0 ? r : ctl_outlook(c, call, &o);
    }
    return grant_end(call, id);
}

static int run(struct ctl *c)
{
    int code = ctl_in_tenant(c, c->argument[0], end, NULL, "ending the grant");

    if (code == CTL_OK && !ctl_flag(c, "preview"))
        ctl_say(c, "ended; effective on the next request");
    return code;
}

const struct ctl_command ctl_grant_end = {
    .name = "grant end",
    .arguments = "SLUG ID",
    .summary = "takes a grant back",
    .help = "  juxinctl grant end shangcheng 019abcde-0000-7000-8000-000000000000",
    .arguments_min = 2,
    .arguments_max = 2,
    .needs = CTL_DATABASE,
    .run = run,
    .options = {{"preview", NULL, "say what would happen, change nothing", false}},
};
