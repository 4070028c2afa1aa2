/* Who asks, and what they may do where. A subject is compiled from a tenant's snapshot once per account and epoch. */
#pragma once

#include "base/base.h"
#include "base/text.h"
#include "base/uuid.h"
#include "tenant/tenant.h"

enum subject_kind { SUBJECT_ANONYMOUS, SUBJECT_ACCOUNT, SUBJECT_OPERATOR, SUBJECT_SYSTEM, SUBJECT_PLUGIN };
const char *subject_kind_name(enum subject_kind k);

/* 本级 the unit itself; 下一级 the units directly under it, without itself; 本级及以下 the unit and all below. */
enum reach { REACH_SELF, REACH_CHILDREN, REACH_SUBTREE };
const char *reach_name(enum reach r);
MUSTCHECK int reach_parse(struct text t, enum reach *ret);
/* Is the unit within that reach from `at`? */
bool reach_covers(const struct tree *t, uint32_t at, enum reach reach, uint32_t unit);

/* One grant after resolution: the account's own, or one that reaches it through a department or a post. Valid at compile time;
 * `until` (wall µs, INT64_MAX for none) is tested at each check, so an expiry needs no epoch. */
struct subject_grant {
    uint64_t from, until;
    const uint64_t *permissions; /* bit set over permission ids, owned by the tenant's access part */
    uint32_t unit, end;          /* preorder interval of the granted unit */
    enum reach reach;
    struct uuid grant_id;
    struct uuid department, post; /* through which it came; both nil for a grant to the account itself */
    const char *role;
};

struct subject {
    enum subject_kind kind;
    struct uuid account; /* nil for anonymous and system */
    const char *display_name;
    const char *plugin;        /* of SUBJECT_PLUGIN */
    struct uuid session;       /* nil for tokens */
    bool must_change_password; /* only the password route and logout answer */
    int64_t authenticated_at;  /* wall µs, for re-authentication */
    struct subject_grant *grants;
    uint32_t grant_count;
    struct uuid *departments; /* the account belongs to now */
    bool *heads;              /* … as its head */
    uint32_t department_count;
    struct subject_index
        *index; /* per-permission intervals, made on first use; NULL: checks scan the grants */
};

struct subject_index *subject_index_new(void);
void subject_index_free(struct subject_index *x); /* NULL is fine */

/* May the subject do this at this unit? SUBJECT_SYSTEM and SUBJECT_OPERATOR (through juxinctl) may everything.
 * Does not suspend; ≤ 20 ns at 50 grants. */
bool subject_may(const struct subject *s, const struct tenant *t, uint32_t permission, uint32_t unit);
/* Does this one grant, were it the only one, allow the permission at the unit at that moment? */
bool subject_grant_covers(
    const struct subject_grant *g, const struct tree *t, uint32_t permission, uint32_t unit, int64_t now_us);
bool subject_grant_has(const struct subject_grant *g, uint32_t permission);
bool subject_may_anywhere(const struct subject *s, uint32_t permission);

/* Where a permission holds, as the list query wants it: the fewest entries, none inside another. */
struct scope_entry {
    uint32_t unit;
    enum reach reach;
};
struct scope {
    struct scope_entry *entries; /* in the arena */
    uint32_t count;
    bool everywhere; /* the whole tree */
};
struct arena;
void subject_scope(
    const struct subject *s, const struct tenant *t, uint32_t permission, struct arena *a, struct scope *ret);
bool subject_in_department(const struct subject *s, struct uuid department, bool as_head);
