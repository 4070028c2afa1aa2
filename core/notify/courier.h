/* Carries events to endpoints: one worker of the deployment at a time, several endpoints side by side, each in the order of the
 * tenant's sequence. At least once: the message's id is the event's at each attempt. What an endpoint does not take is tried again
 * with growing pauses, which holds up that endpoint only; after the last attempt it is left, and noted as dead. One that has taken
 * nothing for a day is turned off, and its owner told. */
#pragma once

#include "db/db.h"

struct courier {
    struct db *db;
    struct db *dispatch; /* finds endpoints with work; borrowed */
    const char *holder;  /* unique to the process */
    uint32_t running, rounds;
    struct courier_turn *turns;
};
/* The fiber's body, until cancelled; then the turns under way are broken off and awaited. */
void courier_run(void *arg);
