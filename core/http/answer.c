/* Bytes out: the response's head, its body, and what becomes of the connection behind it. */
#include <errno.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "http/conn.h"
#include "loop/fiber.h"
#include "loop/source.h"

#define LINGER_MS 2000
/* Bodies up to this go out in one piece with the head. */
#define COPY_MAX 16384u
/* Pieces of a fetched body in a row before other connections have their turn. */
#define PIECES 8

#define COMMON_FIELDS                                                                                        \
    "X-Content-Type-Options: nosniff\r\n"                                                                    \
    "Referrer-Policy: same-origin\r\n"                                                                       \
    "Cross-Origin-Opener-Policy: same-origin\r\n"                                                            \
    "Cross-Origin-Resource-Policy: same-origin\r\n"
#define CSP_FIELD                                                                                            \
    "Content-Security-Policy: default-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action "     \
    "'self'\r\n"
#define HSTS_FIELD "Strict-Transport-Security: max-age=31536000\r\n"

static const char *date_field(struct http_server *s)
{
    static const char days[] = "SunMonTueWedThuFriSat", months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    time_t now = (time_t)(clock_wall_us() / 1000000);
    struct tm tm;

    if (now == s->date_s)
        return s->date;
    s->date_s = now;
    gmtime_r(&now, &tm);
    snprintf(s->date, sizeof(s->date), "Date: %.3s, %02d %.3s %04d %02d:%02d:%02d GMT\r\n",
        days + 3 * tm.tm_wday, tm.tm_mday, months + 3 * tm.tm_mon, tm.tm_year + 1900, tm.tm_hour, tm.tm_min,
        tm.tm_sec);
    return s->date;
}

static void add_number(struct buf *out, uint64_t v)
{
    char digits[20];
    size_t n = sizeof(digits);

    do
        digits[--n] = (char)('0' + v % 10);
    while (v /= 10);
    buf_add(out, digits + n, sizeof(digits) - n);
}

#define ADD(out, literal) buf_add(out, literal, sizeof(literal) - 1)

static void build_head(struct exchange *x, uint64_t body_len)
{
    struct response *p = &x->response;
    struct buf *out = &x->out;

    buf_clear(out);
    ADD(out, "HTTP/1.1 ");
    add_number(out, (uint64_t)p->status);
    buf_addc(out, ' ');
    buf_adds(out, response_phrase(p->status));
    ADD(out, "\r\n");
    buf_adds(out, date_field(x->conn->server));
    if (p->content_type) {
        ADD(out, "Content-Type: ");
        buf_adds(out, p->content_type);
        ADD(out, "\r\n");
    }
    if (p->status != 204 && p->status != 304 && !p->push_open) {
        ADD(out, "Content-Length: ");
        add_number(out, body_len);
        ADD(out, "\r\n");
    }
    if (!x->keep_alive)
        ADD(out, "Connection: close\r\n");
    ADD(out, "X-Request-Id: ");
    buf_adds(out, x->request.log.request_id);
    ADD(out, "\r\n" COMMON_FIELDS);
    if (x->request.tls)
        ADD(out, HSTS_FIELD);
    if (!response_has_header(p, "Content-Security-Policy"))
        ADD(out, CSP_FIELD);
    if (!response_has_header(p, "Cache-Control"))
        ADD(out, "Cache-Control: no-store\r\n");
    buf_add_text(out, buf_text(&p->head));
    ADD(out, "\r\n");
}

void answer(struct exchange *x, bool keep_alive)
{
    struct conn *c = x->conn;
    struct response *p = &x->response;
    struct text body = p->borrowed.ptr ? p->borrowed : buf_text(&p->body);
    uint64_t len = p->source ? p->source->left : body.len;
    bool has_body = x->request.method != HTTP_HEAD && p->status != 204 && p->status != 304;

    x->keep_alive = keep_alive && !p->close && !c->server->draining;
    build_head(x, len);
    x->body_len = has_body ? len : 0;
    x->tail = (struct text){"", 0};
    if (!has_body)
        response_drop_source(p);
    else if (!p->source && body.len <= COPY_MAX)
        buf_add_text(&x->out, body);
    else if (!p->source)
        x->tail = body;
    x->answered_ms = clock_mono_ms();
    c->taken_by_ms = x->answered_ms + c->server->limits.write_ms;
    conn_enter(c, CONN_WRITING, c->taken_by_ms);
    answer_flush(c);
}

static void linger(struct conn *c)
{
    stream_end(&c->stream);
    exchange_end(c->x);
    c->x = NULL;
    buf_done(&c->in);
    conn_enter(c, CONN_LINGERING, clock_mono_ms() + LINGER_MS);
    conn_watch(c, EV_READ);
}

/* The last byte is with the socket. */
static void answered(struct conn *c)
{
    struct exchange *x = c->x;
    struct http_server *s = c->server;

    s->stats.responses_by_class[MIN(x->response.status / 100, 5)]++;
    answer_log(x, x->response.status);
    if (x->response.push_open && x->request.method != HTTP_HEAD && !s->draining) {
        push_begin(c);
        return;
    }
    if (!x->keep_alive) {
        linger(c);
        return;
    }
    exchange_end(x);
    c->x = NULL;
    conn_enter(
        c, CONN_IDLE, clock_mono_ms() + (s->draining ? s->limits.drain_idle_ms : s->limits.keepalive_ms));
}

