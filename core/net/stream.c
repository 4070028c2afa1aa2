/* Plain sockets and TLS behind one face. The OpenSSL error queue belongs to the thread, not to a connection: it is
 * cleared before each call and asked right behind it, with nothing in between. */
#include "net/stream.h"

#include <errno.h>
#include <event2/event.h>
#include <linux/sockios.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "loop/fiber.h"

void stream_init(struct stream *s, int fd, struct ssl_st *ssl)
{
    *s = (struct stream){.fd = fd, .ssl = ssl};
}

void stream_close(struct stream *s)
{
    if (s->ssl) {
        if (!s->broken && SSL_is_init_finished(s->ssl) && !(SSL_get_shutdown(s->ssl) & SSL_SENT_SHUTDOWN)) {
            ERR_clear_error();
            (void)SSL_shutdown(s->ssl);
        }
        SSL_free(s->ssl);
        ERR_clear_error();
    }
    if (s->fd >= 0)
        close(s->fd);
    *s = STREAM_CLOSED;
}

bool stream_is_taken(const struct stream *s)
{
    int waiting = 0;

    return ioctl(s->fd, SIOCOUTQ, &waiting) < 0 || waiting == 0;
}

void stream_give_up(struct stream *s)
{
    struct linger none = {.l_onoff = 1, .l_linger = 0};

    s->broken = true;
    (void)setsockopt(s->fd, SOL_SOCKET, SO_LINGER, &none, sizeof(none));
}

static int plain_error(struct stream *s, short wants)
{
    if (errno == EAGAIN || errno == EWOULDBLOCK) {
        s->wants = wants;
        return -EAGAIN;
    }
    return -errno;
}

/* What an SSL call's result means; errno is still the call's. */
static int tls_error(struct stream *s, int result)
{
    int saved = errno;

    switch (SSL_get_error(s->ssl, result)) {
    case SSL_ERROR_WANT_READ:
        s->wants = EV_READ;
        return -EAGAIN;
    case SSL_ERROR_WANT_WRITE:
        s->wants = EV_WRITE;
        return -EAGAIN;
    case SSL_ERROR_ZERO_RETURN:
        return 0;
    case SSL_ERROR_SYSCALL:
        s->broken = true;
        return saved ? -saved : -ECONNRESET;
    default:
        s->broken = true;
        return -EPROTO;
    }
}

int stream_handshake(struct stream *s)
{
    int r;

    if (!s->ssl)
        return 0;
    ERR_clear_error();
    errno = 0;
    r = SSL_do_handshake(s->ssl);
    if (r == 1)
        return 0;
    r = tls_error(s, r);
    return r ? r : -ECONNRESET;
}

ssize_t stream_read(struct stream *s, void *out, size_t len)
{
    ssize_t n;

    if (s->ssl) {
        ERR_clear_error();
        errno = 0;
        n = SSL_read(s->ssl, out, (int)MIN(len, (size_t)INT32_MAX));
        return n > 0 ? n : tls_error(s, (int)n);
    }
    do
        n = recv(s->fd, out, len, 0);
    while (n < 0 && errno == EINTR);
    return n >= 0 ? n : plain_error(s, EV_READ);
}

ssize_t stream_write(struct stream *s, struct text first, struct text second)
{
    struct iovec parts[2] = {
        {(void *)(uintptr_t)first.ptr, first.len}, {(void *)(uintptr_t)second.ptr, second.len}};
    struct msghdr message = {.msg_iov = parts, .msg_iovlen = 2};
    ssize_t n;

    if (s->ssl) {
        struct text t = first.len ? first : second;

        ERR_clear_error();
        errno = 0;
        n = SSL_write(s->ssl, t.ptr, (int)MIN(t.len, (size_t)INT32_MAX));
        if (n > 0)
            return n;
        n = tls_error(s, (int)n);
        return n ? n : -EPIPE;
    }
    do
        n = second.len ? sendmsg(s->fd, &message, MSG_NOSIGNAL)
                       : send(s->fd, first.ptr, first.len, MSG_NOSIGNAL);
    while (n < 0 && errno == EINTR);
    return n >= 0 ? n : plain_error(s, EV_WRITE);
}

bool stream_has_pending(const struct stream *s)
{
    return s->ssl && SSL_has_pending(s->ssl);
}

void stream_end(struct stream *s)
{
    if (s->ssl && !s->broken && SSL_is_init_finished(s->ssl)) {
        ERR_clear_error();
        (void)SSL_shutdown(s->ssl);
        ERR_clear_error();
    }
    shutdown(s->fd, SHUT_WR);
}

static int wait_for(struct stream *s, int64_t deadline_ms)
{
    int r = fiber_wait_fd(s->fd, s->wants, deadline_ms);

    return r < 0 ? r : 0;
}

int stream_handshake_until(struct stream *s, int64_t deadline_ms)
{
    int r;

    while ((r = stream_handshake(s)) == -EAGAIN) {
        r = wait_for(s, deadline_ms);
        if (r < 0)
            return r;
    }
    return r;
}

ssize_t stream_read_until(struct stream *s, void *out, size_t len, int64_t deadline_ms)
{
    ssize_t n;

    while ((n = stream_read(s, out, len)) == -EAGAIN) {
        int r = wait_for(s, deadline_ms);

        if (r < 0)
            return r;
    }
    return n;
}

int stream_write_until(struct stream *s, struct text all, int64_t deadline_ms)
{
    while (all.len) {
        ssize_t n = stream_write(s, all, (struct text){NULL, 0});

        if (n == -EAGAIN)
            n = wait_for(s, deadline_ms);
        if (n < 0)
            return (int)n;
        all = text_skip(all, (size_t)n);
    }
    return 0;
}
