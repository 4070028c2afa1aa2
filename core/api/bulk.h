/* POST P/R/transitions/{name}: one transition of many records. */
#pragma once

#include "api/dispatch.h"

struct bulk_item;

/* "items" of a body: 1 to max of {"id", "version"}. */
MUSTCHECK int api_bulk_items(
    struct call *c, const json_t *body, uint32_t max, struct bulk_item **ret, uint32_t *ret_count);

/* For every resource that has transitions; once per process, after resource_load_all. */
MUSTCHECK int api_bulk_routes(struct router *rt);
