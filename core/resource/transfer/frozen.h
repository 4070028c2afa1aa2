/* Records of units where their plugin does not run: the one way to see them (design §4). */
#pragma once

#include "resource/query/query.h"

#define FROZEN_LIMIT_MAX 1000

/* A page of what the subject could read if the plugin ran, at units where it does not and where the subject holds
 * core.frozen.export; in order of id. unit: only its subtree; TREE_NONE: all. Opens the call's unit of work and leaves an
 * audit row in it: no page goes out before the commit. 403, or 404 where the unit is not seen. */
struct frozen_input {
    uint32_t unit, limit;
    struct text cursor; /* {NULL, 0}: from the beginning */
};
MUSTCHECK int frozen_page(
    struct call *c, const struct resource *res, const struct frozen_input *in, struct query_page *ret);
