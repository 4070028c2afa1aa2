/* What a list may be asked for: too much of it, and tags that are not quite ours. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h wants those above before it */
#include <cmocka.h>

#include <errno.h>

#include "api/dispatch.h"
#include "base/json.h"
#include "resource/declare/declaration_report.h"
#include "resource/declare/resource.h"
#include "resource/query/query.h"
#include "resource/record/record.h"

static struct arena *a;
static struct tenant tenant = {.id = 1};
static const struct resource *item;

static int setup(void **state)
{
    struct tree_unit root = {.id = {{1}}, .code = "r", .name = "r", .level = LEVEL_COUNTY};
    struct declaration_report report;
    json_t *json = NULL;

    (void)state;
    a = arena_new();
    report_init(&report, a, (struct text){NULL, 0});
    if (tree_build(&root, 1, &tenant.tree, NULL, NULL) < 0 ||
        json_read_file(
            SOURCE_ROOT "/tests/fixtures/plugins/works/resources/item.json", 1 << 20, &json, NULL) < 0 ||
        resource_add("works", json, (struct text){NULL, 0}, &report) < 0)
        return -1;
    json_decref(json);
    item = resource_find("works.item");
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    resource_unload_all();
    tree_free(tenant.tree);
    arena_free(a);
    return 0;
}

static void ask(struct call *c)
{
    static const struct subject who = {.kind = SUBJECT_SYSTEM};

    call_init(c, NULL, a);
    c->tenant = &tenant;
    c->who = &who;
}

static int parse(struct call *c, const char *query, struct query *q)
{
    struct query_param params[40];
    struct text rest = text_of(query);
    size_t n = 0;

    while (rest.ptr && n < ARRAY_LEN(params)) {
        struct text value = text_split(&rest, '&'), name = text_split(&value, '=');

        params[n++] = (struct query_param){name, value};
    }
    ask(c);
    *q = (struct query){0};
    return query_parse(c, item, params, n, q);
}

/* One filter too many is refused before anything of it is kept. */
static void test_too_many_filters(void **state)
{
    struct query_param params[QUERY_FILTERS_MAX + 2];
    struct query q = {0};
    struct call c;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(params); i++)
        params[i] = (struct query_param){TEXT("code"), TEXT("eq.AB1")};
    ask(&c);
    assert_int_equal(query_parse(&c, item, params, QUERY_FILTERS_MAX, &q), 0);
    assert_int_equal(q.filter_count, QUERY_FILTERS_MAX);
    assert_true(q.sort_is_id);
    for (size_t n = QUERY_FILTERS_MAX + 1; n <= ARRAY_LEN(params); n++) {
        ask(&c);
        assert_int_equal(query_parse(&c, item, params, n, &q), -EINVAL);
        assert_int_equal(c.fault.status, 400);
        assert_string_equal(c.fault.errors->pointer, "code");
        assert_string_equal(c.fault.errors->code, "too_many");
    }
}

/* What is asked for, and its conditions as SQL. The plugin runs nowhere here: the last condition says so. */
#define REFERS(condition, off)                                                                               \
    "EXISTS (SELECT 1 FROM px_works.\"item\" t WHERE t.tenant_id = $1 AND t.id = r.\"parent\" AND "          \
    "t." condition " AND t.deleted_at IS NULL AND t.unit_id <> ALL($" off "::uuid[]))"
