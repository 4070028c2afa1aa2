/* Opening listening sockets and accepting from them. */
#include "net/listen.h"

#include <arpa/inet.h>
#include <errno.h>
#include <event2/event.h>
#include <event2/event_struct.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <unistd.h>

#include "base/mem.h"
#include "loop/loop.h"

#define BACKLOG 1024
/* What the kernel keeps for a client beyond what is on its way: a slow reader holds this much, not megabytes. */
#define UNSENT_MAX (128 * 1024)
#define BATCH 64
#define PAUSE_MS 100

struct acceptor {
    int fd;
    int spare; /* an open descriptor to give up when there are no others; -1 without */
    struct event event;
    struct loop_timer *pause; /* accepting again later */
    void (*fn)(int fd, const struct sockaddr_storage *peer, void *arg);
    void *arg;
};

int listen_parse(struct text t, struct listen_address *ret)
{
    const char *colon = t.len ? memrchr(t.ptr, ':', t.len) : NULL;
    struct sockaddr_in *v4 = (struct sockaddr_in *)(void *)&ret->addr;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)(void *)&ret->addr;
    bool is_v6;
    char host[64];
    size_t len;
    int64_t port;

    if (!colon || text_to_i64(text_skip(t, (size_t)(colon - t.ptr) + 1), 0, 65535, &port) < 0)
        return -EINVAL;
    len = (size_t)(colon - t.ptr);
    is_v6 = len > 2 && t.ptr[0] == '[' && t.ptr[len - 1] == ']';
    snprintf(host, sizeof(host), "%.*s", (int)(is_v6 ? len - 2 : len), t.ptr + is_v6);
    if (len >= sizeof(host))
        return -EINVAL;
    memset(ret, 0, sizeof(*ret));
    if (is_v6) {
        v6->sin6_family = AF_INET6;
        v6->sin6_port = htons((uint16_t)port);
        ret->len = sizeof(*v6);
        return inet_pton(AF_INET6, host, &v6->sin6_addr) == 1 ? 0 : -EINVAL;
    }
    v4->sin_family = AF_INET;
    v4->sin_port = htons((uint16_t)port);
    ret->len = sizeof(*v4);
    return inet_pton(AF_INET, host, &v4->sin_addr) == 1 ? 0 : -EINVAL;
}

static int set(int fd, int level, int option, int value)
{
    return setsockopt(fd, level, option, &value, sizeof(value)) < 0 ? -errno : 0;
}

int listen_open(const struct listen_address *address, int *ret_fd)
{
    int fd = socket(address->addr.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), r;

    if (fd < 0)
        return -errno;
    r = set(fd, SOL_SOCKET, SO_REUSEADDR, 1);
    if (r == 0)
        r = set(fd, SOL_SOCKET, SO_REUSEPORT, 1);
    if (r == 0)
        r = set(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
    if (r == 0)
        r = set(fd, IPPROTO_TCP, TCP_NODELAY, 1);
    if (r == 0)
        r = set(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, UNSENT_MAX);
    if (r == 0 && address->addr.ss_family == AF_INET6)
        r = set(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1);
    if (r == 0 && bind(fd, (const struct sockaddr *)(const void *)&address->addr, address->len) < 0)
        r = -errno;
    if (r == 0 && listen(fd, BACKLOG) < 0)
        r = -errno;
    if (r < 0) {
        close(fd);
        return r;
    }
    *ret_fd = fd;
    return 0;
}

struct listen_text listen_format_host(const struct sockaddr_storage *addr)
{
    const struct sockaddr_in *v4 = (const struct sockaddr_in *)(const void *)addr;
    const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)(const void *)addr;
    struct listen_text t = {""};

    if (addr->ss_family == AF_INET)
        inet_ntop(AF_INET, &v4->sin_addr, t.s, sizeof(t.s));
    else if (addr->ss_family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(&v6->sin6_addr))
        inet_ntop(AF_INET, &v6->sin6_addr.s6_addr[12], t.s, sizeof(t.s));
    else if (addr->ss_family == AF_INET6)
        inet_ntop(AF_INET6, &v6->sin6_addr, t.s, sizeof(t.s));
    return t;
}

struct listen_text listen_format(const struct sockaddr_storage *addr)
{
    const struct sockaddr_in *v4 = (const struct sockaddr_in *)(const void *)addr;
    const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)(const void *)addr;
    struct listen_text host = listen_format_host(addr), t = {""};

    if (addr->ss_family == AF_INET6)
        snprintf(t.s, sizeof(t.s), "[%.46s]:%u", host.s, ntohs(v6->sin6_port));
    else if (addr->ss_family == AF_INET)
        snprintf(t.s, sizeof(t.s), "%.46s:%u", host.s, ntohs(v4->sin_port));
    return t;
}

struct listen_text listen_name(int fd)
{
    struct sockaddr_storage addr = {0};
    socklen_t len = sizeof(addr);

    if (getsockname(fd, (struct sockaddr *)(void *)&addr, &len) < 0)
        return (struct listen_text){""};
    return listen_format(&addr);
}

static void resume(void *arg)
{
    struct acceptor *a = arg;

    loop_timer_free(a->pause);
    a->pause = NULL;
    event_add(&a->event, NULL);
}

/* Out of descriptors: turn one client away through the spare, or rest a moment when there is none. */
static bool shed(struct acceptor *a)
{
    int fd;

    if (a->spare >= 0) {
        close(a->spare);
        fd = accept4(a->fd, NULL, NULL, SOCK_CLOEXEC);
        if (fd >= 0)
            close(fd);
        a->spare = open("/dev/null", O_RDONLY | O_CLOEXEC);
        if (a->spare >= 0)
            return true;
    }
    a->spare = open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (!a->pause) {
        event_del(&a->event);
        a->pause = loop_timer_new(PAUSE_MS, 0, resume, a);
    }
    return false;
}

static void accept_some(struct acceptor *a)
{
    for (int i = 0; i < BATCH; i++) {
        struct sockaddr_storage peer = {0};
        socklen_t len = sizeof(peer);
        int fd = accept4(a->fd, (struct sockaddr *)(void *)&peer, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);

        if (fd >= 0) {
            a->fn(fd, &peer, a->arg);
            continue;
        }
        if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
            if (!shed(a))
                return;
        } else if (errno != EINTR && errno != ECONNABORTED && errno != EPROTO) {
            return; /* EAGAIN: the queue is empty */
        }
    }
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    accept_some(arg);
}

struct acceptor *acceptor_new(
    int fd, void (*fn)(int fd, const struct sockaddr_storage *peer, void *arg), void *arg)
{
    struct acceptor *a;

    if (fd < 0)
        return NULL;
    a = mem_zalloc(sizeof(*a));
    a->fd = fd;
    a->spare = open("/dev/null", O_RDONLY | O_CLOEXEC);
    a->fn = fn;
    a->arg = arg;
    if (event_assign(&a->event, loop_base(), fd, EV_READ | EV_PERSIST, on_readable, a) < 0 ||
        event_add(&a->event, NULL) < 0) {
        if (a->spare >= 0)
            close(a->spare);
        free(a);
        return NULL;
    }
    return a;
}

void acceptor_free(struct acceptor *a)
{
    if (!a)
        return;
    if (!a->pause)
        accept_some(a);
    loop_timer_free(a->pause);
    event_del(&a->event);
    if (a->spare >= 0)
        close(a->spare);
    close(a->fd);
    free(a);
}
