/* The access part of a tenant's snapshot: roles, grants and department memberships, the subjects compiled from them,
 * and the sessions and tokens seen since the snapshot was taken. Ending any of them bumps the epoch, which replaces
 * the snapshot, so nothing here is ever stale for longer than one request. */
#pragma once

#include "access/subject.h"
#include "base/digest.h"

struct access_role {
    struct uuid id;
    char *name;
    bool is_builtin;
    uint64_t *permissions; /* bit set of PERMISSIONS_MAX bits */
};

/* One to a post is there once for the post itself, without an account, and once for each tenure of it that is not over: of
 * its holder, for the time in which both last. */
struct access_grant {
    struct uuid id, account, department, post; /* one of the first two at most */
    struct access_role *role;
    uint32_t unit;
    enum reach reach;
    int64_t from, until; /* 0 and INT64_MAX for none */
};

struct access_member {
    struct uuid account, department;
    bool is_head;
};

struct access_tenure {
    struct uuid post, account;
    int64_t from, until; /* INT64_MAX for none */
};

/* What a credential proved, kept until the snapshot is replaced. */
struct credential {
    struct sha256 hash;           /* of the token */
    struct uuid account, session; /* session nil for an API token */
    char *display_name;
    bool must_change_password;
    int64_t authenticated_at, expires_at, seen_at;
    struct credential *next;
};

struct compiled;

#define CREDENTIAL_BUCKETS 256

struct access {
    struct access_role *roles;
    uint32_t role_count;
    struct access_grant *grants; /* by holder (account, department or post) */
    uint32_t grant_count;
    struct access_tenure *tenures; /* by post; those that are not over */
    uint32_t tenure_count;
    struct access_member *members; /* by account */
    uint32_t member_count;
    struct compiled **subjects; /* by account */
    uint32_t subject_count, subject_buckets;
    struct credential *credentials[CREDENTIAL_BUCKETS];
    uint32_t credential_count;
};

struct access *access_of(const struct tenant *t);
struct access_role *access_find_role(const struct tenant *t, struct uuid id); /* NULL */
/* The subject of an account, compiled on first use; borrowed from the snapshot, without session and name. */
const struct subject *access_subject(const struct tenant *t, struct uuid account);

/* The tenures of a post that are not over. */
uint32_t access_tenures_of(const struct access *x, struct uuid post, const struct access_tenure **ret);
/* What a grant to a post is during one of its tenures. False when the two do not overlap. */
bool access_hold(const struct access_grant *g, const struct access_tenure *t, struct access_grant *ret);

/* How a snapshot gets and loses the above. */
extern const struct tenant_part access_part;

struct credential *access_credential(const struct tenant *t, const struct sha256 *hash);      /* NULL */
struct credential *access_credential_put(const struct tenant *t, const struct credential *c); /* copied */
