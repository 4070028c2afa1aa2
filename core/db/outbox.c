/* The outbox: writing, numbering, delivering. Times are the database's: servers' clocks may differ. */
#include "db/outbox.h"

#include <errno.h>

#include "base/digest.h"
#include "loop/fiber.h"

#define BATCH 64
#define SIDE_BY_SIDE 4
/* While a delivery runs nobody else begins it; a server that dies meanwhile leaves it for this long. */
#define CLAIM_MS 60000
#define BACKOFF_FIRST_MS 1000
#define BACKOFF_MAX_MS 3600000

static const struct db_stmt insert_action = {"outbox.add",
    "INSERT INTO juxin.outbox (tenant_id, id, topic, plugin, key, version, payload)"
    " VALUES ($1, $2, $3, $4, $5, $6, $7)"};
static const struct db_stmt insert_event = {"event.publish",
    "INSERT INTO juxin.event (tenant_id, id, topic, key, version, payload)"
    " VALUES ($1, $2, $3, $4, $5, $6)"};
static const struct db_stmt make_head = {"outbox.make_head",
    "INSERT INTO juxin.event_head (tenant_id, n) VALUES ($1, 0) ON CONFLICT (tenant_id) DO NOTHING"};
static const struct db_stmt lock_head = {
    "outbox.lock_head", "SELECT n FROM juxin.event_head WHERE tenant_id = $1 FOR UPDATE"};
static const struct db_stmt number_actions = {"outbox.number",
    "UPDATE juxin.outbox o SET seq = $2::bigint + x.position FROM (SELECT id, row_number() OVER (ORDER BY "
    "version, id) AS position"
    " FROM juxin.outbox WHERE tenant_id = $1 AND seq IS NULL ORDER BY version, id LIMIT 1000) x"
    " WHERE o.tenant_id = $1 AND o.id = x.id"};
static const struct db_stmt number_events = {"event.number",
    "UPDATE juxin.event e SET seq = $2::bigint + x.position FROM (SELECT id, row_number() OVER (ORDER BY "
    "version, id) AS position"
    " FROM juxin.event WHERE tenant_id = $1 AND seq IS NULL ORDER BY version, id LIMIT 1000) x"
    " WHERE e.tenant_id = $1 AND e.id = x.id"};
static const struct db_stmt move_head = {
    "outbox.move_head", "UPDATE juxin.event_head SET n = $2 WHERE tenant_id = $1"};
/* The first of each (plugin, key) only: what stands behind it waits. */
static const struct db_stmt due = {"outbox.due",
    "SELECT o.id, o.seq, o.topic, o.plugin, o.key, o.payload, "
    "o.attempts FROM juxin.outbox o WHERE o.tenant_id = $1"
    " AND o.state = 'pending' AND o.seq IS NOT NULL AND "
    "o.next_at <= now() AND NOT EXISTS (SELECT FROM juxin.outbox p"
    " WHERE p.tenant_id = $1 AND p.plugin = o.plugin AND p.key "
    "= o.key AND p.state = 'pending' AND p.seq < o.seq)"
    " ORDER BY o.seq LIMIT $2"};
static const struct db_stmt claim = {"outbox.claim",
    "UPDATE juxin.outbox SET attempts = attempts + 1, next_at = now() + $4::bigint * interval '1 ms' WHERE "
    "tenant_id = $1 AND id = $2 AND "
    "attempts = $3"
    " AND state = 'pending'"};
static const struct db_stmt delivered = {
    "outbox.delivered", "DELETE FROM juxin.outbox WHERE tenant_id = $1 AND id = $2"};
static const struct db_stmt postpone = {"outbox.postpone",
    "UPDATE juxin.outbox SET state = $3, next_at = now() + $4::bigint * interval '1 ms', "
    "last_error = $5 WHERE tenant_id = $1 AND id = $2"};
/* Again when it has waited as long again, within bounds: soon after a short closure, not often in a long one. */
static const struct db_stmt put_off = {"outbox.put_off",
    "UPDATE juxin.outbox SET attempts = attempts - 1, next_at = now() + least(greatest(now() - created_at, "
    "interval '1 s'), interval '10 min') * ($3::int / 1000.0) WHERE tenant_id = $1 AND id = $2"};
static const struct db_stmt revive = {"outbox.revive", "UPDATE juxin.outbox SET state = 'pending', attempts "
                                                       "= 0, next_at = now() WHERE tenant_id = $1 AND id = $2"
                                                       " AND state = 'dead'"};
