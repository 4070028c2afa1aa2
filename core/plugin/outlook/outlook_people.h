/* Who gains and who loses by a change, and where nobody is left. */
#pragma once

#include "plugin/outlook/outlook_sides.h"

/* Fills in people, gaining, losing, and who is inactive. May suspend. */
MUSTCHECK int outlook_find_people(struct outlook *o);
/* After it. Notes at each touched unit (in their order) whether an active account holds one of the permissions there. */
void outlook_attended(const struct outlook *o, int side, const uint64_t *permissions, bool *ret);
