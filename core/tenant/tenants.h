/* Making and changing tenants: the operator's work, done through juxinctl. */
#pragma once

#include "base/base.h"
#include "db/db.h"

/* Lower-case letters, digits and '-', a letter first, 2 to 63; it stands in addresses and cookie names. */
bool tenant_slug_is_valid(struct text slug);

/* Called in the unit of work that makes a tenant, which has entered it: higher floors install what every tenant has.
 * At most 8, registered at start. */
typedef int tenant_created_fn(struct db_tx *tx, int32_t tenant, int64_t now_us);
void tenant_created_hook(tenant_created_fn *fn);

/* A tenant with its epoch row and what the hooks add; no units. Two units of work: the number is taken in the
 * deployment's, the rest is written in the tenant's. 0; -EINVAL for a bad slug or name; -EEXIST. */
MUSTCHECK int tenant_create(struct db *db, const char *slug, const char *name, int32_t *ret_id);
