/* The export of records of plugins that were turned off. */
#pragma once

#include "http/router.h"

MUSTCHECK int api_frozen_routes(struct router *rt);
