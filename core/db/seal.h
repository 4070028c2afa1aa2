/* Sealing audit rows: what is committed is ordered into batches, each a Merkle root, chained per tenant and signed. A
 * batch is unique by (tenant, n), so two sealers cannot fork the chain. Each head also leaves the database (the caller
 * logs it), so that rows and seals cut off together are found. */
#pragma once

#include "base/base.h"
#include "base/digest.h"
#include "base/uuid.h"
#include "db/db.h"
#include "db/keyring.h"

#define SEAL_BATCH_MAX 1000
#define SEAL_HEX (2 * SHA256_LEN + 1)

struct seal {
    int32_t tenant;
    int64_t n;
    uint32_t count;
    char head[SEAL_HEX];
};

/* Seals one batch of at most SEAL_BATCH_MAX rows. ret->count is 0 when nothing was pending. -EEXIST: another sealer was
 * faster, try again. */
MUSTCHECK int seal_batch(struct db *db, int32_t tenant, const struct keyring *k, struct seal *ret);

/* The unsealed tail: rows, and how long the oldest has waited. */
MUSTCHECK int seal_tail(struct db *db, int32_t tenant, uint64_t *ret_rows, int64_t *ret_age_us);

/* Merkle root over leaves (RFC 6962 hashing: 0 before a leaf, 1 before a node). Leaves are overwritten. */
struct sha256 seal_leaf(struct uuid id, struct text mac_hex);
struct sha256 seal_root(struct sha256 *leaves, size_t count);
/* What head and signature are computed over. */
struct seal_fields {
    int32_t tenant;
    int64_t n, at_us, count;
    struct text first_id, last_id, root, previous, key_id;
};
void seal_head(const struct seal_fields *f, char out[static SEAL_HEX]);
MUSTCHECK int seal_sign(
    const struct keyring *k, const struct seal_fields *f, const char *head, char out[static SEAL_HEX]);

/* What verification found. `n` is the batch (0: none), `id` the row (nil: none). */
enum verify_kind {
    VERIFY_ALTERED,      /* a row's MAC does not hold */
    VERIFY_DELETED,      /* a sealed or pending row is gone */
    VERIFY_REORDERED,    /* the members of a batch do not give its root */
    VERIFY_SEAL_ALTERED, /* a seal's head or signature does not hold */
    VERIFY_SEAL_MISSING, /* a gap in the numbers, or the chain does not meet */
    VERIFY_UNSEALED,     /* a row that is neither sealed nor waiting to be */
    VERIFY_TRUNCATED,    /* the published head is not in the chain */
    VERIFY_UNKNOWN_KEY
};
const char *verify_kind_name(enum verify_kind k); /* "altered" … */

struct verify {
    const char *expect_head; /* a head from the log, NULL for none */
    void (*found)(void *arg, enum verify_kind kind, int64_t n, struct uuid id);
    void *arg;
    /* Filled in: */
    uint64_t rows, pending, faults;
    int64_t batches;
    char head[SEAL_HEX]; /* of the last batch; "" when there is none */
};

/* 0 whether or not faults were found (v->faults); errors of the database otherwise. */
MUSTCHECK int seal_verify(struct db *db, int32_t tenant, const struct keyring *k, struct verify *v);
