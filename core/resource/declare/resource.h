/* The resources of this process: every declaration of every available plugin, compiled. Filled once after
 * plugin_load_all, then read-only. */
#pragma once

#include "db/db.h"
#include "resource/declare/declaration.h"

/* Parses the declarations of all available plugins and declares their permissions. A plugin with a faulty declaration is rejected as a whole (plugin_reject) and serves nothing. */
void resource_load_all(void);
void resource_unload_all(void); /* at process end and between tests */

/* Adds one declaration: for the core's own and for tests. The report's source is `source` when that is given. */
MUSTCHECK int resource_add(
    const char *plugin, json_t *json, struct text source, struct declaration_report *report);

/* What a higher floor finds wrong with what a plugin declares beside its resources: it serves nothing. */
struct declaration_fault;
void resource_reject(const char *plugin, const char *file, const struct declaration_fault *fault);

uint32_t resource_count(void);
const struct resource *resource_at(uint32_t index);
const struct resource *resource_find(const char *full_name); /* NULL */
const struct resource *resource_find_in(struct text plugin, struct text name);

/* Brings the tables to the declarations: run by the migrator as owner, before workers start. Additive changes are
 * applied; anything else is refused with -EINVAL and the reasons in the report (pointer, what is missing), and nothing
 * of that resource is changed. Tables that a newer version of the plugin has widened stay as they are. Two migrators at
 * once wait for each other. */
struct admin;
MUSTCHECK int resource_migrate(struct admin *owner, struct declaration_report *report);
