/* A lane: who waits for a connection and who gets the next one. Tenants are served in turn, and none gets every connection
 * of the slow lane: a tenant whose units of work all wait for a lock holds up itself. */
#include <errno.h>

#include "base/mem.h"
#include "db/internal.h"

static struct dbconn *least_busy(struct lane *lane)
{
    struct dbconn *best = NULL;

    for (uint32_t i = 0; i < lane->conn_count; i++) {
        struct dbconn *c = &lane->conns[i];

        if (c->state == DBCONN_READY && !c->retire && c->silent_since == 0 && c->in_flight < lane->depth &&
            (!best || c->in_flight < best->in_flight))
            best = c;
    }
    return best;
}

bool lane_is_usable(const struct lane *lane)
{
    for (uint32_t i = 0; i < lane->conn_count; i++)
        if (lane->conns[i].state == DBCONN_READY && lane->conns[i].silent_since == 0)
            return true;
    return false;
}

/* A quarter of the slow connections, one at least, is left to others. A fast connection is shared by many. */
static bool has_share(const struct lane *lane, int32_t tenant)
{
    uint32_t used = 0, left = lane->connected > 1 ? MAX(lane->connected / 4, 1u) : 0;

    if (lane->depth > 1)
        return true;
    for (uint32_t i = 0; i < lane->conn_count; i++)
        used += lane->conns[i].in_flight > 0 && lane->conns[i].tenant == tenant;
    return used + left < lane->connected;
}

static struct place take(struct lane *lane, struct dbconn *c, int32_t tenant)
{
    c->in_flight++;
    c->tenant = tenant;
    lane->units++;
    return (struct place){c, c->generation};
}

static struct tenant_queue *queue_of(struct lane *lane, int32_t tenant)
{
    struct tenant_queue *q = lane->bucket[(uint32_t)tenant % TENANT_BUCKETS];

    while (q && q->tenant != tenant)
        q = q->hash_next;
    return q;
}

static struct tenant_queue *queue_new(struct lane *lane, int32_t tenant)
{
    struct tenant_queue **bucket = &lane->bucket[(uint32_t)tenant % TENANT_BUCKETS];
    struct tenant_queue *q = mem_zalloc(sizeof(*q));

    q->tenant = tenant;
    q->hash_next = *bucket;
    *bucket = q;
    if (lane->turn) {
        q->next = lane->turn;
        q->prev = lane->turn->prev;
        q->prev->next = q->next->prev = q;
    } else {
        q->next = q->prev = lane->turn = q;
    }
    return q;
}

static void queue_free(struct lane *lane, struct tenant_queue *q)
{
    struct tenant_queue **at = &lane->bucket[(uint32_t)q->tenant % TENANT_BUCKETS];

    while (*at != q)
        at = &(*at)->hash_next;
    *at = q->hash_next;
    if (lane->turn == q)
        lane->turn = q->next == q ? NULL : q->next;
    q->prev->next = q->next;
    q->next->prev = q->prev;
    free(q);
}

static void enqueue(struct lane *lane, struct tenant_queue *q, struct waiter *w)
{
    w->queue = q;
    w->prev = q->last;
    *(q->last ? &q->last->next : &q->first) = w;
    q->last = w;
    q->count++;
    lane->waiting++;
}

static void dequeue(struct lane *lane, struct waiter *w)
{
    struct tenant_queue *q = w->queue;

    *(w->prev ? &w->prev->next : &q->first) = w->next;
    *(w->next ? &w->next->prev : &q->last) = w->prev;
    w->queue = NULL;
    lane->waiting--;
    if (--q->count == 0)
        queue_free(lane, q);
}

/* The next tenant that has not all it may have. NULL: whoever waits has. */
static struct tenant_queue *next_in_turn(const struct lane *lane)
{
    struct tenant_queue *q = lane->turn;

    while (q && !has_share(lane, q->tenant)) {
        q = q->next;
        if (q == lane->turn)
            return NULL;
    }
    return q;
}

static void serve(struct lane *lane)
{
    struct tenant_queue *q;
    struct dbconn *c;

    while ((c = least_busy(lane)) && (q = next_in_turn(lane))) {
        struct waiter *w = q->first;

        lane->turn = q->next;
        w->place = take(lane, c, q->tenant);
        dequeue(lane, w);
        fiber_wake(&w->wait);
    }
}

static void fail(struct lane *lane, int status)
{
    while (lane->turn) {
        struct waiter *w = lane->turn->first;

        dequeue(lane, w);
        w->status = status;
        fiber_wake(&w->wait);
    }
}

static void release(struct place place)
{
    if (!place_is_valid(place))
        return;
    place.conn->in_flight--;
    serve(place.conn->lane);
    if (place.conn->in_flight == 0)
        dbconn_commit_later(place.conn);
}

const struct lane_ops lane_ops = {.serve = serve, .fail = fail, .release = release};

int lane_acquire(struct lane *lane, int32_t tenant, int64_t deadline_ms, struct place *ret)
{
    struct waiter w = {.status = 0};
    struct tenant_queue *q = queue_of(lane, tenant);
    /* Where a connection is free, whoever waits has all that he may have. */
    struct dbconn *c = !q && has_share(lane, tenant) ? least_busy(lane) : NULL;
    int r;

    if (fiber_is_cancelled())
        return -ECANCELED;
    if (c) {
        *ret = take(lane, c, tenant);
        return 0;
    }
    for (uint32_t i = 0; lane->kind == LANE_FAST && i < lane->conn_count; i++)
        dbconn_drop_silent(&lane->conns[i]);
    q = queue_of(lane, tenant); /* the loss of a connection may have emptied it */
    if (lane->failing || lane->db->closing || lane->waiting >= lane->db->config.queue_max ||
        (q && q->count >= lane->db->config.tenant_queue_max)) {
        lane->db->refused++;
        return -EAGAIN;
    }
    enqueue(lane, q ? q : queue_new(lane, tenant), &w);
    r = fiber_park(&w.wait, deadline_ms);
    if (w.queue)
        dequeue(lane, &w);
    if (r < 0 || w.status < 0) {
        if (w.place.conn)
            release(w.place);
        if (r != -ECANCELED)
            lane->db->refused++;
        return r == -ECANCELED ? r : -EAGAIN;
    }
    *ret = w.place;
    return 0;
}
