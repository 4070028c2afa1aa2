/* The shared object of a plugin: verified bytes into a sealed memory file, and only those are loaded. */
#pragma once

#include "plugin/load.h"

/* p->dir and p->id are set. 0; else the class of the reason stands in the plugin and what is wrong in d. */
MUSTCHECK int plugin_code_load(struct plugin *p, const struct plugin_load_config *config, struct diags *d);
