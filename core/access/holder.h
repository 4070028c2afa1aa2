/* What an account or department has been granted, held against what the caller may give: nobody gets at more than they
 * hold by way of somebody else. */
#pragma once

#include "access/call.h"

/* Does the subject hold all that is granted to the holder (account or department)? Else what was missing first. */
bool holder_is_within(struct call *c, struct uuid holder, uint32_t *ret_missing);
/* … or may it give that by core.grant.delegate? For what is done for others: a new first password, a membership. */
bool holder_is_within_delegated(struct call *c, struct uuid holder, uint32_t *ret_missing);
/* May the subject put that account into the post for that time? What was granted to the post becomes the account's: for its own
 * it must be held, for others' it may be given by delegation. */
bool holder_may_fill(struct call *c, struct uuid post, struct uuid account, int64_t from, int64_t until,
    uint32_t *ret_missing);
/* Does the account administer more (the core's permissions) than the subject? Then the subject neither disables nor
 * moves it. */
bool holder_is_above(struct call *c, struct uuid account);
