/* Roles are data: a name, labels and a set of permissions per tenant. Ready-made ones are declared at start by the core
 * and by plugins (several may add permissions to one) and installed into every tenant. */
#pragma once

#include "access/call.h"
#include "base/base.h"

#define ROLES_MAX 128 /* declared ones */

/* At start; a name declared twice keeps its first labels. -ENOSPC: there is no room for more roles or permissions. */
MUSTCHECK int role_declare(const char *name, const char *label_zh, const char *label_en);
MUSTCHECK int role_declare_permission(
    const char *role, const char *permission); /* the role is declared when it is new */

/* Brings the declared roles into the unit of work's tenant: missing roles and missing permissions are added, nothing
 * is taken away that somebody changed. The caller bumped the epoch. *ret_changed may be NULL. */
MUSTCHECK int role_install(struct db_tx *tx, int64_t now_us, uint32_t *ret_changed);

struct role_input {
    const char *name;                /* [a-z][a-z0-9_-]{0,62}; create only */
    const char *label_zh, *label_en; /* NULL: unchanged */
    const char *const *permissions;  /* NULL: unchanged */
    uint32_t permission_count;
};
/* Custom roles. The caller may only put in what it holds itself at the root, reach subtree: role permissions apply
 * wherever the role is granted. Fault or error as in call.h. */
MUSTCHECK int role_create(struct call *c, const struct role_input *in, struct uuid *ret_id);
/* What role_update refuses, but for the version; changes nothing. */
struct access_role;
MUSTCHECK int role_update_check(
    struct call *c, struct uuid id, const struct role_input *in, const struct access_role **ret);
MUSTCHECK int role_update(
    struct call *c, struct uuid id, const struct role_input *in, int64_t version, int64_t *ret_version);
