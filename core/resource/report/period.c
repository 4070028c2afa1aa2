/* Periods by their names. */
#include <errno.h>

#include "base/clock.h"
#include "resource/report/indicator.h"

struct period period_of(struct arena *a, enum stat_period kind, int32_t day)
{
    int32_t starts[2];

    (void)period_starts(kind, day, day, starts, 1);
    return (struct period){kind, starts[0], starts[1], period_name(a, kind, starts[0])};
}

/* What the name would begin on; a name that is not the period's own is none. */
int period_parse(struct arena *a, struct text name, struct period *ret)
{
    bool is_quarter = name.len == 7 && name.ptr[5] == 'Q';
    int32_t day;
    char s[16];

    if ((name.len != 4 && name.len != 7) || (is_quarter && (name.ptr[6] < '1' || name.ptr[6] > '4')))
        return -EINVAL;
    if (is_quarter)
        snprintf(s, sizeof(s), "%.5s%02d-01", name.ptr, (name.ptr[6] - '1') * 3 + 1);
    else
        snprintf(s, sizeof(s), "%.*s%s", (int)name.len, name.ptr, name.len == 4 ? "-01-01" : "-01");
    if (date_parse(text_of(s), &day) < 0 || date_year(day) < 1970 || date_year(day) > 9998)
        return -EINVAL;
    *ret = period_of(a, name.len == 4 ? PERIOD_YEAR : is_quarter ? PERIOD_QUARTER : PERIOD_MONTH, day);
    return text_is(name, ret->name) ? 0 : -EINVAL;
}

bool period_is_part(const struct period *part, const struct period *whole)
{
    return part->kind < whole->kind && part->start >= whole->start && part->end <= whole->end;
}
