/* Connections of a worker: accepts on inherited sockets, speaks TLS and HTTP/1.1, runs each request in a fiber. */
#pragma once

#include "base/base.h"
#include "http/limits.h"
#include "http/router.h"

struct tls; /* net/tls.h */

struct http_server_config {
    struct http_limits limits;
    const struct router *router;
    /* Sent with every response, besides those the response sets: HSTS on TLS, nosniff, referrer policy, CSP, no-store. */
    const char *trusted_proxy; /* address whose X-Forwarded-For/-Proto count; NULL for none */
    bool access_log;
};

/* Needs a running loop and fiber system; sets SIGPIPE to be ignored and the log's context source. */
struct http_server;
MUSTCHECK int http_server_new(const struct http_server_config *config, struct http_server **ret);
/* Serves an inherited listening socket, which the server closes when it stops; tls NULL for plain text, else borrowed. */
MUSTCHECK int http_server_listen(struct http_server *s, int fd, struct tls *tls);
/* Stops accepting, answers what is in flight with `Connection: close`, ends connections that stay idle for
 * limits.drain_idle_ms; after grace_ms cancels what is left. `done` is called once, when no connection is left or
 * shortly after the grace. */
void http_server_drain(struct http_server *s, int64_t grace_ms, void (*done)(void *arg), void *arg);
/* Drain first: while a handler still runs, nothing of it is freed. NULL is fine. */
void http_server_free(struct http_server *s);

struct http_stats {
    uint64_t accepted, requests, responses_by_class[6], refused, malformed, tls_failed;
    uint32_t connections, in_flight, pushes;
    uint64_t buffered_bytes;
};
void http_server_stats(const struct http_server *s, struct http_stats *ret);
