/* juxinctl config check */
#include "ctl/commands.h"

static int run(struct ctl *c)
{
    if (c->json) {
        jsonw_object(&c->w);
        jsonw_kstr(&c->w, "file", c->config->file);
        jsonw_kint(&c->w, "workers", c->config->workers);
        jsonw_object_end(&c->w);
    }
    ctl_say(c,
        "%s is accepted: %u addresses, %lld workers. `juxind --check` also tries certificate, plugins and "
        "database.",
        c->config->file, c->config->listen_count, (long long)c->config->workers);
    return CTL_OK;
}

const struct ctl_command ctl_config_check = {
    .name = "config check",
    .summary = "reads the configuration and says what is wrong in it",
    .help = "Checks every key; unknown ones and values out of range are named with their JSON Pointer.\n"
            "  juxinctl config check",
    .needs = CTL_CONFIG,
    .run = run,
};
