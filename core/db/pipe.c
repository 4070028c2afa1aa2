/* What is in flight on a connection. libpq's pipeline mode answers in the order of sending; the queue of operations
 * says whose each answer is. An error skips everything to the next Sync, so units of work are told apart by Syncs:
 *
 *   [COMMIT of the unit before]  [DEALLOCATE Sync]* [Parse Sync]*  BEGIN enter … Sync
 *
 * A read's COMMIT always stands behind the Sync that ends its statements: after an error it acts as ROLLBACK. It goes out
 * with the next unit of work, or alone when none follows at once; each Sync is a system call here and a wake-up there.
 * Parse stands before BEGIN behind a Sync of its own: skipped by somebody's error, it would be missing for the units
 * sent behind it. */
#include <errno.h>

#include "base/clock.h"
#include "base/mem.h"
#include "db/internal.h"

struct batch *batch_new(size_t results)
{
    struct batch *b = mem_zalloc(sizeof(*b) + results * sizeof(b->result[0]));

    b->count = results;
    return b;
}

static void batch_free(struct batch *b)
{
    for (size_t i = 0; i < b->count; i++)
        PQclear(b->result[i]);
    free(b);
}

int batch_wait(struct batch *b, int64_t deadline_ms)
{
    while (!b->done) {
        int r = fiber_park(&b->wait, deadline_ms);

        if (r < 0 && !b->done)
            return r;
    }
    return 0;
}

void batch_end(struct batch *b)
{
    if (!b)
        return;
    if (b->done)
        batch_free(b);
    else
        b->abandoned = true;
}

PGresult *batch_take(struct batch *b, size_t at)
{
    PGresult *result = b->result[at];

    b->result[at] = NULL;
    return result;
}

static void batch_finish(struct batch *b)
{
    b->done = true;
    if (b->abandoned)
        batch_free(b);
    else
        fiber_wake(&b->wait);
}

static struct op *op_push(struct dbconn *c, enum op_kind kind, struct batch *b)
{
    struct op_queue *q = &c->ops;
    struct op *op;

    if (q->count == q->capacity) {
        uint32_t capacity = q->capacity ? q->capacity * 2 : 64;
        struct op *bigger = mem_zarray(capacity, sizeof(*bigger));

        for (uint32_t i = 0; i < q->count; i++)
            bigger[i] = q->op[(q->head + i) & (q->capacity - 1)];
        free(q->op);
        *q = (struct op_queue){.op = bigger, .count = q->count, .capacity = capacity};
    }
    op = &q->op[(q->head + q->count++) & (q->capacity - 1)];
    *op = (struct op){.kind = kind, .into = -1, .batch = b};
    return op;
}

static void sent(struct dbconn *c, int ok)
{
    if (!ok)
        c->broken = true;
}

static void entry_name(char *out, size_t size, uint32_t number)
{
    snprintf(out, size, "s%u", number);
}

/* Also for statements prepared already: keeps them from being evicted by the ones that follow in the same unit. */
static struct stmt_entry *prepare(struct dbconn *c, struct batch *b, struct db_stmt stmt, bool own_sync)
{
    struct stmt_entry *e = stmt_find(&c->stmts, stmt);
    char name[16];
    struct op *op;

    if (e)
        return e;
    e = stmt_insert(&c->stmts, stmt);
    entry_name(name, sizeof(name), e->number);
    sent(c, PQsendPrepare(c->pg, name, stmt.sql, 0, NULL));
    op = op_push(c, OP_PREPARE, b);
    op->entry = e;
    e->refs++;
    if (own_sync)
        pipe_sync(c, NULL, 0);
    return e;
}

void pipe_prepare(struct dbconn *c, struct batch *b, struct db_stmt stmt, bool own_sync)
{
    prepare(c, b, stmt, own_sync);
}

void pipe_query(struct dbconn *c, struct batch *b, int into, struct db_stmt stmt, const struct db_args *args)
{
    struct stmt_entry *e = prepare(c, b, stmt, false);
    char name[16];
    struct op *op;

    entry_name(name, sizeof(name), e->number);
    sent(c, PQsendQueryPrepared(
                c->pg, name, args ? (int)args->count : 0, args ? args->value : NULL, NULL, NULL, 0));
    op = op_push(c, OP_QUERY, b);
    op->into = into;
    op->entry = e;
    e->refs++;
}

