/* By when a record must go on, as a transition leaves it. */
#pragma once

#include "resource/flow/goal.h"
#include "resource/record/store.h"

/* From which day how many working days were counted; or how many more. */
struct deadline {
    bool is_counted, extends;
    int32_t from, days;
};
/* Sets rec->due as the declaration says; what was left of it when the record is sent back goes to the entry. */
void deadline_set(struct call *c, struct record *rec, const struct transition *t, const struct goal *g,
    struct history_entry *entry, struct deadline *ret);
