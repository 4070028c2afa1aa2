/* Grants: (account, department or post) × role × unit × reach, from/until. What a grantor gives is bounded by what it holds:
 * every permission of the role, over all of the reach, and not for longer; or by core.grant.delegate. */
#pragma once

#include "access/call.h"
#include "base/base.h"

struct grant_input {
    struct uuid account, department, post; /* one of the three */
    struct uuid role;
    uint32_t unit; /* preorder index in the call's tenant */
    enum reach reach;
    int64_t from, until; /* wall µs; 0 and INT64_MAX for none */
};
MUSTCHECK int grant_create(struct call *c, const struct grant_input *in, struct uuid *ret_id);
/* What the two refuse; for asking what they would do. */
struct access_grant;
MUSTCHECK int grant_check(struct call *c, const struct grant_input *in);
MUSTCHECK int grant_check_end(struct call *c, struct uuid id, const struct access_grant **ret);
/* Ends it now (a future one is ended before it began). Needs core.grant.write at its unit. */
MUSTCHECK int grant_end(struct call *c, struct uuid id);

/* Pure: does the subject hold every permission of `bits` over (unit, reach) for [from, until)? The first one missing is
 * written to *ret_missing. */
bool grant_is_within(const struct subject *s, const struct tree *t, const uint64_t *bits, uint32_t unit,
    enum reach reach, int64_t from, int64_t until, uint32_t *ret_missing);
/* The same for what is given to somebody else: who holds core.grant.delegate over (unit, reach) for that time may give
 * plugins' permissions without holding them. The core's own are never delegated. */
bool grant_may_give(const struct subject *s, const struct tree *t, const uint64_t *bits, uint32_t unit,
    enum reach reach, int64_t from, int64_t until, uint32_t *ret_missing);
