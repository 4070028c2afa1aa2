/* A process's connections: opening, closing, figures. */
#include "db/db.h"

#include <errno.h>

#include "base/mem.h"
#include "db/internal.h"

static void lane_init(struct db *db, enum lane_kind kind, uint32_t conns, uint32_t depth, uint32_t timeout_ms)
{
    struct lane *lane = &db->lanes[kind];

    *lane = (struct lane){.db = db,
        .ops = &lane_ops,
        .kind = kind,
        .conn_count = conns,
        .depth = depth,
        .timeout_ms = timeout_ms};
    lane->conns = mem_zarray(MAX(conns, 1u), sizeof(*lane->conns));
    for (uint32_t i = 0; i < conns; i++)
        dbconn_init(&lane->conns[i], lane, i);
}

int db_open(const struct db_config *config, struct db **ret)
{
    struct db *db = mem_zalloc(sizeof(*db));
    int r;

    db->config = *config;
    if (db->config.queue_max == 0)
        db->config.queue_max = 256;
    if (db->config.tenant_queue_max == 0)
        db->config.tenant_queue_max = 64;
    db->config.conninfo = NULL;
    r = conninfo_parse(config->conninfo, &db->options, &db->hosts);
    if (r < 0 || config->fast_connections + config->slow_connections == 0) {
        PQconninfoFree(r < 0 ? NULL : db->options);
        free(db);
        return -EINVAL;
    }
    lane_init(db, LANE_FAST, config->fast_connections, MAX(config->fast_depth, 1u), config->fast_timeout_ms);
    lane_init(db, LANE_SLOW, config->slow_connections, 1, config->slow_timeout_ms);
    for (int k = 0; k < LANES; k++)
        for (uint32_t i = 0; i < db->lanes[k].conn_count; i++)
            dbconn_start(&db->lanes[k].conns[i]);
    *ret = db;
    return 0;
}

void db_close(struct db *db)
{
    if (!db)
        return;
    db->closing = true;
    for (int k = 0; k < LANES; k++) {
        lane_ops.fail(&db->lanes[k], -EAGAIN);
        for (uint32_t i = 0; i < db->lanes[k].conn_count; i++)
            dbconn_done(&db->lanes[k].conns[i]);
        free(db->lanes[k].conns);
    }
    PQconninfoFree(db->options);
    free(db);
}

bool db_is_ready(const struct db *db)
{
    for (int k = 0; k < LANES; k++)
        if (db->lanes[k].conn_count > 0 && !lane_is_usable(&db->lanes[k]))
            return false;
    return true;
}

const char *db_connect_error(const struct db *db)
{
    return db->connect_error;
}

void db_stats(const struct db *db, struct db_stats *ret)
{
    *ret = (struct db_stats){.errors = db->errors, .refused = db->refused, .reconnects = db->reconnects};
    for (int k = 0; k < LANES; k++) {
        const struct lane *lane = &db->lanes[k];

        ret->connected[k] = lane->connected;
        ret->waiting[k] = lane->waiting;
        ret->units[k] = lane->units;
        for (uint32_t i = 0; i < lane->conn_count; i++)
            ret->busy[k] += lane->conns[i].in_flight;
    }
}
