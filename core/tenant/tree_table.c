/* The table of ids: filling it. Looking up is inline, in tree_parts.h. */
#include "tenant/tree_parts.h"

#define AHEAD 16 /* slots fetched before they are needed */

uint32_t table_fill(uint32_t *table, uint32_t mask, const struct uuid *ids, uint32_t first, uint32_t end)
{
    uint64_t hashes[AHEAD] = {0};

    for (uint32_t i = first; i < end + AHEAD; i++) {
        uint64_t hash = hashes[i % AHEAD];
        uint32_t *slot;

        if (i < end) {
            hashes[i % AHEAD] = id_hash(ids[i]);
            __builtin_prefetch(&table[(uint32_t)hashes[i % AHEAD] & mask], 1);
        }
        if (i < first + AHEAD)
            continue;
        slot = table_slot(table, mask, ids, ids[i - AHEAD], hash);
        if (*slot)
            return i - AHEAD;
        *slot = slot_make(hash, i - AHEAD);
    }
    return TREE_NONE;
}
