/* Health and metrics. The numbers lie in memory shared by all workers, so that any worker can answer for the server. */
#include "api/health.h"

#include "base/clock.h"
#include "http/request.h"
#include "http/response.h"

static const struct health *state;

void health_set(const struct health *h)
{
    state = h;
}

static int livez(struct request *r)
{
    response_bytes(r, 200, "text/plain; charset=utf-8", TEXT("ok\n"));
    return 0;
}

static int readyz(struct request *r)
{
    bool has_database = db_is_ready(state->db);
    bool is_clock_right = !clock_is_far(); /* than the database's */
    bool is_ready = has_database && clock_is_compared() && is_clock_right && !state->is_draining;
    struct jsonw *w = response_json(r, is_ready ? 200 : 503);

    jsonw_object(w);
    jsonw_kstr(w, "status", is_ready ? "ready" : "not_ready");
    jsonw_kbool(w, "database", has_database);
    jsonw_kbool(w, "clock", is_clock_right);
    jsonw_kbool(w, "draining", state->is_draining);
    jsonw_kint(w, "generation", slot_self()->generation);
    jsonw_object_end(w);
    return 0;
}

struct line {
    enum slot_metric metric;
    const char *name;  /* a family's lines stand together */
    const char *label; /* NULL, or `key="value"` */
    const char *help;
};

static const struct line lines[] = {
    {METRIC_ACCEPTED, "juxin_connections_accepted_total", NULL, "Connections accepted."},
    {METRIC_REQUESTS, "juxin_http_requests_total", NULL, "Requests read completely."},
    {METRIC_RESPONSES_1XX, "juxin_http_responses_total", "class=\"1xx\"", "Responses by class of status."},
    {METRIC_RESPONSES_2XX, "juxin_http_responses_total", "class=\"2xx\"", NULL},
    {METRIC_RESPONSES_3XX, "juxin_http_responses_total", "class=\"3xx\"", NULL},
    {METRIC_RESPONSES_4XX, "juxin_http_responses_total", "class=\"4xx\"", NULL},
    {METRIC_RESPONSES_5XX, "juxin_http_responses_total", "class=\"5xx\"", NULL},
    {METRIC_REFUSED, "juxin_http_refused_total", NULL, "Requests and connections refused because of load."},
    {METRIC_MALFORMED, "juxin_http_malformed_total", NULL, "Requests the parser did not accept."},
    {METRIC_DB_FAST_UNITS, "juxin_db_units_total", "lane=\"fast\"", "Units of work by lane."},
    {METRIC_DB_SLOW_UNITS, "juxin_db_units_total", "lane=\"slow\"", NULL},
    {METRIC_DB_ERRORS, "juxin_db_errors_total", NULL, "Units of work that ended with an error."},
    {METRIC_DB_REFUSED, "juxin_db_refused_total", NULL, "Units of work refused because the queue was full."},
    {METRIC_DB_RECONNECTS, "juxin_db_reconnects_total", NULL, "Connections to the database made again."},
    {METRIC_PLUGIN_CALLS, "juxin_plugin_calls_total", NULL, "Entries into plugin code."},
    {METRIC_OUTBOX_DELIVERED, "juxin_outbox_delivered_total", NULL, "Actions delivered to plugins."},
    {METRIC_OUTBOX_RETRIED, "juxin_outbox_retried_total", NULL,
        "Deliveries that failed and are tried again."},
    {METRIC_OUTBOX_DEAD, "juxin_outbox_dead_total", NULL, "Actions given up."},
    {METRIC_SEALED, "juxin_audit_sealed_total", NULL, "Audit rows sealed."},
    {METRIC_CONNECTIONS, "juxin_connections", NULL, "Open client connections."},
    {METRIC_IN_FLIGHT, "juxin_http_in_flight", NULL, "Requests being answered."},
    {METRIC_FIBERS, "juxin_fibers", NULL, "Fibers alive."},
    {METRIC_STREAMS, "juxin_event_streams", NULL, "Event streams that are open."},
    {METRIC_DB_FAST_CONNECTED, "juxin_db_connections", "lane=\"fast\"",
        "Usable connections to the database."},
    {METRIC_DB_SLOW_CONNECTED, "juxin_db_connections", "lane=\"slow\"", NULL},
    {METRIC_DB_FAST_BUSY, "juxin_db_busy", "lane=\"fast\"", "Units of work under way."},
    {METRIC_DB_SLOW_BUSY, "juxin_db_busy", "lane=\"slow\"", NULL},
    {METRIC_DB_FAST_WAITING, "juxin_db_waiting", "lane=\"fast\"", "Units of work in the queue."},
    {METRIC_DB_SLOW_WAITING, "juxin_db_waiting", "lane=\"slow\"", NULL},
    {METRIC_MEMORY, "juxin_worker_memory_bytes", NULL, "Memory the workers hold."},
    {METRIC_UNSEALED, "juxin_audit_unsealed", NULL, "Audit rows not yet in a sealed batch."},
};

static void add_value(struct buf *out, const char *name, const char *type, const char *help, int64_t value)
{
    buf_addf(out, "# HELP %s %s\n# TYPE %s %s\n%s %lld\n", name, help, name, type, name, (long long)value);
}

static int metrics(struct request *r)
{
    struct buf out = BUF_INIT;
    const struct slots *s = state->slots;

    for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
        const struct line *l = &lines[i];

        if (l->help)
            buf_addf(&out, "# HELP %s %s\n# TYPE %s %s\n", l->name, l->help, l->name,
                l->metric < METRIC_GAUGES ? "counter" : "gauge");
        buf_addf(&out, "%s%s%s%s %lld\n", l->name, l->label ? "{" : "", l->label ? l->label : "",
            l->label ? "}" : "", (long long)slots_sum(s, l->metric));
    }
    add_value(&out, "juxin_workers_ready", "gauge", "Workers that serve.", slots_in_state(s, SLOT_READY));
    add_value(
        &out, "juxin_workers_draining", "gauge", "Workers that drain.", slots_in_state(s, SLOT_DRAINING));
    add_value(
        &out, "juxin_worker_restarts_total", "counter", "Workers that died and were replaced.", s->restarts);
    add_value(&out, "juxin_plugin_aborts_total", "counter", "Workers the watchdog ended.",
        (int64_t)s->plugin_aborts);
    add_value(&out, "juxin_generation", "gauge", "Grows with every reload.", s->generation);
    add_value(
        &out, "juxin_start_time_seconds", "gauge", "When the server was started.", s->started_us / 1000000);
    response_bytes(r, 200, "text/plain; version=0.0.4; charset=utf-8", buf_text(&out));
    buf_done(&out);
    return 0;
}

static const struct http_route routes[] = {
    {.method = HTTP_GET, .pattern = "/livez", .handle = livez, .quiet = true},
    {.method = HTTP_GET, .pattern = "/readyz", .handle = readyz, .quiet = true},
    {.method = HTTP_GET,
        .pattern = "/metrics",
        .handle = metrics,
        .quiet = true}, /* last: not for everybody */
};

int health_routes(struct router *rt, bool with_metrics)
{
    for (size_t i = 0; i < ARRAY_LEN(routes) - !with_metrics; i++) {
        int r = router_add(rt, &routes[i]);

        if (r < 0)
            return r;
    }
    return 0;
}
