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
#include "resource/declaration_report.h"
#include "resource/query.h"
#include "resource/resource.h"

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

/* The thirteenth filter is refused before anything of it is kept. */
static void test_twelve_filters(void **state)
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_twelve_filters),
        cmocka_unit_test(test_tags_are_exact),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
