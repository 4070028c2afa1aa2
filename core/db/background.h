/* The duties that one worker of the whole deployment does at a time: numbering and delivering the outbox, sealing the
 * audit trail, deleting what was kept long enough. A fiber that holds a lease while it works and tries for it while it does
 * not. */
#pragma once

#include "base/base.h"
#include "db/db.h"
#include "db/keyring.h"
#include "db/outbox.h"
#include "db/seal.h"

/* A lease that is held, under one name, by all who have somebody waiting for events: then the sequence is looked at more
 * often. */
#define LEASE_LISTENING "listening"
#define LEASE_LISTENING_MS 15000
#define LEASE_LISTENING_RENEW_MS 5000

struct background {
    struct db *db;       /* as the app role */
    struct db *dispatch; /* as the dispatch role, slow lane only; NULL: every tenant is looked at instead */
    const char *holder;  /* unique to this process: "host:pid:start" */
    const struct keyring *keys;
    outbox_deliver_fn *deliver;                                 /* NULL: nothing is delivered */
    void (*sequenced)(void *arg, int32_t tenant, int64_t head); /* new events; may be NULL */
    void *arg;
    const char
        *digest_dir; /* where each day's digest is kept as a file; NULL: in the database and the log only */
    /* Read by /metrics and /readyz; written by the fiber. */
    bool is_holder, is_listened_to;
    uint64_t sealed_rows, sealed_batches, delivered, retried, dead, expired, failures;
    uint64_t tail_rows; /* unsealed ones when last looked at */
    int64_t tail_age_us;
};

/* The fiber's body: until cancelled. arg is a struct background that outlives it. Logs each seal's head: it must leave
 * the database. */
void background_run(void *arg);

/* Which tenants have work waiting, found without entering any; at most 5,000 of each kind, the others come next. Freed by
 * work_done. */
enum work_kind { WORK_SEQUENCE, WORK_DELIVER, WORK_SEAL, WORK_KINDS };
struct work {
    int32_t *tenant[WORK_KINDS];
    size_t count[WORK_KINDS];
};
MUSTCHECK int work_find(const struct background *b, struct work *ret);
void work_done(struct work *w);
/* Every tenant, and 0 for the deployment; the caller frees *ret. */
MUSTCHECK int work_tenants(const struct background *b, int32_t **ret, size_t *ret_count);
