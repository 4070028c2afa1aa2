/* juxinctl migrate */
#include "ctl/commands.h"
#include "master/assemble.h"
#include "master/schema.h"

static void progress(void *arg, const char *what)
{
    ctl_progress(arg, "%s", what);
}

static int run(struct ctl *c)
{
    struct schema_result result = {0};
    int code, r = assemble_services(c->config, true);

    if (r < 0)
        return ctl_fail(c, CTL_FAILED, "%s: %s", c->config->plugins_directory, strerror(-r));
    code = schema_update(c->config, ctl_flag(c, "check"), progress, c, &result);
    assemble_done();
    if (code != CTL_OK) {
        code = ctl_fail(
            c, code == SCHEMA_NO_DATABASE ? CTL_NO_DATABASE : CTL_FAILED, "%s", buf_str(&result.problem));
        buf_done(&result.problem);
        return code;
    }
    if (c->json) {
        jsonw_object(&c->w);
        jsonw_kint(&c->w, "applied", result.applied);
        jsonw_kint(&c->w, "pending", result.pending);
        jsonw_object_end(&c->w);
    }
    if (ctl_flag(c, "check"))
        ctl_say(c, "%u migrations to be applied", result.pending);
    else
        ctl_say(
            c, "%u migrations applied; the schema and the tables of plugins are up to date", result.applied);
    return CTL_OK;
}

const struct ctl_command ctl_migrate = {
    .name = "migrate",
    .summary = "brings the schema up to date: the core's migrations and the tables of plugins",
    .help = "Forward only, each once, safe when two run at once. The server does the same when it starts and "
            "when it "
            "reloads.\n  juxinctl migrate",
    .needs = CTL_CONFIG,
    .run = run,
    .options = {{"check", NULL, "counts what is to be applied, changes nothing", false}},
};
