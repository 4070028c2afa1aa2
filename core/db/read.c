/* Reads: one unit of work in one write and one round trip, several in flight on each fast connection; what is known to
 * take long goes out on a slow one of its own.
 *
 * The epochs are read behind the statements: a change that came before any of the rows was read is then seen for sure.
 * COMMIT goes behind the Sync, so that after an error it acts as ROLLBACK and the next unit is unharmed; the caller has
 * its rows at the Sync and does not wait for it. */
#include <errno.h>

#include "base/clock.h"
#include "db/internal.h"

#define CALLS_MAX 56
#define CLIENT_MARGIN_MS 1000

static void send_unit(
    struct dbconn *c, struct batch *b, int32_t tenant, struct db_call *calls, size_t count, bool with_epochs)
{
    struct db_args args;

    unit_args(&args, tenant);
    pipe_open(c);
    pipe_prepare(c, b, db_stmt_begin_ro, true);
    pipe_prepare(c, b, db_stmt_commit, true);
    pipe_prepare(c, b, db_stmt_enter, true);
    if (with_epochs)
        pipe_prepare(c, b, db_stmt_epochs, true);
    for (size_t i = 0; i < count; i++)
        pipe_prepare(c, b, calls[i].stmt, true);

    pipe_query(c, b, -1, db_stmt_begin_ro, NULL);
    pipe_query(c, b, -1, db_stmt_enter, &args);
    for (size_t i = 0; i < count; i++)
        pipe_query(c, b, (int)i, calls[i].stmt, calls[i].args);
    if (with_epochs)
        pipe_query(c, b, (int)count, db_stmt_epochs, &args);
    pipe_sync(c, b, OP_BATCH_DONE | OP_PLACE_FREE);
    c->commit_due = true;
    dbconn_flush(c);
}

static int read_once(struct db *db, struct lane *lane, int32_t tenant, struct db_call *calls, size_t count,
    struct db_epoch *ret_epoch, struct db_error *error, bool *ret_stale)
{
    int64_t deadline = lane->timeout_ms ? clock_mono_ms() + lane->timeout_ms + CLIENT_MARGIN_MS : INT64_MAX;
    struct batch *b;
    struct place place;
    int r = lane_acquire(lane, tenant, deadline, &place);

    if (r < 0)
        return r;
    if (!place_is_valid(place))
        return -ECONNRESET;
    b = batch_new(count + 1);
    b->began_ms = clock_mono_ms();
    send_unit(place.conn, b, tenant, calls, count, ret_epoch != NULL);
    r = batch_wait(b, deadline);
    if (r == 0) {
        r = b->status;
        *error = b->error;
        *ret_stale = b->stale_plan;
        if (r == 0 || r == -ETIMEDOUT)
            slow_note(&db->slow, tenant, calls, count, b->took_ms, r < 0);
    } else if (r == -ETIMEDOUT && place_is_valid(place)) {
        dbconn_silent(place.conn);
    }
    if (r == 0) {
        for (size_t i = 0; i < count; i++)
            calls[i].rows = rows_from(batch_take(b, i));
        if (ret_epoch)
            unit_epochs(b->result[count], ret_epoch);
    }
    batch_end(b);
    return r;
}

int db_read(struct db *db, int32_t tenant, struct db_call *calls, size_t count, struct db_epoch *ret_epoch,
    struct db_error *error)
{
    bool is_fast = db->config.fast_connections > 0 &&
                   (db->config.slow_connections == 0 || !slow_is_known(&db->slow, tenant, calls, count));
    struct lane *lane = &db->lanes[is_fast ? LANE_FAST : LANE_SLOW];
    struct db_error unused;
    bool stale = false;
    int r;

    if (!error)
        error = &unused;
    *error = (struct db_error){.sqlstate = ""};
    if (count > CALLS_MAX)
        return -E2BIG;
    for (size_t i = 0; i < count; i++)
        calls[i].rows = NULL;
    r = read_once(db, lane, tenant, calls, count, ret_epoch, error, &stale);
    /* A prepared statement was outdated (a table changed) or gone; it is forgotten by now. */
    for (int again = 0; r < 0 && stale && again < 2; again++) {
        stale = false;
        r = read_once(db, lane, tenant, calls, count, ret_epoch, error, &stale);
    }
    return r;
}

void db_calls_done(struct db_call *calls, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        db_rows_free(calls[i].rows);
        calls[i].rows = NULL;
    }
}
