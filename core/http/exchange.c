/* The memory of a request and its answer, pooled. */
#include "base/clock.h"
#include "base/mem.h"
#include "http/conn.h"
#include "http/trace.h"

#define POOL_MAX 64u

struct exchange *exchange_begin(struct conn *c)
{
    struct http_server *s = c->server;
    struct exchange *x = s->pool;
    struct buf out;
    struct response response;

    if (x) {
        s->pool = x->next;
        s->pooled--;
    } else {
        x = mem_zalloc(sizeof(*x));
        x->request.arena = arena_new();
    }
    /* Buffers and arena keep what memory they have. */
    out = x->out;
    response = x->response;
    *x = (struct exchange){.conn = c, .out = out, .response = response, .request.arena = x->request.arena};
    buf_clear(&x->out);
    response_reset(&x->response);
    x->response.close = false;
    x->request.response = &x->response;
    x->request.started_us = clock_mono_us();
    trace_request_id(&x->request);
    http_parser_init(&x->parser, &x->request, &s->limits);
    s->stats.requests++;
    return x;
}

static void exchange_free(struct exchange *x)
{
    buf_done(&x->out);
    response_done(&x->response);
    arena_free(x->request.arena);
    free(x);
}

void exchange_end(struct exchange *x)
{
    struct http_server *s;

    if (!x)
        return;
    s = x->conn->server;
    s->stats.buffered_bytes -= x->buffered;
    response_drop_source(&x->response);
    response_drop_push(&x->response);
    http_parser_done(&x->parser);
    arena_reset(x->request.arena);
    if (s->pooled >= POOL_MAX ||
        x->out.capacity + x->response.body.capacity + x->response.head.capacity > 65536) {
        exchange_free(x);
        return;
    }
    x->next = s->pool;
    s->pool = x;
    s->pooled++;
}

void exchange_pool_done(struct http_server *s)
{
    while (s->pool) {
        struct exchange *x = s->pool;

        s->pool = x->next;
        exchange_free(x);
    }
    s->pooled = 0;
}
