/* Where the configuration's plugins are. */
#include "ctl/plugin_common.h"

#include <limits.h>
#include <unistd.h>

#include "plugin/hook/offer.h"
#include "plugin/package/quarantine.h"
#include "plugin/package/registry.h"

struct plugin_load_config plugin_config(struct ctl *c, bool with_code)
{
    return (struct plugin_load_config){.directory = c->config->plugins_directory,
        .trust_file = c->config->plugins_trust,
        .quarantine_file =
            c->config->state_dir ? arena_printf(c->arena, "%s/" QUARANTINE_NAME, c->config->state_dir) : NULL,
        .is_development = c->config->plugins_development != 0,
        .without_code = !with_code};
}

static void clear(void *arg)
{
    (void)arg;
    offers_clear();
    registry_clear();
}

int plugin_registry(struct ctl *c, bool with_code)
{
    struct plugin_load_config config = plugin_config(c, with_code);
    int r = plugin_count() > 0 ? 0 : plugin_load_all(&config);

    if (r < 0)
        return ctl_fail(c, CTL_FAILED, "%s: %s", config.directory ? config.directory : "/plugins/directory",
            strerror(-r));
    arena_defer(c->arena, clear, NULL);
    return CTL_OK;
}

const char *plugin_data_dir(struct ctl *c)
{
    char path[PATH_MAX], *cut;
    ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 1);

    for (int up = 0; n > 0 && up < 2; up++) {
        path[n] = '\0';
        cut = strrchr(path, '/');
        n = cut ? cut - path : 0;
    }
    if (n > 0) {
        const char *dir = arena_printf(c->arena, "%.*s/share/juxin", (int)n, path);

        if (access(dir, R_OK) == 0)
            return dir;
    }
    return JUXIN_DATA_DIR;
}
