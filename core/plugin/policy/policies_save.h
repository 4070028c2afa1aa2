/* Saving changes of policies. Each bumps the epoch, checks (policies_change.h), writes and audits; the caller commits. */
#pragma once

#include "plugin/policy/policies_change.h"

/* Faults as policy_change_set; -EREMCHG as call_begin. */
MUSTCHECK int policy_set(struct call *c, const struct policy_input *in, struct uuid *ret_id);
/* Ends a row of the plugin now. Faults as policy_change_end. */
MUSTCHECK int policy_end(struct call *c, const char *plugin, struct uuid id);

/* The same above all tenants; for operators, in a call without a tenant. What one tenant speaks against is refused. */
MUSTCHECK int policy_set_deployment(struct call *c, const struct policy_input *in, struct uuid *ret_id);
MUSTCHECK int policy_end_deployment(struct call *c, const char *plugin, struct uuid id);
/* fn in a call of every active tenant in turn, on a fresh snapshot; the first refusal ends it. The fault is the call's. */
MUSTCHECK int policy_each_tenant(struct call *c, int (*fn)(struct call *c, void *arg), void *arg);
