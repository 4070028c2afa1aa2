/* A worker's connections as a whole: listening, limits, deadlines, draining. */
#include "http/server.h"

#include <errno.h>
#include <signal.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "http/conn.h"
#include "loop/loop.h"

#define SWEEP_MS 250
/* After the grace: how long cancelled handlers get for their cleanups before `done` is called regardless. */
#define LAST_MS 1000
#define ROOM_LOOKS 64

/* Past the grace: idle and slow ones are cut, handlers are asked to end, once; then the drain is over. */
static void sweep_drain(struct http_server *s, int64_t now)
{
    void (*drained)(void *) = s->drained;

    if (now < s->drain_until_ms)
        return;
    while (s->idle.first)
        conn_close(s->idle.first);
    for (struct conn *c = s->busy.first, *next; c; c = next) {
        next = c->next;
        if (c->state == CONN_HANDLING)
            handle_cancel(c->x, CANCEL_DRAIN);
        else if (c->state != CONN_WRITING || now >= s->drain_until_ms + LAST_MS)
            conn_close(c);
    }
    if (drained && now >= s->drain_until_ms + LAST_MS) {
        s->drained = NULL;
        drained(s->drained_arg);
    }
}

static void sweep(void *arg)
{
    struct http_server *s = arg;
    int64_t now = clock_mono_ms();

    log_flush();
    for (struct conn *c = s->busy.first, *next; c; c = next) {
        next = c->next;
        if (c->deadline_ms <= now)
            input_timed_out(c);
    }
    for (struct conn *c = s->pushing.first, *next; c; c = next) {
        next = c->next;
        if (c->deadline_ms <= now) /* what it was sent it does not take */
            conn_expire(c);
    }
    while (s->idle.first && s->idle.first->deadline_ms <= now)
        conn_expire(s->idle.first);
    if (s->draining)
        sweep_drain(s, now); /* last: it may free the server */
}

int http_server_new(const struct http_server_config *config, struct http_server **ret)
{
    struct http_server *s;

    if (!config->router || !config->limits.header_bytes || !config->limits.connections)
        return -EINVAL;
    s = mem_zalloc(sizeof(*s));
    s->config = *config;
    s->limits = config->limits;
    s->on_event = input_event;
    s->push_gone = push_gone;
    s->sweep = loop_timer_new(SWEEP_MS, SWEEP_MS, sweep, s);
    signal(SIGPIPE, SIG_IGN); /* OpenSSL writes without MSG_NOSIGNAL */
    log_set_context_source(answer_log_context);
    *ret = s;
    return 0;
}

/* As good as idle: nothing has come on it yet. The oldest stand first; looking at a few keeps a flood cheap. */
static struct conn *oldest_silent(const struct http_server *s)
{
    struct conn *c = s->busy.first;

    for (int i = 0; c && i < ROOM_LOOKS; i++, c = c->next)
        if (c->state == CONN_HANDSHAKE || (c->state == CONN_READING && !c->x))
            return c;
    return NULL;
}

static void on_accept(int fd, const struct sockaddr_storage *peer, void *arg)
{
    struct listener *l = arg;
    struct http_server *s = l->server;

    s->stats.accepted++;
    if (s->stats.connections >= s->limits.connections) {
        /* The connection that has been idle longest makes room; without one the newcomer has to go. */
        struct conn *c = s->idle.first ? s->idle.first : oldest_silent(s);

        if (!c) {
            s->stats.refused++;
            close(fd);
            return;
        }
        conn_close(c);
    }
    conn_open(s, fd, l->tls, peer);
}

int http_server_listen(struct http_server *s, int fd, struct tls *tls)
{
    struct listener *l = &s->listeners[s->listener_count];

    if (s->listener_count == HTTP_LISTENERS_MAX)
        return -ENOSPC;
    *l = (struct listener){.server = s, .tls = tls};
    l->acceptor = acceptor_new(fd, on_accept, l);
    if (!l->acceptor)
        return -ENOMEM;
    s->listener_count++;
    return 0;
}

static void stop_listening(struct http_server *s)
{
    for (size_t i = 0; i < s->listener_count; i++) {
        acceptor_free(s->listeners[i].acceptor);
        s->listeners[i].acceptor = NULL;
    }
    s->listener_count = 0;
}

void http_server_drain(struct http_server *s, int64_t grace_ms, void (*done)(void *arg), void *arg)
{
    int64_t now = clock_mono_ms(), idle_until = now + s->limits.drain_idle_ms;

    stop_listening(s);
    s->draining = true;
    s->drain_until_ms = now + grace_ms;
    s->drained = done;
    s->drained_arg = arg;
    for (struct conn *c = s->idle.first; c; c = c->next)
        c->deadline_ms = MIN(c->deadline_ms, idle_until);
    while (s->pushing.first) /* their clients come back, to whoever serves then */
        conn_close(s->pushing.first);
    /* Nothing has come on these yet: as good as idle. */
    for (struct conn *c = s->busy.first; c; c = c->next)
        if (c->state == CONN_READING && !c->x)
            c->deadline_ms = MIN(c->deadline_ms, idle_until);
    conn_reap_later(s);
}

void http_server_free(struct http_server *s)
{
    if (!s)
        return;
    log_flush();
    stop_listening(s);
    s->drained = NULL;
    while (s->idle.first)
        conn_close(s->idle.first);
    while (s->pushing.first)
        conn_close(s->pushing.first);
    for (struct conn *c = s->busy.first, *next; c; c = next) {
        next = c->next;
        if (c->state != CONN_HANDLING)
            conn_close(c);
    }
    /* A handler that outlived even the grace would return into freed memory: leave it what it stands on, the process is
     * ending. */
    if (s->busy.first)
        return;
    while (s->dead.first)
        conn_free(s->dead.first);
    exchange_pool_done(s);
    loop_timer_free(s->sweep);
    loop_timer_free(s->reaper);
    free(s);
}

void http_server_stats(const struct http_server *s, struct http_stats *ret)
{
    *ret = s->stats;
}
