/* From a complete request to a complete response: route, fiber, and what happens when the handler fails or must stop. */
#include <arpa/inet.h>
#include <errno.h>

#include "base/clock.h"
#include "http/conn.h"
#include "http/trace.h"
#include "loop/fiber.h"

/* What a trusted proxy says about its client: the last X-Forwarded-For entry is the one it wrote itself. */
static void believe_proxy(struct request *r)
{
    struct text from = {NULL, 0}, proto = {NULL, 0};
    char host[46];
    uint8_t addr[16];

    for (size_t i = 0; i < r->field_count; i++) {
        if (text_is_nocase(r->fields[i].name, "x-forwarded-for"))
            from = r->fields[i].value;
        else if (text_is_nocase(r->fields[i].name, "x-forwarded-proto"))
            proto = r->fields[i].value;
    }
    if (from.len) {
        const char *comma = memrchr(from.ptr, ',', from.len);

        from = text_trim(comma ? text_skip(from, (size_t)(comma - from.ptr) + 1) : from, " \t");
        snprintf(host, sizeof(host), "%.*s", (int)MIN(from.len, sizeof(host) - 1), from.ptr);
        if (inet_pton(AF_INET, host, addr) == 1 || inet_pton(AF_INET6, host, addr) == 1)
            memcpy(r->peer, host, sizeof(r->peer));
    }
    if (proto.ptr)
        r->tls = text_is_nocase(proto, "https");
}

void handle_head(struct exchange *x)
{
    struct conn *c = x->conn;
    struct http_server *s = c->server;
    struct request *r = &x->request;

    memcpy(r->peer, c->peer, sizeof(r->peer));
    r->tls = c->stream.ssl;
    if (s->config.trusted_proxy && strcmp(s->config.trusted_proxy, c->peer) == 0)
        believe_proxy(r);
    trace_open(r);
    if (router_match(s->config.router, r, &x->allow) == 0 && r->route->body_max)
        x->parser.body_max = r->route->body_max;
    x->streams = r->route && r->route->streams;
    c->deadline_ms = clock_mono_ms() + s->limits.body_ms;
}

/* Path or method unknown: decided without a fiber. */
static void answer_unrouted(struct exchange *x)
{
    struct request *r = &x->request;

    if (text_is(r->path, "*"))
        x->allow = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS";
    if (!x->allow) {
        request_not_found(r);
    } else if (r->method == HTTP_OPTIONS) {
        response_empty(r);
        response_header(r->response, "Allow", "%s", x->allow);
    } else {
        request_fail(r, 405, "method_not_allowed", "This path does not know this method; see Allow.",
            "该地址不支持此请求方法，可用方法见 Allow。");
        response_header(r->response, "Allow", "%s", x->allow);
    }
    answer(x, x->parser.keep_alive);
}

static void conclude(struct exchange *x, int error)
{
    struct request *r = &x->request;
    struct response *p = &x->response;

    if (error == -ECANCELED && x->cancelled == CANCEL_DEADLINE)
        error = -ETIMEDOUT;
    else if (error == -ECANCELED)
        error = -EBUSY;
    if (error < 0 && !p->is_problem)
        request_fail_errno(r, error);
    else if (!p->status)
        request_fail_errno(r, -EIO);
}

/* Where a body was left unread, nobody could tell it from the next request. */
static bool may_keep(const struct exchange *x)
{
    return x->parser.keep_alive && x->parser.state == HTTP_STATE_DONE;
}

static void fiber_main(void *arg)
{
    struct exchange *x = arg;
    struct conn *c = x->conn;
    int error;

    fiber_set(FIBER_LOG, &x->request.log);
    error = fiber_is_cancelled() ? -ECANCELED : x->request.route->handle(&x->request);
    x->fiber = NULL;
    c->server->stats.in_flight--;
    if (x->cancelled == CANCEL_CLIENT_GONE) {
        answer_log(x, 499);
        conn_close(c);
    } else {
        conclude(x, error);
        answer(x, may_keep(x));
    }
    fiber_set(FIBER_LOG, NULL);
    conn_go_on(c);
}

void handle_run(struct exchange *x)
{
    struct conn *c = x->conn;
    struct http_server *s = c->server;
    struct request *r = &x->request;
    int r_spawn;

    if (!r->route) {
        answer_unrouted(x);
        return;
    }
    r->deadline_ms = clock_mono_ms() + (r->route->timeout_ms ? r->route->timeout_ms : s->limits.request_ms);
    conn_enter(c, CONN_HANDLING, r->deadline_ms);
    r_spawn = s->stats.in_flight >= s->limits.in_flight ? -EAGAIN
                                                        : fiber_spawn(fiber_main, x, "request", &x->fiber);
    if (r_spawn < 0) {
        s->stats.refused++;
        request_fail_errno(r, -EBUSY);
        answer(x, may_keep(x));
        return;
    }
    s->stats.in_flight++;
    if (x->streams)
        intake_begin(x);
    else
        conn_watch(c, EV_READ);
}

void handle_cancel(struct exchange *x, enum cancel_reason why)
{
    if (!x->fiber)
        return;
    if (x->cancelled == CANCEL_NONE || why == CANCEL_CLIENT_GONE)
        x->cancelled = why;
    fiber_cancel(x->fiber);
}
