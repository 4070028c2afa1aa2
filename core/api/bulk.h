/* POST P/R/transitions/{name}: one transition of many records. */
#pragma once

#include "api/dispatch.h"

/* For every resource that has transitions; once per process, after resource_load_all. */
MUSTCHECK int api_bulk_routes(struct router *rt);
