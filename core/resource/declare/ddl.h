/* From declarations to SQL: the statements that make or widen a resource's table. Pure; run by resource_migrate. */
#pragma once

#include "resource/declare/declaration.h"

struct ddl {
    const char **statements; /* in order, one action each */
    uint32_t count, capacity;
    const char **late; /* foreign keys between resources: after all tables exist */
    uint32_t late_count, late_capacity;
    const char **concurrent; /* indexes of tables in use: after the commit, each on its own */
    uint32_t concurrent_count, concurrent_capacity;
};

/* previous: the declaration the table was last made from; NULL for a new table. -EINVAL with the report when the
 * change is not additive. */
MUSTCHECK int ddl_plan(struct arena *a, const struct resource *res, const struct resource *previous,
    struct declaration_report *report, struct ddl *ret);
const char *ddl_column_type(enum field_type t);
