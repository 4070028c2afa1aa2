/* Handing over what a person holds: records that name them in a field which is an assignment, with the part they have there and
 * the participation that goes with it, and memberships of departments. Rights are granted, not handed over: the receiver has to
 * have some of their own at each record's unit, or through a department that is handed over with it. */
#pragma once

#include "resource/batch/store.h"

/* Both accounts are the caller's to see. to: nil to look only. */
MUSTCHECK int handover_create(struct call *c, struct uuid from, struct uuid to, struct uuid *ret_id);
/* What `from` holds at units where the caller may hand over (core.handover) and the plugin runs; of what the receiver cannot take,
 * why. *ret_left_out: held elsewhere. */
MUSTCHECK int handover_freeze(
    struct call *c, const struct batch *b, int64_t *ret_count, int64_t *ret_left_out);
MUSTCHECK int handover_take(struct call *c, const struct batch *b, struct batch_item *items, uint32_t count);
/* Both are told. */
MUSTCHECK int handover_done(struct call *c, const struct batch *b, int64_t done, int64_t refused);
