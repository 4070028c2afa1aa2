/* Months add up to quarters, and both to years. */
#include "resource/report/report_hide.h"

struct open { /* what is hidden of a sum */
    uint32_t count;
    int64_t sum;
    bool is_unknown; /* some of it was never told to anybody: the sum says nothing */
};

static struct hide_number *find(
    struct hide_number *numbers, uint32_t count, enum stat_period kind, int32_t start)
{
    for (uint32_t i = 0; i < count; i++)
        if (numbers[i].period.kind == kind && numbers[i].period.start == start)
            return &numbers[i];
    return NULL;
}

static void add(struct open *o, const struct hide_number *n)
{
    o->is_unknown |= !n;
    if (n && n->is_hidden) {
        o->count++;
        o->sum += n->number;
    }
}

/* Of the months of a quarter. */
static struct open open_months(struct hide_number *numbers, uint32_t count, int32_t quarter)
{
    int32_t starts[4];
    struct open o = {0};

    (void)period_starts(PERIOD_MONTH, quarter, quarter + 80, starts, 3);
    for (int i = 0; i < 3; i++)
        add(&o, find(numbers, count, PERIOD_MONTH, starts[i]));
    return o;
}

/* Of a year: a quarter as a whole where it is told, else its months, else itself. */
static struct open open_quarters(struct hide_number *numbers, uint32_t count, int32_t year)
{
    int32_t starts[5];
    struct open all = {0};

    (void)period_starts(PERIOD_QUARTER, year, year + 300, starts, 4);
    for (int i = 0; i < 4; i++) {
        struct hide_number *quarter = find(numbers, count, PERIOD_QUARTER, starts[i]);
        struct open months = open_months(numbers, count, starts[i]);

        if (quarter && !quarter->is_hidden)
            continue;
        if (months.is_unknown) {
            add(&all, quarter);
            continue;
        }
        all.count += months.count;
        all.sum += months.sum;
    }
    return all;
}

/* One number, or as many as there can be no fewer of: none of them is a zero. */
static bool gives_away(struct open o)
{
    return !o.is_unknown && o.count > 0 && (o.count == 1 || o.sum == o.count);
}

void report_hide(struct hide_number *numbers, uint32_t count, int64_t minimum)
{
    for (uint32_t i = 0; i < count; i++)
        numbers[i].is_hidden = numbers[i].number > 0 && numbers[i].number < minimum;
    for (uint32_t i = 0; i < count; i++)
        if (numbers[i].period.kind == PERIOD_QUARTER)
            numbers[i].is_hidden |= gives_away(open_months(numbers, count, numbers[i].period.start));
    for (uint32_t i = 0; i < count; i++)
        if (numbers[i].period.kind == PERIOD_YEAR)
            numbers[i].is_hidden |= gives_away(open_quarters(numbers, count, numbers[i].period.start));
}
