/* A connection and the exchange on it. Private to the http floor; its files, from the bottom:
 *   exchange.c   the memory of a request and its answer
 *   conn.c       one connection: its state, what it waits for, its end
 *   push.c       answers without an end
 *   answer.c     bytes out
 *   intake.c     the body, for a handler that takes it as it comes
 *   handle.c     the request's fiber
 *   input.c      bytes in
 *   server.c     many connections
 *
 * Only a handler holds a fiber. Reading a request and writing its answer are steps taken from the loop as the socket
 * allows, so neither an idle client nor a slow one costs more than its buffers. An exchange exists from the first byte
 * of a request to the last of its answer. */
#pragma once

#include <event2/event.h>
#include <event2/event_struct.h>

#include "http/parse.h"
#include "http/response.h"
#include "http/server.h"
#include "loop/fiber.h"
#include "net/listen.h"
#include "net/stream.h"
#include "net/tls.h"

/* Which list of the server a connection is on follows from its state; conn_enter() is the one place that moves it.
 *
 *   HANDSHAKE → READING → HANDLING → WRITING → IDLE → READING …
 *                  └────────→ WRITING → LINGERING → DEAD
 *                                 └────→ PUSHING ──────┘ */
enum conn_state {
    CONN_HANDSHAKE,
    CONN_READING,   /* waiting for the first request or inside one */
    CONN_HANDLING,  /* a fiber has the request */
    CONN_WRITING,   /* the answer did not fit into the socket at once */
    CONN_IDLE,      /* kept alive, nothing of a next request has come */
    CONN_PUSHING,   /* an answer without an end; see push.h */
    CONN_LINGERING, /* answered and ended; reads what still comes so that the client gets to see the answer */
    CONN_DEAD,      /* closed; rests until the loop comes round, since an event may still name it */
};

enum cancel_reason { CANCEL_NONE, CANCEL_CLIENT_GONE, CANCEL_DEADLINE, CANCEL_DRAIN };

struct exchange {
    struct exchange *next; /* while pooled */
    struct conn *conn;
    struct request request;
    struct response response;
    struct http_parser parser;
    struct fiber *fiber; /* while the handler runs */
    enum cancel_reason cancelled;
    const char *allow; /* methods of the path, when none of them was asked for */
    bool streams;      /* the handler takes the body as it comes */
    bool wants_body;   /* … and waits for more of it */
    struct fiber_wait body_wait;
    bool held;       /* the answer waits for a slow reader; the request is gone */
    size_t buffered; /* bytes accounted for: the body, later the answer that waits */
    bool continued;  /* 100 Continue was sent */
    bool keep_alive; /* decided with the answer */
    int64_t answered_ms;
    struct buf out;    /* head, and small bodies behind it */
    size_t sent;       /* of out */
    struct text tail;  /* the rest of the body, or of the piece that was fetched of it; borrowed */
    uint64_t body_len; /* for the log */
};

struct conn {
    struct conn *prev, *next;
    struct http_server *server;
    struct exchange *x; /* NULL between requests */
    struct push *push;  /* while pushing */
    struct stream stream;
    struct event event;
    struct buf in; /* bytes behind the current request */
    int64_t deadline_ms;
    int64_t
        taken_by_ms; /* the deadline of the last answer; what a client has not taken by then, it does not get */
    enum conn_state state;
    short watching;
    uint32_t discarded; /* while lingering */
    char peer[46];
};

struct conn_list {
    struct conn *first, *last;
};

struct listener {
    struct http_server *server;
    struct acceptor *acceptor;
    struct tls *tls;
};

#define HTTP_LISTENERS_MAX 16
#define HTTP_SCRATCH_SIZE 32768u

struct http_server {
    struct http_server_config config;
    struct http_limits limits;
    struct listener listeners[HTTP_LISTENERS_MAX];
    size_t listener_count;
    void (*push_gone)(struct push *p);          /* push.c's, which is above conn.c */
    struct conn_list busy, idle, pushing, dead; /* idle: longest first */
    struct loop_timer *sweep;
    event_callback_fn on_event; /* of every connection */
    struct http_stats stats;
    struct exchange *pool;
    uint32_t pooled;
    struct loop_timer *reaper; /* set while dead ones wait for the loop to come round */
    bool draining;
    int64_t drain_until_ms;
    void (*drained)(void *arg);
    void *drained_arg;
    int64_t date_s; /* of the cached Date field */
    char date[40];
    char scratch[HTTP_SCRATCH_SIZE]; /* what was just read; never kept across events */
};

/* exchange.c */
struct exchange *exchange_begin(struct conn *c);
void exchange_end(struct exchange *x);
void exchange_pool_done(struct http_server *s);

/* conn.c */
void conn_open(struct http_server *s, int fd, struct tls *tls, const struct sockaddr_storage *peer);
void conn_enter(struct conn *c, enum conn_state state, int64_t deadline_ms);
void conn_watch(struct conn *c, short what);
void conn_close(struct conn *c);
bool conn_is_owed(
    const struct conn *c);        /* the kernel still has some of an answer, and there is time to take it */
void conn_expire(struct conn *c); /* closes at a deadline */
void conn_free(struct conn *c);   /* of a dead one */
void conn_reap_later(struct http_server *s); /* frees the dead when the loop comes round, and ends a drain */
void conn_go_on(struct conn *c); /* after an answer: looks, from the loop, for what has come meanwhile */

/* push.c */
void push_begin(struct conn *c); /* the head is out */
void push_gone(struct push *p);
void push_event(struct conn *c, short what);

/* answer.c */
void answer(struct exchange *x, bool keep_alive); /* sends the response, now or as the socket allows */
void answer_fault(struct exchange *x, const struct http_fault *fault);
void answer_flush(struct conn *c);
void answer_give_up(struct conn *c); /* the client does not take it: nothing more is kept for it */
MUSTCHECK int answer_continue(struct exchange *x); /* -EPIPE: the connection is of no use any more */
void answer_log(struct exchange *x, int status);   /* 499: the client did not get it all */
const struct log_context *answer_log_context(void);

/* intake.c */
void intake_begin(struct exchange *x);
void intake_event(struct exchange *x); /* the socket has something to say */

/* handle.c */
void handle_head(struct exchange *x); /* the head is parsed: who asks, which route */
void handle_run(struct exchange *x);  /* the request is complete */
void handle_cancel(struct exchange *x, enum cancel_reason why);

/* input.c */
void input_event(evutil_socket_t fd, short what, void *arg);
void input_timed_out(struct conn *c);
