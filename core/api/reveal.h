/* Routes that show what is masked, for every resource with sensitive fields. */
#pragma once

#include "api/dispatch.h"

MUSTCHECK int api_reveal_routes(struct router *rt);
