/* One connection: non-blocking connect with a deadline of its own for each host (libpq's asynchronous connect ignores
 * connect_timeout and stays on a silent first host), events, loss, reconnect with growing, jittered pauses.
 * The connection lives in the loop's callbacks; fibers only send and park. */
#include <errno.h>
#include <event2/event.h>

#include "base/clock.h"
#include "base/digest.h"
#include "base/log.h"
#include "db/internal.h"
#include "loop/loop.h"

#define RETRY_FIRST_MS 100
#define RETRY_MAX_MS 2000 /* who waits for a database wants it back within seconds */
#define SILENT_MAX_MS 10000
#define IDLE_IN_TRANSACTION_MS 60000u

static void attempt(void *arg);

bool place_is_valid(struct place place)
{
    return place.conn->state == DBCONN_READY && place.conn->generation == place.generation;
}

static void events_free(struct dbconn *c)
{
    if (c->read_event)
        event_free(c->read_event);
    if (c->write_event)
        event_free(c->write_event);
    if (c->commit_event)
        event_free(c->commit_event);
    c->read_event = c->write_event = c->commit_event = NULL;
}

static void set_timer(struct dbconn *c, int64_t ms, void (*fn)(void *))
{
    loop_timer_free(c->timer);
    c->timer = fn ? loop_timer_new(ms, 0, fn, c) : NULL;
}

static void retry_later(struct dbconn *c)
{
    int64_t pause = RETRY_FIRST_MS << MIN(c->attempts, 7u);
    uint16_t jitter;

    random_bytes(&jitter, sizeof(jitter));
    pause = MIN(pause, RETRY_MAX_MS);
    set_timer(c, pause / 2 + pause * jitter / 65536, attempt);
}

static void close_pg(struct dbconn *c)
{
    set_timer(c, 0, NULL);
    events_free(c);
    if (c->pg)
        PQfinish(c->pg);
    c->pg = NULL;
    c->state = DBCONN_DOWN;
    c->broken = c->retire = c->commit_due = false;
    c->silent_since = 0;
    stmt_cache_clear(&c->stmts);
}

static void keep_error(struct dbconn *c, const char *why)
{
    const char *text = c->pg && PQerrorMessage(c->pg)[0] ? PQerrorMessage(c->pg) : why;
    char *at = c->lane->db->connect_error;

    snprintf(at, sizeof(c->lane->db->connect_error), "%s", text);
    for (; *at; at++)
        if (*at == '\n')
            *at = ' ';
}

static void connect_failed(struct dbconn *c, const char *why)
{
    struct db *db = c->lane->db;

    keep_error(c, why);
    if (!c->lane->failing && c->lane->connected == 0)
        log_event(LOG_WARN, "db.connect_failed", LF_STR("lane", c->lane->kind == LANE_FAST ? "fast" : "slow"),
            LF_STR("reason", db->connect_error));
    close_pg(c);
    c->attempts++;
    /* Every host of the list gets its turn before anybody is told that there is no database. */
    if (c->lane->connected == 0 && c->attempts >= db->hosts) {
        c->lane->failing = true;
        c->lane->ops->fail(c->lane, -EAGAIN);
    }
    retry_later(c);
}

static void lost(struct dbconn *c, const char *why)
{
    keep_error(c, why);
    log_event(LOG_WARN, "db.connection_lost", LF_STR("lane", c->lane->kind == LANE_FAST ? "fast" : "slow"),
        LF_INT("in_flight", c->in_flight), LF_STR("reason", c->lane->db->connect_error));
    c->state = DBCONN_DOWN;
    c->generation++;
    c->in_flight = 0;
    c->lane->connected--;
    c->lane->db->reconnects++;
    pipe_fail(c);
    close_pg(c);
    c->attempts = 0;
    retry_later(c);
}

void dbconn_silent(struct dbconn *c)
{
    if (c->silent_since == 0)
        c->silent_since = clock_mono_ms();
}

/* Reads only: a write's outcome is worth waiting for, and dead hosts are found by keepalives. */
void dbconn_drop_silent(struct dbconn *c)
{
    if (c->state == DBCONN_READY && c->silent_since > 0 && clock_mono_ms() - c->silent_since > SILENT_MAX_MS)
        lost(c, "the server is silent");
}

void dbconn_flush(struct dbconn *c)
{
    int left = c->broken ? -1 : PQflush(c->pg);

    if (left < 0)
        lost(c, "send failed");
    else if (left > 0)
        event_add(c->write_event, NULL);
}

static void on_writable(evutil_socket_t fd, short what, void *arg)
{
    dbconn_flush(arg);
}

static void receive(struct dbconn *c)
{
    uint32_t generation = c->generation;

    if (!PQconsumeInput(c->pg)) {
        lost(c, "receive failed");
        return;
    }
    if (c->silent_since > 0) {
        c->silent_since = 0;
        c->lane->ops->serve(c->lane);
    }
    while (c->ops.count > 0 && !PQisBusy(c->pg)) {
        PGresult *result = PQgetResult(c->pg);

        if (!result && !c->ops.op[c->ops.head].got_result)
            break;
        pipe_result(c, result);
        if (c->generation != generation)
            return;
    }
    if (c->broken || PQstatus(c->pg) == CONNECTION_BAD)
        lost(c, "connection closed by the server");
    else if (c->retire && c->in_flight == 0)
        lost(c, "the server is read-only");
}

