/* Which numbers of one indicator and one unit are not told, of all periods of a year. Pure. */
#pragma once

#include "resource/report/indicator.h"

struct hide_number {
    struct period period;
    int64_t number;
    bool is_hidden;
};

/* Hides what is smaller than the minimum and not zero; and a longer period where the shorter ones in it would give away one
 * of those: where all of it is accounted for, and there is only one way to share out what is hidden. */
void report_hide(struct hide_number *numbers, uint32_t count, int64_t minimum);
