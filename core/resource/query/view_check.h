/* What a saved view may hold. */
#pragma once

#include "resource/query/view.h"

/* Columns are fields and standard members, the query is one that the caller may ask now. -EINVAL with a fault. */
MUSTCHECK int view_check(struct call *c, const struct resource *res, const struct view_input *in);
