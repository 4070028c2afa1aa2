/* Metadata for consoles. */
#pragma once

#include "base/base.h"
#include "http/router.h"

MUSTCHECK int api_meta_routes(struct router *rt);
