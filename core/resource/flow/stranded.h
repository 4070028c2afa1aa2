/* Open records that a change of policies, tree or grants would leave where they cannot go on. */
#pragma once

#include "plugin/outlook/outlook_sides.h"
#include "resource/declare/declaration.h"

struct stranded {
    const struct resource *res;
    int64_t frozen; /* at units where the plugin ceases to run */
    int64_t
        unattended; /* where it runs on, and nobody is left who may change or decide anything at the unit */
};
/* Open records of the resource that are handled at these units. */
MUSTCHECK int stranded_count_open(
    struct call *c, const struct resource *res, const struct uuid *units, uint32_t count, int64_t *ret);
/* Of every resource that has any, in the arena. Counts are exact and not made on the lane of fast reads. */
MUSTCHECK int stranded_by(
    struct call *c, const struct outlook *o, const struct stranded **ret, uint32_t *ret_count);
