/* A connection: where it is in its life, what it waits for, its end. */
#include "http/conn.h"

#include "base/clock.h"
#include "base/mem.h"
#include "loop/loop.h"

static struct conn_list *list_of(struct http_server *s, enum conn_state state)
{
    switch (state) {
    case CONN_IDLE:
        return &s->idle;
    case CONN_PUSHING:
        return &s->pushing;
    case CONN_DEAD:
        return &s->dead;
    default:
        return &s->busy;
    }
}

static void unlink_conn(struct conn_list *l, struct conn *c)
{
    *(c->prev ? &c->prev->next : &l->first) = c->next;
    *(c->next ? &c->next->prev : &l->last) = c->prev;
    c->prev = c->next = NULL;
}

static void append_conn(struct conn_list *l, struct conn *c)
{
    c->prev = l->last;
    *(l->last ? &l->last->next : &l->first) = c;
    l->last = c;
}

void conn_enter(struct conn *c, enum conn_state state, int64_t deadline_ms)
{
    struct conn_list *from = list_of(c->server, c->state), *to = list_of(c->server, state);

    if (from != to) {
        unlink_conn(from, c);
        append_conn(to, c);
    }
    c->state = state;
    c->deadline_ms = deadline_ms;
}

void conn_watch(struct conn *c, short what)
{
    if (c->watching == what)
        return;
    if (c->watching)
        event_del(&c->event);
    c->watching = what;
    if (what &&
        (event_assign(&c->event, loop_base(), c->stream.fd, what | EV_PERSIST, c->server->on_event, c) < 0 ||
            event_add(&c->event, NULL) < 0))
        give_up("a socket cannot be watched"); /* the kernel's memory: as for any small allocation */
}

void conn_free(struct conn *c)
{
    unlink_conn(&c->server->dead, c);
    free(c);
}

static void reap(void *arg)
{
    struct http_server *s = arg;

    loop_timer_free(s->reaper);
    s->reaper = NULL;
    while (s->dead.first)
        conn_free(s->dead.first);
    if (s->draining && !s->stats.connections && s->drained) {
        void (*drained)(void *) = s->drained;

        s->drained = NULL;
        drained(s->drained_arg); /* last: it may free the server */
    }
}

void conn_reap_later(struct http_server *s)
{
    if (!s->reaper)
        s->reaper = loop_timer_new(0, 0, reap, s);
}

void conn_close(struct conn *c)
{
    struct http_server *s = c->server;

    if (c->state == CONN_DEAD)
        return;
    conn_watch(c, 0);
    stream_close(&c->stream);
    if (c->push)
        s->push_gone(c->push);
    exchange_end(c->x);
    c->x = NULL;
    buf_done(&c->in);
    conn_enter(c, CONN_DEAD, 0);
    s->stats.connections--;
    conn_reap_later(s);
}

bool conn_is_owed(const struct conn *c)
{
    return clock_mono_ms() < c->taken_by_ms && !stream_is_taken(&c->stream);
}

void conn_expire(struct conn *c)
{
    if (clock_mono_ms() >= c->taken_by_ms && !stream_is_taken(&c->stream))
        stream_give_up(&c->stream);
    conn_close(c);
}

void conn_open(struct http_server *s, int fd, struct tls *tls, const struct sockaddr_storage *peer)
{
    struct conn *c = mem_zalloc(sizeof(*c));

    c->server = s;
    c->state = CONN_READING;
    append_conn(&s->busy, c);
    s->stats.connections++;
    snprintf(c->peer, sizeof(c->peer), "%.45s", listen_format_host(peer).s);
    stream_init(&c->stream, fd, NULL);
    if (tls) {
        c->stream.ssl = tls_accept(tls, fd);
        if (!c->stream.ssl) {
            conn_close(c);
            return;
        }
    }
    conn_enter(c, tls ? CONN_HANDSHAKE : CONN_READING, clock_mono_ms() + s->limits.header_ms);
    conn_watch(c, EV_READ);
}

void conn_go_on(struct conn *c)
{
    if (c->state != CONN_IDLE)
        return;
    conn_watch(c, EV_READ);
    if (c->in.len || stream_has_pending(&c->stream))
        event_active(&c->event, EV_READ, 0);
}
