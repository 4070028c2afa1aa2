/* Carries messages: one worker of the deployment at a time, several side by side, few of them over one channel, so that one that
 * hangs holds up its own messages only. What was claimed is settled, also when the worker ends: it is given a few seconds, then it is
 * broken off and its outcome noted as unknown. */
#pragma once

#include "db/db.h"

struct carrier {
    struct db *db;
    struct db *dispatch; /* finds tenants with work; borrowed */
    const char *holder;  /* unique to the process */
    uint32_t running, rounds;
    struct carrier_turn *turns;
};
/* The fiber's body, until cancelled. */
void carrier_run(void *arg);
