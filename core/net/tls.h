/* TLS 1.2 and 1.3 for a listening side: certificate, key and ticket keys in one immutable context. A new certificate is
 * a new context; connections keep the one they began with. */
#pragma once

#include "base/base.h"
#include "base/text.h"

struct tls;
struct ssl_st;

/* One ticket key: name 16, HMAC-SHA-256 32, AES-256 32. */
#define TLS_TICKET_KEY_LEN 80u
#define TLS_TICKET_KEYS_MAX 4u

/* certificate is a PEM chain, key a PEM private key. ticket_keys holds 0 to 4 keys of 80 bytes: the first makes tickets,
 * all open them; with none, this process makes its own and only it resumes sessions. NULL on failure, and why
 * (static). */
struct tls *tls_new(const char *certificate, const char *key, struct text ticket_keys, const char **ret_why);
void tls_free(struct tls *t);
/* The server side of a connection on fd; NULL when out of memory. Freed by stream_close(). */
struct ssl_st *tls_accept(struct tls *t, int fd);
