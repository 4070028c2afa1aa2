/* The memory a server's processes share: one slot per worker, what ended workers counted, TLS ticket keys, flood
 * counters. Made by the master, inherited by the workers, kept across a binary upgrade. What workers may write is not
 * to be trusted further than a number in a log line. */
#pragma once

#include "base/base.h"
#include "loop/flood.h"
#include "loop/slot.h"

#define SLOTS_MAX 144 /* two generations of CONFIG_WORKERS_MAX, and some that still drain */
#define SLOTS_TICKET_KEYS 80
#define SLOTS_LAYOUT                                                                                         \
    UINT64_C(0x4a5853480003) /* changed with the layout: an upgrade then starts with fresh memory */

struct slots {
    uint64_t layout, size;
    int64_t started_us; /* wall clock of the first start */
    uint8_t ticket_keys[SLOTS_TICKET_KEYS];
    _Atomic uint32_t generation, restarts;
    _Atomic uint64_t plugin_aborts;        /* workers the watchdog ended */
    _Atomic int64_t retired[SLOT_METRICS]; /* counters of workers that are gone */
    struct flood flood;
    struct slot slot[SLOTS_MAX];
};

MUSTCHECK int slots_create(int *ret_fd, struct slots **ret);
MUSTCHECK int slots_attach(int fd, struct slots **ret); /* -EINVAL when another layout made it */
void slots_detach(struct slots *s);

/* A free slot, made empty; NULL when all are taken. The master's alone. */
struct slot *slots_take(struct slots *s, uint32_t index, uint32_t generation);
void slots_give_back(struct slots *s, struct slot *slot); /* adds its counters to the retired ones */
int64_t slots_sum(const struct slots *s, enum slot_metric m);
uint32_t slots_in_state(const struct slots *s, enum slot_state state);
