/* What a worker is made of: the place where the floors are put together. */
#pragma once

#include "api/health.h"
#include "base/config.h"
#include "db/db.h"
#include "http/router.h"
#include "http/server.h"

struct http_limits config_http_limits(const struct config *c);
/* The connection budget of one process, as the app role. */
struct db_config config_db(const struct config *c, const char *conninfo);

MUSTCHECK int setup_database(const struct config *c, struct db **ret);
MUSTCHECK int setup_routes(const struct config *c, struct db *db, struct router *rt);
void setup_stop(void);          /* tells the plugins that this worker drains */
void setup_done(struct db *db); /* NULL is fine */

/* Background duties: each is a system fiber that ends when it is cancelled. */
MUSTCHECK int duties_start(const struct config *c, struct db *db, uint32_t index);
void duties_stop(void); /* asks them to end */
uint32_t duties_running(void);
void duties_publish(void); /* their counters, into the slot */
void duties_done(void);    /* once none runs */
