/* Listening sockets: opened by the master, accepted from by workers. */
#pragma once

#include <sys/socket.h>

#include "base/base.h"
#include "base/text.h"

struct listen_address {
    struct sockaddr_storage addr;
    socklen_t len;
};

/* "127.0.0.1:8080", "[::1]:8443", "0.0.0.0:80", "[::]:80"; addresses are numeric, since looking names up blocks. */
MUSTCHECK int listen_parse(struct text t, struct listen_address *ret); /* -EINVAL */
/* A non-blocking, close-on-exec SO_REUSEPORT socket: one per worker slot shares the address. IPv6 is IPv6 only. What it
 * accepts has TCP_NODELAY and keep-alive probes on. 0 and the descriptor, or -errno. */
MUSTCHECK int listen_open(const struct listen_address *address, int *ret_fd);

struct listen_text {
    char s[64];
};
struct listen_text listen_format(
    const struct sockaddr_storage *addr); /* with the port, as listen_parse reads it */
struct listen_text listen_format_host(
    const struct sockaddr_storage *addr); /* the address alone; mapped IPv4 as IPv4 */
struct listen_text listen_name(int fd);   /* what a socket is bound to */

/* Accepts from a listening socket on the loop. fn owns the accepted descriptor (non-blocking, close-on-exec). When
 * descriptors run out, a spare one is given up for a moment to turn the client away rather than to spin. NULL when the
 * socket cannot be watched; fd is then still the caller's. */
struct acceptor;
struct acceptor *acceptor_new(
    int fd, void (*fn)(int fd, const struct sockaddr_storage *peer, void *arg), void *arg);
/* Takes what is in the queue, stops, and closes the socket (the master's copy stays open). */
void acceptor_free(struct acceptor *a);
