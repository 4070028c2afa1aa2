/* One transition of many records at once: each has a result of its own, all that succeed are committed together. */
#pragma once

#include "resource/record/record.h"

#define BULK_MAX 200

struct bulk_item {
    struct uuid id;
    int64_t version; /* expected; then, of what was done, the new one */
    const char *state;
    struct call_fault fault; /* status 0: done */
};

/* Taken in the order of the ids, so that two who take the same ones wait for each other and never both for ever. What is
 * refused for one leaves nothing behind and keeps no other from going on. As record_transition otherwise; the caller commits. */
MUSTCHECK int record_transition_many(struct call *c, const struct resource *res, const char *name,
    json_t *values, struct bulk_item *items, uint32_t count);
