/* Reports: what is not told of a year's periods, against every way to share out what is hidden; periods by their names; what
 * is wrong with an indicators.json. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h wants those above before it */
#include <cmocka.h>

#include "base/json.h"
#include "resource/declare/declaration_report.h"
#include "resource/report/report_hide.h"

#define MINIMUM 5
#define MOST 12   /* what one month may have been, for who looks for ways */
#define SUMS (64) /* bits: of a quarter */
#define YEARS 3000

static struct arena *a;

static int setup(void **state)
{
    (void)state;
    a = arena_new();
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    arena_free(a);
    return 0;
}

/* ---- hiding ---- */

struct year {
    struct hide_number numbers[17];
    uint32_t count;
    int months[12], quarters[4], whole; /* where each stands; -1: not counted */
};

static uint32_t rng = 20261;

static uint32_t next(uint32_t below)
{
    rng = rng * 1664525 + 1013904223;
    return (rng >> 8) % below;
}

static int add(struct year *y, const char *name, int64_t number)
{
    struct hide_number *n = &y->numbers[y->count];

    assert_int_equal(period_parse(a, text_of(name), &n->period), 0);
    n->number = number;
    return (int)y->count++;
}

static void make_year(struct year *y)
{
    uint32_t small = next(4), gaps = next(4) == 0 ? 20 : 0;
    int64_t total = 0;

    *y = (struct year){0};
    for (int q = 0; q < 4; q++) {
        int64_t sum = 0;

        for (int m = 0; m < 3; m++) {
            int64_t n = next(4) < small ? next(6) : 5 + next(6);

            sum += n;
            y->months[q * 3 + m] =
                next(100) < gaps ? -1 : add(y, arena_printf(a, "2026-%02d", q * 3 + m + 1), n);
        }
        total += sum;
        y->quarters[q] = next(100) < gaps * 2 ? -1 : add(y, arena_printf(a, "2026-Q%d", q + 1), sum);
    }
    y->whole = next(8) == 0 ? -1 : add(y, "2026", total);
}

/* What everybody can tell of a number: between which ones it is. */
static void bounds(const struct year *y, int at, int64_t most, int64_t *low, int64_t *high)
{
    *low = at < 0 ? 0 : y->numbers[at].is_hidden ? 1 : y->numbers[at].number;
    *high = at < 0 || y->numbers[at].is_hidden ? most : y->numbers[at].number;
}

/* The sums a quarter can have, with one of its months fixed to a number (month -1: none). Hidden months are small. */
static uint64_t quarter_sums(const struct year *y, int q, int month, int64_t fixed)
{
    int64_t low[3], high[3], least, most;
    uint64_t sums = 0;

    for (int m = 0; m < 3; m++) {
        int at = y->months[q * 3 + m];

        bounds(y, at, at < 0 ? MOST : MINIMUM - 1, &low[m], &high[m]);
        if (q * 3 + m == month)
            low[m] = high[m] = fixed;
    }
    bounds(y, y->quarters[q], SUMS - 1, &least, &most);
    for (int64_t i = low[0]; i <= high[0]; i++)
        for (int64_t j = low[1]; j <= high[1]; j++)
            for (int64_t k = low[2]; k <= high[2]; k++)
                if (i + j + k >= least && i + j + k <= most)
                    sums |= UINT64_C(1) << (i + j + k);
    return sums;
}

/* Is there a year like what is told, with these sums of its quarters? */
static bool is_possible(const struct year *y, const uint64_t sums[4])
{
    bool reached[4 * SUMS + 1] = {true};
    int64_t low, high;

    for (int q = 0; q < 4; q++) {
        bool more[4 * SUMS + 1] = {false};

        for (int at = 0; at <= q * SUMS; at++)
            for (int s = 0; s < SUMS && reached[at]; s++)
                more[at + s] |= sums[q] >> s & 1;
        memcpy(reached, more, sizeof(reached));
    }
    bounds(y, y->whole, 4 * SUMS, &low, &high);
    for (int64_t s = low; s <= high; s++)
        if (reached[s])
            return true;
    return false;
}

static int ways_of_month(const struct year *y, const uint64_t sums[4], int month)
{
    int ways = 0;

    for (int64_t v = 1; v < MINIMUM; v++) {
        uint64_t with[4] = {sums[0], sums[1], sums[2], sums[3]};

        with[month / 3] = quarter_sums(y, month / 3, month, v);
        ways += is_possible(y, with);
    }
    return ways;
}

static int ways_of_quarter(const struct year *y, const uint64_t sums[4], int q)
{
    int ways = 0;

    for (int s = 0; s < SUMS; s++) {
        uint64_t with[4] = {sums[0], sums[1], sums[2], sums[3]};

        with[q] &= UINT64_C(1) << s;
        ways += with[q] && is_possible(y, with);
    }
    return ways;
}

