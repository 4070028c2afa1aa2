/* plugin.json: what a plugin says of itself (schemas/plugin-manifest.schema.json). */
#pragma once

#include "plugin/package/diag.h"
#include "plugin/package/plugin.h"

/* Plugin ids: [a-z][a-z0-9_]{1,39}; also the name of the directory and, as px_ID, of the schema of its tables. */
bool plugin_id_is_valid(const char *id);

/* Parses and checks the manifest and fills the plugin's members. What is wrong goes to d; -EINVAL then. The id has to
 * be the plugin's already (its directory's name). */
MUSTCHECK int plugin_manifest_read(const struct diag_file *f, struct plugin *p, struct diags *d);
