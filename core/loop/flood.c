/* Flood counters: open addressing over four neighbours, the one with the oldest window gives way. */
#include "loop/flood.h"

#define PROBES 4

static struct flood own;
static struct flood *table = &own;
static uint32_t limit = 120;

struct flood *flood_table(void)
{
    return table;
}

void flood_set_table(struct flood *f)
{
    table = f ? f : &own;
}

uint32_t flood_limit(void)
{
    return limit;
}

void flood_set_limit(uint32_t sign_ins_per_minute)
{
    limit = sign_ins_per_minute;
}

static uint64_t hash(uint64_t h, const char *s)
{
    for (; *s; s++)
        h = (h ^ (uint8_t)*s) * UINT64_C(0x100000001b3);
    h ^= h >> 32;
    return h * UINT64_C(0x9e3779b97f4a7c15);
}

bool flood_allow(
    struct flood *f, const char *kind, const char *address, uint32_t max, int64_t window_ms, int64_t now_ms)
{
    uint64_t h = hash(hash(f->seed ^ UINT64_C(0xcbf29ce484222325), kind), address);
    uint32_t tag = (uint32_t)(h >> 32) | 1, window = (uint32_t)(now_ms / window_ms);
    struct flood_cell *oldest = NULL;

    for (uint32_t i = 0; i < PROBES; i++) {
        struct flood_cell *c = &f->cell[(h + i) % FLOOD_CELLS];

        if (c->tag == tag) {
            oldest = c;
            break;
        }
        if (!oldest || c->window < oldest->window)
            oldest = c;
    }
    if (oldest->tag != tag || oldest->window != window) {
        oldest->tag = tag;
        oldest->window = window;
        oldest->count = 0;
    }
    return atomic_fetch_add(&oldest->count, 1) < max;
}
