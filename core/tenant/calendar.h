/* Working days: Saturdays and Sundays are free, but for the holidays and make-up days of a published year. One calendar
 * serves the deployment; it comes with each tenant's snapshot, so that it is read without waiting. */
#pragma once

#include <jansson.h>

#include "db/db.h"
#include "tenant/tenant.h"

#define CALENDAR_OFFSET_MINUTES 480 /* UTC+8: the whole of China, without daylight saving */

struct calendar;

struct calendar_day {
    int32_t day;
    bool is_workday; /* a make-up day; otherwise a holiday */
};

struct calendar *calendar_new(const struct calendar_day *days, size_t count); /* copies; any order */
void calendar_free(struct calendar *c);
void calendar_part_register(void); /* once, before the first tenant is loaded */
const struct calendar *tenant_calendar(const struct tenant *t);

/* Has the year of this day been published? Otherwise only weekends are known of it. */
bool calendar_covers(const struct calendar *c, int32_t day);
bool calendar_is_working(const struct calendar *c, int32_t day);
/* The day that is `count` working days after `from` (before it when negative); `from` itself for 0. */
int32_t calendar_add(const struct calendar *c, int32_t from, int32_t count);
/* Working days after `from` up to and including `to`; negative when `to` is earlier. */
int32_t calendar_between(const struct calendar *c, int32_t from, int32_t to);
int32_t calendar_today(int64_t wall_us);
int64_t calendar_begin(int32_t day); /* the moment at which the day begins, wall µs */

/* A year's file (schemas/calendar/CN-2026.json): checked, then replaces what was known of that year. -EINVAL with a
 * sentence saying what is wrong in *ret_why. */
MUSTCHECK int calendar_parse(const json_t *file, int32_t *ret_year, struct calendar_day **take_days,
    size_t *ret_count, char ret_why[200]);
MUSTCHECK int calendar_store(struct db_tx *tx, int32_t year, const json_t *file);
