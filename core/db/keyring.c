/* Keys in a file. */
#include "db/keyring.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"

#define KEY_LEN 32
#define FILE_MAX 65536

struct key {
    char id[KEY_ID_MAX + 1];
    uint8_t secret[KEY_LEN];
};

struct keyring {
    struct key *key;
    size_t count;
    char current[KEY_ID_MAX + 1];
};

void keyring_free(struct keyring *k)
{
    if (!k)
        return;
    if (k->key)
        explicit_bzero(k->key, k->count * sizeof(*k->key));
    free(k->key);
    free(k);
}

static const struct key *find(const struct keyring *k, const char *id)
{
    for (size_t i = 0; i < k->count; i++)
        if (strcmp(k->key[i].id, id) == 0)
            return &k->key[i];
    return NULL;
}

static struct key *add(struct keyring *k, const char *id)
{
    k->key = mem_resize(k->key, k->count + 1, sizeof(*k->key));
    snprintf(k->key[k->count].id, sizeof(k->key->id), "%s", id);
    return &k->key[k->count++];
}

/* What save() writes without escapes. */
static bool is_id(const char *id)
{
    size_t len = strlen(id);

    return len > 0 && len <= KEY_ID_MAX &&
           strspn(id, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.") == len;
}

static int add_parsed(struct keyring *k, const char *id, const json_t *value)
{
    struct buf secret = BUF_INIT;
    int r = -EINVAL;

    if (is_id(id) && json_is_string(value) &&
        base64url_parse(text_of(json_string_value(value)), &secret) == 0 && secret.len == KEY_LEN) {
        memcpy(add(k, id)->secret, secret.data, KEY_LEN);
        r = 0;
    }
    if (secret.data)
        explicit_bzero(secret.data, secret.len);
    buf_done(&secret);
    return r;
}

static int parse(const json_t *root, struct keyring *k)
{
    const char *current = json_str(root, "current");
    json_t *keys = json_object_get(root, "keys");
    const char *id;
    json_t *value;

    if (!current || !json_is_object(keys) || json_object_size(keys) == 0)
        return -EINVAL;
    json_object_foreach(keys, id, value)
    {
        int r = add_parsed(k, id, value);

        if (r < 0)
            return r;
    }
    if (!find(k, current))
        return -EINVAL;
    snprintf(k->current, sizeof(k->current), "%s", current);
    return 0;
}

static int write_synced(int fd, const struct buf *out)
{
    ssize_t n = write(fd, out->data, out->len);

    if (n != (ssize_t)out->len)
        return n < 0 ? -errno : -ENOSPC;
    return fsync(fd) < 0 ? -errno : 0;
}

/* Whole or not at all: written beside and renamed; with `fresh`, an existing file wins. */
static int save(const struct keyring *k, const char *path, bool fresh)
{
    char *beside = str_printf("%s.%d.new", path, (int)getpid());
    struct buf out = BUF_INIT;
    int r = 0, fd;

    buf_addf(&out, "{\n  \"current\": \"%s\",\n  \"keys\": {", k->current);
    for (size_t i = 0; i < k->count; i++) {
        buf_addf(&out, "%s\n    \"%s\": \"", i ? "," : "", k->key[i].id);
        base64url_add(&out, k->key[i].secret, KEY_LEN);
        buf_addc(&out, '"');
    }
    buf_adds(&out, "\n  }\n}\n");
    fd = open(beside, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        r = -errno;
    if (r == 0)
        r = write_synced(fd, &out);
    if (fd >= 0)
        close(fd);
    if (r == 0 && (fresh ? link(beside, path) : rename(beside, path)) < 0)
        r = fresh && errno == EEXIST ? 0 : -errno;
    if (fd >= 0 && (fresh || r < 0))
        unlink(beside);
    explicit_bzero(out.data, out.len);
    buf_done(&out);
    free(beside);
    return r;
}

static void add_new(struct keyring *k)
{
    char id[KEY_ID_MAX + 1];
    struct clock_text day = date_format(date_of(clock_wall_us(), 0));

    /* The number may be taken where older keys were dropped from the file. */
    for (size_t n = k->count + 1; n == k->count + 1 || find(k, id); n++)
        snprintf(id, sizeof(id), "k%zu-%.10s", n, day.s);
    random_bytes(add(k, id)->secret, KEY_LEN);
    snprintf(k->current, sizeof(k->current), "%s", id);
}

static int create_file(const char *path)
{
    struct keyring *k = mem_zalloc(sizeof(*k));
    int r;

    add_new(k);
    r = save(k, path, true);
    keyring_free(k);
    return r;
}

int keyring_load(const char *path, bool create, struct keyring **ret)
{
    struct keyring *k;
    struct json_fault fault;
    struct stat st;
    json_t *root = NULL;
    int r = 0;

    if (stat(path, &st) < 0)
        r = -errno;
    if (r == -ENOENT && create) {
        r = create_file(path);
        if (r == 0 && stat(path, &st) < 0)
            r = -errno;
    }
    if (r < 0)
        return r;
    if (st.st_mode & 027)
        return -EPERM;
    r = json_read_file(path, FILE_MAX, &root, &fault);
    if (r < 0)
        return r;
    k = mem_zalloc(sizeof(*k));
    r = parse(root, k);
    json_decref(root);
    if (r < 0)
        keyring_free(k);
    else
        *ret = k;
    return r;
}

int keyring_rotate(const char *path)
{
    struct keyring *k;
    int r = keyring_load(path, true, &k);

    if (r < 0)
        return r;
    add_new(k);
    r = save(k, path, false);
    keyring_free(k);
    return r;
}

const char *keyring_current(const struct keyring *k)
{
    return k->current;
}

int keyring_mac(
    const struct keyring *k, const char *id, const char *purpose, struct text data, struct sha256 *ret)
{
    const struct key *key = find(k, id);
    struct sha256 derived;

    if (!key)
        return -ENOKEY;
    derived = hmac_sha256((struct text){(const char *)key->secret, KEY_LEN}, text_of(purpose));
    *ret = hmac_sha256((struct text){(const char *)derived.b, sizeof(derived.b)}, data);
    explicit_bzero(&derived, sizeof(derived));
    return 0;
}

static int derive_pair(const struct keyring *k, const char *id, const char *purpose, EVP_PKEY **ret)
{
    struct sha256 seed;
    int r = keyring_mac(k, id, "ed25519", text_of(purpose), &seed);

    if (r < 0)
        return r;
    *ret = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, seed.b, sizeof(seed.b));
    explicit_bzero(&seed, sizeof(seed));
    return *ret ? 0 : -EIO;
}

int keyring_public(
    const struct keyring *k, const char *id, const char *purpose, uint8_t out[static KEY_PUBLIC_LEN])
{
    EVP_PKEY *pair = NULL;
    size_t len = KEY_PUBLIC_LEN;
    int r = derive_pair(k, id, purpose, &pair);

    if (r == 0 && EVP_PKEY_get_raw_public_key(pair, out, &len) != 1)
        r = -EIO;
    EVP_PKEY_free(pair);
    return r;
}

/* Ed25519 is one-shot in OpenSSL: no digest, no update. */
int keyring_sign(const struct keyring *k, const char *id, const char *purpose, struct text data,
    uint8_t out[static KEY_SIGNATURE_LEN])
{
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    EVP_PKEY *pair = NULL;
    size_t len = KEY_SIGNATURE_LEN;
    int r = derive_pair(k, id, purpose, &pair);

    if (r == 0 && (!context || EVP_DigestSignInit(context, NULL, NULL, NULL, pair) != 1 ||
                      EVP_DigestSign(context, out, &len, (const uint8_t *)data.ptr, data.len) != 1))
        r = -EIO;
    EVP_MD_CTX_free(context);
    EVP_PKEY_free(pair);
    return r;
}

bool key_verify(const uint8_t public_key[static KEY_PUBLIC_LEN], struct text data,
    const uint8_t signature[static KEY_SIGNATURE_LEN])
{
    EVP_PKEY *key = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, public_key, KEY_PUBLIC_LEN);
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    bool ok =
        key && context && EVP_DigestVerifyInit(context, NULL, NULL, NULL, key) == 1 &&
        EVP_DigestVerify(context, signature, KEY_SIGNATURE_LEN, (const uint8_t *)data.ptr, data.len) == 1;

    EVP_MD_CTX_free(context);
    EVP_PKEY_free(key);
    if (!ok)
        ERR_clear_error();
    return ok;
}
