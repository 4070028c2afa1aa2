/* The crash marker: what a process is doing for whom, in memory that outlives it. A worker's slot lies in memory shared
 * with the master, which reads it when the worker dies or runs too long; other processes have a private one. */
#pragma once

#include <stdatomic.h>

#include "base/base.h"
#include "base/digest.h"
#include "base/uuid.h"

#define SLOT_HISTORY 64
#define SLOT_GROWTHS 16

/* One entry into plugin code. Texts are cut to fit and always terminated. Written by the plugin floor. */
struct slot_call {
    char plugin[48]; /* "": no plugin's code is running */
    char hook[48];   /* hook point, route or job */
    char request_id[40];
    struct uuid unit;
    int32_t tenant;
    int64_t since_us;     /* clock_wall_us at entry; for whoever looks at it afterwards */
    struct sha256 digest; /* of the plugin's shared object */
};

enum slot_state { SLOT_FREE, SLOT_STARTING, SLOT_READY, SLOT_DRAINING, SLOT_ENDED };

/* Counters and gauges a worker publishes; /metrics adds them up. */
enum slot_metric {
    METRIC_ACCEPTED,
    METRIC_REQUESTS,
    METRIC_RESPONSES_1XX,
    METRIC_RESPONSES_2XX,
    METRIC_RESPONSES_3XX,
    METRIC_RESPONSES_4XX,
    METRIC_RESPONSES_5XX,
    METRIC_REFUSED,
    METRIC_MALFORMED,
    METRIC_DB_FAST_UNITS,
    METRIC_DB_SLOW_UNITS,
    METRIC_DB_ERRORS,
    METRIC_DB_REFUSED,
    METRIC_DB_RECONNECTS,
    METRIC_PLUGIN_CALLS,
    METRIC_OUTBOX_DELIVERED,
    METRIC_OUTBOX_RETRIED,
    METRIC_OUTBOX_DEAD,
    METRIC_SEALED,
    METRIC_GAUGES, /* from here on: the present, not sums over time */
    METRIC_CONNECTIONS = METRIC_GAUGES,
    METRIC_IN_FLIGHT,
    METRIC_FIBERS,
    METRIC_STREAMS,
    METRIC_DB_FAST_CONNECTED,
    METRIC_DB_SLOW_CONNECTED,
    METRIC_DB_FAST_BUSY,
    METRIC_DB_SLOW_BUSY,
    METRIC_DB_FAST_WAITING,
    METRIC_DB_SLOW_WAITING,
    METRIC_UNSEALED,
    METRIC_MEMORY,
    SLOT_METRICS
};

/* By how much the process grew while this plugin's code ran. */
struct slot_growth {
    char plugin[48]; /* "": free */
    _Atomic int64_t bytes;
};

struct slot {
    _Atomic int32_t pid;
    _Atomic uint32_t state; /* enum slot_state */
    _Atomic uint32_t index, generation;
    _Atomic uint32_t database_ready;
    _Atomic uint32_t sequence; /* odd while `current` is being written */
    struct slot_call current;
    struct slot_call history[SLOT_HISTORY];
    _Atomic uint32_t history_at; /* entries ever written */
    _Atomic int64_t beat_ms;     /* the worker's loop was alive at this clock_mono_ms */
    _Atomic int64_t metrics[SLOT_METRICS];
    _Atomic int64_t grown_from; /* resident bytes when the measuring of growth began */
    struct slot_growth growth[SLOT_GROWTHS];
};

struct slot *slot_self(void);       /* never NULL */
void slot_set_self(struct slot *s); /* in a worker, before any plugin is loaded */

/* Makes `call` what the process is in; NULL when it is in no plugin. ~20 ns; called at every fiber switch too. */
void slot_enter(const struct slot_call *call);
/* As slot_enter, and remembers it among the last calls: at the beginning of a call, not at switches. */
void slot_begin(const struct slot_call *call);
/* A consistent copy of what another process is in. False while it is being written, over and over. */
bool slot_read(const struct slot *s, struct slot_call *ret, uint32_t *ret_sequence);

/* Growth: begins anew from a size; adds to a plugin's. What finds no place stays unattributed. */
void slot_growth_begin(int64_t resident_bytes);
void slot_growth_add(const char *plugin, int64_t bytes);
/* Whose code more than half of the growth since came from; NULL when nobody's. *ret_bytes: how much that was. The name is
 * terminated whatever the worker wrote. */
const char *slot_growth_most(struct slot *s, int64_t resident_bytes, int64_t *ret_bytes);

void slot_metric_set(enum slot_metric m, int64_t value);
void slot_metric_add(enum slot_metric m, int64_t delta);