static void test_conditions(void **state)
{
    static const char *const cases[][2] = {
        {"kind=eq.repair&cost=is.null", " AND r.\"kind\" = $2::text AND r.\"cost\" IS NULL"},
        {"kind=in.(repair,purchase)", " AND r.\"kind\" = ANY($2::text[])"},
        {"or=(kind.eq.repair,cost.gte.5)", " AND (r.\"kind\" = $2::text OR r.\"cost\" >= $3::bigint)"},
        {"or=(kind.eq.repair,and(cost.gt.5,cost.lt.9))&urgent=eq.true",
            " AND r.\"urgent\" = $2::boolean AND (r.\"kind\" = $3::text OR "
            "(r.\"cost\" > $4::bigint AND r.\"cost\" < $5::bigint))"},
        {"and=(state.in.(open,finished),due_at.is.notnull)",
            " AND (r.state = ANY($2::text[]) AND r.due_at IS NOT NULL)"},
        {"title=eq.a,b(c", " AND r.\"title\" = $2::text"},
        {"parent.kind=eq.repair", " AND " REFERS("\"kind\" = $2::text", "3")},
        {"or=(parent.state.eq.open,parent.number.is.null)",
            " AND (" REFERS("state = $2::text", "3") " OR " REFERS("number IS NULL", "4") ")"},
        {"unit.level=neq.street", " AND r.unit_id = ANY($2::uuid[])"},
        {"or=(unit.code.eq.k,cost.gt.1)", " AND (r.unit_id = $2::uuid OR r.\"cost\" > $3::bigint)"},
        {"place.code=eq.r", " AND r.\"place\" = $2::uuid"},
        {"place.level=in.(county,park)", " AND r.\"place\" = ANY($2::uuid[])"},
        {"q=小区", " AND EXISTS (SELECT 1 FROM juxin.search s WHERE s.tenant_id = $1 AND s.resource = "
                   "'works.item' AND "
                   "s.token = $2::text AND s.record_id = r.id OFFSET 0)"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const char *expected, *sql;
        struct db_args args;
        struct query q;
        struct call c;

        if (parse(&c, cases[i][0], &q) < 0)
            fail_msg("%s: %s", cases[i][0], c.fault.errors->en);
        db_args_reset(&args);
        db_arg_int(&args, 1);
        sql = query_where(&c, &q, &args);
        expected = arena_printf(a, "%s AND r.unit_id <> ALL($%u::uuid[])", cases[i][1], args.count);
        assert_string_equal(sql, expected);
    }
}

static void test_quotes(void **state)
{
    struct query q;
    struct call c;

    (void)state;
    assert_int_equal(parse(&c, "or=(title.eq.\"a,(b\\\"\\\\\",title.in.(x y,\"1,2\"))", &q), 0);
    assert_string_equal(q.filters[0].value, "a,(b\"\\");
    assert_string_equal(q.filters[1].value, "{\"x y\",\"1,2\"}");
    assert_int_equal(parse(&c, "title=eq.\"as it is\"", &q), 0);
    assert_string_equal(q.filters[0].value, "\"as it is\"");
}

/* Whatever is wrong names its parameter and says what is accepted, in both languages. */
static void test_bad_conditions(void **state)
{
    static const char *const cases[][3] = {
        {"or=kind.eq.repair", "or", "syntax"},
        {"or=()", "or", "syntax"},
        {"or=(kind.eq.repair", "or", "syntax"},
        {"or=(kind.eq.repair,)", "or", "syntax"},
        {"or=(kind.eq.repair))", "or", "syntax"},
        {"or=(title.eq.\"a)", "or", "syntax"},
        {"or=(title.eq.\"a\"b)", "or", "operator"},
        {"or=(kind)", "or", "syntax"},
        {"or=(kind.eq.x)", "or", "not_one_of"},
        {"or=(kind.is.repair)", "or", "operator"},
        {"or=(colour.eq.red)", "or", "not_filterable"},
        {"and=(body.eq.x)", "and", "not_filterable"},
        {"or=(or(or(or(kind.eq.repair))))", "or", "too_deep"},
        {"contact_phone=eq.13800138000", "contact_phone", "not_filterable"},
        {"or=(contact_phone.is.null,kind.eq.repair)", "or", "not_filterable"},
        {"parent.contact_phone=is.null", "parent.contact_phone", "not_filterable"},
        {"parent.body=is.null", "parent.body", "not_filterable"},
        {"parent.parent.kind=eq.repair", "parent.parent.kind", "not_filterable"},
        {"title.kind=eq.x", "title.kind", "not_filterable"},
        {"owner.login=eq.x", "owner.login", "not_filterable"},
        {"unit.name=eq.x", "unit.name", "not_filterable"},
        {"unit.level=eq.moon", "unit.level", "not_one_of"},
        {"title=in.(\"a)", "title", "syntax"},
        {"title=in.(aa,(b)", "title", "syntax"},
        {"q=", "q", "words"},
        {"q= !", "q", "words"},
        {"q=a b c d e", "q", "too_long"},
        {"q=一二三四五六七八九十一二三四五六七八九十一", "q", "too_long"},
        {"q=aa&q=bb", "q", "repeated"},
        {"order=body", "order", "not_sortable"},
        {"order=contact_phone.asc", "order", "not_sortable"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct query q;
        struct call c;

        if (parse(&c, cases[i][0], &q) == 0)
            fail_msg("%s: accepted", cases[i][0]);
        assert_int_equal(c.fault.status, 400);
        if (strcmp(c.fault.errors->pointer, cases[i][1]) != 0 ||
            strcmp(c.fault.errors->code, cases[i][2]) != 0)
            fail_msg("%s: %s %s", cases[i][0], c.fault.errors->pointer, c.fault.errors->code);
        assert_true(*c.fault.errors->en && *c.fault.errors->zh);
    }
}

/* What would cost too much is refused by its size alone. */
static void test_limits(void **state)
{
    struct buf b = BUF_INIT;
    struct query q;
    struct call c;

    (void)state;
    buf_adds(&b, "quantity=in.(1");
    for (int i = 1; i < 10000; i++)
        buf_addf(&b, ",%d", i % 900);
    buf_addc(&b, ')');
    assert_int_equal(parse(&c, buf_str(&b), &q), -EINVAL);
    assert_string_equal(c.fault.errors->code, "too_many");
    buf_clear(&b);
    buf_adds(&b, "or=");
    for (int i = 0; i < 5000; i++)
        buf_adds(&b, "(or");
    assert_int_equal(parse(&c, buf_str(&b), &q), -EINVAL);
    buf_clear(&b);
    buf_adds(&b, "or=(or(cost.gt.1)");
    for (int i = 0; i < QUERY_GROUPS_MAX; i++)
        buf_adds(&b, ",or(cost.gt.1)");
    buf_addc(&b, ')');
    assert_int_equal(parse(&c, buf_str(&b), &q), -EINVAL);
    assert_string_equal(c.fault.errors->code, "too_deep");
    buf_clear(&b);
    for (int i = 0; i <= QUERY_REFERENCES_MAX; i++)
        buf_adds(&b, i ? "&unit.level=eq.street" : "unit.level=eq.street");
    assert_int_equal(parse(&c, buf_str(&b), &q), -EINVAL);
    assert_string_equal(c.fault.errors->code, "too_many");
    buf_done(&b);
}

static int if_match(const char *value, int64_t *ret, int *ret_status)
{
    struct http_field field = {TEXT("If-Match"), text_of(value)};
    struct request r = {.arena = a, .fields = &field, .field_count = 1};
    struct call c;
    int error;

    ask(&c);
    error = api_if_match(&c, &r, ret);
    *ret_status = c.fault.status;
    return error;
}

/* A tag is opaque: only the very text that was given out is it. */
static void test_tags_are_exact(void **state)
{
    static const char *const others[] = {
        "\"0\"", "\"-1\"", "\"012\"", "\"9223372036854775808\"", "\"x\"", "\"\"", "W/\"12\"", "*", "\"12"};
    int64_t version = 0;
    int status;

    (void)state;
    assert_int_equal(if_match("\"12\"", &version, &status), 0);
    assert_int_equal(version, 12);
    for (size_t i = 0; i < ARRAY_LEN(others); i++) {
        assert_int_equal(if_match(others[i], &version, &status), -EINVAL);
        assert_int_equal(status, 412);
    }
    assert_int_equal(if_match("12", &version, &status), -EINVAL);
    assert_int_equal(status, 400);
}

/* A landline has as few digits as a mask shows of a mobile number. */
static void test_masks_hide_most(void **state)
{
    static const struct {
        enum field_mask mask;
        const char *value, *shown;
    } cases[] = {{MASK_PHONE, "13800001234", "138****1234"}, {MASK_PHONE, "057182345678", "057****5678"},
        {MASK_PHONE, "82345678", "****78"}, {MASK_PHONE, "8234567", "****67"}, {MASK_PHONE, "110", "****"},
        {MASK_NAME, "韦小泉", "韦**"}, {MASK_EMAIL, "wei@example.cn", "w***@example.cn"},
        {MASK_ID_NUMBER, "11010119900101123X", "1****************X"}, {MASK_ALL, "x", "****"}};
    char out[64];

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        record_mask(cases[i].mask, cases[i].value, out, sizeof(out));
        assert_string_equal(out, cases[i].shown);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_masks_hide_most),
        cmocka_unit_test(test_too_many_filters),
        cmocka_unit_test(test_conditions),
        cmocka_unit_test(test_quotes),
        cmocka_unit_test(test_bad_conditions),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_tags_are_exact),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
