/* Who is due, and the turns of each. */
#include "notify/courier.h"

#include <errno.h>

#include "access/notice.h"
#include "base/clock.h"
#include "base/digest.h"
#include "base/jsonw.h"
#include "base/log.h"
#include "base/mem.h"
#include "db/lease.h"
#include "loop/fiber.h"
#include "notify/endpoint.h"

#define LEASE "endpoints"
#define LEASE_MS 15000
#define RENEW_MS 5000
#define TICK_MS 200
#define SIDE_BY_SIDE 16
#define CLAIM_MS 60000 /* longer than a turn, which begins no request after TURN_MS */
#define TURN_MS 40000
#define BUSY_MS 1000   /* too many requests go out at once */
#define FAILED_MS 5000 /* after what is no fault of the endpoint's */
#define BATCH 200
#define ATTEMPTS 4 /* against a tenant that keeps changing */
#define GIVE_UP_US (INT64_C(86400) * 1000000)

/* Seconds to wait after a failed attempt; after the last one the event is left. */
static const int64_t pauses[] = {5, 30, 120, 600, 1800, 3600, 10800};

static const struct db_stmt find_tenants = {"courier.tenants",
    "SELECT DISTINCT e.tenant_id FROM juxin.endpoint e JOIN juxin.event_head h ON h.tenant_id = e.tenant_id"
    " WHERE e.state = 'on' AND e.next_at <= now() AND h.n > e.after_seq LIMIT 1000"};
static const struct db_stmt find_due = {"courier.due",
    "SELECT e.id FROM juxin.endpoint e JOIN juxin.event_head h ON h.tenant_id = e.tenant_id"
    " WHERE e.tenant_id = $1 AND h.tenant_id = $1 AND e.state = 'on' AND e.next_at <= now() AND h.n > "
    "e.after_seq"
    " ORDER BY e.next_at"};
static const struct db_stmt claim = {"courier.claim",
    "UPDATE juxin.endpoint e SET next_at = now() + $3::bigint * interval '1 ms', tokens = least("
    "e.rate_per_minute * 1000::bigint, e.tokens + (extract(epoch FROM now() - e.tokens_at) * 1000 * "
    "e.rate_per_minute"
    " / 60)::bigint), tokens_at = now() FROM juxin.account a WHERE e.tenant_id = $1 AND e.id = $2 AND "
    "e.state = 'on'"
    " AND e.next_at <= now() AND a.tenant_id = $1 AND a.id = e.created_by RETURNING e.events, e.unit_id, "
    "e.created_by,"
    " e.after_seq, e.attempts, e.tokens, e.rate_per_minute, e.failing_since, e.name, a.is_active, e.version"};
static const struct db_stmt read_events = {"courier.events",
    "SELECT " ENDPOINT_EVENT_COLUMNS
    " FROM juxin.event v WHERE v.tenant_id = $1 AND v.seq > $2 ORDER BY v.seq"
    " LIMIT $3"};
/* What was sent was sent; all else stays as somebody left it who changed the endpoint meanwhile. */
static const struct db_stmt advance = {"courier.advance",
    "UPDATE juxin.endpoint SET after_seq = greatest(after_seq, $3::bigint), tokens = $4::bigint WHERE "
    "tenant_id = $1"
    " AND id = $2"};
static const struct db_stmt settle = {"courier.settle",
    "UPDATE juxin.endpoint SET attempts = $3, failing_since = $4::timestamptz,"
    " next_at = now() + $5::bigint * interval '1 ms', state = $6, reason = $7 WHERE tenant_id = $1 AND id = "
    "$2"
    " AND state = 'on' AND version = $8"};

struct courier_turn {
    struct courier_turn *next;
    struct courier *courier;
    struct fiber *fiber;
    int32_t tenant;
    struct uuid id;
};

/* An endpoint as it was claimed, and what becomes of it. */
struct endpoint_turn {
    struct endpoint_choice choice;
    struct uuid id;
    struct webhook webhook;
    const char *name, *state, *reason;
    int64_t after, attempts, tokens, rate, failing_since_us, wait_ms, version;
    bool is_claimed, owner_is_active;
    bool
        is_over; /* the endpoint or the tenant changed meanwhile: whether, where and how to go on is another turn's to see */
};

