/* Changing policies: each is asked "what would happen" by the same function that then answers. The caller commits. */
#pragma once

#include "access/call.h"
#include "plugin/policy.h"

struct policy_input {
    const char *plugin;
    uint32_t unit;
    enum policy_rule rule;
    bool is_subtree;
    uint8_t levels;            /* 0: all */
    const char *reason;        /* at most 500 characters; required for off and forbidden */
    int64_t from_us, until_us; /* 0: now; INT64_MAX: no end */
};

/* Bumps the epoch, checks, writes the row and its audit. Faults: 403; 404 unknown plugin; 409 policy_overlap, 409
 * dependency_forbidden; 422. -EREMCHG as call_begin. */
MUSTCHECK int policy_set(struct call *c, const struct policy_input *in, struct uuid *ret_id);
/* The same above all tenants; for operators, in a call without a tenant. unit and is_subtree are not looked at. */
MUSTCHECK int policy_set_deployment(struct call *c, const struct policy_input *in, struct uuid *ret_id);
/* Ends a row of the plugin now. 404 when there is no such row in force. */
MUSTCHECK int policy_end(struct call *c, const char *plugin, struct uuid id);

struct policy_flip {
    uint32_t unit;
    enum policy_state before, after;
};
struct policy_preview {
    const struct policy_flip *flips; /* of this plugin, in the arena, ascending */
    uint32_t flip_count;
    uint32_t turned_on, turned_off; /* units that become effective, or stop being so */
    uint32_t people; /* accounts whose grants for this plugin's permissions reach such a unit */
    const char *const
        *also; /* other plugins that change somewhere because they need this one; NULL at the end */
};
/* What policy_set would change, at the moment it would begin. Reads nothing but the snapshot. Faults as policy_set. */
MUSTCHECK int policy_preview(struct call *c, const struct policy_input *in, struct policy_preview *ret);
