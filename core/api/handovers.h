/* /handovers: what one person holds, handed to another. */
#pragma once

#include "api/dispatch.h"

MUSTCHECK int api_handover_routes(struct router *rt);
