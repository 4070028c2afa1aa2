/* One look at the database's clock. */
#include "db/dbclock.h"

#include "base/clock.h"

static const struct db_stmt sql_now = {"dbclock.now", "SELECT clock_timestamp()"};

int dbclock_look(struct db *db)
{
    struct db_args args;
    struct db_call call = {.stmt = sql_now, .args = &args};
    int64_t before = clock_mono_us(), after;
    int r;

    db_args_reset(&args);
    r = db_read(db, 0, &call, 1, NULL, NULL);
    after = clock_mono_us();
    if (r < 0)
        return r;
    clock_compared(db_get_time(call.rows, 0, 0), before + (after - before) / 2);
    db_calls_done(&call, 1);
    return 0;
}
