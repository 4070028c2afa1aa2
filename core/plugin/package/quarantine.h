/* Plugins that crashed too often: by digest of the shared object, in one file of the state directory, so that it works
 * without a database and a repaired build is free at once. The master and juxinctl write, workers read, as a
 * user of their own. */
#pragma once

#include "base/base.h"
#include "base/digest.h"

#define QUARANTINE_NAME "quarantine.json" /* in the state directory */
#define QUARANTINE_CRASHES 3
#define QUARANTINE_WINDOW_US (INT64_C(60) * 60 * 1000000)

/* Notes a crash attributed to the plugin; *ret_quarantined when this one, the third within 60 minutes, put it there. */
MUSTCHECK int quarantine_note(const char *file, const struct sha256 *digest, const char *plugin,
    const char *what, int64_t now_us, bool *ret_quarantined);
bool quarantine_has(const char *file, const struct sha256 *digest);
/* Takes every object of the plugin out again. 0, -ENOENT when there is none; -EAGAIN when somebody else is at the file. */
MUSTCHECK int quarantine_lift(const char *file, const char *plugin);
