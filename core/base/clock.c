/* Time. Civil-date arithmetic works in 400-year eras of 146,097 days that begin on 1 March. */
#include "base/clock.h"

#include <errno.h>
#include <stdatomic.h>

/* The other clock less the monotonic one. */
static _Atomic int64_t other_us;
static _Atomic bool is_compared;

static int64_t read_clock(clockid_t id)
{
    struct timespec ts;

    clock_gettime(id, &ts);
    return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

int64_t clock_mono_us(void)
{
    return read_clock(CLOCK_MONOTONIC);
}

int64_t clock_mono_ms(void)
{
    return clock_mono_us() / 1000;
}

int64_t clock_wall_us(void)
{
    return read_clock(CLOCK_REALTIME);
}

void clock_compared(int64_t other_wall_us, int64_t mono_us)
{
    other_us = other_wall_us - mono_us;
    is_compared = true;
}

bool clock_is_compared(void)
{
    return is_compared;
}

int64_t clock_off_us(void)
{
    return is_compared ? clock_wall_us() - (clock_mono_us() + other_us) : 0;
}

bool clock_is_far(void)
{
    int64_t off = clock_off_us();

    return off > CLOCK_FAR_US || off < -CLOCK_FAR_US;
}

int64_t clock_agreed_us(void)
{
    int64_t wall = clock_wall_us(), other;

    if (!is_compared)
        return wall;
    other = clock_mono_us() + other_us;
    return wall - other > CLOCK_FAR_US || other - wall > CLOCK_FAR_US ? other : wall;
}

static int32_t days_from_civil(int y, int m, int d)
{
    int era, yoe, doy, doe;

    y -= m <= 2;
    era = (y >= 0 ? y : y - 399) / 400;
    yoe = y - era * 400;
    doy = (153 * (m + (m > 2 ? -3 : 9)) + 2) / 5 + d - 1;
    doe = yoe * 365 + yoe / 4 - yoe / 100 + doy;
    return era * 146097 + doe - 719468;
}

static void civil_from_days(int32_t days, int *ret_y, int *ret_m, int *ret_d)
{
    int64_t z = (int64_t)days + 719468;
    int era = (int)((z >= 0 ? z : z - 146096) / 146097);
    int doe = (int)(z - (int64_t)era * 146097);
    int yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    int doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    int mp = (5 * doy + 2) / 153;

    *ret_d = doy - (153 * mp + 2) / 5 + 1;
    *ret_m = mp + (mp < 10 ? 3 : -9);
    *ret_y = yoe + era * 400 + (*ret_m <= 2);
}

static int64_t floor_div(int64_t a, int64_t b)
{
    return a / b - (a % b < 0);
}

struct clock_text clock_format(int64_t wall_us)
{
    int64_t seconds = floor_div(wall_us, 1000000);
    int32_t days = (int32_t)floor_div(seconds, 86400);
    int rest = (int)(seconds - (int64_t)days * 86400);
    struct clock_text t;
    int y, m, d;

    civil_from_days(days, &y, &m, &d);
    snprintf(t.s, sizeof(t.s), "%04d-%02d-%02dT%02d:%02d:%02d.%06dZ", y, m, d, rest / 3600, rest / 60 % 60,
        rest % 60, (int)(wall_us - seconds * 1000000));
    return t;
}

static int digits(struct text t, size_t at, size_t n, int *ret)
{
    int value = 0;

    if (at + n > t.len)
        return -EINVAL;
    for (size_t i = at; i < at + n; i++) {
        if (t.ptr[i] < '0' || t.ptr[i] > '9')
            return -EINVAL;
        value = value * 10 + (t.ptr[i] - '0');
    }
    *ret = value;
    return 0;
}

int date_parse(struct text t, int32_t *ret_days)
{
    int y, m, d, y2, m2, d2;
    int32_t days;

    if (t.len != 10 || t.ptr[4] != '-' || t.ptr[7] != '-')
        return -EINVAL;
    if (digits(t, 0, 4, &y) < 0 || digits(t, 5, 2, &m) < 0 || digits(t, 8, 2, &d) < 0)
        return -EINVAL;
    if (y < 1 || m < 1 || m > 12 || d < 1)
        return -EINVAL;
    days = days_from_civil(y, m, d);
    civil_from_days(days, &y2, &m2, &d2); /* 30 February comes back as another day */
    if (y2 != y || m2 != m || d2 != d)
        return -EINVAL;
    *ret_days = days;
    return 0;
}

/* The part behind the seconds: a fraction of any length, then Z or ±hh:mm. */
static int parse_tail(struct text t, size_t at, int *ret_us, int *ret_offset)
{
    int us = 0, scale = 100000, hours, minutes;

    if (at < t.len && t.ptr[at] == '.') {
        size_t first = ++at;

        for (; at < t.len && t.ptr[at] >= '0' && t.ptr[at] <= '9'; at++, scale /= 10)
            us += (t.ptr[at] - '0') * scale;
        if (at == first)
            return -EINVAL;
    }
    if (at + 1 == t.len && (t.ptr[at] == 'Z' || t.ptr[at] == 'z')) {
        *ret_us = us;
        *ret_offset = 0;
        return 0;
    }
    if (at + 6 != t.len || (t.ptr[at] != '+' && t.ptr[at] != '-') || t.ptr[at + 3] != ':')
        return -EINVAL;
    if (digits(t, at + 1, 2, &hours) < 0 || digits(t, at + 4, 2, &minutes) < 0 || hours > 23 || minutes > 59)
        return -EINVAL;
    *ret_us = us;
    *ret_offset = (hours * 60 + minutes) * (t.ptr[at] == '-' ? -1 : 1);
    return 0;
}

/* 0001-01-01 and 10000-01-01, in seconds: an offset must not lead to a year that cannot be written. */
#define FIRST_SECOND INT64_C(-62135596800)
#define END_SECOND INT64_C(253402300800)

int clock_parse(struct text t, int64_t *ret_wall_us)
{
    int h, m, s, us, offset;
    int64_t seconds;
    int32_t days;

    if (t.len < 20 || (t.ptr[10] != 'T' && t.ptr[10] != 't' && t.ptr[10] != ' '))
        return -EINVAL;
    if (date_parse((struct text){t.ptr, 10}, &days) < 0 || t.ptr[13] != ':' || t.ptr[16] != ':')
        return -EINVAL;
    if (digits(t, 11, 2, &h) < 0 || digits(t, 14, 2, &m) < 0 || digits(t, 17, 2, &s) < 0)
        return -EINVAL;
    if (h > 23 || m > 59 || s > 59 || parse_tail(t, 19, &us, &offset) < 0)
        return -EINVAL;
    seconds = (int64_t)days * 86400 + h * 3600 + m * 60 + s - (int64_t)offset * 60;
    if (seconds < FIRST_SECOND || seconds >= END_SECOND)
        return -EINVAL;
    *ret_wall_us = seconds * 1000000 + us;
    return 0;
}

struct clock_text date_format(int32_t days)
{
    struct clock_text t;
    int y, m, d;

    civil_from_days(days, &y, &m, &d);
    snprintf(t.s, sizeof(t.s), "%04d-%02d-%02d", y, m, d);
    return t;
}

int date_weekday(int32_t days)
{
    return (int)(((int64_t)days + 3) % 7 + 7) % 7; /* 1970-01-01 was a Thursday */
}

int32_t date_of(int64_t wall_us, int32_t offset_minutes)
{
    return (int32_t)floor_div(wall_us + (int64_t)offset_minutes * 60000000, 86400000000);
}

int date_year(int32_t days)
{
    int y, m, d;

    civil_from_days(days, &y, &m, &d);
    return y;
}
