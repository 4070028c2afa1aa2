/* Follows the sequence of every tenant that somebody listens to, and hands on what it brings. */
#include <errno.h>

#include "access/session.h"
#include "api/hub_parts.h"
#include "base/clock.h"
#include "base/log.h"
#include "db/background.h"
#include "db/lease.h"
#include "db/pgarray.h"
#include "loop/fiber.h"

#define LOOK_MS 50
#define CHECK_MS 10000 /* sessions end by the clock too */
#define BEAT_MS 25000  /* proxies end what is silent for longer */
#define PAUSE_MS 1000  /* after a failure */
#define TURN 64        /* streams served before others have their turn */
#define ATTEMPTS 3     /* at a tenant that changes meanwhile; else in the next round */

static const struct db_stmt read_heads = {
    "hub.heads", "SELECT tenant_id, n FROM juxin.event_head WHERE tenant_id = ANY($1::int[])"};

/* ---- one stream ---- */

/* It is there and has taken what it was sent. Who has not is left where it is, and goes on from there. */
static bool is_ready(const struct hub_stream *s)
{
    return s->push && push_is_clear(s->push);
}

static void tell(struct hub_stream *s, struct text bytes)
{
    s->sent_ms = clock_mono_ms();
    s->told = s->l.after;
    if (push_write(s->push, bytes) < 0)
        hub_remove(s);
}

static void tell_position(struct hub_stream *s, const char *format)
{
    char text[100];

    snprintf(text, sizeof(text), format, (long long)s->l.after);
    tell(s, text_of(text));
}

static void end(struct hub_stream *s)
{
    push_end(s->push);
    hub_remove(s);
}

static bool is_checked(const struct hub_stream *s, const struct call *c)
{
    return s->l.epoch == c->tenant->epoch.tenant;
}

/* ---- credentials ---- */

static size_t collect_credentials(
    const struct hub_channel *ch, const struct call *c, bool all, struct session_check **ret)
{
    size_t count = 0, n = 0;

    for (const struct hub_stream *s = ch->first; s; s = s->next)
        count += s->push && (all || !is_checked(s, c));
    *ret = arena_array(c->arena, count + 1, sizeof(**ret));
    for (const struct hub_stream *s = ch->first; s; s = s->next)
        if (s->push && (all || !is_checked(s, c)))
            (*ret)[n++] = (struct session_check){s->l.credential, s->l.is_bearer, false};
    return n;
}

/* Ends the streams whose session or token has ended. Streams may come and go while this waits. */
static int check_credentials(struct hub_channel *ch, struct call *c, bool all)
{
    struct session_check *list;
    size_t n = collect_credentials(ch, c, all, &list);
    int r = n ? session_check(c, list, &n) : 0;

    if (r < 0)
        return r;
    for (struct hub_stream *s = ch->first, *next; n && s; s = next) {
        const struct session_check *found = s->push ? session_check_find(list, n, &s->l.credential) : NULL;

        next = s->next;
        if (found)
            s->l.epoch = c->tenant->epoch.tenant;
        if (found && !found->is_open)
            end(s);
    }
    return 0;
}

/* ---- one tenant ---- */

/* The oldest position of those a single batch brings up to date, and of those further back; INT64_MAX: nobody. */
struct positions {
    int64_t near, far;
};

static struct positions find_positions(const struct hub_channel *ch)
{
    struct positions p = {INT64_MAX, INT64_MAX};

    for (const struct hub_stream *s = ch->first; s; s = s->next) {
        int64_t *at = ch->head - s->l.after <= HUB_BATCH ? &p.near : &p.far;

        if (is_ready(s) && s->l.after < ch->head)
            *at = MIN(*at, s->l.after);
    }
    return p;
}

static void send_batch(const struct hub_batch *b, struct hub_stream *s)
{
    struct buf out CLEANUP(buf_done) = BUF_INIT;

    s->l.after = hub_batch_write(b, &s->l, &out);
    if (out.len)
        tell(s, buf_text(&out));
    else if (s->l.after - s->told > HUB_BEHIND_MAX / 2) /* it would come back as one that fell behind */
        tell_position(s, "id: %lld\n\n");
}

/* From the position on, to those who were there or further and whose credentials hold. */
static int hand_on(struct hub_channel *ch, struct call *c, int64_t after)
{
    struct hub_batch b;
    uint32_t served = 0;
    int r;

    if (after == INT64_MAX)
        return 0;
    r = hub_batch_load(&b, c, after, ch->head);
    ch->cursor = ch->first;
    while (r == 0 && ch->cursor) {
        struct hub_stream *s = ch->cursor;

        if (!is_ready(s) || !is_checked(s, c) || s->l.after < after || s->l.after >= b.upto) {
            ch->cursor = s->next;
            continue;
        }
        send_batch(&b, s); /* and again, while it takes what there is */
        ch->is_moving = true;
        if (++served % TURN == 0)
            r = fiber_yield();
    }
    ch->cursor = NULL;
    return r;
}

static void end_all(struct hub_channel *ch)
{
    for (struct hub_stream *s = ch->first, *next; s; s = next) {
        next = s->next;
        if (s->push)
            end(s);
    }
}

