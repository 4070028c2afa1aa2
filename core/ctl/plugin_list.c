/* juxinctl plugin list */
#include "ctl/commands.h"
#include "ctl/plugin_common.h"
#include "plugin/package/plugin.h"
#include "plugin/package/quarantine.h"
#include "plugin/package/trust.h"

/* Nothing is loaded here, so that what would keep a worker from loading is looked up. */
static const char *state_of(const struct plugin *p, const struct plugin_load_config *config)
{
    if (!plugin_is_available(p))
        return p->policy.unavailable;
    if (p->has_so && quarantine_has(config->quarantine_file, &p->digest))
        return "quarantined";
    if (p->has_so && !config->is_development && trust_check(config->trust_file, &p->digest) < 0)
        return "untrusted";
    return "installed";
}

static int run(struct ctl *c)
{
    static const char *const titles[] = {
        "id", "version", "state", "code", "default", "label", "detail", NULL};
    struct plugin_load_config config = plugin_config(c, false);
    struct ctl_table *table;
    int code = plugin_registry(c, false);

    if (code != CTL_OK)
        return code;
    table = ctl_table_new(c, titles);
    for (size_t i = 0; i < plugin_count(); i++) {
        const struct plugin *p = plugin_at(i);

        ctl_table_cell(table, p->id);
        ctl_table_cell(table, p->version);
        ctl_table_cell(table, state_of(p, &config));
        ctl_table_cell(
            table, p->has_so ? arena_printf(c->arena, "sha256:%.16s", sha256_format(&p->digest).s) : "none");
        ctl_table_cell(table, p->policy.default_on ? "on" : "off");
        ctl_table_cell(table, plugin_label_of(p->label, false));
        ctl_table_cell(table, p->unavailable_detail ? p->unavailable_detail : "");
    }
    ctl_table_end(table);
    return CTL_OK;
}

const struct ctl_command ctl_plugin_list = {
    .name = "plugin list",
    .summary = "the plugins installed here and whether they can be loaded",
    .help = "Reads declarations and digests; runs no plugin code. `plugin why` says where a plugin runs.\n"
            "  juxinctl plugin list --json",
    .needs = CTL_CONFIG,
    .run = run,
};
