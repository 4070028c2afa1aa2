/* Answers without an end. */
#include "http/push.h"

#include <errno.h>

#include "base/clock.h"
#include "base/mem.h"
#include "http/conn.h"

#define DISCARD_MAX 4096 /* what a client may say where there is nothing to say */

struct push {
    struct conn *conn;
    void (*gone)(void *arg);
    void *arg;
    struct buf
        out;     /* what the socket did not take; counts against the server's budget like answers that wait */
    size_t sent; /* of out */
};

void response_push(
    struct request *r, const char *content_type, void (*open)(struct push *p, void *arg), void *arg)
{
    response_empty(r);
    r->response->status = 200;
    r->response->content_type = content_type;
    r->response->push_open = open;
    r->response->push_arg = arg;
    r->response->close = true;
}

void push_on_gone(struct push *p, void (*gone)(void *arg), void *arg)
{
    p->gone = gone;
    p->arg = arg;
}

void push_begin(struct conn *c)
{
    void (*open)(struct push * p, void *arg) = c->x->response.push_open;
    void *arg = c->x->response.push_arg;
    struct push *p = mem_zalloc(sizeof(*p));

    c->x->response.push_open = NULL;
    exchange_end(c->x);
    c->x = NULL;
    buf_done(&c->in);
    p->conn = c;
    c->push = p;
    c->server->stats.pushes++;
    conn_enter(c, CONN_PUSHING, INT64_MAX);
    conn_watch(c, EV_READ);
    open(p, arg);
}

static size_t waiting(const struct push *p)
{
    return p->out.len - p->sent;
}

bool push_is_clear(const struct push *p)
{
    return waiting(p) == 0;
}

static void drop_backlog(struct push *p)
{
    p->conn->server->stats.buffered_bytes -= p->out.capacity;
    buf_done(&p->out);
    p->out = BUF_INIT;
    p->sent = 0;
}

/* From conn_close. */
void push_gone(struct push *p)
{
    void (*gone)(void *arg) = p->gone;
    void *arg = p->arg;

    drop_backlog(p);
    p->conn->server->stats.pushes--;
    p->conn->push = NULL;
    free(p);
    if (gone)
        gone(arg);
}

/* Where bytes are left the stream is broken: behind half a message there is nothing to say good-bye with. */
static void let_go(struct push *p)
{
    if (waiting(p))
        stream_give_up(&p->conn->stream);
    conn_close(p->conn);
}

static int keep(struct push *p, struct text rest)
{
    struct http_server *s = p->conn->server;
    size_t before = p->out.capacity;

    if (waiting(p) == 0) /* it has to have caught up by then */
        p->conn->deadline_ms = p->conn->taken_by_ms = clock_mono_ms() + s->limits.write_ms;
    if (waiting(p) + rest.len > PUSH_BACKLOG_MAX)
        return -EPIPE;
    if (p->sent > 0) {
        memmove(p->out.data, p->out.data + p->sent, waiting(p));
        p->out.len -= p->sent;
        p->sent = 0;
    }
    buf_add_text(&p->out, rest);
    s->stats.buffered_bytes += p->out.capacity - before;
    conn_watch(p->conn, EV_READ | EV_WRITE);
    return s->stats.buffered_bytes <= s->limits.buffered_bytes ? 0 : -EPIPE;
}

int push_write(struct push *p, struct text bytes)
{
    struct stream *stream = &p->conn->stream;
    ssize_t n = 0;
    int r = 0;

    while (bytes.len && waiting(p) == 0) {
        n = stream_write(stream, bytes, (struct text){"", 0});
        if (n < 0)
            break;
        bytes = text_skip(bytes, (size_t)n);
    }
    if (n < 0 && n != -EAGAIN)
        r = -EPIPE;
    else if (bytes.len)
        r = keep(p, bytes);
    if (r < 0) {
        p->gone = NULL;
        stream_give_up(stream);
        conn_close(p->conn);
    }
    return r;
}

void push_end(struct push *p)
{
    p->gone = NULL;
    let_go(p);
}

static int flush_backlog(struct push *p)
{
    while (waiting(p)) {
        ssize_t n =
            stream_write(&p->conn->stream, text_skip(buf_text(&p->out), p->sent), (struct text){"", 0});

        if (n < 0)
            return n == -EAGAIN ? 0 : (int)n;
        p->sent += (size_t)n;
    }
    drop_backlog(p);
    p->conn->deadline_ms = INT64_MAX;
    conn_watch(p->conn, EV_READ);
    return 0;
}

void push_event(struct conn *c, short what)
{
    char waste[512];
    ssize_t n = -EAGAIN;

    if ((what & EV_WRITE) && flush_backlog(c->push) < 0) {
        let_go(c->push);
        return;
    }
    if (!(what & EV_READ))
        return;
    while ((n = stream_read(&c->stream, waste, sizeof(waste))) > 0 && c->discarded <= DISCARD_MAX)
        c->discarded += (uint32_t)n;
    if (n != -EAGAIN) /* its end, an error, or a client that goes on talking */
        let_go(c->push);
}
