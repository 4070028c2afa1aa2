/* The database's clock, which all servers go by: ids sort by time, sessions and deadlines end, only as long as the wall
 * clock here agrees with it. */
#pragma once

#include "base/base.h"
#include "db/db.h"

/* Looks at it, for clock_is_far() and its like in base/clock.h. 0 or an error of db_read(). */
MUSTCHECK int dbclock_look(struct db *db);
