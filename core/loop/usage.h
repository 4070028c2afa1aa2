/* What one of our processes takes of the machine, as the kernel tells anybody. */
#pragma once

#include <sys/types.h>

#include "base/base.h"

struct usage {
    int64_t ran_ns;         /* the main thread on a processor; -1 where the kernel does not tell */
    int64_t queued_ns;      /* the main thread ready to run, waiting for a processor */
    int64_t resident_bytes; /* the whole process; 0 where the kernel does not tell */
};

void usage_read(pid_t pid, struct usage *ret);
int64_t usage_resident(pid_t pid); /* resident_bytes alone */

/* Of `wall_ns` between two looks, how long the main thread neither ran nor wanted to: asleep in a call that blocks. */
int64_t usage_blocked_ns(const struct usage *before, const struct usage *after, int64_t wall_ns);
