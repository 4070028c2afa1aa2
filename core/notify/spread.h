/* Notices become messages: to those who were told and want it over a channel of theirs, and to the robots that tell a group. It follows
 * the tenant's sequence with a cursor that moves in the unit of work which writes the messages, so each notice is spread once. */
#pragma once

#include "db/db.h"

/* Up to a batch. */
MUSTCHECK int spread_notices(struct db *db, int32_t tenant);
