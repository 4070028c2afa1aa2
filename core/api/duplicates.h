/* GET P/R/{id}/duplicates: what was merged into a record. */
#pragma once

#include "api/dispatch.h"

/* For every resource that declares "merging"; once per process, after resource_load_all. */
MUSTCHECK int api_duplicate_routes(struct router *rt);
