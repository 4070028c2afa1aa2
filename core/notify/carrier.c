/* Who has messages due, and a fiber for each of them. */
#include "notify/carrier.h"

#include <errno.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "db/lease.h"
#include "loop/fiber.h"
#include "notify/message.h"
#include "notify/spread.h"

#define LEASE "messages"
#define LEASE_MS 15000
#define RENEW_MS 5000
#define TICK_MS 200
#define SIDE_BY_SIDE 24
#define OF_ONE_CHANNEL 4 /* fewer than there are threads for mail */
#define CLEAR_ROUNDS 25  /* about every five seconds */
#define FINISH_MS 4000
#define ATTEMPTS 4 /* against a tenant that keeps changing */

static const struct db_stmt find_tenants = {"carrier.tenants",
    "SELECT DISTINCT tenant_id FROM juxin.message WHERE state IN ('waiting', 'sending') "
    "AND next_at <= now() LIMIT 1000"};
/* A few of each channel, so that many of one are not in the way of others. */
static const struct db_stmt find_due = {"carrier.due",
    "SELECT m.id, h.id FROM juxin.channel h CROSS JOIN LATERAL (SELECT n.id, n.next_at FROM juxin.message n "
    "WHERE"
    " n.tenant_id = $1 AND n.channel_id = h.id AND n.state = 'waiting' AND n.next_at <= now() ORDER BY "
    "n.next_at, n.id LIMIT $2) m"
    " WHERE h.tenant_id = $1 AND h.state = 'on' AND (h.blocked_until IS NULL OR h.blocked_until <= now()) "
    "ORDER BY m.next_at,"
    " m.id"};

static const struct db_stmt find_behind = {"carrier.behind",
    "SELECT c.tenant_id FROM juxin.channel_cursor c JOIN juxin.event_head h ON h.tenant_id = c.tenant_id "
    "WHERE h.n > c.after_seq LIMIT"
    " 1000"};

struct carrier_turn {
    struct carrier_turn *next;
    struct carrier *carrier;
    struct fiber *fiber;
    int32_t tenant;
    struct uuid id, channel;
};

/* The words of a message are made of what holds now: which plugin runs where, what things are called. */
static int make_fresh(struct carrier *k, struct call *c, struct tenant **t)
{
    struct tenant *fresh;
    int r = 0;

    for (int i = 0; i < ATTEMPTS; i++) {
        r = call_fence(c);
        if (r != -EREMCHG || tenant_refresh(k->db, (*t)->id, c->seen_epoch, &fresh) < 0)
            break;
        tenant_unref(*t);
        *t = fresh;
        call_again(c, fresh, c->who);
    }
    return r == -EREMCHG ? 0 : r; /* soon again */
}

static int turn(struct carrier *k, int32_t tenant, struct uuid id)
{
    static const struct subject system = {.kind = SUBJECT_SYSTEM};
    struct arena *arena = arena_new();
    struct tenant *t = NULL;
    struct outcome outcome;
    int64_t wait_s;
    bool is_sent;
    struct call c;
    int r = tenant_get_by_id(k->db, tenant, &t);

    call_init(&c, k->db, arena);
    c.who = &system;
    if (r == 0) {
        call_use(&c, t);
        r = make_fresh(k, &c, &t);
    }
    if (r == 0)
        r = message_carry(&c, id, false, &outcome, &is_sent, &wait_s);
    call_done(&c);
    tenant_unref(t);
    arena_free(arena);
    return r;
}

static void turn_fiber(void *arg)
{
    struct carrier_turn *t = arg, **at = &t->carrier->turns;
    int r = turn(t->carrier, t->tenant, t->id);

    if (r < 0 && r != -ECANCELED)
        log_event(LOG_WARN, "message.turn_failed", LF_INT("tenant", t->tenant),
            LF_STR("message", uuid_format(t->id).s), LF_ERR(r));
    while (*at != t)
        at = &(*at)->next;
    *at = t->next;
    t->carrier->running--;
    free(t);
}

static bool may_begin(const struct carrier *k, struct uuid id, struct uuid channel)
{
    uint32_t of_channel = 0;

    for (const struct carrier_turn *t = k->turns; t; t = t->next) {
        if (uuid_eq(t->id, id))
            return false;
        of_channel += uuid_eq(t->channel, channel);
    }
    return k->running < SIDE_BY_SIDE && of_channel < OF_ONE_CHANNEL;
}

