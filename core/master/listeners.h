/* The sockets the server listens on: for each address one per worker, sharing the port (SO_REUSEPORT), so that the
 * kernel spreads connections evenly and a socket's queue survives its worker. */
#pragma once

#include "base/base.h"
#include "base/buf.h"
#include "base/config.h"

#define LISTENERS_MAX ((CONFIG_LISTEN_MAX + 1) * CONFIG_WORKERS_MAX)

struct listener {
    char address[46];
    uint16_t port;
    uint32_t index; /* the worker it is for */
    int fd;
};

struct listeners {
    struct listener list[LISTENERS_MAX];
    uint32_t count;
};

/* Makes the list what the configuration asks for: keeps what is open already, opens the rest, closes what is no longer
 * wanted. On error (0 / -errno) *why says which address, and what was open stays open. */
MUSTCHECK int listeners_open(struct listeners *l, const struct config *c, struct buf *why);
void listeners_close(struct listeners *l);
/* In a worker: closes everybody else's. */
void listeners_keep_only(struct listeners *l, uint32_t index);
/* The socket of a worker for an address of the configuration; -1 when there is none. */
int listeners_find(const struct listeners *l, const char *address, uint16_t port, uint32_t index);
