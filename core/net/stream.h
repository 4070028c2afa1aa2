/* A connection's byte stream, plain or TLS, non-blocking. The calls without a deadline never wait and suit the loop;
 * those with one belong into a fiber and wait there. */
#pragma once

#include <sys/types.h>

#include "base/base.h"
#include "base/text.h"

struct ssl_st;

struct stream {
    int fd;
    struct ssl_st *ssl; /* NULL for plain text; owned */
    short wants;        /* after -EAGAIN: EV_READ or EV_WRITE, what to wait for */
    bool broken;        /* TLS: after a fatal error nothing more may be sent */
};

#define STREAM_CLOSED ((struct stream){.fd = -1})

/* fd is non-blocking and owned from here on; ssl may be NULL. */
void stream_init(struct stream *s, int fd, struct ssl_st *ssl);
void stream_close(struct stream *s); /* says good-bye when TLS is up; closing twice is fine */
/* Whether the other side's system has acknowledged all that was written. */
bool stream_is_taken(const struct stream *s);
/* Lets stream_close() drop what the other side has not taken, and reset the connection: the kernel would go on offering it
 * for minutes, megabytes of it, to a client that reads a byte now and then. */
void stream_give_up(struct stream *s);

/* 0, -EAGAIN, -EPROTO, -ECONNRESET. Plain text needs none and returns 0. */
MUSTCHECK int stream_handshake(struct stream *s);
/* Bytes, 0 at the end, -EAGAIN, -EPROTO, -ECONNRESET and other errors of recv(2). */
MUSTCHECK ssize_t stream_read(struct stream *s, void *out, size_t len);
/* Sends from the two parts in turn; bytes taken (at least 1), -EAGAIN, -EPROTO, -EPIPE, -ECONNRESET. After -EAGAIN the
 * same bytes must be offered again. SIGPIPE must be ignored by the process for TLS. */
MUSTCHECK ssize_t stream_write(struct stream *s, struct text first, struct text second);
/* True when bytes have been received that the socket will not report again. */
bool stream_has_pending(const struct stream *s);
/* Ends our side: close_notify, then FIN. */
void stream_end(struct stream *s);

/* In a fiber, until deadline_ms (clock_mono_ms): as above, with -ETIMEDOUT and -ECANCELED, never -EAGAIN. */
MUSTCHECK int stream_handshake_until(struct stream *s, int64_t deadline_ms);
MUSTCHECK ssize_t stream_read_until(struct stream *s, void *out, size_t len, int64_t deadline_ms);
MUSTCHECK int stream_write_until(
    struct stream *s, struct text all, int64_t deadline_ms); /* everything or an error */
