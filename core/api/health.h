/* /livez, /readyz and /metrics: whether this process lives, whether it can serve, and what all workers have counted. */
#pragma once

#include "base/base.h"
#include "db/db.h"
#include "http/router.h"
#include "loop/slots.h"

struct health {
    const struct slots *slots;
    const struct db *db;
    bool is_draining;
};

/* The state the routes speak of; borrowed, may change while the routes are in use. */
void health_set(const struct health *h);
/* with_metrics: on the admin listener only. */
MUSTCHECK int health_routes(struct router *rt, bool with_metrics);
