/* Months, quarters and years. */
#include "base/clock.h"
#include "resource/report/statistics.h"

const char *const stat_period_names[STAT_PERIODS] = {"month", "quarter", "year"};
static const int32_t months_of[STAT_PERIODS] = {1, 3, 12};

/* Months since the year 0. */
static int32_t month_of(int32_t day)
{
    struct clock_text t = date_format(day);

    return date_year(day) * 12 + (t.s[5] - '0') * 10 + (t.s[6] - '0') - 1;
}

static int32_t month_start(int32_t month)
{
    char s[40];
    int32_t day = 0;

    snprintf(s, sizeof(s), "%04d-%02d-01", month / 12 % 10000, month % 12 + 1);
    return date_parse(text_of(s), &day) < 0 ? 0 : day;
}

static int32_t period_month(enum stat_period p, int32_t day)
{
    int32_t month = month_of(day);

    return month - month % months_of[p];
}

uint32_t period_starts(enum stat_period p, int32_t from, int32_t until, int32_t *starts, uint32_t max)
{
    int32_t first = period_month(p, from), last = period_month(p, until);
    uint32_t count = (uint32_t)((last - first) / months_of[p] + 1);

    if (count > max)
        return 0;
    for (uint32_t i = 0; i <= count; i++)
        starts[i] = month_start(first + (int32_t)i * months_of[p]);
    return count;
}

int32_t period_back(enum stat_period p, int32_t day, uint32_t count)
{
    return month_start(period_month(p, day) - (int32_t)count * months_of[p]);
}

const char *period_name(struct arena *a, enum stat_period p, int32_t start)
{
    int32_t month = month_of(start);

    return p == PERIOD_YEAR      ? arena_printf(a, "%04d", month / 12)
           : p == PERIOD_QUARTER ? arena_printf(a, "%04d-Q%d", month / 12, month % 12 / 3 + 1)
                                 : arena_printf(a, "%04d-%02d", month / 12, month % 12 + 1);
}
