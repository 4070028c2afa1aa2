/* Which plugin runs where: a pure function over a tenant's tree and policy rows (design §4). The same one serves every
 * gate, `why` and `what would happen`. */
#pragma once

#include "base/base.h"
#include "base/uuid.h"
#include "plugin/package/plugin.h"
#include "tenant/tree.h"

enum policy_rule { POLICY_ON, POLICY_OFF, POLICY_MANDATORY, POLICY_FORBIDDEN };
const char *policy_rule_name(enum policy_rule r);                      /* on, off, mandatory, forbidden */
MUSTCHECK int policy_rule_parse(struct text t, enum policy_rule *ret); /* -EINVAL */

/* "county,street" as a mask and back; "" is 0, all levels. -EINVAL for an unknown name. */
MUSTCHECK int policy_levels_parse(struct text list, uint8_t *ret);
struct arena;
const char *policy_levels_text(struct arena *a, uint8_t levels);

struct policy_row {
    struct uuid id;
    uint32_t unit; /* preorder index; TREE_NONE for a row of the deployment (above the root) */
    enum policy_rule rule;
    bool is_subtree; /* reach: subtree or self */
    uint8_t levels;  /* bit per enum level; 0 means all */
    const char *reason;
    struct uuid actor;
    int64_t from_us, until_us; /* until: INT64_MAX for none */
};

/* Rows of one plugin, any order. */
struct policy_set {
    const struct policy_plugin *plugin;
    const struct policy_row *rows;
    size_t count;
};

enum policy_state {
    EFFECTIVE_ON,
    EFFECTIVE_OFF,
    EFFECTIVE_NOT_APPLICABLE,
    EFFECTIVE_BLOCKED,
    EFFECTIVE_UNAVAILABLE
};
const char *policy_state_name(enum policy_state s);

struct policy_answer {
    enum policy_state state;
    const struct policy_row *decided_by; /* NULL: the manifest's default or level list */
    const char *blocked_by;              /* the required plugin that is not effective */
    int64_t next_change_us;              /* when time alone will change the answer; INT64_MAX */
};

/* sets: all plugins of the tenant (requirements are looked up there). */
struct policy_answer policy_effective(const struct tree *t, const struct policy_set *sets, size_t set_count,
    const char *plugin, uint32_t unit, int64_t now_us);
