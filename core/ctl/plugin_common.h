/* Shared by the plugin commands. */
#pragma once

#include "ctl/ctl.h"
#include "plugin/load.h"

/* What the configuration says about loading; strings live in c->arena. */
struct plugin_load_config plugin_config(struct ctl *c, bool with_code);
/* Fills the registry once; enum ctl_exit, having said why. */
int plugin_registry(struct ctl *c, bool with_code);
/* The data directory (…/share/juxin): beside the executable, else where the build was configured to install. */
const char *plugin_data_dir(struct ctl *c);
