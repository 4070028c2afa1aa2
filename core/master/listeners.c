/* Listening sockets of all workers, opened and held by the master. */
#include "master/listeners.h"

#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"
#include "net/listen.h"

static int address_of(const char *address, uint16_t port, struct listen_address *ret)
{
    CLEANUP(mem_freep) char *text = str_printf(strchr(address, ':') ? "[%s]:%u" : "%s:%u", address, port);

    return listen_parse(text_of(text), ret);
}

/* A second server of the same user could share the port without noticing; a socket that does not share notices. */
static int probe(const struct listen_address *at)
{
    int fd = socket(at->addr.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1, r = 0;

    if (fd < 0)
        return -errno;
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) < 0 ||
        (at->addr.ss_family == AF_INET6 &&
            setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof(one)) < 0) ||
        bind(fd, (const struct sockaddr *)&at->addr, at->len) < 0)
        r = -errno;
    close(fd);
    return r;
}

int listeners_find(const struct listeners *l, const char *address, uint16_t port, uint32_t index)
{
    for (uint32_t i = 0; i < l->count; i++)
        if (l->list[i].index == index && l->list[i].port == port && strcmp(l->list[i].address, address) == 0)
            return l->list[i].fd;
    return -1;
}

static bool is_held(const struct listeners *l, const char *address, uint16_t port)
{
    for (uint32_t i = 0; i < l->count; i++)
        if (l->list[i].port == port && strcmp(l->list[i].address, address) == 0)
            return true;
    return false;
}

static int open_address(
    struct listeners *l, const struct config_listen *where, uint32_t workers, struct buf *why)
{
    uint16_t port = (uint16_t)where->port;
    struct listen_address at;
    int r = address_of(where->address, port, &at);

    if (r == 0 && !is_held(l, where->address, port))
        r = probe(&at);
    for (uint32_t i = 0; r == 0 && i < workers; i++) {
        struct listener *n = &l->list[l->count];

        if (listeners_find(l, where->address, port, i) >= 0)
            continue;
        r = listen_open(&at, &n->fd);
        if (r < 0)
            break;
        snprintf(n->address, sizeof(n->address), "%s", where->address);
        n->port = port;
        n->index = i;
        l->count++;
    }
    if (r < 0)
        buf_addf(why, "%s port %u: %s", where->address, port, strerror(-r));
    return r;
}

static bool is_wanted(const struct listener *n, const struct config *c)
{
    if (n->index >= c->workers)
        return false;
    if (c->admin.address && n->port == c->admin.port && strcmp(n->address, c->admin.address) == 0)
        return true;
    for (uint32_t i = 0; i < c->listen_count; i++)
        if (n->port == c->listen[i].port && strcmp(n->address, c->listen[i].address) == 0)
            return true;
    return false;
}

int listeners_open(struct listeners *l, const struct config *c, struct buf *why)
{
    uint32_t kept = 0;
    int r = 0;

    for (uint32_t i = 0; i < l->count; i++) {
        if (is_wanted(&l->list[i], c))
            l->list[kept++] = l->list[i];
        else
            close(l->list[i].fd);
    }
    l->count = kept;
    for (uint32_t i = 0; r == 0 && i < c->listen_count; i++)
        r = open_address(l, &c->listen[i], (uint32_t)c->workers, why);
    if (r == 0 && c->admin.address)
        r = open_address(l, &c->admin, (uint32_t)c->workers, why);
    return r;
}

void listeners_close(struct listeners *l)
{
    for (uint32_t i = 0; i < l->count; i++)
        close(l->list[i].fd);
    l->count = 0;
}

void listeners_keep_only(struct listeners *l, uint32_t index)
{
    uint32_t kept = 0;

    for (uint32_t i = 0; i < l->count; i++) {
        if (l->list[i].index == index)
            l->list[kept++] = l->list[i];
        else
            close(l->list[i].fd);
    }
    l->count = kept;
}
