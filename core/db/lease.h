/* Who alone does a duty of the whole deployment: a row with a holder and an expiry on the database's clock. A holder that
 * was paused past the expiry may overlap with the next one for a moment, so duties are also safe when done twice. */
#pragma once

#include "base/base.h"
#include "db/db.h"

/* Takes or renews; *ret_held says whether the caller holds it now. */
MUSTCHECK int lease_take(struct db *db, const char *name, const char *holder, int64_t ttl_ms, bool *ret_held);
/* Does anybody hold it? */
MUSTCHECK int lease_is_held(struct db *db, const char *name, bool *ret_held);
/* Gives it back, if it is still the caller's. */
MUSTCHECK int lease_release(struct db *db, const char *name, const char *holder);
