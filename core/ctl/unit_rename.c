/* juxinctl unit rename */
#include "access/org.h"
#include "ctl/commands.h"
#include "ctl/lookup.h"
#include "ctl/unit_change.h"

static int change(struct ctl *c, struct call *call, void *arg)
{
    uint32_t unit;
    int64_t version;
    int r = lookup_unit(call, c->argument[1], &unit);

    (void)arg;
    if (r == 0)
        r = unit_version(call, unit, &version);
    return r == 0 ? org_unit_rename(call, unit, ctl_option(c, "name"), version, &version) : r;
}

static int run(struct ctl *c)
{
    int code = ctl_in_tenant(c, c->argument[0], change, NULL, "renaming the unit");

    if (code == CTL_OK)
        ctl_say(c, "unit %s is called %s from now on; records keep what they said", c->argument[1],
            ctl_option(c, "name"));
    return code;
}

const struct ctl_command ctl_unit_rename = {
    .name = "unit rename",
    .arguments = "SLUG CODE",
    .summary = "gives a unit another name from now on",
    .help = "  juxinctl unit rename shangcheng 330102P01 --name 滨湖园区",
    .arguments_min = 2,
    .arguments_max = 2,
    .needs = CTL_DATABASE,
    .run = run,
    .options = {{"name", "NAME", "the new name", true}},
};
