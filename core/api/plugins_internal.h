/* Shared by the files behind /plugins. */
#pragma once

#include "access/call.h"
#include "http/router.h"

/* The unit of ?unit= (id or code; the root without it), if the subject may see it; else a 404 fault. */
MUSTCHECK int plugins_unit(struct call *c, const struct request *r, uint32_t *ret);
MUSTCHECK int api_plugin_policy_routes(struct router *rt);