static void show(const struct year *y, int month)
{
    for (uint32_t k = 0; k < y->count; k++)
        print_message("%s %lld%s\n", y->numbers[k].period.name, (long long)y->numbers[k].number,
            y->numbers[k].is_hidden ? " hidden" : "");
    fail_msg("month %d can be worked out", month + 1);
}

static void test_nothing_small_can_be_worked_out(void **state)
{
    uint32_t hidden = 0, beside = 0, told = 0;

    (void)state;
    for (int i = 0; i < YEARS; i++) {
        struct year y;
        uint64_t sums[4];

        make_year(&y);
        report_hide(y.numbers, y.count, MINIMUM);
        for (int q = 0; q < 4; q++)
            sums[q] = quarter_sums(&y, q, -1, 0);
        assert_true(is_possible(&y, sums));
        for (uint32_t k = 0; k < y.count; k++) {
            const struct hide_number *n = &y.numbers[k];

            assert_true(n->is_hidden || n->number == 0 || n->number >= MINIMUM);
            hidden += n->is_hidden && n->number < MINIMUM;
            beside += n->is_hidden && n->number >= MINIMUM;
            told += !n->is_hidden;
        }
        for (int m = 0; m < 12; m++)
            if (y.months[m] >= 0 && y.numbers[y.months[m]].is_hidden && ways_of_month(&y, sums, m) < 2)
                show(&y, m);
        for (int q = 0; q < 4; q++)
            if (y.quarters[q] >= 0 && y.numbers[y.quarters[q]].is_hidden &&
                y.numbers[y.quarters[q]].number < MINIMUM && ways_of_quarter(&y, sums, q) < 2)
                fail_msg("year %d: quarter %d can be worked out", i, q + 1);
        arena_reset(a);
    }
    print_message("%u small ones hidden, %u beside them, %u told\n", hidden, beside, told);
    assert_true(hidden > 5000 && beside > 500 && told > hidden);
}

/* ---- periods ---- */

static void test_periods_have_one_name_each(void **state)
{
    static const char *const good[] = {"2026", "2026-01", "2026-12", "2026-Q1", "2026-Q4", "1999"};
    static const char *const bad[] = {"", "202", "2026-", "2026-13", "2026-00", "2026-Q0", "2026-Q5",
        "2026-1", "2026-q1", "2026Q1", "1969", "9999", "2026-01-01", "+202", "2026-0x"};
    struct period p, q;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        assert_int_equal(period_parse(a, text_of(good[i]), &p), 0);
        assert_string_equal(p.name, good[i]);
        q = period_of(a, p.kind, p.end - 1);
        assert_int_equal(q.start, p.start);
        assert_string_equal(q.name, good[i]);
        assert_string_not_equal(period_of(a, p.kind, p.end).name, good[i]);
    }
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        if (period_parse(a, text_of(bad[i]), &p) == 0)
            fail_msg("\"%s\" is taken for %s", bad[i], p.name);
}

/* ---- indicators.json ---- */

#define L "\"label\":{\"zh-CN\":\"标\",\"en\":\"L\"},\"unit\":{\"zh-CN\":\"件\",\"en\":\"u\"},"
#define D L "\"definition\":{\"zh-CN\":\"义\",\"en\":\"d\"},\"resource\":\"item\""
#define ONE(more) "{\"indicators\":{\"one\":{" D more "}}}"
#define REPORT(more)                                                                                         \
    "{\"indicators\":{\"one\":{" D "}},\"reports\":{\"r\":{\"label\":{\"zh-CN\":\"表\",\"en\":\"R\"}," more  \
    "}}}"

static json_t *parse_json(const char *text)
{
    json_t *json = NULL;

    assert_int_equal(json_parse(text_of(text), JSON_LIMITS, &json, NULL), 0);
    return json;
}

static struct resource *item(void)
{
    struct declaration_report report;
    struct resource *res = NULL;
    json_t *json = NULL;

    assert_int_equal(
        json_read_file(SOURCE_ROOT "/tests/fixtures/plugins/works/resources/item.json", 1 << 20, &json, NULL),
        0);
    report_init(&report, a, (struct text){NULL, 0});
    assert_int_equal(declaration_parse(a, "works", json, &report, &res), 0);
    json_decref(json);
    return res;
}

static void refuse(const struct resource *res, const char *text, const char *pointer, const char *words)
{
    json_t *json = parse_json(text);
    struct declaration_report report;
    struct indicator_set set;

    report_init(&report, a, text_of(text));
    if (indicators_parse("works", json, &res, 1, &report, &set) == 0)
        fail_msg("accepted: %s", text);
    json_decref(json);
    assert_string_equal(report.first->pointer, pointer);
    if (!strstr(report.first->message, words) &&
        !(report.first->suggestion && strstr(report.first->suggestion, words)))
        fail_msg("%s, not %s: %s", report.first->message, words, text);
}

