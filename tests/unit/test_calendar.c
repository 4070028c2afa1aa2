/* Working days with the published calendar of 2026. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h wants those above before it */
#include <cmocka.h>

#include "base/clock.h"
#include "base/json.h"
#include "plugin/host/host.h"
#include "tenant/calendar.h"

static struct calendar *calendar;

static int setup(void **state)
{
    struct calendar_day *days;
    json_t *file = NULL;
    int32_t year;
    char why[200];
    size_t count;

    (void)state;
    if (json_read_file(SOURCE_ROOT "/schemas/calendar/CN-2026.json", 1 << 20, &file, NULL) < 0 ||
        calendar_parse(file, &year, &days, &count, why) < 0)
        return -1;
    calendar = calendar_new(days, count);
    free(days);
    json_decref(file);
    return year == 2026 ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    calendar_free(calendar);
    return 0;
}

static int32_t day(const char *s)
{
    int32_t d;

    assert_int_equal(date_parse(text_of(s), &d), 0);
    return d;
}

static void test_days(void **state)
{
    (void)state;
    assert_false(calendar_is_working(calendar, day("2026-02-17"))); /* spring festival, a Tuesday */
    assert_true(calendar_is_working(calendar, day("2026-02-28")));  /* a Saturday worked instead */
    assert_false(calendar_is_working(calendar, day("2026-03-01")));
    assert_true(calendar_is_working(calendar, day("2026-03-02")));
    assert_true(calendar_covers(calendar, day("2026-07-01")));
    assert_false(calendar_covers(calendar, day("2027-01-01")));
    assert_true(calendar_is_working(calendar, day("2027-01-01"))); /* not published: weekends only */
}

static void expect_add(const char *from, int32_t count, const char *to)
{
    struct clock_text got = date_format(calendar_add(calendar, day(from), count));

    assert_string_equal(got.s, to);
}

static void test_add(void **state)
{
    (void)state;
    expect_add("2026-09-30", 1, "2026-10-08"); /* over the National Day */
    expect_add("2026-02-13", 1, "2026-02-14"); /* a Saturday worked */
    expect_add("2026-02-14", 1, "2026-02-24");
    expect_add("2026-11-23", 15, "2026-12-14");
    expect_add("2026-11-23", 0, "2026-11-23");
    expect_add("2026-10-08", -1, "2026-09-30");
    assert_int_equal(calendar_between(calendar, day("2026-09-30"), day("2026-10-10")), 3);
    assert_int_equal(calendar_between(calendar, day("2026-10-10"), day("2026-09-30")), -3);
}

/* As plugins ask: days that no calendar has are refused, not counted through. */
static void test_beyond(void **state)
{
    struct tenant t = {.parts = {[TENANT_PART_CALENDAR] = calendar}};
    struct call c = {.tenant = &t, .arena = arena_new()};
    struct jx_call j = {.c = &c};
    int32_t got = 0, last = day("9999-12-31"), first = day("0001-01-01");

    (void)state;
    assert_int_equal(host_calendar.add_working_days(&j, day("2026-11-23"), 15, &got), 0);
    assert_int_equal(got, day("2026-12-14"));
    assert_int_equal(host_calendar.working_days_between(&j, day("2026-09-30"), day("2026-10-10"), &got), 0);
    assert_int_equal(got, 3);
    assert_int_equal(host_calendar.add_working_days(&j, INT32_MAX, 10000, &got), JX_ENOTSUP);
    assert_int_equal(host_calendar.add_working_days(&j, INT32_MIN, -10000, &got), JX_ENOTSUP);
    assert_int_equal(host_calendar.add_working_days(&j, last, 1, &got), 0);
    assert_int_equal(host_calendar.working_days_between(&j, INT32_MAX - 1, INT32_MAX, &got), JX_ENOTSUP);
    assert_int_equal(host_calendar.working_days_between(&j, INT32_MAX, INT32_MAX - 1, &got), JX_ENOTSUP);
    assert_int_equal(host_calendar.working_days_between(&j, last - 1, last, &got), 0);
    assert_string_equal(host_calendar.date_text(&j, last).ptr, "9999-12-31");
    assert_string_equal(host_calendar.date_text(&j, first).ptr, "0001-01-01");
    assert_null(host_calendar.date_text(&j, last + 1).ptr);
    assert_null(host_calendar.date_text(&j, first - 1).ptr);
    arena_free(c.arena);
}

static void test_bad_files(void **state)
{
    static const char *const bad[] = {"{}", "{\"year\":2026,\"days\":[]}", "[]",
        "{\"year\":2026,\"days\":[{\"date\":\"2025-01-01\",\"kind\":\"holiday\",\"name\":\"x\"}]}",
        "{\"year\":2026,\"days\":[{\"date\":\"2026-01-01\",\"kind\":\"feast\",\"name\":\"x\"}]}",
        ("{\"year\":2026,\"days\":[{\"date\":\"2026-01-01\",\"kind\":\"holiday\"},{\"date\":\"2026-01-01\","
         "\"kind\":\"holiday\"}]}")};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct calendar_day *days;
        json_t *file = NULL;
        int32_t year;
        char why[200] = "";
        size_t count;

        assert_int_equal(json_parse(text_of(bad[i]), JSON_LIMITS, &file, NULL), 0);
        assert_int_equal(calendar_parse(file, &year, &days, &count, why), -EINVAL);
        assert_true(strlen(why) > 0);
        json_decref(file);
    }
}

static void test_today(void **state)
{
    int64_t us;

    (void)state;
    assert_int_equal(clock_parse(TEXT("2026-11-22T16:00:00Z"), &us), 0); /* midnight in Hangzhou */
    assert_int_equal(calendar_today(us), day("2026-11-23"));
    assert_int_equal(calendar_today(us - 1), day("2026-11-22"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_days),
        cmocka_unit_test(test_add),
        cmocka_unit_test(test_beyond),
        cmocka_unit_test(test_bad_files),
        cmocka_unit_test(test_today),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
