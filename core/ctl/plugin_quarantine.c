/* juxinctl plugin quarantine */
#include "base/clock.h"
#include "base/json.h"
#include "ctl/commands.h"
#include "ctl/plugin_common.h"
#include "plugin/package/quarantine.h"

static int show(struct ctl *c, const char *file)
{
    static const char *const titles[] = {"plugin", "sha256", "since", NULL};
    struct ctl_table *table = ctl_table_new(c, titles);
    struct json_fault fault;
    json_t *root = NULL, *v;
    size_t i;

    if (json_read_file(file, 1u << 20, &root, &fault) == 0) {
        json_array_foreach(json_object_get(root, "quarantined"), i, v)
        {
            ctl_table_cell(table, json_str(v, "plugin"));
            ctl_table_cell(table, json_str(v, "sha256"));
            ctl_table_cell(table, clock_format(json_int_or(v, "since_us", 0)).s);
        }
        json_decref(root);
    }
    ctl_table_end(table);
    return CTL_OK;
}

static int run(struct ctl *c)
{
    const char *file = plugin_config(c, false).quarantine_file, *plugin = ctl_option(c, "release");

    if (!file)
        return ctl_fail(c, CTL_USAGE, "%s has no /state_dir", c->config_file);
    if (!plugin)
        return show(c, file);
    if (quarantine_lift(file, plugin) < 0)
        return ctl_fail(c, CTL_NOT_FOUND, "%s is not in quarantine", plugin);
    ctl_say(c, "%s is out of quarantine; `juxinctl reload` loads it", plugin);
    return CTL_OK;
}

const struct ctl_command ctl_plugin_quarantine = {
    .name = "plugin quarantine",
    .summary = "the plugins that crashed three times within an hour, and their release",
    .help = "A quarantine holds one build, by its digest: a repaired one is free at once.\n"
            "  juxinctl plugin quarantine --release suggestions",
    .needs = CTL_CONFIG,
    .run = run,
    .options = {{"release", "PLUGIN", "let it run again", false}},
};
