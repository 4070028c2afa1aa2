/* What would happen: a tenant as it is and as a change would make it, side by side. Units where a plugin begins or ceases
 * to run, people who gain or lose something they may do; by the same functions that decide requests. A change is asked
 * about with the same input as it is made with, and refused for the same reasons. All of it lives in the call's arena.
 * All suspend: what accounts are called and which are active is read from the database. */
#pragma once

#include "access/grant.h"
#include "access/role.h"
#include "plugin/outlook/outlook_sides.h"
#include "plugin/policy/policies_change.h"

/* Faults as policy_change_set, policy_change_end, org_unit_move (but for the version), grant_create, grant_end, role_update
 * (but for the version), org_member_put, org_member_remove. Of a membership only grants are looked at, not the records that
 * its department takes part in. */
MUSTCHECK int outlook_policy_set(struct call *c, const struct policy_input *in, struct outlook *ret);
MUSTCHECK int outlook_policy_end(struct call *c, const char *plugin, struct uuid id, struct outlook *ret);
MUSTCHECK int outlook_unit_move(struct call *c, uint32_t unit, uint32_t parent, struct outlook *ret);
/* At one unit: what is handled there is handled at the other then. carry_grants: what is granted at it is granted at the other,
 * too. Faults of org_unit_retire. */
MUSTCHECK int outlook_unit_retire(
    struct call *c, uint32_t unit, uint32_t into, bool carry_grants, struct outlook *ret);
MUSTCHECK int outlook_grant(struct call *c, const struct grant_input *in, struct outlook *ret);
MUSTCHECK int outlook_grant_end(struct call *c, struct uuid id, struct outlook *ret);
MUSTCHECK int outlook_role(struct call *c, struct uuid id, const struct role_input *in, struct outlook *ret);
MUSTCHECK int outlook_member(
    struct call *c, struct uuid department, struct uuid account, bool is_put, struct outlook *ret);
