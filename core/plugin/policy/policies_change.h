/* A change of policies worked out: what it is, everything that speaks against it, and the tenant's policies as they would
 * be. What is asked about and what is saved go through here alike; reads nothing but the snapshot. */
#pragma once

#include "access/call.h"
#include "plugin/policy/policy.h"

struct policy_input {
    const char *plugin;
    uint32_t unit; /* TREE_NONE: above the root, for operators; then is_subtree is not looked at */
    enum policy_rule rule;
    bool is_subtree;
    uint8_t levels;            /* 0: all */
    const char *reason;        /* at most 500 characters; required for off and forbidden */
    int64_t from_us, until_us; /* 0: now; INT64_MAX: no end */
};

struct policy_change {
    const char *plugin;
    struct policy_row row;         /* that is made or ended */
    const struct policy_set *sets; /* the tenant's, with the change in; in the arena */
    size_t count;
    int64_t at_us; /* when it begins to matter */
};

/* A new row. Faults: 403; 404 unknown plugin; 409 policy_overlap, 409 dependency_forbidden; 422. */
MUSTCHECK int policy_change_set(struct call *c, const struct policy_input *in, struct policy_change *ret);
/* The end of a row, now. Faults: 403; 404 when there is no such row in force or to come. */
MUSTCHECK int policy_change_end(
    struct call *c, const char *plugin, struct uuid id, struct policy_change *ret);