static const struct db_stmt revive_all = {"outbox.revive_all",
    "UPDATE juxin.outbox SET state = 'pending', attempts = 0, next_at = now() WHERE tenant_id = $1"
    " AND state = 'dead' AND ($2::text IS NULL OR plugin = $2)"};

int outbox_add(struct db_tx *tx, const char *topic, const char *plugin, const char *key, int64_t version,
    const char *payload)
{
    struct db_args a;

    db_args_reset(&a);
    db_arg_int(&a, db_tx_tenant(tx));
    db_arg_uuid(&a, uuid_new());
    db_arg_str(&a, topic);
    db_arg_str(&a, plugin);
    db_arg_str(&a, key);
    db_arg_int(&a, version);
    db_arg_str(&a, payload);
    return db_exec(tx, insert_action, &a, NULL);
}

int event_publish(struct db_tx *tx, const char *topic, const char *key, int64_t version, const char *payload)
{
    struct db_args a;

    db_args_reset(&a);
    db_arg_int(&a, db_tx_tenant(tx));
    db_arg_uuid(&a, uuid_new());
    db_arg_str(&a, topic);
    db_arg_str(&a, key);
    db_arg_int(&a, version);
    db_arg_str(&a, payload);
    return db_exec(tx, insert_event, &a, NULL);
}

static int number(struct db_tx *tx, struct db_stmt stmt, int64_t *head)
{
    struct db_rows *rows = NULL;
    struct db_args a;
    int r;

    db_args_reset(&a);
    db_arg_int(&a, db_tx_tenant(tx));
    db_arg_int(&a, *head);
    r = db_exec(tx, stmt, &a, &rows);
    if (r == 0)
        *head += (int64_t)db_rows_affected(rows);
    db_rows_free(rows);
    return r;
}

static int sequence_in(struct db_tx *tx, int64_t *ret_before, int64_t *ret_head)
{
    struct db_rows *rows CLEANUP(db_rows_freep) = NULL;
    struct db_args a;
    int64_t head;
    int r;

    db_args_reset(&a);
    db_arg_int(&a, db_tx_tenant(tx));
    r = db_exec(tx, make_head, &a, NULL);
    if (r == 0)
        r = db_exec(tx, lock_head, &a, &rows);
    if (r < 0)
        return r;
    *ret_before = head = db_get_int(rows, 0, 0);
    r = number(tx, number_actions, &head);
    if (r == 0)
        r = number(tx, number_events, &head);
    if (r == 0 && head != *ret_before) {
        db_arg_int(&a, head);
        r = db_exec_expect(tx, move_head, &a, 1);
    }
    *ret_head = head;
    return r;
}

int outbox_sequence(struct db *db, int32_t tenant, int64_t *ret_head, uint32_t *ret_count)
{
    int64_t before = 0, head = 0;
    struct db_tx *tx;
    int r = db_begin(db, tenant, DB_WRITE, NULL, &tx, NULL);

    if (r < 0)
        return r;
    r = sequence_in(tx, &before, &head);
    if (r < 0) {
        db_rollback(tx);
        return r;
    }
    r = db_commit(tx);
    if (r == 0) {
        *ret_head = head;
        *ret_count = (uint32_t)(head - before);
    }
    return r;
}

static int write_one(struct db *db, int32_t tenant, struct db_stmt stmt, struct db_args *a, uint64_t expected)
{
    struct db_tx *tx;
    int r = db_begin(db, tenant, DB_WRITE, NULL, &tx, NULL);

    if (r < 0)
        return r;
    r = db_exec_expect(tx, stmt, a, expected);
    if (r == 0)
        return db_commit(tx);
    db_rollback(tx);
    return r;
}

/* Half of it to one and a half times, so that what waits together does not come back together. */
static int64_t around(int64_t n)
{
    uint16_t jitter;

    random_bytes(&jitter, sizeof(jitter));
    return n / 2 + n * jitter / 65536;
}

static int64_t backoff_ms(uint32_t attempts)
{
    return around(MIN((int64_t)BACKOFF_FIRST_MS << MIN(attempts, 12u), BACKOFF_MAX_MS));
}

/* Errors that say nothing against the action itself. */
static bool passes(int r)
{
    return r == -EAGAIN || r == -EDEADLK || r == -ETIMEDOUT || r == -ECONNRESET || r == -EINPROGRESS ||
           r == -EBUSY || r == -ECANCELED || r == -EREMCHG;
}

struct delivery { /* a batch under way */
    struct db *db;
    outbox_deliver_fn *deliver;
    void *arg;
    const struct db_rows *rows;
    int32_t tenant;
    int next; /* row */
    uint32_t running;
    bool stop; /* the dispatcher was cancelled: begin no further row */
    struct fiber_wait ended;
    struct outbox_result result;
};

