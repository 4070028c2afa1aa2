/* JX_ENABLE_UNIT and JX_DISABLE_UNIT. What a plugin was told last stands in juxin.plugin_unit; from time to time it is
 * compared with where the plugin is effective now. So it does not matter why that changed: a policy, time, a unit that was
 * created or moved, another plugin that is required. At least once, each in a unit of work of its own. */
#pragma once

#include "access/call.h"

struct lifecycle_result {
    uint32_t told, failed;
};

/* Does any plugin of this process want to be told? Else there is nothing to compare. */
bool lifecycle_is_wanted(void);

/* Tells the call's tenant's plugins what changed, at most LIFECYCLE_BATCH units; the rest comes the next time. Suspends.
 * 0; -EREMCHG when the snapshot is not the newest; other errors of the database. */
#define LIFECYCLE_BATCH 200
MUSTCHECK int lifecycle_tell(struct call *c, struct lifecycle_result *ret);
