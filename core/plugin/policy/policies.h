/* A tenant's policies in memory (part TENANT_PART_POLICY) and what follows from them, unit by unit. Every surface asks
 * here: routes, lists, hooks, jobs, counts, `why`. Nothing here suspends; saving does (policies_save.h). */
#pragma once

#include "access/call.h"
#include "plugin/policy/policy.h"

void policies_init(void); /* registers the tenant part; after the plugins are loaded */

/* The answer of the pure function; decided_by points into the snapshot. */
struct policy_answer policy_at(struct call *c, const char *plugin, uint32_t unit);
/* From the cache over all units, made once per snapshot and whenever time passes a change. */
enum policy_state policy_state_at(struct call *c, const char *plugin, uint32_t unit);
bool policy_is_on(struct call *c, const char *plugin, uint32_t unit);

#define POLICY_DISABLED "plugin_disabled"
#define POLICY_UNAVAILABLE "plugin_unavailable"
/* 0, or -EINVAL with the fault 403 plugin_disabled "disabled here, by <unit>, because <reason>"; 503 while the plugin
 * is unavailable. */
MUSTCHECK int policy_gate(struct call *c, const char *plugin, uint32_t unit);
/* The same as a sentence. */
struct policy_reason {
    int status; /* 403 or 503 */
    const char *code, *en, *zh;
};
struct policy_reason policy_reason(struct call *c, const char *plugin, uint32_t unit);

/* The unit itself or the nearest above it where the plugin is effective; TREE_NONE. */
uint32_t policy_nearest_on(struct call *c, const char *plugin, uint32_t unit);
/* Units of root's subtree (TREE_NONE: the whole tree) where it is not effective, ascending; in the arena or
 * the snapshot, until the next suspension: the snapshot's list is made anew when time passes a change. */
void policy_off_units(
    struct call *c, const char *plugin, uint32_t root, const uint32_t **ret, uint32_t *ret_count);

/* Is it effective anywhere in the tenant? */
bool policy_runs_somewhere(struct call *c, const char *plugin);

/* All rows about a plugin, for lists; in the snapshot. Also of plugins that are not installed. */
const struct policy_set *policy_rows(struct call *c, const char *plugin); /* NULL: nothing is known of it */
const struct policy_set *policy_all(struct call *c, size_t *ret_count);

/* A plugin's setting at a unit: the nearest value at or above it, else the manifest's default; NULL: not declared. */
const char *policy_setting(struct call *c, const char *plugin, uint32_t unit, const char *key);
