/* Limits per client address, per server: a small table of counters over windows of time, shared by all workers. A full
 * table forgets its oldest entries; two addresses that meet in one cell share a budget. It is a brake, not a ledger. */
#pragma once

#include <stdatomic.h>

#include "base/base.h"

#define FLOOD_CELLS 4096

struct flood_cell {
    _Atomic uint32_t tag;
    _Atomic uint32_t window; /* number of the window the count belongs to */
    _Atomic uint32_t count;
};

struct flood {
    uint64_t seed; /* so that nobody can choose addresses that collide */
    struct flood_cell cell[FLOOD_CELLS];
};

/* Counts one event of `kind` (a static name) by `address`. True while there were at most `max` in this window. */
bool flood_allow(
    struct flood *f, const char *kind, const char *address, uint32_t max, int64_t window_ms, int64_t now_ms);

/* How many sign-ins an address may try in a minute; set once at start. */
uint32_t flood_limit(void);
void flood_set_limit(uint32_t sign_ins_per_minute);

/* The table of this process: the shared one in a worker, a private one elsewhere. */
struct flood *flood_table(void);
void flood_set_table(struct flood *f);
