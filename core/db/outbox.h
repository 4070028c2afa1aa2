/* What must happen after a commit, written in the change's own unit of work: actions for plugins (outbox) and events for
 * streams and webhooks. Both get a number of the tenant's sequence after the commit, from one sequencer, so that a reader
 * who remembers the last number never misses a late commit. Actions are delivered at least once, in order per
 * (plugin, key); a retry holds up its own key only. */
#pragma once

#include "base/base.h"
#include "base/uuid.h"
#include "db/db.h"

#define OUTBOX_ATTEMPTS_MAX 12

/* payload: JSON with ids and names of fields, no values. version: of the record that key names, as this change leaves it;
 * what is committed with the same key is numbered by it. Ids would not do: they go by the clock of the server that made
 * the change, and two servers' clocks differ. */
MUSTCHECK int outbox_add(struct db_tx *tx, const char *topic, const char *plugin, const char *key,
    int64_t version, const char *payload);
MUSTCHECK int event_publish(
    struct db_tx *tx, const char *topic, const char *key, int64_t version, const char *payload);

/* Numbers up to a batch of what is committed and has no number yet. *ret_head is the last
 * number given so far. */
MUSTCHECK int outbox_sequence(struct db *db, int32_t tenant, int64_t *ret_head, uint32_t *ret_count);

struct outbox_row {
    int32_t tenant;
    struct uuid id;
    int64_t seq;
    uint32_t attempts; /* failed ones before this */
    const char *topic, *plugin, *key, *payload;
};

/* Not now, and nobody's fault: where the row belongs is closed for the time being. It is looked at again when it has
 * waited as long again, ten minutes at most, and never becomes a dead letter by waiting. */
#define OUTBOX_PAUSED 1

/* 0 delivered; OUTBOX_PAUSED; -EAGAIN (and errors that pass, see outbox.c) try again later; anything else: dead letter. */
typedef int outbox_deliver_fn(void *arg, const struct outbox_row *row);

struct outbox_result {
    uint32_t delivered, retried, dead, paused;
};
/* Delivers what is due in the tenant, up to a batch, several keys side by side. From a fiber. */
MUSTCHECK int outbox_deliver(
    struct db *db, int32_t tenant, outbox_deliver_fn *deliver, void *arg, struct outbox_result *ret);

/* Dead letters: begun again, from the first attempt. -ENOENT when there is no such dead letter. */
MUSTCHECK int outbox_revive(struct db_tx *tx, struct uuid id);
/* All of the tenant's, or of one plugin's (NULL: all). */
MUSTCHECK int outbox_revive_all(struct db_tx *tx, const char *plugin, uint64_t *ret_count);
