/* Routes of declared resources: list, create, read, change, delete, transitions, parts, history, statistics. */
#pragma once

#include "api/dispatch.h"
#include "resource/declare/declaration.h"

enum record_route {
    RECORD_LIST,
    RECORD_CREATE,
    RECORD_READ,
    RECORD_UPDATE,
    RECORD_DELETE,
    RECORD_TRANSITION,
    RECORD_TRANSITIONS,
    RECORD_HISTORY,
    RECORD_STATISTICS,
    RECORD_PARTS,
    RECORD_ROUTES
};

/* For every resource of the registry; once per process, after resource_load_all. */
MUSTCHECK int api_record_routes(struct router *rt);
/* Which of these a route is, and of which resource; RECORD_ROUTES for the routes of others. */
enum record_route api_record_route(const struct api_route *route, const struct resource **ret);
