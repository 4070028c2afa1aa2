/* The body, as its handler takes it. */
#include "http/intake.h"

#include <errno.h>

#include "base/clock.h"
#include "http/conn.h"

static const struct http_fault too_slow = {
    408, "request_timeout", "The request did not arrive in time.", "请求未能及时送达。"};

void intake_begin(struct exchange *x)
{
    x->conn->deadline_ms = clock_mono_ms() + x->conn->server->limits.body_ms;
    conn_watch(x->conn, 0);
}

void intake_event(struct exchange *x)
{
    conn_watch(x->conn, 0);
    if (x->wants_body)
        fiber_wake(&x->body_wait);
}

int64_t request_length(const struct request *r)
{
    const struct exchange *x = CONTAINER_OF(r, const struct exchange, request);

    return x->parser.chunked ? -1 : (int64_t)(x->parser.taken + x->parser.body.len + x->parser.left);
}

static int refuse(struct exchange *x, const struct http_fault *fault)
{
    x->conn->server->stats.malformed++;
    return request_fail(&x->request, fault->status, fault->code, fault->en, fault->zh);
}

static int has_gone(struct exchange *x)
{
    x->cancelled = CANCEL_CLIENT_GONE;
    return -ECANCELED;
}

/* While the body comes its sender has body_ms and what its pace allows; then the handler has its own time. */
static void set_deadline(struct exchange *x)
{
    struct conn *c = x->conn;
    const struct http_limits *l = &c->server->limits;

    if (x->parser.state != HTTP_STATE_DONE) {
        c->deadline_ms = x->request.started_us / 1000 + l->header_ms + l->body_ms +
                         (int64_t)(x->parser.taken / HTTP_RATE_MIN) * 1000;
        return;
    }
    x->request.body = (struct text){"", 0};
    x->request.deadline_ms = c->deadline_ms = clock_mono_ms() + l->request_ms;
    conn_watch(c, EV_READ);
}

/* Through the parser; what is behind the message stays for the next request. */
static int parse(struct exchange *x, struct text in, size_t *ret_used)
{
    if (http_parser_feed(&x->parser, in, ret_used) == HTTP_PARSE_FAULT)
        return refuse(x, x->parser.fault);
    return 0;
}

static int parse_ahead(struct exchange *x)
{
    struct conn *c = x->conn;
    size_t used;
    int r = parse(x, buf_text(&c->in), &used);

    buf_consume(&c->in, used);
    if (!c->in.len)
        buf_done(&c->in);
    return r;
}

static int wait_for_more(struct exchange *x)
{
    struct conn *c = x->conn;
    int r;

    if (x->parser.expect_continue && !x->continued && answer_continue(x) < 0)
        return has_gone(x);
    x->wants_body = true;
    conn_watch(c, c->stream.wants);
    r = fiber_park(&x->body_wait, INT64_MAX);
    x->wants_body = false;
    conn_watch(c, 0);
    return r == -ECANCELED && x->cancelled == CANCEL_DEADLINE ? refuse(x, &too_slow) : r;
}

/* From the socket: content straight to its reader, the rest through the parser. Bytes for the reader, or 0 when it has to
 * look again. */
static ssize_t take_from_socket(struct exchange *x, void *out, size_t len)
{
    struct http_server *s = x->conn->server;
    size_t passes = http_parser_passes(&x->parser), used = 0;
    ssize_t n = stream_read(
        &x->conn->stream, passes ? out : s->scratch, passes ? MIN(len, passes) : sizeof(s->scratch));
    int r;

    if (n == -EAGAIN)
        return wait_for_more(x);
    if (n <= 0)
        return has_gone(x);
    if (passes) {
        http_parser_passed(&x->parser, (size_t)n);
        return n;
    }
    r = parse(x, (struct text){s->scratch, (size_t)n}, &used);
    if (used < (size_t)n)
        buf_add(&x->conn->in, s->scratch + used, (size_t)n - used);
    return r;
}

static size_t take_parsed(struct exchange *x, void *out, size_t len)
{
    struct http_parser *p = &x->parser;
    size_t n = MIN(len, p->body.len);

    memcpy(out, p->body.data, n);
    buf_consume(&p->body, n);
    p->taken += n;
    return n;
}

ssize_t request_read(struct request *r, void *out, size_t len)
{
    struct exchange *x = CONTAINER_OF(r, struct exchange, request);
    struct http_parser *p = &x->parser;
    size_t used;
    ssize_t n = fiber_is_cancelled() ? -ECANCELED : 0;

    if (n == 0 && p->taken == 0 && !p->body.len)
        n = parse(x, (struct text){"", 0}, &used); /* is it too long by what it says, or empty? */
    while (n == 0 && !p->body.len && p->state != HTTP_STATE_DONE)
        n = x->conn->in.len ? parse_ahead(x) : take_from_socket(x, out, len);
    if (n == 0 && p->body.len)
        n = (ssize_t)take_parsed(x, out, len);
    if (n >= 0)
        set_deadline(x);
    return n;
}
