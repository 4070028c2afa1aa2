/* What an account or department has been granted, held against what the caller may give. */
#include "access/holder.h"

#include "access/access.h"
#include "access/core_permissions.h"
#include "access/grant.h"
#include "access/permission.h"

static bool is_member(const struct access *x, struct uuid account, struct uuid department)
{
    for (uint32_t i = 0; i < x->member_count; i++) {
        if (uuid_eq(x->members[i].account, account) && uuid_eq(x->members[i].department, department))
            return true;
    }
    return false;
}

/* What an account has through its departments counts as its own. With `only`: of those permissions, and without regard
 * to when the grants end. */
static bool is_within(
    struct call *c, struct uuid holder, const uint64_t *only, bool delegated, uint32_t *ret_missing)
{
    bool (*is_allowed)(const struct subject *, const struct tree *, const uint64_t *, uint32_t, enum reach,
        int64_t, int64_t, uint32_t *) = delegated ? grant_may_give : grant_is_within;
    const struct access *x = access_of(c->tenant);
    uint64_t bits[PERMISSIONS_MAX / 64];
    int64_t from;

    for (uint32_t i = 0; i < x->grant_count; i++) {
        const struct access_grant *g = &x->grants[i];

        if (!uuid_eq(uuid_is_nil(g->account) ? g->department : g->account, holder) &&
            !(uuid_is_nil(g->account) && is_member(x, holder, g->department)))
            continue;
        from = MAX(g->from, c->now_us);
        for (size_t k = 0; k < ARRAY_LEN(bits); k++)
            bits[k] = g->role->permissions[k] & (only ? only[k] : UINT64_MAX);
        if (!is_allowed(
                c->who, c->tenant->tree, bits, g->unit, g->reach, from, only ? from : g->until, ret_missing))
            return false;
    }
    return true;
}

bool holder_is_within(struct call *c, struct uuid holder, uint32_t *ret_missing)
{
    return is_within(c, holder, NULL, false, ret_missing);
}

bool holder_is_within_delegated(struct call *c, struct uuid holder, uint32_t *ret_missing)
{
    return is_within(c, holder, NULL, true, ret_missing);
}

bool holder_is_above(struct call *c, struct uuid account)
{
    uint64_t core[PERMISSIONS_MAX / 64] = {0};
    uint32_t missing;

    for (int i = 0; i < CORE_PERMISSION_COUNT; i++) {
        uint32_t p = core_permission((enum core_permission)i);

        core[p / 64] |= 1ull << (p % 64);
    }
    return !is_within(c, account, core, false, &missing);
}

bool holder_may_fill(
    struct call *c, struct uuid post, struct uuid account, int64_t from, int64_t until, uint32_t *ret_missing)
{
    bool (*is_allowed)(const struct subject *, const struct tree *, const uint64_t *, uint32_t, enum reach,
        int64_t, int64_t, uint32_t *) = uuid_eq(account, c->who->account) ? grant_is_within : grant_may_give;
    const struct access *x = access_of(c->tenant);
    const struct access_tenure tenure = {post, account, MAX(from, c->now_us), until};

    for (uint32_t i = 0; i < x->grant_count; i++) {
        const struct access_grant *g = &x->grants[i];
        struct access_grant held;

        if (!uuid_eq(g->post, post) || !uuid_is_nil(g->account) || !access_hold(g, &tenure, &held))
            continue;
        if (!is_allowed(c->who, c->tenant->tree, g->role->permissions, g->unit, g->reach, held.from,
                held.until, ret_missing))
            return false;
    }
    return true;
}