void pipe_text(struct dbconn *c, struct batch *b, int into, const char *sql)
{
    sent(c, PQsendQueryParams(c->pg, sql, 0, NULL, NULL, NULL, NULL, 0));
    op_push(c, OP_QUERY, b)->into = into;
}

void pipe_sync(struct dbconn *c, struct batch *b, uint32_t flags)
{
    sent(c, PQpipelineSync(c->pg));
    op_push(c, OP_SYNC, b)->flags = flags;
}

void pipe_open(struct dbconn *c)
{
    char sql[40];

    if (c->commit_due)
        pipe_query(c, NULL, -1, db_stmt_commit, NULL);
    c->commit_due = false;
    while (c->stmts.drop_count > 0) {
        snprintf(sql, sizeof(sql), "DEALLOCATE s%u", c->stmts.drop[--c->stmts.drop_count]);
        pipe_text(c, NULL, -1, sql);
        pipe_sync(c, NULL, 0);
    }
}

static bool is_stale_plan(const char *sqlstate)
{
    return strcmp(sqlstate, "26000") == 0 || strcmp(sqlstate, "0A000") == 0;
}

static void op_failed(struct dbconn *c, struct op *op, const PGresult *result)
{
    struct db_error error;
    int status = error_from_result(result, &error);
    bool stale = op->kind == OP_QUERY && op->entry && is_stale_plan(error.sqlstate);

    if (op->kind == OP_PREPARE)
        stmt_forget(&c->stmts, op->entry, false);
    else if (stale)
        stmt_forget(&c->stmts, op->entry, strcmp(error.sqlstate, "0A000") == 0);
    if (!op->batch || op->batch->status < 0)
        return;
    op->batch->status = status;
    op->batch->error = error;
    op->batch->stale_plan = stale;
    c->lane->db->errors++;
}

static void op_result(struct dbconn *c, struct op *op, PGresult *result)
{
    switch (PQresultStatus(result)) {
    case PGRES_TUPLES_OK:
    case PGRES_COMMAND_OK:
        if (op->batch && op->into >= 0) {
            PQclear(op->batch->result[op->into]);
            op->batch->result[op->into] = result;
            result = NULL;
        }
        break;
    case PGRES_PIPELINE_ABORTED:
        if (op->kind == OP_PREPARE)
            stmt_forget(&c->stmts, op->entry, false);
        break;
    default:
        op_failed(c, op, result);
    }
    PQclear(result);
}

static void op_pop(struct dbconn *c)
{
    struct op op = c->ops.op[c->ops.head];

    c->ops.head = (c->ops.head + 1) & (c->ops.capacity - 1);
    c->ops.count--;
    stmt_unref(op.entry);
    if (op.batch && (op.flags & OP_BATCH_DONE)) {
        int64_t now = clock_mono_ms();

        op.batch->took_ms = now - MAX(op.batch->began_ms, c->answered_ms);
        c->answered_ms = now;
        batch_finish(op.batch);
    }
    if (op.flags & OP_PLACE_FREE)
        c->lane->ops->release((struct place){c, c->generation});
}

void pipe_result(struct dbconn *c, PGresult *result)
{
    struct op *op = &c->ops.op[c->ops.head];

    if (!result) {
        op_pop(c);
    } else if (PQresultStatus(result) == PGRES_PIPELINE_SYNC) {
        PQclear(result);
        op_pop(c);
    } else {
        op->got_result = true;
        op_result(c, op, result);
    }
}

void pipe_fail(struct dbconn *c)
{
    while (c->ops.count > 0) {
        struct op *op = &c->ops.op[c->ops.head];

        if (op->batch && op->batch->status == 0) {
            op->batch->status = -ECONNRESET;
            snprintf(op->batch->error.message, sizeof(op->batch->error.message), "connection lost");
        }
        op->flags &= ~(uint32_t)OP_PLACE_FREE;
        op_pop(c);
    }
}

void pipe_done(struct dbconn *c)
{
    free(c->ops.op);
    c->ops = (struct op_queue){0};
}
