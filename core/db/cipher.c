/* Sealing values: a table of algorithms, of which the first is what new values are sealed by. */
#include "db/cipher.h"

#include <errno.h>
#include <limits.h>
#include <openssl/err.h>
#include <openssl/evp.h>

#include "base/arena.h"
#include "base/mem.h"

#define NONCE_LEN 12
#define TAG_LEN 16

struct algorithm {
    const char *name;
    int (*seal)(const struct sha256 *key, struct text plain, struct text bound_to, struct buf *ret);
    int (*open)(const struct sha256 *key, struct text sealed, struct text bound_to, struct buf *ret);
};

static const struct keyring *keys;

void cipher_set_keys(const struct keyring *k)
{
    keys = k;
}

/* ---- AES-256-GCM ---- */

static int failed(EVP_CIPHER_CTX *x, int error)
{
    EVP_CIPHER_CTX_free(x);
    ERR_clear_error();
    return error;
}

static int gcm_seal(const struct sha256 *key, struct text plain, struct text bound_to, struct buf *ret)
{
    EVP_CIPHER_CTX *x = EVP_CIPHER_CTX_new();
    size_t at = ret->len;
    uint8_t *out;
    int n = 0;

    if (!x || plain.len > INT_MAX - 64 || bound_to.len > INT_MAX)
        return failed(x, -EIO);
    buf_reserve(ret, NONCE_LEN + plain.len + TAG_LEN);
    out = (uint8_t *)ret->data + at;
    random_bytes(out, NONCE_LEN);
    if (EVP_EncryptInit_ex(x, EVP_aes_256_gcm(), NULL, key->b, out) != 1 ||
        EVP_EncryptUpdate(x, NULL, &n, (const uint8_t *)bound_to.ptr, (int)bound_to.len) != 1 ||
        EVP_EncryptUpdate(x, out + NONCE_LEN, &n, (const uint8_t *)plain.ptr, (int)plain.len) != 1 ||
        EVP_EncryptFinal_ex(x, out + NONCE_LEN + plain.len, &n) != 1 ||
        EVP_CIPHER_CTX_ctrl(x, EVP_CTRL_GCM_GET_TAG, TAG_LEN, out + NONCE_LEN + plain.len) != 1)
        return failed(x, -EIO);
    EVP_CIPHER_CTX_free(x);
    ret->len = at + NONCE_LEN + plain.len + TAG_LEN;
    ret->data[ret->len] = '\0';
    return 0;
}

static int gcm_open(const struct sha256 *key, struct text sealed, struct text bound_to, struct buf *ret)
{
    EVP_CIPHER_CTX *x = EVP_CIPHER_CTX_new();
    const uint8_t *in = (const uint8_t *)sealed.ptr;
    size_t len = sealed.len < NONCE_LEN + TAG_LEN ? 0 : sealed.len - NONCE_LEN - TAG_LEN, at = ret->len;
    uint8_t tag[TAG_LEN];
    int n = 0;

    if (!x || sealed.len < NONCE_LEN + TAG_LEN || sealed.len > INT_MAX || bound_to.len > INT_MAX)
        return failed(x, -EBADMSG);
    memcpy(tag, in + NONCE_LEN + len, TAG_LEN);
    buf_reserve(ret, len + 1);
    if (EVP_DecryptInit_ex(x, EVP_aes_256_gcm(), NULL, key->b, in) != 1 ||
        EVP_DecryptUpdate(x, NULL, &n, (const uint8_t *)bound_to.ptr, (int)bound_to.len) != 1 ||
        EVP_DecryptUpdate(x, (uint8_t *)ret->data + at, &n, in + NONCE_LEN, (int)len) != 1 ||
        EVP_CIPHER_CTX_ctrl(x, EVP_CTRL_GCM_SET_TAG, TAG_LEN, tag) != 1 ||
        EVP_DecryptFinal_ex(x, (uint8_t *)ret->data + at + len, &n) != 1) {
        explicit_bzero(ret->data + at, len);
        return failed(x, -EBADMSG);
    }
    EVP_CIPHER_CTX_free(x);
    ret->len = at + len;
    ret->data[ret->len] = '\0';
    return 0;
}

static const struct algorithm algorithms[] = {{"A256GCM", gcm_seal, gcm_open}};

/* ---- sealed values ---- */

struct parts {
    const struct algorithm *by;
    char key[KEY_ID_MAX + 1];
    struct text bytes;
};

static int split(struct text sealed, struct parts *ret)
{
    struct text rest = sealed, name, key;

    if (text_split(&rest, '$').len != 0 || !rest.ptr)
        return -EINVAL;
    name = text_split(&rest, '$');
    if (!rest.ptr)
        return -EINVAL;
    key = text_split(&rest, '$');
    if (!rest.ptr || key.len == 0 || key.len > KEY_ID_MAX)
        return -EINVAL;
    *ret = (struct parts){.bytes = rest};
    memcpy(ret->key, key.ptr, key.len);
    for (size_t i = 0; i < ARRAY_LEN(algorithms); i++)
        if (text_is(name, algorithms[i].name))
            ret->by = &algorithms[i];
    return ret->by ? 0 : -ENOTSUP;
}

bool cipher_is_sealed(struct text value)
{
    struct parts p;

    return split(value, &p) == 0;
}

bool cipher_is_old(struct text sealed)
{
    struct parts p;

    return split(sealed, &p) == 0 && keys &&
           (p.by != &algorithms[0] || strcmp(p.key, keyring_current(keys)) != 0);
}

/* A key of its own for each algorithm, so that no key serves two. */
static int derive(const struct algorithm *by, const char *id, struct sha256 *ret)
{
    return keys ? keyring_mac(keys, id, "value", text_of(by->name), ret) : -ENOKEY;
}

int cipher_mac(const char *purpose, struct text data, struct sha256 *ret)
{
    return keys ? keyring_mac(keys, keyring_current(keys), purpose, data, ret) : -ENOKEY;
}

const char *cipher_key_id(void)
{
    return keys ? keyring_current(keys) : "";
}

int cipher_seal(struct text plain, struct text bound_to, struct buf *ret)
{
    const struct algorithm *by = &algorithms[0];
    CLEANUP(buf_done) struct buf bytes = BUF_INIT;
    struct sha256 key;
    int r = keys ? derive(by, keyring_current(keys), &key) : -ENOKEY;

    if (r < 0)
        return r;
    r = by->seal(&key, plain, bound_to, &bytes);
    explicit_bzero(&key, sizeof(key));
    if (r < 0)
        return r;
    buf_addf(ret, "$%s$%s$", by->name, keyring_current(keys));
    base64url_add(ret, bytes.data, bytes.len);
    return 0;
}

int cipher_open(struct text sealed, struct text bound_to, struct buf *ret)
{
    CLEANUP(buf_done) struct buf bytes = BUF_INIT;
    struct sha256 key;
    struct parts p;
    int r = split(sealed, &p);

    if (r == 0 && base64url_parse(p.bytes, &bytes) < 0)
        r = -EBADMSG;
    if (r == 0)
        r = derive(p.by, p.key, &key);
    if (r < 0)
        return r;
    r = p.by->open(&key, buf_text(&bytes), bound_to, ret);
    explicit_bzero(&key, sizeof(key));
    return r;
}

const char *cipher_prefix(struct arena *a)
{
    return keys ? arena_printf(a, "$%s$%s$", algorithms[0].name, keyring_current(keys)) : NULL;
}
