/* Hook points between the engine's numbers and the plugin interface's. */
#pragma once

#include "plugin/hook/hook.h"

uint32_t points_of_hook(enum hook_point p); /* enum jx_point */
/* transition NULL: any. */
bool points_match(
    const char *resource, const char *transition, const char *wanted_resource, const char *wanted);