static void key_args(struct db_args *a, const struct call *c, struct uuid id)
{
    db_args_reset(a);
    db_arg_int(a, c->tenant->id);
    db_arg_uuid(a, id);
}

/* ---- one turn ---- */

static int take_claim(struct call *c, struct endpoint_turn *t)
{
    struct db_rows *rows CLEANUP(db_rows_freep) = NULL;
    struct db_args a;
    int r = call_begin(c);

    key_args(&a, c, t->id);
    db_arg_int(&a, CLAIM_MS);
    if (r == 0)
        r = db_exec(c->tx, claim, &a, &rows);
    if (r < 0)
        return r;
    if (db_rows_count(rows) == 1) {
        t->is_claimed = true;
        t->choice = (struct endpoint_choice){
            arena_dup(c->arena, db_get(rows, 0, 0)), db_get_uuid(rows, 0, 1), db_get_uuid(rows, 0, 2)};
        t->after = db_get_int(rows, 0, 3);
        t->attempts = db_get_int(rows, 0, 4);
        t->tokens = db_get_int(rows, 0, 5);
        t->rate = db_get_int(rows, 0, 6);
        t->failing_since_us = db_get(rows, 0, 7) ? db_get_time(rows, 0, 7) : 0;
        t->name = arena_dup(c->arena, db_get(rows, 0, 8));
        t->owner_is_active = db_get_bool(rows, 0, 9);
        t->version = db_get_int(rows, 0, 10);
        t->state = "on";
    }
    return call_commit(c);
}

/* The owner learns that nobody is told any more. */
static int tell_owner(struct call *c, const struct endpoint_turn *t)
{
    struct notice n = {.kind = NOTICE_ENDPOINT, .unit = t->choice.unit};
    struct buf b CLEANUP(buf_done) = BUF_INIT;
    struct jsonw w;

    jsonw_init(&w, &b);
    jsonw_object(&w);
    jsonw_kstr(&w, "name", t->name);
    jsonw_object_end(&w);
    n.params = buf_str(&b);
    return notice_add(c, &n, &t->choice.owner, 1);
}

static int write_advance(struct call *c, const struct endpoint_turn *t, bool *ret_there)
{
    struct db_rows *rows CLEANUP(db_rows_freep) = NULL;
    struct db_args a;
    int r;

    key_args(&a, c, t->id);
    db_arg_int(&a, t->after);
    db_arg_int(&a, t->tokens);
    r = db_exec(c->tx, advance, &a, &rows);
    *ret_there = r == 0 && db_rows_affected(rows) == 1;
    return r;
}

static int write_settled(struct call *c, struct endpoint_turn *t)
{
    struct db_rows *rows CLEANUP(db_rows_freep) = NULL;
    struct db_args a;
    int r;

    key_args(&a, c, t->id);
    db_arg_int(&a, t->attempts);
    if (t->failing_since_us)
        db_arg_time(&a, t->failing_since_us);
    else
        db_arg_str(&a, NULL);
    db_arg_int(&a, t->wait_ms);
    db_arg_str(&a, t->state);
    db_arg_str(&a, t->reason);
    db_arg_int(&a, t->version);
    r = db_exec(c->tx, settle, &a, &rows);
    t->is_over |= r == 0 && db_rows_affected(rows) == 0;
    if (r == 0 && db_rows_affected(rows) == 1 && strcmp(t->state, "failed") == 0)
        r = tell_owner(c, t);
    return r;
}

/* What came of an attempt. */
static void judge(struct endpoint_turn *t, const struct webhook_event *e, const struct webhook_result *result,
    const char **ret_outcome)
{
    int64_t now = clock_agreed_us();
    uint16_t jitter;

    if (result->is_delivered) {
        t->after = e->seq;
        t->attempts = t->failing_since_us = 0;
        *ret_outcome = "delivered";
        return;
    }
    *ret_outcome = "failed";
    t->failing_since_us = t->failing_since_us ? t->failing_since_us : now;
    if (result->is_gone || now - t->failing_since_us > GIVE_UP_US) {
        t->state = "failed";
        t->reason = result->is_gone ? "gone" : result->reason;
        return;
    }
    if (t->attempts >= (int64_t)ARRAY_LEN(pauses)) {
        t->after = e->seq;
        t->attempts = 0;
        *ret_outcome = "dead";
        t->wait_ms = pauses[0] * 1000;
        return;
    }
    random_bytes(&jitter, sizeof(jitter));
    t->wait_ms = pauses[t->attempts++] * 1000;
    t->wait_ms += t->wait_ms * jitter / 65536 / 4;
    t->wait_ms = MAX(t->wait_ms, result->retry_after_s * 1000);
}

