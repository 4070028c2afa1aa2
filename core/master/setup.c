/* Putting the floors together. */
#include "master/setup.h"

#include <errno.h>

#include "base/log.h"

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
    l.connections = (uint32_t)c->limits.connections;
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

int setup_secrets(const struct config *c)
{
    (void)c;
    return 0;
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

int setup_routes(const struct config *c, struct db *db, struct router *rt)
{
    (void)c, (void)db, (void)rt;
    return 0;
}

void setup_done(struct db *db)
{
    db_close(db);
}
