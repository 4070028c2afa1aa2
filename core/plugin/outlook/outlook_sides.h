/* The two sides of a change: a tenant as it is and as it would be, and what is common to all who compare them. */
#pragma once

#include "access/access.h"
#include "access/call.h"
#include "access/permission.h"
#include "plugin/policy/policy.h"

struct outlook_side {
    const struct tree *tree;
    const struct policy_set *sets; /* as many on both sides, in one order */
    const struct access_grant *grants;
    uint32_t grant_count;
    const struct access_member *members;
    uint32_t member_count;
    uint8_t **states; /* by set, then by unit of [first, end): enum policy_state + 1, 0 when not asked yet */
};
enum { OUTLOOK_BEFORE, OUTLOOK_AFTER };

struct outlook_flip {
    uint32_t plugin, unit; /* number of the set; preorder number before */
    enum policy_state before, after;
};

struct outlook_person {
    struct uuid account;
    bool gains, loses;
    const char *name; /* NULL where the asker does not see the account */
};

struct outlook {
    struct call *c;
    int64_t at_us; /* when the change begins to matter */
    struct outlook_side side[2];
    uint32_t set_count;
    uint32_t first, end, after_first; /* units that it can matter to; where they stand afterwards */
    bool *in_play;                    /* by set: plugins whose running it can matter to */
    uint32_t *touched, touched_count; /* units at which anything may differ, ascending */
    struct uuid holder; /* whose access alone can differ: the grant's holder, the member; nil: anybody's */
    bool is_department; /* … is the holder one? */
    uint64_t interest[PERMISSIONS_MAX / 64]; /* permissions it can matter to */
    struct uuid *inactive;                   /* accounts, ascending */
    uint32_t inactive_count;

    const struct outlook_flip *flips; /* by plugin, then by unit */
    uint32_t flip_count, turned_on, turned_off;
    const struct outlook_person *people; /* active accounts, by id */
    uint32_t person_count, gaining, losing;
};

/* Both sides as the tenant is; the change then replaces what it changes on the second, and says where it matters. */
void outlook_begin(struct call *c, struct outlook *o);
void outlook_range(struct outlook *o, uint32_t first, uint32_t end);

/* unit: preorder number before, within [first, end). */
enum policy_state outlook_state(const struct outlook *o, int side, uint32_t set, uint32_t unit);
static inline bool outlook_is_on(const struct outlook *o, int side, uint32_t set, uint32_t unit)
{
    return outlook_state(o, side, set, unit) == EFFECTIVE_ON;
}
/* Where it stands on a side. */
static inline uint32_t outlook_at(const struct outlook *o, int side, uint32_t unit)
{
    return side == OUTLOOK_BEFORE ? unit : unit - o->first + o->after_first;
}
/* The number of a plugin's set; UINT32_MAX. */
uint32_t outlook_set_of(const struct outlook *o, const char *plugin);
static inline bool outlook_grant_reaches(const struct tree *t, const struct access_grant *g, uint32_t unit)
{
    return reach_covers(t, g->unit, g->reach, unit);
}
static inline bool outlook_grant_is_current(const struct access_grant *g, int64_t at_us)
{
    return g->from <= at_us && at_us < g->until;
}
