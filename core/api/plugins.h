/* /plugins: what runs where and why, changing it, what plugins provide, their own routes; and plugin traces. */
#pragma once

#include "http/router.h"

/* After api_init, plugins_start and resource_load_all. */
MUSTCHECK int api_plugin_routes(struct router *rt);
