/* PostgreSQL for fibers. Calls look blocking and suspend the fiber; each is one unit of work of one tenant.
 *
 *   reads    db_read(): BEGIN, juxin.enter, the statements, epochs, COMMIT behind a Sync: one round trip, on the fast
 *            lane (few connections, several units in flight on each, short statement timeout).
 *   writes   db_begin() … db_exec() … db_commit(): interactive on the slow lane (more connections, one unit each), so
 *            that row counts are checked before COMMIT is sent.
 *
 * Errors of all calls: -EAGAIN (queue full: answer 503 with Retry-After), -ETIMEDOUT (statement or client deadline),
 * -ECONNRESET (connection lost; a commit's outcome is then unknown and -EINPROGRESS is returned instead), -ECANCELED
 * (fiber cancelled), -EEXIST (unique violation 23505), -ENOLINK (foreign key 23503), -EDEADLK (40001, 40P01: may be
 * repeated from the start), -ENOSPC (the database's disk is full), -EIO (any other SQL error). The SQLSTATE stands in
 * struct db_error. */
#pragma once

#include "base/base.h"
#include "base/text.h"
#include "base/uuid.h"

struct db;      /* a process's connections */
struct db_rows; /* a result */
struct db_tx;   /* an open write unit of work */

struct db_config {
    const char *conninfo;      /* libpq keywords; hostaddr or a socket directory: name lookup would block */
    uint32_t fast_connections; /* 2 */
    uint32_t fast_depth;       /* 8 units in flight on each */
    uint32_t slow_connections; /* 8 */
    uint32_t queue_max;        /* waiting units per lane before -EAGAIN; 256 */
    uint32_t tenant_queue_max; /* … of one tenant; 64 */
    uint32_t fast_timeout_ms;  /* statement_timeout of the connection; 2000 */
    uint32_t slow_timeout_ms;  /* 30000 */
};

/* A statement is a named constant. Prepared on first use on each connection, least recently used ones dropped.
 * name is unique per text; for built SQL use db_stmt_built(). */
struct db_stmt {
    const char *name;
    const char *sql;
};

/* The statement for SQL made by the query builder; name and text live in the arena. */
struct arena;
struct db_stmt db_stmt_built(struct arena *a, const char *sql);

#define DB_ARGS_MAX 64

/* Parameters in text form. Values are borrowed until the call returns; numbers and ids are written into the struct. */
struct db_args {
    uint32_t count;
    const char *value[DB_ARGS_MAX]; /* NULL is SQL NULL */
    char scratch[DB_ARGS_MAX][40];
};

void db_args_reset(struct db_args *a);
void db_arg_str(struct db_args *a, const char *s); /* terminated; NULL is SQL NULL */
void db_arg_int(struct db_args *a, int64_t v);
void db_arg_bool(struct db_args *a, bool v);
void db_arg_uuid(struct db_args *a, struct uuid id);
void db_arg_uuid_or_null(struct db_args *a, struct uuid id); /* nil is SQL NULL */
void db_arg_time(struct db_args *a, int64_t wall_us);        /* timestamptz */
void db_arg_date(struct db_args *a, int32_t days);

struct db_error {
    char sqlstate[6];  /* "" when the error is not PostgreSQL's */
    char message[200]; /* primary message only, for the log; never shown to users */
};

/* What the cached decisions of a worker are compared with (design §3, epoch fence). */
struct db_epoch {
    int64_t tenant;
    int64_t deployment;
};

/* One statement of a read. rows is set on success and freed by db_calls_done. */
struct db_call {
    struct db_stmt stmt;
    struct db_args *args;
    struct db_rows *rows;
};

MUSTCHECK int db_open(const struct db_config *config, struct db **ret); /* does not wait for connections */
void db_close(struct db *db);                                           /* no unit of work may be open */
bool db_is_ready(const struct db *db); /* some connection of each lane is usable */
const char *db_connect_error(
    const struct db *db); /* the last one, for the log and for juxinctl; never NULL */

/* Tenant 0 is the deployment: tenant tables show its own rows only (its audit, its rate limits), no tenant's. Up to 56
 * calls. ret_epoch and error may be NULL. */
MUSTCHECK int db_read(struct db *db, int32_t tenant, struct db_call *calls, size_t count,
    struct db_epoch *ret_epoch, struct db_error *error);
void db_calls_done(struct db_call *calls, size_t count);

enum db_mode { DB_WRITE, DB_READ_SLOW, DB_SNAPSHOT }; /* READ ONLY; REPEATABLE READ READ ONLY */
MUSTCHECK int db_begin(struct db *db, int32_t tenant, enum db_mode mode, struct db_epoch *ret_epoch,
    struct db_tx **ret, struct db_error *error);
/* ret_rows may be NULL. After an error the unit of work can only be rolled back (or to a savepoint). */
MUSTCHECK int db_exec(struct db_tx *tx, struct db_stmt stmt, struct db_args *args, struct db_rows **ret_rows);
/* As db_exec with an expected number of affected rows; another number is -ESTALE. */
MUSTCHECK int db_exec_expect(struct db_tx *tx, struct db_stmt stmt, struct db_args *args, uint64_t expected);
/* Several statements in one round trip. */
MUSTCHECK int db_exec_many(struct db_tx *tx, struct db_call *calls, size_t count);
/* Sends a statement whose answer is looked at later, so that the next can be made while the server works on this one. The
 * next call on the unit of work but db_post, db_commit among them, returns what was wrong with it; -ESTALE where it did not
 * affect as many rows as expected. */
#define DB_ANY UINT64_MAX
MUSTCHECK int db_post(struct db_tx *tx, struct db_stmt stmt, struct db_args *args, uint64_t expected);
MUSTCHECK int db_settle(struct db_tx *tx);
/* Both end and free the unit of work. Commit counts only if its tag is COMMIT; -EIO otherwise. */
MUSTCHECK int db_commit(struct db_tx *tx);
void db_rollback(struct db_tx *tx);                             /* NULL is fine; shielded from cancellation */
MUSTCHECK int db_savepoint(struct db_tx *tx, const char *name); /* name: [a-z_]+ */
MUSTCHECK int db_savepoint_release(struct db_tx *tx, const char *name);
MUSTCHECK int db_savepoint_rollback(struct db_tx *tx, const char *name);
const struct db_error *db_tx_error(const struct db_tx *tx);
int32_t db_tx_tenant(const struct db_tx *tx);

/* Results: text form; a NULL pointer is SQL NULL. */
int db_rows_count(const struct db_rows *r);
uint64_t db_rows_affected(const struct db_rows *r);
int db_rows_columns(const struct db_rows *r);
const char *db_get(const struct db_rows *r, int row, int column);
struct text db_get_text(const struct db_rows *r, int row, int column);
int64_t db_get_int(const struct db_rows *r, int row, int column); /* 0 for NULL */
bool db_get_bool(const struct db_rows *r, int row, int column);
struct uuid db_get_uuid(const struct db_rows *r, int row, int column); /* nil for NULL */
int64_t db_get_time(const struct db_rows *r, int row, int column);     /* timestamptz to wall microseconds */
void db_rows_free(struct db_rows *r);
void db_rows_freep(struct db_rows **r); /* for CLEANUP() */

struct db_stats {
    uint32_t connected[2], busy[2], waiting[2]; /* fast, slow */
    uint64_t units[2], errors, refused, reconnects;
};
void db_stats(const struct db *db, struct db_stats *ret);
