/* P/R/imports. */
#pragma once

#include "api/dispatch.h"

MUSTCHECK int api_import_routes(struct router *rt);
