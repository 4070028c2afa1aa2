/* P/R/exports. */
#pragma once

#include "api/dispatch.h"

MUSTCHECK int api_export_routes(struct router *rt);
