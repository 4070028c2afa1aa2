/* juxinctl unit create */
#include "access/org.h"
#include "ctl/commands.h"
#include "ctl/lookup.h"

static int create(struct ctl *c, struct call *call, void *arg)
{
    struct unit_input in = {.code = c->argument[1], .name = ctl_option(c, "name"), .parent = TREE_NONE};
    const char *parent = ctl_option(c, "parent");
    int r;

    if (level_parse(text_of(ctl_option(c, "level")), &in.level) < 0)
        return call_fail(call, 422, "level", "--level is county, street, community or park", "层级不正确。");
    if (parent) {
        r = lookup_unit(call, parent, &in.parent);
        if (r < 0)
            return r;
    }
    return org_unit_create(call, &in, arg);
}

static int run(struct ctl *c)
{
    struct uuid id;
    int code = ctl_in_tenant(c, c->argument[0], create, &id, "creating the unit");

    if (code != CTL_OK)
        return code;
    if (c->json) {
        jsonw_object(&c->w);
        jsonw_kstr(&c->w, "id", uuid_format(id).s);
        jsonw_kstr(&c->w, "code", c->argument[1]);
        jsonw_object_end(&c->w);
    }
    ctl_say(c, "unit %s is there", c->argument[1]);
    return CTL_OK;
}

const struct ctl_command ctl_unit_create = {
    .name = "unit create",
    .arguments = "SLUG CODE",
    .summary = "adds one unit to the tree",
    .help = "  juxinctl unit create shangcheng 330102P01 --name 湖畔园区 --level park --parent 330102",
    .arguments_min = 2,
    .arguments_max = 2,
    .needs = CTL_DATABASE,
    .run = run,
    .options = {{"name", "NAME", "what people read", true},
        {"level", "LEVEL", "county, street, community or park", true},
        {"parent", "CODE", "the unit above; none for the root", false}},
};
