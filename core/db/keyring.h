/* The server's own secret keys, by id: one is current, older ones still verify what they signed. A JSON file,
 *   {"current": "k1", "keys": {"k1": "<32 bytes, base64url>"}}
 * readable by its owner only. Never in the database, so that who owns the database cannot forge a MAC. */
#pragma once

#include "base/base.h"
#include "base/digest.h"

#define KEY_ID_MAX 32

struct keyring;

/* With create, a missing file is made with one key. -EINVAL for a file that is no key ring, -EPERM when others may read
 * or write it, errors of open(2). Blocks. */
MUSTCHECK int keyring_load(const char *path, bool create, struct keyring **ret);
void keyring_free(struct keyring *k); /* wipes; NULL is fine */
/* Adds a key and makes it the current one; the old ones stay. Blocks. */
MUSTCHECK int keyring_rotate(const char *path);

const char *keyring_current(const struct keyring *k);
/* HMAC-SHA-256 under the key, separated by purpose ("audit", "seal" …). -ENOKEY when the id is unknown. */
MUSTCHECK int keyring_mac(
    const struct keyring *k, const char *id, const char *purpose, struct text data, struct sha256 *ret);

/* Ed25519 with a key pair derived from the key and the purpose: what others shall be able to verify without the secret. */
#define KEY_PUBLIC_LEN 32
#define KEY_SIGNATURE_LEN 64
MUSTCHECK int keyring_public(
    const struct keyring *k, const char *id, const char *purpose, uint8_t out[static KEY_PUBLIC_LEN]);
MUSTCHECK int keyring_sign(const struct keyring *k, const char *id, const char *purpose, struct text data,
    uint8_t out[static KEY_SIGNATURE_LEN]);
bool key_verify(const uint8_t public_key[static KEY_PUBLIC_LEN], struct text data,
    const uint8_t signature[static KEY_SIGNATURE_LEN]);
