/* juxinctl department create */
#include "access/org.h"
#include "ctl/commands.h"
#include "ctl/lookup.h"

static int create(struct ctl *c, struct call *call, void *arg)
{
    struct department_input in = {.code = c->argument[1], .name = ctl_option(c, "name")};
    int r = lookup_unit(call, ctl_option(c, "unit"), &in.unit);

    return r == 0 ? org_department_create(call, &in, arg) : r;
}

static int run(struct ctl *c)
{
    struct uuid id;
    int code = ctl_in_tenant(c, c->argument[0], create, &id, "creating the department");

    if (code != CTL_OK)
        return code;
    if (c->json) {
        jsonw_object(&c->w);
        jsonw_kstr(&c->w, "id", uuid_format(id).s);
        jsonw_kstr(&c->w, "code", c->argument[1]);
        jsonw_object_end(&c->w);
    }
    ctl_say(c, "department %s is there; next: juxinctl department add %s %s LOGIN", c->argument[1],
        c->argument[0], c->argument[1]);
    return CTL_OK;
}

const struct ctl_command ctl_department_create = {
    .name = "department create",
    .arguments = "SLUG CODE",
    .summary = "makes a department: a group of users with a mandate",
    .help = "  juxinctl department create shangcheng housing --name 住房和城乡建设局 --unit 330102",
    .arguments_min = 2,
    .arguments_max = 2,
    .needs = CTL_DATABASE,
    .run = run,
    .options = {{"name", "NAME", "what people read", true}, {"unit", "CODE", "the unit it belongs to", true}},
};
