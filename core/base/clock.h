/* Time: a monotonic clock for deadlines, the wall clock for records, and calendar dates. */
#pragma once

#include "base/base.h"
#include "base/text.h"

int64_t clock_mono_us(void);
int64_t clock_mono_ms(void);
int64_t clock_wall_us(void); /* microseconds since 1970-01-01T00:00:00Z */

/* Everybody who shares a database goes by its clock. From one look at it (db/dbclock.h) and the monotonic clock follows
 * at any time, without asking again, whether the wall clock has jumped away. */
#define CLOCK_FAR_US (INT64_C(60) * 1000000)
void clock_compared(
    int64_t other_wall_us, int64_t mono_us); /* the other showed that when the monotonic one was there */
bool clock_is_compared(void);
int64_t clock_off_us(void); /* how far the wall clock is ahead; 0 when never compared */
bool clock_is_far(void);    /* by more than CLOCK_FAR_US, either way */
/* The wall clock, or where that is far from the other one, what the other must show. */
int64_t clock_agreed_us(void);

struct clock_text {
    char s[40];
};

struct clock_text clock_format(
    int64_t wall_us); /* RFC 3339, UTC, microseconds: 2026-11-23T02:24:58.123456Z */
MUSTCHECK int clock_parse(struct text t, int64_t *ret_wall_us); /* RFC 3339 with Z or an offset; -EINVAL */

/* Dates are days since 1970-01-01 in the proleptic Gregorian calendar. */
MUSTCHECK int date_parse(struct text t, int32_t *ret_days); /* YYYY-MM-DD, a real day; -EINVAL */
struct clock_text date_format(int32_t days);
int date_weekday(int32_t days); /* 0 = Monday … 6 = Sunday */
int32_t date_of(
    int64_t wall_us, int32_t offset_minutes); /* the day a moment falls on, at that offset from UTC */
int date_year(int32_t days);
