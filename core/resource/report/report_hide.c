/* Months add up to quarters, and both to years.
 *
 * Of a longer period, what is left when all that is told of it is taken away belongs to what is hidden in it, and to what was
 * never counted. Each hidden number is one to the minimum less one, which everybody knows. So it gives one away when there is
 * just enough left for a one each; or, when nothing is uncounted, when there is only one, or as much as they can be at most. */
#include "resource/report/report_hide.h"

struct left {
    int64_t sum;        /* not told */
    uint32_t hidden;    /* of how many */
    bool has_uncounted; /* and perhaps of others */
};

static struct hide_number *find(
    struct hide_number *numbers, uint32_t count, enum stat_period kind, int32_t start)
{
    for (uint32_t i = 0; i < count; i++)
        if (numbers[i].period.kind == kind && numbers[i].period.start == start)
            return &numbers[i];
    return NULL;
}

static void take_away(struct left *l, const struct hide_number *n)
{
    if (!n)
        l->has_uncounted = true;
    else if (n->is_hidden)
        l->hidden++;
    else
        l->sum -= n->number;
}

static void take_months(struct left *l, struct hide_number *numbers, uint32_t count, int32_t quarter)
{
    int32_t starts[4];

    (void)period_starts(PERIOD_MONTH, quarter, quarter + 80, starts, 3);
    for (int i = 0; i < 3; i++)
        take_away(l, find(numbers, count, PERIOD_MONTH, starts[i]));
}

/* A quarter that is told counts as one, and one that is not as its months; a small one as one itself, where that is asked. */
static void take_quarters(
    struct left *l, struct hide_number *numbers, uint32_t count, int32_t year, int64_t small)
{
    int32_t starts[5];

    (void)period_starts(PERIOD_QUARTER, year, year + 300, starts, 4);
    for (int i = 0; i < 4; i++) {
        struct hide_number *quarter = find(numbers, count, PERIOD_QUARTER, starts[i]);

        if (quarter && (!quarter->is_hidden || quarter->number < small))
            take_away(l, quarter);
        else
            take_months(l, numbers, count, starts[i]);
    }
}

static bool gives_away(struct left l, int64_t minimum)
{
    return l.hidden > 0 &&
           (l.sum <= l.hidden || (!l.has_uncounted && (l.hidden == 1 || l.sum >= l.hidden * (minimum - 1))));
}

void report_hide(struct hide_number *numbers, uint32_t count, int64_t minimum)
{
    for (uint32_t i = 0; i < count; i++)
        numbers[i].is_hidden = numbers[i].number > 0 && numbers[i].number < minimum;
    for (uint32_t i = 0; i < count; i++) {
        struct left l = {.sum = numbers[i].number};

        if (numbers[i].period.kind != PERIOD_QUARTER)
            continue;
        take_months(&l, numbers, count, numbers[i].period.start);
        numbers[i].is_hidden |= gives_away(l, minimum);
    }
    for (uint32_t i = 0; i < count; i++) {
        struct left whole = {.sum = numbers[i].number}, parts = whole;

        if (numbers[i].period.kind != PERIOD_YEAR)
            continue;
        take_quarters(&whole, numbers, count, numbers[i].period.start, minimum);
        take_quarters(&parts, numbers, count, numbers[i].period.start, 0);
        numbers[i].is_hidden |= gives_away(whole, minimum) || gives_away(parts, minimum);
    }
}