/* A fact, whatever has changed in the tenant since the decision: another epoch only ends the turn. Nothing is left to say of an
 * endpoint that was removed. */
static int settle_in(struct call *c, struct endpoint_turn *t, const struct endpoint_attempt *at)
{
    struct db_epoch seen;
    struct db_tx *tx;
    bool is_there = false;
    int r = db_begin(c->db, c->tenant->id, DB_WRITE, &seen, &tx, NULL);

    if (r < 0)
        return r;
    t->is_over |= seen.tenant != c->tenant->epoch.tenant || seen.deployment != c->tenant->epoch.deployment;
    c->tx = tx;
    r = write_advance(c, t, &is_there);
    t->is_over |= !is_there;
    if (r == 0 && is_there)
        r = write_settled(c, t);
    if (r == 0 && is_there && at)
        r = endpoint_note(c, at);
    c->tx = NULL;
    if (r == 0)
        return db_commit(tx);
    db_rollback(tx);
    return r;
}

/* While a turn goes on the claim stays: it is let go of by the turn's end. */
static int send_one(struct call *c, struct endpoint_turn *t, const struct webhook_event *e)
{
    struct webhook_result result = {0};
    struct endpoint_attempt at = {
        .endpoint = t->id, .message = e->id, .seq = e->seq, .type = e->type, .result = &result};
    int r;

    t->webhook.message = e->id;
    t->webhook.body = webhook_body(c->arena, e);
    t->tokens -= 1000;
    r = webhook_send(c->arena, &t->webhook, &result);
    if (r == -EBUSY) { /* it was not asked, so it did not fail */
        t->tokens += 1000;
        t->wait_ms = BUSY_MS;
        return 1;
    }
    if (r < 0)
        return r;
    at.attempt = t->attempts + 1;
    t->wait_ms = CLAIM_MS;
    judge(t, e, &result, &at.outcome);
    if (!result.is_delivered)
        log_event(LOG_WARN, "endpoint.failed", LF_INT("tenant", c->tenant->id),
            LF_STR("endpoint", uuid_format(t->id).s), LF_STR("reason", result.reason),
            LF_INT("status", result.status), LF_STR("outcome", at.outcome), LF_STR("state", t->state));
    r = settle_in(c, t, &at);
    if (r < 0 || !result.is_delivered)
        return r < 0 ? r : 1;
    t->wait_ms = 0;
    return t->is_over;
}

/* 0: everything up to here is delivered; 1: it waits. */
static int carry(struct call *c, struct endpoint_turn *t, int64_t until_ms, bool *ret_more)
{
    struct db_args a;
    struct db_call call = {.stmt = read_events, .args = &a};
    struct webhook_event e;
    int r, n;

    db_args_reset(&a);
    db_arg_int(&a, c->tenant->id);
    db_arg_int(&a, t->after);
    db_arg_int(&a, BATCH);
    r = call_read(c, &call, 1);
    n = r == 0 ? db_rows_count(call.rows) : 0;
    *ret_more = n == BATCH;
    for (int i = 0; i < n && r == 0; i++) {
        if (!endpoint_takes(c, &t->choice, call.rows, i, &e)) {
            t->after = db_get_int(call.rows, i, 1);
            continue;
        }
        if (t->tokens < 1000) {
            t->wait_ms = 60000 / t->rate + 1;
            return 1;
        }
        if (clock_mono_ms() > until_ms)
            return 1; /* at once again, in a turn of its own */
        r = send_one(c, t, &e);
    }
    return r;
}