static void on_commit(evutil_socket_t fd, short what, void *arg)
{
    struct dbconn *c = arg;

    if (!c->commit_due || c->in_flight > 0)
        return;
    pipe_open(c);
    pipe_sync(c, NULL, 0);
    dbconn_flush(c);
}

void dbconn_commit_later(struct dbconn *c)
{
    if (c->commit_due)
        event_active(c->commit_event, 0, 0);
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
    receive(arg);
}

/* Standard error is the log's, one JSON object a line; notices are nobody's. */
static void no_notice(void *arg, const char *message)
{
}

/* The server answers again: whoever waits between two attempts tries at once. */
static void wake_others(struct db *db)
{
    for (int k = 0; k < LANES; k++)
        for (uint32_t i = 0; i < db->lanes[k].conn_count; i++)
            if (db->lanes[k].conns[i].state == DBCONN_DOWN)
                set_timer(&db->lanes[k].conns[i], 0, attempt);
}

static void ready(struct dbconn *c)
{
    struct lane *lane = c->lane;

    set_timer(c, 0, NULL);
    events_free(c);
    if (PQsetnonblocking(c->pg, 1) != 0 || PQenterPipelineMode(c->pg) != 1) {
        connect_failed(c, "no pipeline mode");
        return;
    }
    c->read_event = event_new(loop_base(), PQsocket(c->pg), EV_READ | EV_PERSIST, on_readable, c);
    c->write_event = event_new(loop_base(), PQsocket(c->pg), EV_WRITE, on_writable, c);
    c->commit_event = event_new(loop_base(), -1, 0, on_commit, c);
    event_add(c->read_event, NULL);
    c->state = DBCONN_READY;
    c->attempts = 0;
    c->generation++;
    c->in_flight = 0;
    if (lane->failing)
        log_event(LOG_INFO, "db.connected", LF_STR("lane", lane->kind == LANE_FAST ? "fast" : "slow"));
    lane->failing = false;
    lane->connected++;
    wake_others(lane->db);
    lane->ops->serve(lane);
}

static void on_connecting(evutil_socket_t fd, short what, void *arg);

static void poll_connect(struct dbconn *c)
{
    PostgresPollingStatusType status = PQconnectPoll(c->pg);

    if (status == PGRES_POLLING_OK) {
        ready(c);
    } else if (status == PGRES_POLLING_FAILED) {
        connect_failed(c, "connect failed");
    } else {
        /* The socket may be another one after every poll. */
        events_free(c);
        c->read_event = event_new(loop_base(), PQsocket(c->pg),
            status == PGRES_POLLING_READING ? EV_READ : EV_WRITE, on_connecting, c);
        event_add(c->read_event, NULL);
    }
}

static void on_connecting(evutil_socket_t fd, short what, void *arg)
{
    poll_connect(arg);
}

static void on_deadline(void *arg)
{
    connect_failed(arg, "the server does not answer");
}

static void attempt(void *arg)
{
    struct dbconn *c = arg;
    struct db *db = c->lane->db;
    struct conninfo info;
    char extra[256];

    set_timer(c, 0, NULL);
    snprintf(extra, sizeof(extra),
        "-c statement_timeout=%u -c idle_in_transaction_session_timeout=%u -c TimeZone=UTC -c DateStyle=ISO "
        "-c search_path=juxin -c client_min_messages=warning -c jit=off",
        c->lane->timeout_ms, c->lane->timeout_ms ? MAX(c->lane->timeout_ms * 2, IDLE_IN_TRANSACTION_MS) : 0);
    conninfo_for(db->options, (c->index + c->attempts) % db->hosts, extra, &info);
    c->state = DBCONN_CONNECTING;
    c->pg = PQconnectStartParams(info.keyword, info.value, 0);
    if (!c->pg || PQstatus(c->pg) == CONNECTION_BAD) {
        connect_failed(c, "out of memory");
        return;
    }
    PQsetNoticeProcessor(c->pg, no_notice, NULL);
    set_timer(c, conninfo_timeout_ms(db->options), on_deadline);
    /* As the manual says: behave as if the first poll had asked for writing. */
    c->read_event = event_new(loop_base(), PQsocket(c->pg), EV_WRITE, on_connecting, c);
    event_add(c->read_event, NULL);
}

void dbconn_init(struct dbconn *c, struct lane *lane, uint32_t index)
{
    *c = (struct dbconn){.lane = lane, .index = index};
}

void dbconn_start(struct dbconn *c)
{
    attempt(c);
}

void dbconn_done(struct dbconn *c)
{
    if (c->state == DBCONN_READY)
        c->lane->connected--;
    c->generation++;
    pipe_fail(c);
    close_pg(c);
    pipe_done(c);
}
