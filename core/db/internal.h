/* What the files of db/ share: lanes of connections, the statements prepared on each, and batches in flight.
 *
 * From the bottom:
 *   stmt.c    which statements a connection has prepared
 *   unit.c    what opens and closes a unit of work
 *   pipe.c    what is in flight on a connection, in the order it was sent
 *   dbconn.c  one connection: connect, events, loss, reconnect
 *   slow.c    which reads take long
 *   lane.c    who waits for a connection, who gets the next one
 *   read.c, tx.c   the units of work */
#pragma once

#include <libpq-fe.h>

#include "db/db.h"
#include "loop/fiber.h"

struct dbconn;
struct event;
struct lane;
struct loop_timer;

enum lane_kind { LANE_FAST, LANE_SLOW, LANES };

/* A prepared statement of one connection; on the server it is "s<number>", a number never used twice. */
struct stmt_entry {
    struct stmt_entry *hash_next, *older, *newer;
    char *name, *sql;
    uint32_t hash;
    uint32_t number;
    uint32_t refs; /* operations in flight that name it */
    bool cached;   /* else freed with its last reference */
};

#define STMT_CACHE_MAX 256
#define STMT_BUCKETS 512

struct stmt_cache {
    struct stmt_entry *bucket[STMT_BUCKETS];
    struct stmt_entry *oldest, *newest;
    uint32_t count, next_number;
    uint32_t *drop; /* numbers to DEALLOCATE before the next unit of work begins */
    uint32_t drop_count;
};

struct stmt_entry *stmt_find(struct stmt_cache *c, struct db_stmt stmt); /* NULL: not prepared here */
struct stmt_entry *stmt_insert(
    struct stmt_cache *c, struct db_stmt stmt); /* evicts the least recently used */
void stmt_forget(struct stmt_cache *c, struct stmt_entry *e, bool exists_on_server);
void stmt_unref(struct stmt_entry *e);
void stmt_cache_clear(struct stmt_cache *c);

/* Statements sent together, whose results arrive together. */
struct batch {
    struct fiber_wait wait;
    bool done;        /* everything arrived, or the connection was lost */
    bool abandoned;   /* nobody waits any more: freed when done */
    bool stale_plan;  /* failed because a prepared statement was gone or outdated; forgotten since */
    int status;       /* of the first failure */
    int64_t began_ms; /* when it was sent; 0: nobody wants to know … */
    int64_t took_ms;  /* … how long the server had it, without what stood before it in the pipeline */
    struct db_error error;
    size_t count;
    PGresult *result[];
};

struct batch *batch_new(size_t results);
/* 0 when done: the outcome stands in status. -ETIMEDOUT or -ECANCELED when not. */
MUSTCHECK int batch_wait(struct batch *b, int64_t deadline_ms);
void batch_end(struct batch *b); /* frees, or leaves it to the connection; NULL is fine */
PGresult *batch_take(struct batch *b, size_t at);

enum op_kind { OP_QUERY, OP_PREPARE, OP_SYNC };
enum op_flag { OP_BATCH_DONE = 1, OP_PLACE_FREE = 2 };

struct op {
    enum op_kind kind;
    uint32_t flags;
    bool got_result;
    int into;            /* index into batch->result; -1 to check only */
    struct batch *batch; /* NULL: nobody is interested */
    struct stmt_entry *entry;
};

struct op_queue { /* a ring; capacity is a power of two */
    struct op *op;
    uint32_t head, count, capacity;
};

enum dbconn_state { DBCONN_DOWN, DBCONN_CONNECTING, DBCONN_READY };

struct dbconn {
    struct lane *lane;
    uint32_t index;
    enum dbconn_state state;
    PGconn *pg;
    struct event *read_event, *write_event, *commit_event;
    struct loop_timer *timer; /* reconnect, or the deadline of a connect */
    uint32_t attempts;        /* failed ones since it was last ready */
    uint32_t generation;      /* grows when the connection is lost: older places are void */
    uint32_t in_flight;       /* units of work */
    int32_t tenant;           /* whose, where there is but one at a time */
    bool broken;              /* a send failed */
    bool commit_due;          /* the last read's COMMIT is still to be sent */
    int64_t answered_ms;      /* when the last batch was done */
    int64_t silent_since;     /* a client deadline passed; 0 when it has answered since */
    bool retire;              /* to be closed when idle: the server became read-only */
    struct stmt_cache stmts;
    struct op_queue ops;
};

/* The right to one unit of work on a connection; void when the generation moved on. */
struct place {
    struct dbconn *conn;
    uint32_t generation;
};

struct waiter { /* on the stack of the fiber that waits */
    struct fiber_wait wait;
    struct waiter *next, *prev;
    struct tenant_queue *queue;
    struct place place;
    int status;
};

#define TENANT_BUCKETS 64

