/* The daily digest: the last seal of every tenant, signed with Ed25519, to be kept outside the database and given to
 * whoever shall be able to tell later that the audit trail was cut off. Lines of text:
 *
 *   juxin audit digest 1
 *   2026-11-23
 *   TENANT N HEAD           one line for each tenant that has a seal; 0 is the deployment
 *   key ID
 *   public BASE64URL        the raw 32 bytes of the public key
 *   signature BASE64URL     over everything above */
#pragma once

#include "base/base.h"
#include "base/buf.h"
#include "db/db.h"
#include "db/keyring.h"

/* The day's digest: the stored one, or a new one, which is stored. *ret_is_new says which. */
MUSTCHECK int daily_digest(struct db *db, const int32_t *tenants, size_t count, int32_t day,
    const struct keyring *k, struct buf *ret, bool *ret_is_new);

/* Keeps a digest as a file, whole or not at all; does nothing where there is one already. Blocks. 0 or -errno. */
MUSTCHECK int daily_write(const char *path, struct text document);

struct daily_check {
    void (*missing)(
        void *arg, int32_t tenant, int64_t n); /* a seal the digest knows is gone or another one */
    void *arg;
    uint32_t checked, faults; /* filled in */
};
/* Compares a digest that was kept with the database. -EINVAL: not a digest; -EBADMSG: the signature does not hold, or the
 * public key is not the one of the key ring; -ENOKEY: signed with a key that the ring has not. */
MUSTCHECK int daily_compare(
    struct db *db, struct text document, const struct keyring *k, struct daily_check *check);