static void test_what_is_refused(void **state)
{
    const struct resource *res = item();

    (void)state;
    refuse(res, "[]", "", "object");
    refuse(res, "{}", "", "\"indicators\" is missing");
    refuse(res, "{\"indicators\":{},\"report\":{}}", "/report", "unknown member");
    refuse(res, "{\"indicators\":{\"One\":{}}}", "/indicators/One", "a name is");
    refuse(res, "{\"indicators\":{\"one\":1}}", "/indicators/one", "object");
    refuse(res, ONE(",\"filters\":{}"), "/indicators/one/filters", "did you mean \"filter\"");
    refuse(res, "{\"indicators\":{\"one\":{" L "\"resource\":\"item\"}}}", "/indicators/one",
        "\"definition\" in both");
    refuse(res, "{\"indicators\":{\"one\":{" L "\"definition\":{\"zh-CN\":\"义\"},\"resource\":\"item\"}}}",
        "/indicators/one/definition", "\"en\" is missing");
    refuse(res,
        "{\"indicators\":{\"one\":{" L
        "\"definition\":{\"zh-CN\":\"义\",\"en\":\"d\"},\"resource\":\"itm\"}}}",
        "/indicators/one/resource", "item");
    refuse(res, ONE(",\"filter\":[]"), "/indicators/one/filter", "object");
    refuse(res, ONE(",\"filter\":{\"kind\":1}"), "/indicators/one/filter/kind", "string");
    refuse(res, ONE(",\"filter\":{\"kind\":\"repair\"}"), "/indicators/one/filter/kind", "eq.");
    refuse(res, ONE(",\"filter\":{\"kind\":\"eq.nothing\"}"), "/indicators/one/filter/kind", "");
    refuse(res, ONE(",\"filter\":{\"body\":\"eq.x\"}"), "/indicators/one/filter/body", "No such filter");
    refuse(res, ONE(",\"filter\":{\"contact_phone\":\"is.null\"}"), "/indicators/one/filter/contact_phone",
        "No such");
    refuse(res, ONE(",\"filter\":{\"unit.level\":\"eq.street\"}"), "/indicators/one/filter/unit.level",
        "a field");
    refuse(res, ONE(",\"filter\":{\"or\":\"(kind.is.null)\"}"), "/indicators/one/filter/or", "a field");
    refuse(res, ONE(",\"over\":\"end\",\"filter\":{\"state\":\"gt.open\"}"), "/indicators/one/filter/state",
        "eq.");
    refuse(res, ONE(",\"over\":\"ever\""), "/indicators/one/over", "ever");
    refuse(res, ONE(",\"sum\":\"title\""), "/indicators/one/sum", "money");
    refuse(res, ONE(",\"sum\":\"csot\""), "/indicators/one/sum", "cost");
    refuse(res, ONE(",\"date\":\"title\""), "/indicators/one/date", "date");
    refuse(res, REPORT("\"indicators\":[]"), "/reports/r", "1 to 60");
    refuse(res, REPORT("\"indicators\":[\"on\"]"), "/reports/r/indicators/0", "one");
    refuse(res, REPORT("\"indicators\":[\"one\"],\"periods\":[\"week\"]"), "/reports/r/periods/0", "week");
    refuse(res, REPORT("\"indicators\":[\"one\"],\"periods\":[]"), "/reports/r/periods", "month");
}

static void test_what_is_taken(void **state)
{
    const struct resource *res = item();
    json_t *json = parse_json(
        "{\"indicators\":{\"one\":{" D
        ",\"over\":\"end\",\"date\":\"starts\",\"sum\":\"cost\",\"filter\":{\"state\":\"neq.open\",\"kind\":"
        "\"eq.repair\"}},\"two\":{" D
        "}},\"reports\":{\"r\":{\"label\":{\"zh-CN\":\"表\",\"en\":\"R\"},\"indicators\":[\"two\",\"one\"],"
        "\"periods\":[\"year\"]}}}");
    struct declaration_report report;
    struct indicator_set set;

    (void)state;
    report_init(&report, a, (struct text){NULL, 0});
    assert_int_equal(indicators_parse("works", json, &res, 1, &report, &set), 0);
    json_decref(json);
    assert_int_equal(set.indicator_count, 2);
    assert_string_equal(set.indicators[0].full_name, "works.one");
    assert_int_equal(set.indicators[0].over, OVER_END);
    assert_int_equal(set.indicators[0].states, 0x1e); /* all but the first of five */
    assert_int_equal(set.indicators[0].filter_count, 1);
    assert_true(set.indicators[0].is_of_day);
    assert_string_equal(set.indicators[0].sum->name, "cost");
    assert_string_equal(set.indicators[1].date, "created_at");
    assert_string_equal(set.kinds[0].indicators, "works.two,works.one");
    assert_int_equal(set.kinds[0].periods, 1u << PERIOD_YEAR);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_nothing_small_can_be_worked_out, setup, teardown),
        cmocka_unit_test_setup_teardown(test_periods_have_one_name_each, setup, teardown),
        cmocka_unit_test_setup_teardown(test_what_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(test_what_is_taken, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