/* The socket does not take it all: the request is let go of, and what waits counts against the server's budget. False
 * when there is no room for another slow reader. */
static bool hold(struct exchange *x)
{
    struct http_server *s = x->conn->server;

    if (x->held)
        return true;
    x->held = true;
    http_parser_done(&x->parser);
    x->request.body = (struct text){NULL, 0};
    arena_reset(x->request.arena);
    s->stats.buffered_bytes -= x->buffered;
    x->buffered = x->out.capacity + (x->response.borrowed.ptr ? 0 : x->response.body.capacity) +
                  (x->response.source ? x->response.source->held : 0);
    s->stats.buffered_bytes += x->buffered;
    return s->stats.buffered_bytes <= s->limits.buffered_bytes;
}

void answer_give_up(struct conn *c)
{
    answer_log(c->x, 499);
    stream_give_up(&c->stream);
    conn_close(c);
}

/* What the socket takes of what is there. 0 when all of it is gone, -EAGAIN when the socket has to be waited for. */
static int send_held(struct conn *c)
{
    struct exchange *x = c->x;
    struct text first = text_skip(buf_text(&x->out), x->sent);

    while (first.len || x->tail.len) {
        ssize_t n = stream_write(&c->stream, first, x->tail);

        if (n == -EAGAIN && hold(x)) {
            conn_watch(c, c->stream.wants);
            return -EAGAIN;
        }
        if (n < 0)
            return n == -EAGAIN ? -ENOBUFS : (int)n;
        x->sent += MIN((size_t)n, first.len);
        x->tail = text_skip(x->tail, (size_t)n - MIN((size_t)n, first.len));
        first = text_skip(first, (size_t)n);
    }
    return 0;
}

static void piece_ready(void *arg)
{
    struct conn *c = arg;

    answer_flush(c);
    conn_go_on(c);
}

/* The next piece of a body that is fetched. 1; 0 at its end; -EAGAIN when it comes later. */
static int next_piece(struct conn *c)
{
    struct exchange *x = c->x;
    struct source *s = x->response.source;
    int r;

    if (!s || !s->left)
        return 0;
    if (!hold(x))
        return -ENOBUFS;
    /* A client has as long as its pace allows, within reason. */
    c->taken_by_ms = x->answered_ms + c->server->limits.write_ms +
                     (int64_t)((x->body_len - s->left) / HTTP_RATE_MIN) * 1000;
    c->deadline_ms = c->taken_by_ms;
    s->ready = piece_ready;
    s->arg = c;
    r = s->ops->fetch(s, &x->tail);
    if (r == -EAGAIN)
        conn_watch(c, 0);
    return r < 0 ? r : 1;
}

void answer_flush(struct conn *c)
{
    int r = send_held(c);

    for (int pieces = 0; r == 0; pieces++) {
        if (pieces == PIECES) {
            conn_watch(c, EV_WRITE);
            return;
        }
        r = next_piece(c);
        if (r == 0) {
            answered(c);
            return;
        }
        if (r > 0)
            r = send_held(c);
    }
    if (r != -EAGAIN)
        answer_give_up(c);
}

void answer_fault(struct exchange *x, const struct http_fault *fault)
{
    struct http_stats *stats = &x->conn->server->stats;

    request_fail(&x->request, fault->status, fault->code, fault->en, fault->zh);
    if (fault->status == 503) {
        response_header(&x->response, "Retry-After", "1");
        stats->refused++;
    } else {
        stats->malformed++;
    }
    if (fault->status == 405)
        response_header(&x->response, "Allow", "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS");
    answer(x, false);
}

int answer_continue(struct exchange *x)
{
    static const char line[] = "HTTP/1.1 100 Continue\r\n\r\n";
    ssize_t n = stream_write(&x->conn->stream, (struct text){line, sizeof(line) - 1}, (struct text){NULL, 0});

    /* A client that cannot take 25 bytes sends its body unasked or times out; half a line would be worse. */
    x->continued = true;
    return n == (ssize_t)sizeof(line) - 1 ? 0 : -EPIPE;
}

/* The request a line is about: the one being logged from the loop, or the current fiber's. */
static const struct log_context *logged;

const struct log_context *answer_log_context(void)
{
    return logged ? logged : fiber_get(FIBER_LOG);
}

void answer_log(struct exchange *x, int status)
{
    struct request *r = &x->request;

    if (!x->conn->server->config.access_log || (r->route && r->route->quiet && status < 500))
        return;
    logged = &r->log;
    log_event_later(LOG_INFO, "http.request",
        LF_STR("method", r->target.ptr ? http_method_name(r->method) : NULL),
        LF_STR("route", r->route ? r->route->pattern : NULL), LF_INT("status", status),
        LF_INT("duration_us", clock_mono_us() - r->started_us), LF_INT("bytes", (int64_t)x->body_len));
    logged = NULL;
}
