/* A certificate for listeners. */
#include "base/mem.h"
#include "http/conn.h"

struct http_tls {
    struct tls *tls;
};

struct http_tls *http_tls_new(
    const char *certificate, const char *key, struct text ticket_keys, const char **ret_why)
{
    struct tls *tls = tls_new(certificate, key, ticket_keys, ret_why);
    struct http_tls *t;

    if (!tls)
        return NULL;
    t = mem_zalloc(sizeof(*t));
    t->tls = tls;
    return t;
}

void http_tls_free(struct http_tls *t)
{
    if (!t)
        return;
    tls_free(t->tls);
    free(t);
}

struct ssl_st *http_tls_accept(struct http_tls *t, int fd)
{
    return tls_accept(t->tls, fd);
}
