/* Where a transition leads: to which state, and to which unit. */
#pragma once

#include "resource/flow/flow.h"

struct goal {
    uint32_t state;
    uint32_t wanted, to; /* units, TREE_NONE when it stays where it is; wanted: before a redirect */
    bool is_act;         /* nothing but an entry in the timeline, and fields */
    bool has_days;       /* resumed with so many working days to the deadline */
    int32_t days;
};

/* f: read where flow_is_asked_for(t). body: names the unit or the step where it is chosen. 0, or -EINVAL with the fault: 409
 * where there is no way, 422 for what the body names. Suspends. */
MUSTCHECK int goal_find(struct call *c, const struct record *rec, const struct transition *t,
    const struct flow *f, const json_t *body, struct goal *ret);
/* Moving up from the top or down from the bottom is never possible: not offered, though the verb stays the subject's. */
bool goal_is_there(const struct call *c, const struct record *rec, const struct transition *t);
