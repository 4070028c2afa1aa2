/* Passwords: scrypt (N=2^17, r=8, p=1; 128 MiB and about 0.4 s of a core) on the hashing helper, never on the loop. */
#pragma once

#include "base/base.h"
#include "base/text.h"

#define PASSWORD_ENCODED_MAX 128
#define PASSWORD_BYTES_MAX 512 /* of UTF-8; at least 128 characters are always accepted */

/* "$scrypt$ln=17,r=8,p=1$salt$hash", salt and hash in base64url. */
struct password_encoded {
    char s[PASSWORD_ENCODED_MAX];
};

/* Suspends the fiber. 0, -EBUSY when too many wait, -ENOMEM. */
MUSTCHECK int password_hash(struct text password, struct password_encoded *ret);

/* Does the password match? encoded NULL or malformed: the same work is done and the answer is no, so that an unknown
 * login takes as long as a known one. Suspends. 0 with *ret_match, -EBUSY, -ENOMEM. */
MUSTCHECK int password_verify(struct text password, const char *encoded, bool *ret_match);

struct password_parts {
    unsigned ln, r, p;
    uint8_t salt[32];
    size_t salt_len;
    uint8_t hash[32];
};
MUSTCHECK int password_parse(const char *encoded, struct password_parts *ret); /* -EINVAL */

/* Why a new password is refused: too_short, too_long, common, contains_login, not_text; NULL when it is fine. */
const char *password_objection(struct text password, struct text login);
/* The sentence for it. */
const char *password_objection_en(const char *code);
const char *password_objection_zh(const char *code);

/* A password for somebody who must change it at once: 20 characters without look-alikes, 100 bits and more. */
struct password_generated {
    char s[24];
};
struct password_generated password_generate(void);
