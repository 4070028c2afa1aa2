/* Values at rest: sealed with a key of the key ring, so that who has the database or a backup of it alone reads nothing. A sealed
 * value names its algorithm and its key,
 *   $A256GCM$k1$<12 bytes nonce, ciphertext, 16 bytes tag, in base64url>
 * so that another algorithm can follow, and keys can be replaced, without rewriting what is there. What it is a value of (tenant,
 * resource, record, field) is authenticated with it: moved elsewhere it does not open. */
#pragma once

#include "base/base.h"
#include "base/buf.h"
#include "base/text.h"
#include "db/keyring.h"

/* The process's key ring, borrowed until the process ends. Set once at start. */
void cipher_set_keys(const struct keyring *k);

/* Appends the sealed form, by the current algorithm and key. -ENOKEY when no keys were set. */
MUSTCHECK int cipher_seal(struct text plain, struct text bound_to, struct buf *ret);
/* Appends what was sealed. -EBADMSG: altered, or bound to something else; -ENOKEY: the key is not in the ring; -ENOTSUP: by an
 * algorithm this server does not know; -EINVAL: not a sealed value. */
MUSTCHECK int cipher_open(struct text sealed, struct text bound_to, struct buf *ret);
/* HMAC-SHA-256 under the current key, separated by purpose: for finding values without keeping them. -ENOKEY. */
MUSTCHECK int cipher_mac(const char *purpose, struct text data, struct sha256 *ret);
const char *cipher_key_id(void); /* of the current key; "" when none were set */
bool cipher_is_sealed(struct text value);
/* Is it sealed by another key or algorithm than a new value would be? */
bool cipher_is_old(struct text sealed);
/* What a value that is sealed now begins with: "$A256GCM$k1$". NULL when no keys were set. */
struct arena;
const char *cipher_prefix(struct arena *a);
