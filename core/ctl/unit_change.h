/* What unit rename and unit move share. */
#pragma once

#include "ctl/ctl.h"

/* The version the unit has now: whoever types a command has seen no earlier one. */
MUSTCHECK int unit_version(struct call *call, uint32_t unit, int64_t *ret);
