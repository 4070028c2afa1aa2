/* /plugins: what runs where and why, changing it, what plugins provide, their own routes; and plugin traces. */
#pragma once

#include "http/router.h"

/* Both after api_init, plugins_start and resource_load_all. plugin_policies.c: where plugins run, why, and changing it.
 * plugins.c: what they provide, their own routes. */
MUSTCHECK int api_plugin_policy_routes(struct router *rt);
MUSTCHECK int api_plugin_routes(struct router *rt);
