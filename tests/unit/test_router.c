/* The router: which route answers, what it captures, what it refuses. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "http/router.h"

static int nothing(struct request *r)
{
    (void)r;
    return 0;
}

#define ROUTE(m, p)                                                                                          \
    {                                                                                                        \
        .method = m, .pattern = p, .handle = nothing                                                         \
    }

static const struct http_route routes[] = {
    ROUTE(HTTP_GET, "/"),
    ROUTE(HTTP_GET, "/livez"),
    ROUTE(HTTP_GET, "/t/{tenant}/api/v1/units"),
    ROUTE(HTTP_POST, "/t/{tenant}/api/v1/units"),
    ROUTE(HTTP_GET, "/t/{tenant}/api/v1/units/{unit}"),
    ROUTE(HTTP_POST, "/t/{tenant}/api/v1/units/import"),
    ROUTE(HTTP_GET, "/t/demo/special"),
    ROUTE(HTTP_DELETE, "/t/{tenant}/api/v1/units/{other}"),
    ROUTE(HTTP_GET, "/console/{path*}"),
    ROUTE(HTTP_GET, "/console/assets/app.js"),
};

static struct router *filled(void)
{
    struct router *rt = router_new();

    for (size_t i = 0; i < ARRAY_LEN(routes); i++)
        assert_int_equal(router_add(rt, &routes[i]), 0);
    return rt;
}

struct expectation {
    enum http_method method;
    const char *path;
    int result;
    const char *pattern; /* or the Allow value */
    const char *param;
    const char *value;
};

static const struct expectation expectations[] = {
    {HTTP_GET, "/", 0, "/", NULL, NULL},
    {HTTP_GET, "/livez", 0, "/livez", NULL, NULL},
    {HTTP_HEAD, "/livez", 0, "/livez", NULL, NULL},
    {HTTP_POST, "/livez", -ENOTSUP, "GET, HEAD", NULL, NULL},
    {HTTP_GET, "/livez/", -ENOENT, NULL, NULL, NULL},
    {HTTP_GET, "/live", -ENOENT, NULL, NULL, NULL},
    {HTTP_GET, "/livezz", -ENOENT, NULL, NULL, NULL},
    {HTTP_GET, "/t/a b/api/v1/units", 0, "/t/{tenant}/api/v1/units", "tenant", "a b"},
    {HTTP_GET, "/t/x/api/v1/units/7", 0, "/t/{tenant}/api/v1/units/{unit}", "unit", "7"},
    {HTTP_DELETE, "/t/x/api/v1/units/7", 0, "/t/{tenant}/api/v1/units/{other}", "other", "7"},
    {HTTP_PATCH, "/t/x/api/v1/units/7", -ENOTSUP, "GET, HEAD, DELETE", NULL, NULL},
    {HTTP_GET, "/t/x/api/v1/units/", -ENOENT, NULL, NULL, NULL},
    {HTTP_POST, "/t/x/api/v1/units/import", 0, "/t/{tenant}/api/v1/units/import", "tenant", "x"},
    {HTTP_GET, "/t/x/api/v1/units/import", -ENOTSUP, "POST", NULL, NULL},
    {HTTP_GET, "/t/demo/special", 0, "/t/demo/special", NULL, NULL},
    {HTTP_GET, "/t/demo/api/v1/units", 0, "/t/{tenant}/api/v1/units", "tenant", "demo"},
    {HTTP_GET, "/console/assets/app.js", 0, "/console/assets/app.js", NULL, NULL},
    {HTTP_GET, "/console/assets/gone.js", 0, "/console/{path*}", "path", "assets/gone.js"},
    {HTTP_GET, "/console/", 0, "/console/{path*}", "path", ""},
    {HTTP_GET, "/console", -ENOENT, NULL, NULL, NULL},
    {HTTP_OPTIONS, "*", -ENOENT, NULL, NULL, NULL},
};

static void paths_find_their_route(void **state)
{
    struct router *rt = filled();

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(expectations); i++) {
        const struct expectation *e = &expectations[i];
        struct request r = {.arena = arena_new(), .method = e->method, .path = text_of(e->path)};
        const char *allow = NULL;
        int result = router_match(rt, &r, &allow);

        if (result != e->result)
            fail_msg("%s: %d, not %d", e->path, result, e->result);
        if (result == 0)
            assert_string_equal(r.route->pattern, e->pattern);
        if (result == -ENOTSUP)
            assert_string_equal(allow, e->pattern);
        if (e->param)
            assert_true(text_is(request_param(&r, e->param), e->value));
        assert_null(request_param(&r, "nobody").ptr);
        arena_free(r.arena);
    }
    router_free(rt);
}

static void malformed_patterns_are_refused(void **state)
{
    static const struct http_route bad[] = {
        ROUTE(HTTP_GET, ""),
        ROUTE(HTTP_GET, "x"),
        ROUTE(HTTP_GET, "//"),
        ROUTE(HTTP_GET, "/a//b"),
        ROUTE(HTTP_GET, "/{}"),
        ROUTE(HTTP_GET, "/{A}"),
        ROUTE(HTTP_GET, "/a{b}"),
        ROUTE(HTTP_GET, "/{a"),
        ROUTE(HTTP_GET, "/{a*}/b"),
        ROUTE(HTTP_GET, "/.."),
        ROUTE(HTTP_GET, "/a%20"),
        ROUTE(HTTP_GET, "/a?b"),
        ROUTE(HTTP_HEAD, "/h"),
        ROUTE(HTTP_GET, "/{a}/{b}/{c}/{d}/{e}/{f}/{g}/{h}/{i}"),
    };
    static const struct http_route twice = ROUTE(HTTP_GET, "/t/{who}/api/v1/units/{any}");
    struct router *rt = filled();

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_int_equal(router_add(rt, &bad[i]), -EINVAL);
    assert_int_equal(router_add(rt, &twice), -EEXIST);
    router_free(rt);
    router_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(paths_find_their_route),
        cmocka_unit_test(malformed_patterns_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
