/* P/R/batches: one transition of more records than a request takes. */
#pragma once

#include "api/dispatch.h"

/* For every resource that has transitions; once per process, after resource_load_all. */
MUSTCHECK int api_batch_routes(struct router *rt);
