/* Putting a worker together: its limits, its database, its routes. */
#include "master/setup.h"

#include <errno.h>
#include <sys/resource.h>

#include "api/attachments.h"
#include "api/batches.h"
#include "api/bulk.h"
#include "api/comments.h"
#include "api/dispatch.h"
#include "api/duplicates.h"
#include "api/exports.h"
#include "api/frozen.h"
#include "api/handovers.h"
#include "api/hub.h"
#include "api/imports.h"
#include "api/meta.h"
#include "api/openapi.h"
#include "api/plugins.h"
#include "api/records.h"
#include "api/reveal.h"
#include "base/log.h"
#include "http/static.h"
#include "master/assemble.h"
#include "plugin/start.h"

#define OTHER_DESCRIPTORS                                                                                    \
    64 /* listeners, the dispatcher's connections, the loop's own, files, the admin's clients */

static struct http_static *console;

/* Clients must not take the descriptors that the database's connections and the worker's own files need: what is over
 * the limit makes room or is turned away, what meets no free descriptor is lost. */
static uint32_t connections_that_fit(const struct config *c)
{
    int64_t others = c->database.fast_connections + c->database.slow_connections + OTHER_DESCRIPTORS, most;
    struct rlimit limit;
    static bool said;

    if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur == RLIM_INFINITY)
        return (uint32_t)c->limits.connections;
    most = MAX((int64_t)limit.rlim_cur - others, 8);
    if (most < c->limits.connections && !said)
        log_event(LOG_WARN, "worker.fewer_connections", LF_INT("connections", most),
            LF_INT("configured", c->limits.connections), LF_INT("descriptors", limit.rlim_cur));
    said = true;
    return (uint32_t)MIN(most, c->limits.connections);
}

struct http_limits config_http_limits(const struct config *c)
{
    struct http_limits l = HTTP_LIMITS_DEFAULT;

    l.header_bytes = (uint32_t)c->limits.header_bytes;
    l.header_fields = (uint32_t)c->limits.header_fields;
    l.url_bytes = (uint32_t)c->limits.url_bytes;
    l.body_bytes = (uint32_t)c->limits.body_bytes;
    l.header_ms = (uint32_t)c->limits.header_ms;
    l.body_ms = (uint32_t)c->limits.body_ms;
    l.write_ms = (uint32_t)c->limits.write_ms;
    l.keepalive_ms = (uint32_t)c->limits.keepalive_ms;
    l.request_ms = (uint32_t)c->limits.request_ms;
    l.connections = connections_that_fit(c);
    l.in_flight = (uint32_t)c->limits.in_flight;
    l.buffered_bytes = (uint32_t)c->limits.buffered_bytes;
    l.drain_idle_ms = (uint32_t)c->limits.drain_idle_ms;
    return l;
}

struct db_config config_db(const struct config *c, const char *conninfo)
{
    return (struct db_config){.conninfo = conninfo,
        .fast_connections = (uint32_t)c->database.fast_connections,
        .fast_depth = (uint32_t)c->database.fast_depth,
        .slow_connections = (uint32_t)c->database.slow_connections,
        .queue_max = (uint32_t)c->database.queue,
        .tenant_queue_max = (uint32_t)c->database.tenant_queue,
        .fast_timeout_ms = (uint32_t)c->database.fast_timeout_ms,
        .slow_timeout_ms = (uint32_t)c->database.slow_timeout_ms};
}

int setup_database(const struct config *c, struct db **ret)
{
    struct db_config config = config_db(c, c->database.app);

    if (!config.conninfo) {
        log_event(LOG_ERROR, "worker.no_database", LF_STR("missing", "/database/app"),
            LF_STR("hint", "juxinctl database init writes it"));
        return -EINVAL;
    }
    return db_open(&config, ret);
}

static int add_console(const struct config *c, struct router *rt)
{
    struct http_static_config config = {.directory = c->assets, .prefix = "", .pages = false};
    char why[256] = "";
    int r;

    if (!c->assets)
        return 0;
    r = http_static_load(&config, why, &console);
    if (r < 0) {
        /* The API is worth more than its console. */
        log_event(
            LOG_ERROR, "worker.no_console", LF_STR("directory", c->assets), LF_STR("name", why), LF_ERR(r));
        return 0;
    }
    return http_static_add(console, rt);
}

int setup_routes(const struct config *c, struct db *db, struct router *rt)
{
    static int (*const tables[])(struct router *) = {api_core_routes, api_openapi_route, api_record_routes,
        api_bulk_routes, api_batch_routes, api_handover_routes, api_duplicate_routes, api_attachment_routes,
        api_comment_routes, api_reveal_routes, api_export_routes, api_import_routes, api_plugin_policy_routes,
        api_plugin_routes, api_frozen_routes, api_meta_routes};
    int r = 0;

    struct hub_config events = {.db = db, .dispatch = config_db(c, c->database.dispatch)};

    events.streams_max = config_http_limits(c).connections / 2; /* the rest is for requests */
    events.dispatch.fast_connections = 1;
    events.dispatch.slow_connections = 0;
    hub_init(&events);
    api_init(db);
    api_attachment_limits(
        (struct attachment_limits){(uint64_t)c->limits.upload_bytes, (uint32_t)c->limits.uploads});
    for (size_t i = 0; i < ARRAY_LEN(tables) && r == 0; i++)
        r = tables[i](rt);
    if (r == 0)
        r = health_routes(rt, false);
    return r == 0 ? add_console(c, rt) : r;
}

void setup_stop(void)
{
    hub_stop();
    plugins_drain();
}

void setup_done(struct db *db)
{
    hub_done();
    assemble_done();
    db_close(db);
    http_static_free(console);
    console = NULL;
}
