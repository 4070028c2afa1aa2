/* Bytes in: what a connection does when its socket has something to say. */
#include <errno.h>
#include <sys/socket.h>

#include "http/conn.h"

#define LINGER_BYTES (4u * 1024u * 1024u)
/* What a client may send ahead while its request is being handled, before we stop reading. */
#define AHEAD_MAX 16384u
/* Reads in a row before other connections have their turn. */
#define TURNS 8

static const struct http_fault too_slow = {
    408, "request_timeout", "The request did not arrive in time.", "请求未能及时送达。"};
static const struct http_fault no_room = {
    503, "busy", "The server is busy. Try again in a moment.", "服务器繁忙，请稍后重试。"};

/* A body longer than there is room for on this server is refused before it is held. */
static bool account(struct exchange *x)
{
    struct http_server *s = x->conn->server;
    size_t now = x->parser.body.len;

    s->stats.buffered_bytes += now - x->buffered;
    x->buffered = now;
    return s->stats.buffered_bytes <= s->limits.buffered_bytes;
}

static bool is_reading(const struct conn *c)
{
    return c->state == CONN_READING || c->state == CONN_IDLE;
}

/* One step of the parser. False when it wants more bytes. */
static bool step(struct conn *c, struct text *in)
{
    struct exchange *x = c->x;
    size_t used;

    switch (http_parser_feed(&x->parser, *in, &used)) {
    case HTTP_PARSE_HEAD:
        *in = text_skip(*in, used);
        handle_head(x);
        if (x->streams)
            handle_run(x);
        return true;
    case HTTP_PARSE_DONE:
        *in = text_skip(*in, used);
        account(x);
        handle_run(x);
        return true;
    case HTTP_PARSE_FAULT:
        *in = (struct text){NULL, 0};
        answer_fault(x, x->parser.fault);
        return true;
    case HTTP_PARSE_MORE:
    default:
        *in = text_skip(*in, used);
        if (!account(x)) {
            answer_fault(x, &no_room);
            return true;
        }
        if (x->parser.expect_continue && !x->continued && x->parser.state != HTTP_STATE_HEAD &&
            !x->parser.body.len && answer_continue(x) < 0)
            conn_close(c);
        return false;
    }
}

/* Gives bytes to the parser, request after request; keeps what comes behind a request that is being handled. */
static void feed(struct conn *c, struct text in)
{
    while (is_reading(c)) {
        if (!c->x) {
            if (!in.len)
                return;
            c->x = exchange_begin(c);
            if (c->state == CONN_IDLE)
                conn_enter(c, CONN_READING, c->x->request.started_us / 1000 + c->server->limits.header_ms);
        }
        if (!step(c, &in))
            return;
    }
    if (in.len && (c->state == CONN_HANDLING || c->state == CONN_WRITING))
        buf_add_text(&c->in, in);
}

static void read_request(struct conn *c)
{
    struct http_server *s = c->server;

    for (int turn = 0; turn < TURNS && is_reading(c); turn++) {
        ssize_t n = stream_read(&c->stream, s->scratch, sizeof(s->scratch));

        if (n == -EAGAIN) {
            conn_watch(c, c->stream.wants);
            return;
        }
        if (n <= 0) {
            conn_close(c);
            return;
        }
        feed(c, (struct text){s->scratch, (size_t)n});
        /* A short read has emptied a plain socket; OpenSSL may hold more than it gave. */
        if (!c->stream.ssl && (size_t)n < sizeof(s->scratch))
            return;
    }
    /* Others have their turn; what OpenSSL holds back the socket will not report again. */
    if (is_reading(c) && stream_has_pending(&c->stream))
        event_active(&c->event, EV_READ, 0);
}

/* What came while the request before was being handled. */
static void take_ahead(struct conn *c)
{
    struct buf ahead = c->in;

    c->in = BUF_INIT;
    feed(c, buf_text(&ahead));
    buf_done(&ahead);
}

/* While a handler runs: notices that the client has gone, and keeps a little of what it sends ahead. */
static void read_ahead(struct conn *c)
{
    struct http_server *s = c->server;
    ssize_t n;

    if (c->in.len >= AHEAD_MAX) {
        conn_watch(c, 0); /* enough; a client that goes away now is noticed by the answer's failing */
        return;
    }
    n = stream_read(&c->stream, s->scratch, AHEAD_MAX);
    if (n > 0) {
        buf_add(&c->in, s->scratch, (size_t)n);
    } else if (n != -EAGAIN) {
        conn_watch(c, 0);
        handle_cancel(c->x, CANCEL_CLIENT_GONE);
    }
}

static void handshake(struct conn *c)
{
    int r = stream_handshake(&c->stream);

    if (r == -EAGAIN) {
        conn_watch(c, c->stream.wants);
        return;
    }
    if (r < 0) {
        c->server->stats.tls_failed++;
        conn_close(c);
        return;
    }
    conn_enter(c, CONN_READING, c->deadline_ms);
    conn_watch(c, EV_READ);
    read_request(c);
}

static void discard(struct conn *c)
{
    struct http_server *s = c->server;
    ssize_t n = recv(c->stream.fd, s->scratch, sizeof(s->scratch), 0);

    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    c->discarded += n > 0 ? (uint32_t)n : 0;
    if (n <= 0 || c->discarded > LINGER_BYTES)
        conn_close(c);
}

void input_event(evutil_socket_t fd, short what, void *arg)
{
    struct conn *c = arg;

    (void)fd;
    switch (c->state) {
    case CONN_HANDSHAKE:
        handshake(c);
        break;
    case CONN_IDLE:
    case CONN_READING:
        if (c->in.capacity)
            take_ahead(c);
        read_request(c);
        break;
    case CONN_HANDLING:
        if (c->x->streams && c->x->parser.state != HTTP_STATE_DONE)
            intake_event(c->x);
        else
            read_ahead(c);
        break;
    case CONN_WRITING:
        answer_flush(c);
        conn_go_on(c);
        break;
    case CONN_PUSHING:
        push_event(c, what);
        break;
    case CONN_LINGERING:
        discard(c);
        break;
    case CONN_DEAD:
        break;
    }
}

void input_timed_out(struct conn *c)
{
    switch (c->state) {
    case CONN_READING:
        if (c->x)
            answer_fault(c->x, &too_slow);
        else
            conn_close(c);
        break;
    case CONN_HANDLING:
        c->deadline_ms = INT64_MAX;
        handle_cancel(c->x, CANCEL_DEADLINE);
        break;
    case CONN_WRITING:
        answer_give_up(c);
        break;
    case CONN_LINGERING:
        if (!conn_is_owed(c))
            conn_expire(c);
        break;
    default:
        conn_close(c);
        break;
    }
}
