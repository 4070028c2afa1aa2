/* Writes: one unit of work on a slow connection of its own, interactive, so that COMMIT is sent only after the caller
 * has checked row counts. Nothing is ever cancelled on the server: what nobody waits for any more is drained, and the
 * ROLLBACK that is sent behind it frees the connection. */
#include <errno.h>

#include "base/clock.h"
#include "base/mem.h"
#include "db/internal.h"

#define CLIENT_MARGIN_MS 2000
#define ROLLBACK_WAIT_MS 5000
#define QUEUE_WAIT_MS 5000u /* then it is better to say 503 */
#define POSTED_MAX 16

struct db_tx {
    struct place place;
    int32_t tenant;
    enum db_mode mode;
    int broken;    /* why nothing but a rollback is possible; 0 while all is well */
    bool in_error; /* a statement failed: only rollback, also to a savepoint */
    struct db_error error;
    struct posted { /* sent, not looked at yet */
        struct batch *batch;
        uint64_t expected;
    } posted[POSTED_MAX];
    uint32_t posted_count;
};

static int64_t statement_deadline(const struct db_tx *tx)
{
    uint32_t timeout = tx->place.conn->lane->timeout_ms;

    return timeout ? clock_mono_ms() + timeout + CLIENT_MARGIN_MS : INT64_MAX;
}

static int finish(struct db_tx *tx, struct batch *b)
{
    int r = batch_wait(b, statement_deadline(tx));

    if (r < 0) {
        tx->broken = r;
        return r;
    }
    if (b->status < 0) {
        if (!tx->in_error) /* what follows the first error only says that there was one */
            tx->error = b->error;
        tx->in_error = true;
        if (b->status == -ECONNRESET)
            tx->broken = -ECONNRESET;
        /* read_only_sql_transaction in a write: this server is no longer the primary. */
        if (tx->mode == DB_WRITE && strcmp(b->error.sqlstate, "25006") == 0)
            tx->place.conn->retire = true;
    }
    return b->stale_plan ? -EDEADLK : b->status;
}

static int check(const struct db_tx *tx)
{
    if (tx->broken < 0)
        return tx->broken;
    return place_is_valid(tx->place) ? 0 : -ECONNRESET;
}

static const struct db_stmt *begin_stmt(enum db_mode mode)
{
    return mode == DB_WRITE       ? &db_stmt_begin
           : mode == DB_READ_SLOW ? &db_stmt_begin_ro
                                  : &db_stmt_begin_snapshot;
}

static void send_begin(struct dbconn *c, struct batch *b, int32_t tenant, enum db_mode mode, bool with_epochs)
{
    struct db_args args;

    unit_args(&args, tenant);
    pipe_open(c);
    pipe_prepare(c, b, *begin_stmt(mode), true);
    pipe_prepare(c, b, db_stmt_enter, true);
    if (with_epochs)
        pipe_prepare(c, b, db_stmt_epochs, true);
    pipe_query(c, b, -1, *begin_stmt(mode), NULL);
    pipe_query(c, b, -1, db_stmt_enter, &args);
    if (with_epochs)
        pipe_query(c, b, 0, db_stmt_epochs, &args);
    pipe_sync(c, b, OP_BATCH_DONE);
    dbconn_flush(c);
}

static int begin_once(struct db *db, int32_t tenant, enum db_mode mode, struct db_epoch *ret_epoch,
    struct db_tx **ret, struct db_error *error)
{
    struct lane *lane = &db->lanes[LANE_SLOW];
    int64_t deadline = lane->timeout_ms ? clock_mono_ms() + MIN(lane->timeout_ms, QUEUE_WAIT_MS) : INT64_MAX;
    struct db_tx *tx;
    struct batch *b;
    struct place place;
    bool stale = false;
    int r = lane_acquire(lane, tenant, deadline, &place);

    if (r < 0)
        return r;
    if (!place_is_valid(place))
        return -ECONNRESET;
    tx = mem_zalloc(sizeof(*tx));
    *tx = (struct db_tx){.place = place, .tenant = tenant, .mode = mode};
    b = batch_new(1);
    send_begin(place.conn, b, tenant, mode, ret_epoch != NULL);
    r = finish(tx, b);
    if (r == 0 && ret_epoch)
        unit_epochs(b->result[0], ret_epoch);
    if (b->done)
        stale = b->stale_plan;
    batch_end(b);
    if (r < 0) {
        *error = tx->error;
        db_rollback(tx);
        return stale ? -ESTALE : r;
    }
    *ret = tx;
    return 0;
}

int db_begin(struct db *db, int32_t tenant, enum db_mode mode, struct db_epoch *ret_epoch, struct db_tx **ret,
    struct db_error *error)
{
    struct db_error unused;
    int r = -ESTALE;

    if (!error)
        error = &unused;
    *error = (struct db_error){.sqlstate = ""};
    for (int attempts = 0; r == -ESTALE && attempts < 3; attempts++)
        r = begin_once(db, tenant, mode, ret_epoch, ret, error);
    return r == -ESTALE ? -EIO : r;
}

static bool has_affected(struct batch *b, uint64_t expected)
{
    return expected == DB_ANY || strtoull(PQcmdTuples(b->result[0]), NULL, 10) == expected;
}

int db_settle(struct db_tx *tx)
{
    uint32_t count = tx->posted_count;
    int r = 0;

    tx->posted_count = 0;
    for (uint32_t i = 0; i < count; i++) {
        struct posted *p = &tx->posted[i];
        int e = r == 0 ? check(tx) : r;

        if (e == 0)
            e = finish(tx, p->batch);
        if (e == 0 && !has_affected(p->batch, p->expected))
            e = -ESTALE;
        batch_end(p->batch);
        r = e;
    }
    return r;
}

