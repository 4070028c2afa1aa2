/* Working days. A year has some forty exceptions: a sorted array and a binary search. */
#include "tenant/calendar.h"

#include <errno.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"

struct calendar {
    size_t count;
    struct calendar_day days[];
};

static int by_day(const void *a, const void *b)
{
    const struct calendar_day *x = a, *y = b;

    return x->day == y->day ? 0 : x->day < y->day ? -1 : 1;
}

struct calendar *calendar_new(const struct calendar_day *days, size_t count)
{
    struct calendar *c = mem_alloc(sizeof(*c) + count * sizeof(c->days[0]));

    c->count = count;
    if (count)
        memcpy(c->days, days, count * sizeof(c->days[0]));
    qsort(c->days, count, sizeof(c->days[0]), by_day);
    return c;
}

void calendar_free(struct calendar *c)
{
    free(c);
}

const struct calendar *tenant_calendar(const struct tenant *t)
{
    return t->parts[TENANT_PART_CALENDAR];
}

/* The first exception on or after the day; count when there is none. */
static size_t first_from(const struct calendar *c, int32_t day)
{
    size_t low = 0, high = c ? c->count : 0;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (c->days[middle].day < day)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

bool calendar_covers(const struct calendar *c, int32_t day)
{
    int year = date_year(day);
    size_t i = first_from(c, day);

    if (!c || c->count == 0)
        return false;
    return (i < c->count && date_year(c->days[i].day) == year) ||
           (i > 0 && date_year(c->days[i - 1].day) == year);
}

bool calendar_is_working(const struct calendar *c, int32_t day)
{
    size_t i = first_from(c, day);

    if (c && i < c->count && c->days[i].day == day)
        return c->days[i].is_workday;
    return date_weekday(day) < 5;
}

int32_t calendar_add(const struct calendar *c, int32_t from, int32_t count)
{
    int32_t step = count < 0 ? -1 : 1;

    for (int32_t left = count < 0 ? -count : count; left > 0;) {
        from += step;
        if (calendar_is_working(c, from))
            left--;
    }
    return from;
}

int32_t calendar_between(const struct calendar *c, int32_t from, int32_t to)
{
    int32_t n = 0;

    if (to < from)
        return -calendar_between(c, to, from);
    for (int32_t day = from + 1; day <= to; day++)
        n += calendar_is_working(c, day);
    return n;
}

int32_t calendar_today(int64_t wall_us)
{
    return date_of(wall_us, CALENDAR_OFFSET_MINUTES);
}

int64_t calendar_begin(int32_t day)
{
    return ((int64_t)day * 24 * 60 - CALENDAR_OFFSET_MINUTES) * 60 * 1000000;
}

/* ---- the tenant's part ---- */

static const struct db_stmt load_days = {
    "calendar.load", "SELECT day, is_workday FROM juxin.calendar_day ORDER BY day"};

static int part_load(struct db_tx *tx, struct tenant *t, void **ret)
{
    struct db_rows *rows CLEANUP(db_rows_freep) = NULL;
    struct calendar_day *days;
    int r = db_exec(tx, load_days, NULL, &rows);

    if (r < 0)
        return r;
    days = mem_zarray((size_t)db_rows_count(rows) + 1, sizeof(*days));
    for (int i = 0; i < db_rows_count(rows); i++) {
        if (date_parse(db_get_text(rows, i, 0), &days[i].day) < 0)
            r = -EIO;
        days[i].is_workday = db_get_bool(rows, i, 1);
    }
    if (r == 0)
        *ret = calendar_new(days, (size_t)db_rows_count(rows));
    free(days);
    return r;
}

static void part_free(void *part)
{
    calendar_free(part);
}

void calendar_part_register(void)
{
    static const struct tenant_part part = {"calendar", part_load, part_free};

    tenant_part_register(TENANT_PART_CALENDAR, &part);
}

/* ---- import ---- */

static int why(char out[200], const char *format, size_t i)
{
    snprintf(out, 200, format, i);
    return -EINVAL;
}

int calendar_parse(const json_t *file, int32_t *ret_year, struct calendar_day **take_days, size_t *ret_count,
    char ret_why[200])
{
    const json_t *list = json_object_get(file, "days"), *e;
    int64_t year = json_int_or(file, "year", 0);
    struct calendar_day *days;
    size_t i;

    if (year < 2000 || year > 2200)
        return why(ret_why, "\"year\" is a year from 2000 to 2200", 0);
    if (!json_is_array(list) || json_array_size(list) == 0 || json_array_size(list) > 366)
        return why(ret_why, "\"days\" is a list of 1 to 366 days", 0);
    days = mem_zarray(json_array_size(list), sizeof(*days));
    json_array_foreach(list, i, e)
    {
        const char *date = json_str(e, "date"), *kind = json_str(e, "kind");
        bool good = date && kind && date_parse(text_of(date), &days[i].day) == 0 &&
                    date_year(days[i].day) == year &&
                    (strcmp(kind, "holiday") == 0 || strcmp(kind, "workday") == 0);

        for (size_t k = 0; good && k < i; k++)
            good = days[k].day != days[i].day;
        if (!good) {
            free(days);
            return why(ret_why,
                "days[%zu]: {\"date\": a day of the year that occurs once, \"kind\": \"holiday\" or "
                "\"workday\", \"name\"}",
                i);
        }
        days[i].is_workday = strcmp(kind, "workday") == 0;
    }
    *ret_year = (int32_t)year;
    *take_days = days;
    *ret_count = json_array_size(list);
    return 0;
}

static const struct db_stmt clear_year = {"calendar.clear_year",
    "DELETE FROM juxin.calendar_day WHERE day >= make_date($1::int, 1, 1) AND day < "
    "make_date($1::int + 1, 1, 1)"};
static const struct db_stmt add_year = {"calendar.add_year",
    "INSERT INTO juxin.calendar_year (year, source) VALUES ($1, $2) ON CONFLICT (year) "
    "DO UPDATE SET source = EXCLUDED.source"};
static const struct db_stmt add_day = {
    "calendar.add_day", "INSERT INTO juxin.calendar_day (day, is_workday, name) VALUES ($1::date, $2, $3)"};

int calendar_store(struct db_tx *tx, int32_t year, const json_t *file)
{
    const json_t *list = json_object_get(file, "days"), *e;
    struct db_args a;
    size_t i;
    int r;

    r = epoch_bump_deployment(tx);
    if (r < 0)
        return r;
    db_args_reset(&a);
    db_arg_int(&a, year);
    r = db_exec(tx, clear_year, &a, NULL);
    db_arg_str(&a, json_str_or(file, "source", ""));
    if (r == 0)
        r = db_exec(tx, add_year, &a, NULL);
    json_array_foreach(list, i, e)
    {
        db_args_reset(&a);
        db_arg_str(&a, json_str(e, "date"));
        db_arg_bool(&a, strcmp(json_str_or(e, "kind", ""), "workday") == 0);
        db_arg_str(&a, json_str_or(e, "name", ""));
        if (r == 0)
            r = db_exec(tx, add_day, &a, NULL);
    }
    return r;
}
