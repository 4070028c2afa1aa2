/* Making and changing tenants: the operator's work, done through juxinctl. */
#pragma once

#include "base/base.h"
#include "db/db.h"

/* Lower-case letters, digits and '-', a letter first, 2 to 63; it stands in addresses and cookie names. */
bool tenant_slug_is_valid(struct text slug);
bool tenant_name_is_valid(struct text name); /* 1 to 100 characters */

/* Called in the unit of work that makes a tenant, which has entered it: higher floors install what every tenant has.
 * At most 8, registered at start. */
typedef int tenant_created_fn(struct db_tx *tx, int32_t tenant, int64_t now_us);
void tenant_created_hook(tenant_created_fn *fn);

/* What else is written in the unit of work that makes a tenant, as its last part. */
typedef int tenant_fill_fn(struct db_tx *tx, int32_t tenant, int64_t now_us, void *arg);

/* A tenant with its epoch row, what the hooks add and what `fill` (may be NULL) writes: all of it or nothing. Its number
 * is taken in a unit of work of the deployment's before. 0; -EINVAL for a bad slug or name; -EEXIST; what fill says. */
MUSTCHECK int tenant_create(
    struct db *db, const char *slug, const char *name, tenant_fill_fn *fill, void *arg, int32_t *ret_id);
