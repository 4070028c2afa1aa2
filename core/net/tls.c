/* The OpenSSL context. Ticket keys come from the master, so that every worker resumes every worker's sessions. */
#include "net/tls.h"

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>

#include "base/digest.h"
#include "base/mem.h"

struct ticket_keys {
    size_t count;
    uint8_t key[TLS_TICKET_KEYS_MAX][TLS_TICKET_KEY_LEN];
};

struct tls {
    SSL_CTX *ctx;
};

static int keys_index = -1;

/* The keys live as long as the context, which outlives struct tls while connections use it. */
static void free_keys(void *parent, void *ptr, CRYPTO_EX_DATA *ad, int index, long argl, void *argp)
{
    (void)parent, (void)ad, (void)index, (void)argl, (void)argp;
    if (ptr)
        OPENSSL_cleanse(ptr, sizeof(struct ticket_keys));
    free(ptr);
}

static bool use_key(
    const uint8_t *key, const unsigned char *iv, EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac, int encrypt)
{
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, (void *)(uintptr_t)(key + 16), 32),
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, (char[]){"SHA256"}, 0),
        OSSL_PARAM_construct_end(),
    };

    return EVP_MAC_CTX_set_params(mac, params) > 0 &&
           EVP_CipherInit_ex(cipher, EVP_aes_256_cbc(), NULL, key + 48, iv, encrypt) > 0;
}

/* RFC 5077 tickets. 1: used; 2: used, make a new one; 0: unknown key, full handshake; -1: failed. */
static int on_ticket(
    SSL *ssl, unsigned char *name, unsigned char *iv, EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac, int encrypt)
{
    const struct ticket_keys *keys = SSL_CTX_get_ex_data(SSL_get_SSL_CTX(ssl), keys_index);

    if (encrypt) {
        memcpy(name, keys->key[0], 16);
        random_bytes(iv, EVP_MAX_IV_LENGTH);
        return use_key(keys->key[0], iv, cipher, mac, 1) ? 1 : -1;
    }
    for (size_t i = 0; i < keys->count; i++) {
        if (memcmp(name, keys->key[i], 16) != 0)
            continue;
        if (!use_key(keys->key[i], iv, cipher, mac, 0))
            return -1;
        return i == 0 && SSL_version(ssl) < TLS1_3_VERSION ? 1 : 2;
    }
    return 0;
}

static int on_alpn(SSL *ssl, const unsigned char **out, unsigned char *out_len, const unsigned char *in,
    unsigned int in_len, void *arg)
{
    static const unsigned char ours[] = "\x08http/1.1";
    unsigned char *picked;

    (void)ssl, (void)arg;
    if (SSL_select_next_proto(&picked, out_len, ours, sizeof(ours) - 1, in, in_len) != OPENSSL_NPN_NEGOTIATED)
        return SSL_TLSEXT_ERR_ALERT_FATAL;
    *out = picked;
    return SSL_TLSEXT_ERR_OK;
}

static const char *set_keys(SSL_CTX *ctx, struct text t)
{
    struct ticket_keys *keys;

    if (!t.len)
        return NULL;
    if (t.len % TLS_TICKET_KEY_LEN || t.len > TLS_TICKET_KEYS_MAX * TLS_TICKET_KEY_LEN)
        return "ticket keys are not 1 to 4 times 80 bytes";
    if (keys_index < 0)
        keys_index = SSL_CTX_get_ex_new_index(0, NULL, NULL, NULL, free_keys);
    keys = mem_zalloc(sizeof(*keys));
    keys->count = t.len / TLS_TICKET_KEY_LEN;
    memcpy(keys->key, t.ptr, t.len);
    if (keys_index < 0 || !SSL_CTX_set_ex_data(ctx, keys_index, keys)) {
        free(keys);
        return "out of memory";
    }
    SSL_CTX_set_tlsext_ticket_key_evp_cb(ctx, on_ticket);
    return NULL;
}

static const char *configure(SSL_CTX *ctx, const char *certificate, const char *key, struct text ticket_keys)
{
    SSL_CTX_set_options(ctx, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION |
                                 SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA |
                                 SSL_OP_NO_QUERY_MTU);
    SSL_CTX_set_mode(
        ctx, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_session_id_context(ctx, (const unsigned char *)"juxin", 5);
    SSL_CTX_set_num_tickets(ctx, 1);
    SSL_CTX_set_read_ahead(ctx, 1);
    SSL_CTX_set_alpn_select_cb(ctx, on_alpn, NULL);
    if (!SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION) ||
        !SSL_CTX_set_cipher_list(ctx, "ECDHE+AESGCM:ECDHE+CHACHA20:!aNULL:!SHA1:!PSK:!SRP:!CCM") ||
        !SSL_CTX_set1_groups_list(ctx, "X25519:P-256:P-384"))
        return "OpenSSL refuses the protocol settings";
    if (SSL_CTX_use_certificate_chain_file(ctx, certificate) != 1)
        return "the certificate file cannot be read or is not PEM";
    if (SSL_CTX_use_PrivateKey_file(ctx, key, SSL_FILETYPE_PEM) != 1)
        return "the key file cannot be read, is not PEM, or belongs to another certificate";
    if (SSL_CTX_check_private_key(ctx) != 1)
        return "key and certificate do not belong together";
    return set_keys(ctx, ticket_keys);
}

struct tls *tls_new(const char *certificate, const char *key, struct text ticket_keys, const char **ret_why)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
    const char *why = ctx ? configure(ctx, certificate, key, ticket_keys) : "out of memory";
    struct tls *t;

    ERR_clear_error();
    if (why) {
        SSL_CTX_free(ctx);
        *ret_why = why;
        return NULL;
    }
    t = mem_zalloc(sizeof(*t));
    t->ctx = ctx;
    return t;
}

void tls_free(struct tls *t)
{
    if (!t)
        return;
    SSL_CTX_free(t->ctx);
    free(t);
}

struct ssl_st *tls_accept(struct tls *t, int fd)
{
    SSL *ssl = SSL_new(t->ctx);

    if (!ssl || !SSL_set_fd(ssl, fd)) {
        SSL_free(ssl);
        ERR_clear_error();
        return NULL;
    }
    SSL_set_accept_state(ssl);
    return ssl;
}
