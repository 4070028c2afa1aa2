/* Digests, random bytes and their text forms (OpenSSL 3 underneath). */
#pragma once

#include "base/base.h"
#include "base/buf.h"
#include "base/text.h"

#define SHA256_LEN 32

struct sha256 {
    uint8_t b[SHA256_LEN];
};

struct sha256 sha256_of(struct text data);
/* Of what comes in pieces. */
struct sha256_stream;
struct sha256_stream *sha256_begin(void);
void sha256_add(struct sha256_stream *s, struct text data);
struct sha256 sha256_so_far(const struct sha256_stream *s);
void sha256_free(struct sha256_stream *s); /* NULL is fine */
/* 64 lower-case hexadecimal digits. */
struct sha256_text {
    char s[2 * SHA256_LEN + 1];
};
struct sha256_text sha256_format(const struct sha256 *digest);
struct sha256 hmac_sha256(struct text key, struct text data);
void random_bytes(void *out, size_t len); /* from the system's CSPRNG; gives up when it has none */
bool secret_eq(const void *a, const void *b, size_t len); /* in constant time */

void hex_add(struct buf *out, const void *data, size_t len);       /* lower case */
MUSTCHECK int hex_parse(struct text t, void *out, size_t len);     /* exactly 2·len digits; -EINVAL */
void base64_add(struct buf *out, const void *data, size_t len);    /* RFC 4648 §4, padded */
void base64url_add(struct buf *out, const void *data, size_t len); /* RFC 4648 §5, no padding */
MUSTCHECK int base64url_parse(struct text t, struct buf *out);     /* -EINVAL */
