/* Where a plugin runs, as the engine asks: one place between records and the policy floor. */
#pragma once

#include "access/call.h"

bool gate_is_on(struct call *c, const char *plugin, uint32_t unit);
/* 0, or -EINVAL with the fault "disabled here, by <unit>, because <reason>". */
MUSTCHECK int gate_require(struct call *c, const char *plugin, uint32_t unit);
/* The same about the tenant as a whole: 0 where the plugin runs at some unit. */
MUSTCHECK int gate_require_somewhere(struct call *c, const char *plugin);
/* Is the call's fault the gate's? For whoever waits instead of failing. */
bool gate_is_fault(const struct call *c);
/* The unit itself or the nearest above it where the plugin runs; TREE_NONE. */
uint32_t gate_nearest_on(struct call *c, const char *plugin, uint32_t unit);
/* Units where it does not run, as a PostgreSQL array literal of their ids; NULL when there is none. */
const char *gate_off_units(struct call *c, const char *plugin);
