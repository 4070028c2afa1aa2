/* Background duties of a worker. */
#include <errno.h>

#include "base/clock.h"
#include "base/log.h"
#include "loop/fiber.h"
#include "master/setup.h"

#define CLOCK_MAX_US (INT64_C(60) * 1000000)
#define DUTIES_MAX 8

static struct {
    struct db *db;
    struct health *health;
    struct fiber *fibers[DUTIES_MAX];
    uint32_t running;
} duties;

static const struct db_stmt sql_now = {"duty_now", "SELECT clock_timestamp()"};

/* Ids sort by time only as long as the servers' clocks agree with the database's. */
static int look_at_clock(void)
{
    struct db_args args;
    struct db_call call = {.stmt = sql_now, .args = &args};
    int64_t before = clock_wall_us(), off;
    int r;

    db_args_reset(&args);
    r = db_read(duties.db, 0, &call, 1, NULL, NULL);
    if (r < 0)
        return r;
    off = db_get_time(call.rows, 0, 0) - (before + clock_wall_us()) / 2;
    db_calls_done(&call, 1);
    if ((off > CLOCK_MAX_US || off < -CLOCK_MAX_US) != duties.health->is_clock_wrong) {
        duties.health->is_clock_wrong = !duties.health->is_clock_wrong;
        log_event(duties.health->is_clock_wrong ? LOG_ERROR : LOG_INFO, "clock.compared",
            LF_INT("off_ms", off / 1000));
    }
    return 0;
}

static void clock_duty(void *arg)
{
    (void)arg;
    for (;;) {
        int r = look_at_clock();

        if (r == -ECANCELED || fiber_sleep(r < 0 ? 500 : 60000) < 0)
            break;
    }
    duties.running--;
}

static int begin(void (*fn)(void *arg), const char *name)
{
    int r = fiber_spawn_system(fn, NULL, name, &duties.fibers[duties.running]);

    duties.running += r == 0;
    return r;
}

int duties_start(const struct config *c, struct db *db, uint32_t index, struct health *health)
{
    (void)c, (void)index;
    duties.db = db;
    duties.health = health;
    return begin(clock_duty, "clock");
}

void duties_stop(void)
{
    for (uint32_t i = 0; i < DUTIES_MAX; i++)
        if (duties.fibers[i])
            fiber_cancel(duties.fibers[i]);
}

uint32_t duties_running(void)
{
    return duties.running;
}
