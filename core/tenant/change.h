/* What a change of a tenant's structure works with. The caller has bumped the epoch from the snapshot's (epoch_bump_from),
 * so that the snapshot is the database's own state until the commit and rules can be checked in memory. */
#pragma once

#include <errno.h>

#include "base/arena.h"
#include "base/base.h"
#include "tenant/tenant.h"

struct tenant_fault {
    int status;                           /* 0 while there is none */
    const char *pointer, *code, *en, *zh; /* pointer NULL: about the whole request */
};

struct tenant_change {
    struct db_tx *tx;
    const struct tenant *t;
    struct arena *arena;
    int64_t now_us;
    struct tenant_fault fault;
};

/* Both return -EINVAL. */
static inline int change_fail(
    struct tenant_change *c, int status, const char *code, const char *en, const char *zh)
{
    c->fault = (struct tenant_fault){status, NULL, code, en, zh};
    return -EINVAL;
}
static inline int change_fail_at(
    struct tenant_change *c, const char *pointer, const char *code, const char *en, const char *zh)
{
    c->fault = (struct tenant_fault){422, pointer, code, en, zh};
    return -EINVAL;
}
