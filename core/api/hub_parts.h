/* Within the hub, from the bottom: hub.c knows who listens, hub_batch.c reads events and says who may see them,
 * hub_follow.c hands them on, hub_listen.c opens streams. */
#pragma once

#include "api/hub.h"

struct fiber;
struct hub_channel;

struct hub_stream {
    struct hub_stream *prev, *next;
    struct hub_channel *channel;
    struct hub_listener l;
    struct push *push; /* NULL until its head is out */
    int64_t sent_ms;   /* when something was sent last */
    int64_t told;      /* where the client would go on from */
};

#define HUB_BUCKETS 256

struct hub_channel {          /* a tenant that somebody listens to */
    struct hub_channel *next; /* of the bucket */
    struct hub_stream *first, *last;
    struct hub_stream *cursor; /* of who goes through them; goes on by itself when that one leaves */
    int32_t tenant;
    int64_t head;     /* the last number its sequence has given, when last looked at */
    int64_t again_ms; /* after a failure: not before */
    bool is_moving;   /* somebody was told something in this round */
};

struct hub {
    struct hub_config config;
    struct db *dispatch;
    struct fiber *fiber;
    struct hub_channel *channels[HUB_BUCKETS];
    uint32_t count; /* of streams */
    bool is_stopping;
};
extern struct hub hub;

/* Channels are made here and freed by the fiber between its rounds, or by hub_done. */
struct hub_channel *hub_channel(int32_t tenant);
void hub_add(struct hub_channel *ch, struct hub_stream *s);
void hub_remove(struct hub_stream *s);
void hub_sweep(void); /* frees the channels nobody listens to */

/* Events of a tenant, read for a call with its snapshot. */
struct hub_batch {
    struct call *c;
    struct hub_event *events;
    uint32_t count;
    int64_t upto; /* what has been looked at */
    struct hub_holder *holders;
    uint32_t holder_count;
};
#define HUB_BATCH 500
/* The first HUB_BATCH behind `after`, not beyond head. The call's epoch was compared on the way. */
MUSTCHECK int hub_batch_load(struct hub_batch *b, struct call *c, int64_t after, int64_t head);
/* What the listener may see of it and has not seen, as it goes out, and where that leaves it: before the end of the batch
 * where there is more than a client is sent in one go. Does not suspend. */
int64_t hub_batch_write(const struct hub_batch *b, const struct hub_listener *l, struct buf *out);

#define HUB_RESET "id: %lld\nevent: reset\ndata: {}\n\n"
void hub_follow(void *arg); /* the fiber's body */
