/* Digests, random bytes and their text forms. */
#include "base/digest.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <sys/random.h>

#include "base/mem.h"

struct sha256 sha256_of(struct text data)
{
    struct sha256 d;

    if (EVP_Digest(data.ptr ? data.ptr : "", data.len, d.b, NULL, EVP_sha256(), NULL) != 1)
        give_up("OpenSSL makes no SHA-256");
    return d;
}

/* The OpenSSL context is the stream. */
struct sha256_stream *sha256_begin(void)
{
    EVP_MD_CTX *m = EVP_MD_CTX_new();

    if (!m || EVP_DigestInit_ex(m, EVP_sha256(), NULL) != 1)
        give_up("OpenSSL makes no SHA-256");
    return (struct sha256_stream *)m;
}

void sha256_add(struct sha256_stream *s, struct text data)
{
    if (EVP_DigestUpdate((EVP_MD_CTX *)s, data.ptr, data.len) != 1)
        give_up("OpenSSL makes no SHA-256");
}

struct sha256 sha256_so_far(const struct sha256_stream *s)
{
    EVP_MD_CTX *m = EVP_MD_CTX_new();
    struct sha256 d;

    if (!m || EVP_MD_CTX_copy_ex(m, (const EVP_MD_CTX *)s) != 1 || EVP_DigestFinal_ex(m, d.b, NULL) != 1)
        give_up("OpenSSL makes no SHA-256");
    EVP_MD_CTX_free(m);
    return d;
}

void sha256_free(struct sha256_stream *s)
{
    EVP_MD_CTX_free((EVP_MD_CTX *)s);
}

struct sha256 hmac_sha256(struct text key, struct text data)
{
    struct sha256 d;
    unsigned int len = sizeof(d.b);

    if (!HMAC(EVP_sha256(), key.ptr, (int)key.len, (const unsigned char *)data.ptr, data.len, d.b, &len))
        give_up("OpenSSL makes no SHA-256");
    return d;
}

void random_bytes(void *out, size_t len)
{
    char *p = out;

    while (len) {
        ssize_t n = getrandom(p, len, 0);

        if (n < 0) {
            if (errno == EINTR)
                continue;
            give_up("no random bytes");
        }
        p += n;
        len -= (size_t)n;
    }
}

bool secret_eq(const void *a, const void *b, size_t len)
{
    return CRYPTO_memcmp(a, b, len) == 0;
}

static const char hex[] = "0123456789abcdef";

void hex_add(struct buf *out, const void *data, size_t len)
{
    const uint8_t *p = data;

    buf_reserve(out, len * 2);
    for (size_t i = 0; i < len; i++) {
        buf_addc(out, hex[p[i] >> 4]);
        buf_addc(out, hex[p[i] & 15]);
    }
}

struct sha256_text sha256_format(const struct sha256 *digest)
{
    struct sha256_text t;

    for (size_t i = 0; i < SHA256_LEN; i++) {
        t.s[2 * i] = hex[digest->b[i] >> 4];
        t.s[2 * i + 1] = hex[digest->b[i] & 15];
    }
    t.s[2 * SHA256_LEN] = '\0';
    return t;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

int hex_parse(struct text t, void *out, size_t len)
{
    uint8_t *p = out;

    if (t.len != len * 2)
        return -EINVAL;
    for (size_t i = 0; i < t.len; i++)
        if (hex_digit(t.ptr[i]) < 0)
            return -EINVAL;
    for (size_t i = 0; i < len; i++)
        p[i] = (uint8_t)(hex_digit(t.ptr[2 * i]) << 4 | hex_digit(t.ptr[2 * i + 1]));
    return 0;
}

static const char base64url[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

void base64_add(struct buf *out, const void *data, size_t len)
{
    size_t before = out->len;

    base64url_add(out, data, len);
    for (size_t i = before; i < out->len; i++)
        out->data[i] = out->data[i] == '-' ? '+' : out->data[i] == '_' ? '/' : out->data[i];
    while ((out->len - before) % 4)
        buf_addc(out, '=');
}

void base64url_add(struct buf *out, const void *data, size_t len)
{
    const uint8_t *p = data;
    uint32_t bits = 0;
    int have = 0;

    for (size_t i = 0; i < len; i++) {
        bits = bits << 8 | p[i];
        for (have += 8; have >= 6; have -= 6)
            buf_addc(out, base64url[bits >> (have - 6) & 63]);
    }
    if (have)
        buf_addc(out, base64url[bits << (6 - have) & 63]);
}

int base64url_parse(struct text t, struct buf *out)
{
    uint32_t bits = 0;
    int have = 0;

    for (size_t i = 0; i < t.len; i++) {
        const char *at = t.ptr[i] ? strchr(base64url, t.ptr[i]) : NULL;

        if (!at)
            return -EINVAL;
        bits = bits << 6 | (uint32_t)(at - base64url);
        have += 6;
        if (have >= 8) {
            have -= 8;
            buf_addc(out, (char)(bits >> have & 255));
        }
    }
    /* What is left must be zero padding bits of the last group, else two texts would mean the same bytes. */
    if (have == 6 || (have && bits & ((1u << have) - 1)))
        return -EINVAL;
    return 0;
}