static int settle(struct delivery *d, const struct outbox_row *row, int outcome)
{
    bool dead = outcome < 0 && (!passes(outcome) || row->attempts + 1 >= OUTBOX_ATTEMPTS_MAX);
    struct db_args a;

    db_args_reset(&a);
    db_arg_int(&a, row->tenant);
    db_arg_uuid(&a, row->id);
    if (outcome == 0) {
        d->result.delivered++;
        return write_one(d->db, row->tenant, delivered, &a, 1);
    }
    if (outcome == OUTBOX_PAUSED) {
        d->result.paused++;
        db_arg_int(&a, around(1000));
        return write_one(d->db, row->tenant, put_off, &a, 1);
    }
    d->result.dead += dead;
    d->result.retried += !dead;
    db_arg_str(&a, dead ? "dead" : "pending");
    db_arg_int(&a, backoff_ms(row->attempts));
    db_arg_str(&a, strerror(-outcome));
    return write_one(d->db, row->tenant, postpone, &a, 1);
}

static int deliver_row(struct delivery *d, int at)
{
    struct outbox_row row = {
        .tenant = d->tenant,
        .id = db_get_uuid(d->rows, at, 0),
        .seq = db_get_int(d->rows, at, 1),
        .topic = db_get(d->rows, at, 2),
        .plugin = db_get(d->rows, at, 3),
        .key = db_get(d->rows, at, 4),
        .payload = db_get(d->rows, at, 5),
        .attempts = (uint32_t)db_get_int(d->rows, at, 6),
    };
    struct db_args a;
    int r;

    db_args_reset(&a);
    db_arg_int(&a, row.tenant);
    db_arg_uuid(&a, row.id);
    db_arg_int(&a, row.attempts);
    db_arg_int(&a, CLAIM_MS);
    r = write_one(d->db, row.tenant, claim, &a, 1);
    if (r < 0)
        return r; /* -ESTALE: another dispatcher has it */
    return settle(d, &row, d->deliver(d->arg, &row));
}

static void deliver_fiber(void *arg)
{
    struct delivery *d = arg;

    while (d->next < db_rows_count(d->rows) && !d->stop)
        (void)!deliver_row(d, d->next++);
    if (--d->running == 0)
        fiber_wake(&d->ended);
}

int outbox_deliver(
    struct db *db, int32_t tenant, outbox_deliver_fn *deliver, void *arg, struct outbox_result *ret)
{
    struct db_args a;
    struct db_call call = {.stmt = due, .args = &a};
    struct delivery d = {.db = db, .deliver = deliver, .arg = arg, .tenant = tenant};
    int r;

    db_args_reset(&a);
    db_arg_int(&a, tenant);
    db_arg_int(&a, BATCH);
    r = db_read(db, tenant, &call, 1, NULL, NULL);
    if (r < 0)
        return r;
    d.rows = call.rows;
    while (d.running < SIDE_BY_SIDE && (int)d.running < db_rows_count(d.rows)) {
        struct fiber *f;

        r = fiber_spawn_system(deliver_fiber, &d, "outbox", &f);
        if (r < 0)
            break;
        d.running++;
    }
    /* The fibers work on this stack: they are awaited whatever happens. */
    d.stop = d.running > 0 && fiber_park(&d.ended, INT64_MAX) < 0;
    fiber_shield(true);
    while (d.running > 0)
        (void)!fiber_park(&d.ended, INT64_MAX);
    fiber_shield(false);
    db_calls_done(&call, 1);
    *ret = d.result;
    return r;
}

int outbox_revive(struct db_tx *tx, struct uuid id)
{
    struct db_args a;
    int r;

    db_args_reset(&a);
    db_arg_int(&a, db_tx_tenant(tx));
    db_arg_uuid(&a, id);
    r = db_exec_expect(tx, revive, &a, 1);
    return r == -ESTALE ? -ENOENT : r;
}

int outbox_revive_all(struct db_tx *tx, const char *plugin, uint64_t *ret_count)
{
    struct db_rows *rows CLEANUP(db_rows_freep) = NULL;
    struct db_args a;
    int r;

    db_args_reset(&a);
    db_arg_int(&a, db_tx_tenant(tx));
    db_arg_str(&a, plugin);
    r = db_exec(tx, revive_all, &a, &rows);
    if (r == 0)
        *ret_count = db_rows_affected(rows);
    return r;
}