static void begin(struct carrier *k, int32_t tenant, struct uuid id, struct uuid channel)
{
    struct carrier_turn *t;

    if (!may_begin(k, id, channel))
        return;
    t = mem_zalloc(sizeof(*t));
    *t =
        (struct carrier_turn){.next = k->turns, .carrier = k, .tenant = tenant, .id = id, .channel = channel};
    if (fiber_spawn_system(turn_fiber, t, "message", &t->fiber) < 0) {
        free(t);
        return;
    }
    k->turns = t;
    k->running++;
}

static int look_in(struct carrier *k, int32_t tenant)
{
    struct db_args a;
    struct db_call call = {.stmt = find_due, .args = &a};
    int r = k->rounds % CLEAR_ROUNDS == 0 ? message_clear(k->db, tenant) : 0;

    db_args_reset(&a);
    db_arg_int(&a, tenant);
    db_arg_int(&a, OF_ONE_CHANNEL);
    if (r == 0)
        r = db_read(k->db, tenant, &call, 1, NULL, NULL);
    for (int i = 0; r == 0 && i < db_rows_count(call.rows); i++)
        begin(k, tenant, db_get_uuid(call.rows, i, 0), db_get_uuid(call.rows, i, 1));
    db_calls_done(&call, 1);
    return r;
}

/* From one tenant on another time, so that those with many messages do not keep others from their turn. */
static int look(struct carrier *k)
{
    struct db_args a;
    struct db_call call = {.stmt = find_tenants, .args = &a};
    int r, n;

    db_args_reset(&a);
    r = db_read(k->dispatch, 0, &call, 1, NULL, NULL);
    n = r == 0 ? db_rows_count(call.rows) : 0;
    for (int i = 0; r == 0 && i < n && k->running < SIDE_BY_SIDE; i++)
        r = look_in(k, (int32_t)db_get_int(call.rows, (int)((k->rounds + (uint32_t)i) % (uint32_t)n), 0));
    k->rounds++;
    db_calls_done(&call, 1);
    return r;
}

/* What people were told since becomes messages to those who want it elsewhere too. */
static int spread_all(struct carrier *k)
{
    struct db_args a;
    struct db_call call = {.stmt = find_behind, .args = &a};
    int r;

    db_args_reset(&a);
    r = db_read(k->dispatch, 0, &call, 1, NULL, NULL);
    for (int i = 0; r == 0 && i < db_rows_count(call.rows); i++) {
        int32_t tenant = (int32_t)db_get_int(call.rows, i, 0);
        int e = spread_notices(k->db, tenant);

        if (e == -ECANCELED)
            r = e;
        else if (e < 0)
            log_event(LOG_WARN, "messages.not_spread", LF_INT("tenant", tenant), LF_ERR(e));
    }
    db_calls_done(&call, 1);
    return r;
}

static void end_all(struct carrier *k)
{
    int64_t until_ms = clock_mono_ms() + FINISH_MS;

    fiber_shield(true);
    while (k->running && clock_mono_ms() < until_ms)
        (void)!fiber_sleep(5);
    for (struct carrier_turn *t = k->turns; t; t = t->next)
        fiber_cancel(t->fiber);
    while (k->running)
        (void)!fiber_sleep(5);
    (void)!lease_release(k->db, LEASE, k->holder);
    fiber_shield(false);
}

void carrier_run(void *arg)
{
    struct carrier *k = arg;
    int64_t renew_at = 0;
    bool held = false;
    int r = 0;

    do {
        if (clock_mono_ms() >= renew_at) {
            r = lease_take(k->db, LEASE, k->holder, LEASE_MS, &held);
            renew_at = clock_mono_ms() + RENEW_MS;
            held = r == 0 && held;
        }
        if (held && clock_is_compared() && !clock_is_far())
            r = spread_all(k);
        if (held && r == 0 && clock_is_compared() && !clock_is_far())
            r = look(k);
        if (r < 0 && r != -ECANCELED)
            log_event(LOG_WARN, "messages.failed", LF_ERR(r));
    } while (r != -ECANCELED && fiber_sleep(r < 0 ? 1000 : TICK_MS) == 0);
    end_all(k);
}