struct tenant_queue { /* exists while somebody of the tenant waits */
    int32_t tenant;
    uint32_t count;
    struct waiter *first, *last;
    struct tenant_queue *hash_next;
    struct tenant_queue *next, *prev; /* the ring of tenants served in turn */
};

/* What a connection has to tell the lane it serves: a floor of its own within db/, above dbconn.c and pipe.c. */
struct lane_ops {
    void (*serve)(struct lane *lane);            /* there may be a free place: hand it to who waits */
    void (*fail)(struct lane *lane, int status); /* no connection is left: tell those who wait */
    void (*release)(struct place place);         /* this unit of work is over */
};

struct lane {
    struct db *db;
    const struct lane_ops *ops;
    enum lane_kind kind;
    struct dbconn *conns;
    uint32_t conn_count, depth, timeout_ms;
    uint32_t connected, waiting;
    bool failing; /* the last attempt to connect failed and none is connected */
    struct tenant_queue *bucket[TENANT_BUCKETS];
    struct tenant_queue *turn; /* whose turn is next, in the ring */
    uint64_t units;
};

#define SLOW_ENTRIES 256

struct slow_list {
    struct slow_entry {
        uint64_t key; /* 0: empty */
        int64_t until_ms;
        int32_t score;
    } entry[SLOW_ENTRIES];
    uint32_t count;
};

struct db {
    struct slow_list slow;
    struct db_config config;
    PQconninfoOption *options;
    uint32_t hosts;
    bool closing;
    struct lane lanes[LANES];
    uint64_t errors, refused, reconnects;
    char connect_error[200];
};

/* Waits for a place, at most until the deadline (then -EAGAIN). */
MUSTCHECK int lane_acquire(struct lane *lane, int32_t tenant, int64_t deadline_ms, struct place *ret);
extern const struct lane_ops lane_ops;
bool lane_is_usable(const struct lane *lane); /* a connection is there, and answers */

/* Does a statement of these take so long for this tenant that others must not wait behind it? slow.c */
bool slow_is_known(struct slow_list *l, int32_t tenant, const struct db_call *calls, size_t count);
/* is_stopped: by its timeout. */
void slow_note(struct slow_list *l, int32_t tenant, const struct db_call *calls, size_t count,
    int64_t took_ms, bool is_stopped);

void dbconn_init(struct dbconn *c, struct lane *lane, uint32_t index);
void dbconn_done(struct dbconn *c);
void dbconn_start(struct dbconn *c);
void dbconn_flush(struct dbconn *c);
void dbconn_silent(struct dbconn *c);       /* a client deadline passed: no new units until it answers */
void dbconn_drop_silent(struct dbconn *c);  /* … and given up when that takes too long */
void dbconn_commit_later(struct dbconn *c); /* unless another unit of work takes the COMMIT along */
bool place_is_valid(struct place place);

/* Conninfo as keywords and values for one host of the list. conninfo.c */
#define CONNINFO_MAX 64
struct conninfo {
    const char *keyword[CONNINFO_MAX];
    const char *value[CONNINFO_MAX];
    char host[256], hostaddr[64], port[16], options[512];
};
MUSTCHECK int conninfo_parse(const char *text, PQconninfoOption **ret_options, uint32_t *ret_hosts);
void conninfo_for(const PQconninfoOption *options, uint32_t host, const char *extra, struct conninfo *ret);
uint32_t conninfo_timeout_ms(const PQconninfoOption *options);

/* Sending. Failures are kept in the connection and end the batch at its OP_BATCH_DONE. */
void pipe_prepare(struct dbconn *c, struct batch *b, struct db_stmt stmt, bool own_sync);
void pipe_query(struct dbconn *c, struct batch *b, int into, struct db_stmt stmt, const struct db_args *args);
void pipe_text(struct dbconn *c, struct batch *b, int into, const char *sql); /* not prepared */
void pipe_sync(struct dbconn *c, struct batch *b, uint32_t flags);
void pipe_open(struct dbconn *c); /* before BEGIN: the COMMIT that is due, drops what was evicted */
void pipe_result(struct dbconn *c, PGresult *result); /* takes result; NULL ends the current operation's */
void pipe_fail(struct dbconn *c);                     /* the connection is gone: ends everything in flight */
void pipe_done(struct dbconn *c);

int error_from_result(const PGresult *result, struct db_error *ret);
struct db_rows *rows_from(PGresult *take_result);

/* The statements that open and close every unit of work. */
extern const struct db_stmt db_stmt_begin, db_stmt_begin_ro, db_stmt_begin_snapshot, db_stmt_commit,
    db_stmt_rollback;
extern const struct db_stmt db_stmt_enter, db_stmt_epochs;
/* Sends BEGIN, enter and (with_epochs) the epochs' arguments prepared by the caller. */
void unit_args(struct db_args *args, int32_t tenant);
void unit_epochs(const PGresult *result, struct db_epoch *ret);