static int follow_once(struct hub_channel *ch, struct call *c, bool check)
{
    struct positions p = find_positions(ch);
    int r;

    if (!c->tenant->is_active) {
        r = call_fence(c);
        if (r == 0)
            end_all(ch);
        return r;
    }
    r = check_credentials(ch, c, check);
    if (r == 0) /* who is far behind holds up nobody else */
        r = hand_on(ch, c, p.near);
    return r < 0 ? r : hand_on(ch, c, p.far);
}

static int follow_tenant(struct hub_channel *ch, bool check)
{
    static const struct subject system = {.kind = SUBJECT_SYSTEM};
    struct arena *arena = arena_new();
    struct tenant *t = NULL, *fresh = NULL;
    struct call c;
    int r;

    call_init(&c, hub.config.db, arena);
    c.who = &system;
    r = tenant_get_by_id(hub.config.db, ch->tenant, &t);
    if (r == 0) {
        call_use(&c, t);
        r = follow_once(ch, &c, check);
    }
    if (r == -EREMCHG && tenant_refresh(hub.config.db, ch->tenant, c.seen_epoch, &fresh) < 0)
        r = -EAGAIN;
    call_done(&c);
    tenant_unref(t);
    tenant_unref(fresh);
    arena_free(arena);
    return r;
}

static void follow(struct hub_channel *ch, bool check)
{
    int r = -EREMCHG;

    for (struct hub_stream *s = ch->first, *next; s; s = next) {
        next = s->next;
        if (is_ready(s) && ch->head - s->l.after > HUB_BEHIND_MAX) {
            s->l.after = ch->head;
            tell_position(s, HUB_RESET);
        }
    }
    for (int i = 0; r == -EREMCHG && i < ATTEMPTS; i++)
        r = follow_tenant(ch, check);
    if (r == 0 || r == -ECANCELED || r == -EREMCHG)
        return;
    ch->again_ms = clock_mono_ms() + PAUSE_MS;
    log_event(LOG_WARN, "events.failed", LF_INT("tenant", ch->tenant), LF_ERR(r));
}

/* ---- rounds ---- */

static int find_heads(void)
{
    struct pgarray tenants = PGARRAY_INIT;
    struct db_args a;
    struct db_call call = {.stmt = read_heads, .args = &a};
    int r;

    for (uint32_t i = 0; i < HUB_BUCKETS; i++)
        for (const struct hub_channel *ch = hub.channels[i]; ch; ch = ch->next)
            pgarray_int(&tenants, ch->tenant);
    db_args_reset(&a);
    db_arg_str(&a, pgarray_end(&tenants));
    r = db_read(hub.dispatch, 0, &call, 1, NULL, NULL);
    for (int i = 0; r == 0 && i < db_rows_count(call.rows); i++)
        hub_channel((int32_t)db_get_int(call.rows, i, 0))->head = db_get_int(call.rows, i, 1);
    db_calls_done(&call, 1);
    pgarray_done(&tenants);
    return r;
}

static bool has_news(const struct hub_channel *ch)
{
    struct positions p = find_positions(ch);

    return p.near != INT64_MAX || p.far != INT64_MAX;
}

static void beat(struct hub_channel *ch)
{
    int64_t now = clock_mono_ms();

    for (struct hub_stream *s = ch->first, *next; s; s = next) {
        next = s->next;
        if (is_ready(s) && now - s->sent_ms > BEAT_MS)
            tell_position(s, "id: %lld\n\n");
    }
}

/* How long to wait for the next round: not at all while somebody who takes what it is sent has not been sent all. */
static int64_t go_round(bool check)
{
    int r = find_heads();
    bool more = false;

    for (uint32_t i = 0; i < HUB_BUCKETS; i++) {
        for (struct hub_channel *ch = hub.channels[i]; ch && !fiber_is_cancelled(); ch = ch->next) {
            ch->is_moving = false;
            if (r == 0 && clock_mono_ms() >= ch->again_ms && (check || has_news(ch)))
                follow(ch, check);
            more |= ch->is_moving && has_news(ch);
            beat(ch);
        }
    }
    hub_sweep();
    return r < 0 ? PAUSE_MS : more ? 0 : LOOK_MS;
}

/* To whoever numbers the events, on whatever server: they are waited for. Without it they come a little later. */
static void say_so(void)
{
    bool held;

    (void)!lease_take(hub.config.db, LEASE_LISTENING, "events", LEASE_LISTENING_MS, &held);
}

void hub_follow(void *arg)
{
    int64_t check_at = clock_mono_ms() + CHECK_MS, say_at = 0, pause = LOOK_MS;

    (void)arg;
    while (hub.count > 0 && fiber_sleep(pause) == 0) {
        bool check = clock_mono_ms() >= check_at;

        if (clock_mono_ms() >= say_at) {
            say_so();
            say_at = clock_mono_ms() + LEASE_LISTENING_RENEW_MS;
        }
        pause = go_round(check);
        if (check)
            check_at = clock_mono_ms() + CHECK_MS;
    }
    hub.fiber = NULL;
}
