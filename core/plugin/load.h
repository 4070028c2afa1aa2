/* Loading a plugin's directory: NAME/{plugin.json, NAME.so, resources/, queries.sql, locales/}. Nothing here fails because
 * of a plugin: what cannot be used is in the registry with the reason. At start and in juxinctl: it blocks. */
#pragma once

#include "plugin/package/diag.h"
#include "plugin/package/plugin.h"

struct plugin_load_config {
    const char *directory;       /* plugin directories stand in it; several separated by ':' */
    const char *trust_file;      /* NULL: nothing is trusted */
    const char *quarantine_file; /* NULL: nothing is quarantined */
    bool is_development;         /* loads what nobody trusted, from anywhere */
    bool without_code;           /* juxinctl: reads declarations and notes, runs nothing */
};

/* Fills the registry; of two directories of one name the first of the list wins. 0, or -errno when a directory itself
 * cannot be read (an empty or absent one is fine), -E2BIG with more than 500 plugins in one. */
MUSTCHECK int plugin_load_all(const struct plugin_load_config *config);

/* One directory, without the registry. Always gives a plugin, which the caller frees (plugin_free); what is wrong is in d
 * and, with its class, in the plugin. */
struct plugin *plugin_load_dir(const char *dir, const struct plugin_load_config *config, struct diags *d);

/* Tells plugins JX_WORKER_START or JX_DRAIN, outside of any call. A plugin that answers an error is reported through fn. */
void plugin_tell_all(uint32_t lifecycle_event, void (*fn)(const struct plugin *p, const char *why));
