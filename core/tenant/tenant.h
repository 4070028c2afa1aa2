/* What a worker knows of a tenant between requests: one immutable, reference-counted snapshot, read at one epoch and
 * replaced when the epoch moves (design §3). Higher floors hang their own parts on it (grants, policies). */
#pragma once

#include "base/base.h"
#include "db/db.h"
#include "tenant/tree.h"

enum tenant_part_id {
    TENANT_PART_ACCESS,
    TENANT_PART_POLICY,
    TENANT_PART_CALENDAR,
    TENANT_PART_EDITION,
    TENANT_PARTS
};

struct tenant {
    int32_t id;
    char *slug;
    char *name;
    bool is_active;
    struct db_epoch epoch;
    int64_t as_of_us; /* when it was read, by the database's clock */
    struct tree *tree;
    void *parts[TENANT_PARTS];
    uint32_t refs;
};

/* A part is loaded inside the snapshot's own REPEATABLE READ unit of work. */
struct tenant_part {
    const char *name;
    int (*load)(struct db_tx *tx, struct tenant *t, void **ret);
    void (*free)(void *part);
};
void tenant_part_register(enum tenant_part_id id, const struct tenant_part *part);

/* The cached snapshot, or a fresh one, for which they suspend. The reference is the caller's (tenant_unref). Concurrent
 * loads of one tenant are one load. Errors of db_read and db_begin; -ENOENT for an unknown slug (remembered briefly, so that
 * probing costs no query each). */
MUSTCHECK int tenant_get(struct db *db, struct text slug, struct tenant **ret);
MUSTCHECK int tenant_get_by_id(struct db *db, int32_t id, struct tenant **ret);
/* A snapshot whose epoch is at least `epoch`: called when a unit of work saw another one than the snapshot's. */
MUSTCHECK int tenant_refresh(struct db *db, int32_t id, struct db_epoch epoch, struct tenant **ret);
struct tenant *tenant_ref(struct tenant *t);
void tenant_unref(struct tenant *t); /* NULL is fine */
void tenant_cache_clear(void);       /* at process end */

/* Locks and bumps the tenant's epoch row: the first statement of whoever changes tree, policy, grants or ends a session. */
MUSTCHECK int epoch_bump(struct db_tx *tx);
/* As epoch_bump, provided that it still is the snapshot's: then what was decided from the snapshot holds until the
 * commit. -EREMCHG otherwise. */
MUSTCHECK int epoch_bump_from(struct db_tx *tx, const struct tenant *t);
MUSTCHECK int epoch_bump_deployment(struct db_tx *tx);
