/* Who takes part at a point, in order; for `juxinctl plugin hooks`. */
#pragma once

#include "base/base.h"

struct hook_entry {
    const char *point, *plugin, *name, *resource, *transition, *phase, *fails;
    bool is_filter, writes;
};

/* Calls fn in the order of dispatch for every filter and action whose point is so named; NULL: all. */
void hook_list(const char *point, void (*fn)(const struct hook_entry *e, void *arg), void *arg);
