/* Answers without an end: after the head the connection is pushed to, from the loop or a fiber, until either side has
 * enough. It holds no fiber, no request and none of the places for requests in flight. The end of the connection is the
 * end of the answer (RFC 9112 §6.3), so what goes over it has to mark its own boundaries, as text/event-stream does. */
#pragma once

#include "base/base.h"
#include "base/text.h"

struct push;
struct request;

/* A reader that leaves this much unread is let go of; so is one that has not caught up within the time for an answer. */
#define PUSH_BACKLOG_MAX 131072u

/* Makes the response such an answer. Once its head is out, open(p, arg) is called and owns arg; open(NULL, arg) instead when
 * it never comes to that: the client left, the server drains, it was a HEAD, the handler decided anew or failed. */
void response_push(
    struct request *r, const char *content_type, void (*open)(struct push *p, void *arg), void *arg);

/* Called once when the client has gone or the server lets go; p is no more after it. Never from within push_write or
 * push_end. */
void push_on_gone(struct push *p, void (*gone)(void *arg), void *arg);
/* Sends, or keeps what the socket does not take now. -EPIPE when the connection had to be ended: p is no more, gone is
 * not called. */
MUSTCHECK int push_write(struct push *p, struct text bytes);
/* False while something waits that the socket did not take. */
bool push_is_clear(const struct push *p);
/* Ends the answer; p is no more, gone is not called. */
void push_end(struct push *p);
