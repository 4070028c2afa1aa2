/* juxinctl unit move */
#include "access/org.h"
#include "ctl/commands.h"
#include "ctl/lookup.h"
#include "ctl/outlook.h"
#include "ctl/unit_change.h"

static int change(struct ctl *c, struct call *call, void *arg)
{
    uint32_t unit, parent;
    int64_t version;
    int r = lookup_unit(call, c->argument[1], &unit);

    (void)arg;
    if (r == 0)
        r = lookup_unit(call, ctl_option(c, "parent"), &parent);
    if (r == 0 && ctl_flag(c, "preview")) {
        struct outlook o;

        r = outlook_unit_move(call, unit, parent, &o);
        return r < 0 ? r : ctl_outlook(c, call, &o);
    }
    if (r == 0)
        r = unit_version(call, unit, &version);
    return r == 0 ? org_unit_move(call, unit, parent, version, &version) : r;
}

static int run(struct ctl *c)
{
    int code;

    if (!ctl_flag(c, "preview") &&
        !ctl_confirm(c, "Moving a unit moves everything below it, with its records and who may see them."))
        return CTL_REFUSED;
    code = ctl_in_tenant(c, c->argument[0], change, NULL, "moving the unit");
    if (code == CTL_OK && !ctl_flag(c, "preview"))
        ctl_say(c, "unit %s is under %s from now on", c->argument[1], ctl_option(c, "parent"));
    return code;
}

const struct ctl_command ctl_unit_move = {
    .name = "unit move",
    .arguments = "SLUG CODE",
    .summary = "puts a unit, with all below it, under another one",
    .help = "--preview only says what would happen.\n"
            "  juxinctl unit move shangcheng 330102P01 --parent 330102001 --yes",
    .arguments_min = 2,
    .arguments_max = 2,
    .needs = CTL_DATABASE,
    .run = run,
    .options = {{"parent", "CODE", "the new unit above", true},
        {"preview", NULL, "say what would happen, change nothing", false}},
};