static int turn_in(struct call *c, struct endpoint_turn *t)
{
    int64_t until_ms = clock_mono_ms() + TURN_MS;
    bool more = true;
    int r = take_claim(c, t);

    if (r < 0 || !t->is_claimed)
        return r;
    if (!t->owner_is_active) { /* whose rights it had */
        t->state = "failed";
        t->reason = "owner";
        return settle_in(c, t, NULL);
    }
    r = endpoint_webhook(c, t->id, &t->webhook);
    while (r == 0 && more) {
        t->wait_ms = 0;
        r = carry(c, t, until_ms, &more);
    }
    if (strcmp(t->state, "on") != 0) /* written with the attempt */
        return 0;
    if (r < 0 && r != -EREMCHG && r != -ECANCELED)
        t->wait_ms = MAX(t->wait_ms, FAILED_MS);
    fiber_shield(true); /* what was delivered is not sent again for want of a note */
    if (settle_in(c, t, NULL) < 0)
        log_event(LOG_WARN, "endpoint.not_settled", LF_INT("tenant", c->tenant->id),
            LF_STR("endpoint", uuid_format(t->id).s));
    fiber_shield(false);
    return r < 0 ? r : 0;
}

/* The claim outlives a decision that has to be made anew, so the second one goes on with it. */
static int turn(struct courier *k, int32_t tenant, struct uuid id)
{
    static const struct subject system = {.kind = SUBJECT_SYSTEM};
    struct arena *arena = arena_new();
    struct tenant *t = NULL, *fresh;
    struct call c;
    int r = tenant_get_by_id(k->db, tenant, &t);

    call_init(&c, k->db, arena);
    c.who = &system;
    if (r == 0)
        call_use(&c, t);
    for (int i = 0; r == 0 && i < ATTEMPTS; i++) {
        struct endpoint_turn e = {.id = id};

        r = turn_in(&c, &e);
        if (r != -EREMCHG)
            break;
        call_rollback(&c);
        if (tenant_refresh(k->db, tenant, c.seen_epoch, &fresh) < 0)
            break;
        tenant_unref(t);
        t = fresh;
        call_again(&c, t, &system);
        r = 0;
    }
    call_done(&c);
    tenant_unref(t);
    arena_free(arena);
    return r;
}

/* ---- turns ---- */

static void turn_fiber(void *arg)
{
    struct courier_turn *t = arg, **at = &t->courier->turns;
    int r = turn(t->courier, t->tenant, t->id);

    if (r < 0 && r != -ECANCELED && r != -EREMCHG)
        log_event(LOG_WARN, "endpoint.turn_failed", LF_INT("tenant", t->tenant),
            LF_STR("endpoint", uuid_format(t->id).s), LF_ERR(r));
    while (*at != t)
        at = &(*at)->next;
    *at = t->next;
    t->courier->running--;
    free(t);
}

static bool is_running(const struct courier *k, struct uuid id)
{
    for (const struct courier_turn *t = k->turns; t; t = t->next)
        if (uuid_eq(t->id, id))
            return true;
    return false;
}

static void begin(struct courier *k, int32_t tenant, struct uuid id)
{
    struct courier_turn *t;

    if (k->running >= SIDE_BY_SIDE || is_running(k, id))
        return;
    t = mem_zalloc(sizeof(*t));
    *t = (struct courier_turn){.next = k->turns, .courier = k, .tenant = tenant, .id = id};
    if (fiber_spawn_system(turn_fiber, t, "endpoint", &t->fiber) < 0) {
        free(t);
        return;
    }
    k->turns = t;
    k->running++;
}

static int look_in(struct courier *k, int32_t tenant)
{
    struct db_args a;
    struct db_call call = {.stmt = find_due, .args = &a};
    int r;

    db_args_reset(&a);
    db_arg_int(&a, tenant);
    r = db_read(k->db, tenant, &call, 1, NULL, NULL);
    for (int i = 0; r == 0 && i < db_rows_count(call.rows); i++)
        begin(k, tenant, db_get_uuid(call.rows, i, 0));
    db_calls_done(&call, 1);
    return r;
}

/* From one tenant on another time, so that those with many endpoints do not keep others from their turn. */
static int look(struct courier *k)
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

static void end_all(struct courier *k)
{
    for (struct courier_turn *t = k->turns; t; t = t->next)
        fiber_cancel(t->fiber);
    fiber_shield(true);
    while (k->running)
        (void)!fiber_sleep(5);
    (void)!lease_release(k->db, LEASE, k->holder);
    fiber_shield(false);
}

void courier_run(void *arg)
{
    struct courier *k = arg;
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
            r = look(k);
        if (r < 0 && r != -ECANCELED)
            log_event(LOG_WARN, "endpoints.failed", LF_ERR(r));
    } while (r != -ECANCELED && fiber_sleep(r < 0 ? 1000 : TICK_MS) == 0);
    end_all(k);
}
