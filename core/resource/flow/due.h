/* What time alone does to records: automatic transitions whose day has passed, taken by the system. */
#pragma once

#include "db/db.h"

struct due_report {
    uint32_t tenants, done, failed; /* tenants looked at, transitions taken, transitions refused or failed */
    uint32_t paused; /* those of records whose plugin does not run where they are: due once it does again */
};

/* Takes every automatic transition whose last working day lies before the day of as_of_us. Idempotent; two at once do
 * each transition once. In a fiber. Never stops at one record's failure. */
MUSTCHECK int resource_run_due(struct db *db, int64_t as_of_us, struct due_report *ret);