int db_post(struct db_tx *tx, struct db_stmt stmt, struct db_args *args, uint64_t expected)
{
    struct dbconn *c = tx->place.conn;
    struct batch *b;
    int r = tx->posted_count == POSTED_MAX ? db_settle(tx) : check(tx);

    if (r < 0)
        return r;
    b = batch_new(1);
    pipe_query(c, b, 0, stmt, args);
    pipe_sync(c, b, OP_BATCH_DONE);
    dbconn_flush(c);
    tx->posted[tx->posted_count++] = (struct posted){b, expected};
    return 0;
}

int db_exec(struct db_tx *tx, struct db_stmt stmt, struct db_args *args, struct db_rows **ret_rows)
{
    struct db_call call = {.stmt = stmt, .args = args};
    int r = db_exec_many(tx, &call, 1);

    if (r == 0 && ret_rows)
        *ret_rows = call.rows;
    else
        db_rows_free(call.rows);
    return r;
}

int db_exec_expect(struct db_tx *tx, struct db_stmt stmt, struct db_args *args, uint64_t expected)
{
    struct db_rows *rows = NULL;
    int r = db_exec(tx, stmt, args, &rows);

    if (r == 0 && db_rows_affected(rows) != expected)
        r = -ESTALE;
    db_rows_free(rows);
    return r;
}

int db_exec_many(struct db_tx *tx, struct db_call *calls, size_t count)
{
    struct dbconn *c = tx->place.conn;
    struct batch *b;
    int r = db_settle(tx);

    if (r == 0)
        r = check(tx);
    for (size_t i = 0; i < count; i++)
        calls[i].rows = NULL;
    if (r < 0)
        return r;
    b = batch_new(count);
    for (size_t i = 0; i < count; i++)
        pipe_query(c, b, (int)i, calls[i].stmt, calls[i].args);
    pipe_sync(c, b, OP_BATCH_DONE);
    dbconn_flush(c);
    r = finish(tx, b);
    for (size_t i = 0; r == 0 && i < count; i++)
        calls[i].rows = rows_from(batch_take(b, i));
    batch_end(b);
    return r;
}

/* The last statement of a unit of work. The connection is free as soon as its answer arrived, awaited or not.
 * -EINPROGRESS: no answer, the outcome is unknown. */
static int send_last(struct db_tx *tx, struct db_stmt stmt, int64_t deadline, bool *ret_committed)
{
    struct dbconn *c = tx->place.conn;
    struct batch *b = batch_new(1);
    int r;

    pipe_query(c, b, 0, stmt, NULL);
    pipe_sync(c, b, OP_BATCH_DONE | OP_PLACE_FREE);
    dbconn_flush(c);
    fiber_shield(true);
    r = batch_wait(b, deadline);
    fiber_shield(false);
    if (r < 0 || b->status == -ECONNRESET)
        r = -EINPROGRESS;
    else
        r = b->status;
    if (r == 0)
        *ret_committed = strcmp(PQcmdStatus(b->result[0]), "COMMIT") == 0;
    batch_end(b);
    return r;
}

int db_commit(struct db_tx *tx)
{
    bool committed = false;
    int r = db_settle(tx);

    if (r == 0)
        r = check(tx);

    if (r < 0) {
        db_rollback(tx);
        return r;
    }
    r = send_last(tx, db_stmt_commit, statement_deadline(tx), &committed);
    free(tx);
    return r < 0 ? r : committed ? 0 : -EIO;
}

void db_rollback(struct db_tx *tx)
{
    bool committed;

    if (!tx)
        return;
    for (uint32_t i = 0; i < tx->posted_count; i++)
        batch_end(tx->posted[i].batch);
    if (place_is_valid(tx->place))
        (void)!send_last(tx, db_stmt_rollback, clock_mono_ms() + ROLLBACK_WAIT_MS, &committed);
    free(tx);
}

static int savepoint(struct db_tx *tx, const char *format, const char *name)
{
    struct dbconn *c = tx->place.conn;
    struct batch *b;
    char sql[120];
    int r = db_settle(tx);

    if (r == 0)
        r = check(tx);

    if (r < 0)
        return r;
    if (name[0] == '\0' || strlen(name) > 60 || name[strspn(name, "abcdefghijklmnopqrstuvwxyz_")] != '\0')
        return -EINVAL;
    snprintf(sql, sizeof(sql), "%s %s", format, name);
    b = batch_new(1);
    pipe_text(c, b, 0, sql);
    pipe_sync(c, b, OP_BATCH_DONE);
    dbconn_flush(c);
    r = finish(tx, b);
    batch_end(b);
    return r;
}

int db_savepoint(struct db_tx *tx, const char *name)
{
    return savepoint(tx, "SAVEPOINT", name);
}

int db_savepoint_release(struct db_tx *tx, const char *name)
{
    return savepoint(tx, "RELEASE SAVEPOINT", name);
}

int db_savepoint_rollback(struct db_tx *tx, const char *name)
{
    int r = savepoint(tx, "ROLLBACK TO SAVEPOINT", name);

    if (r == 0) {
        tx->in_error = false;
        tx->error = (struct db_error){.sqlstate = ""};
    }
    return r;
}

const struct db_error *db_tx_error(const struct db_tx *tx)
{
    return &tx->error;
}

int32_t db_tx_tenant(const struct db_tx *tx)
{
    return tx->tenant;
}
