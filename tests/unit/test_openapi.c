/* The OpenAPI document of the core's routes and a declared resource: JSON, every reference resolves. With an argument
 * the document is written to that file, for a linter. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "access/start.h"
#include "api/openapi.h"
#include "base/json.h"
#include "resource/declare/declaration_report.h"
#include "resource/declare/resource.h"

static json_t *document;

static int setup(void **state)
{
    struct arena *a = arena_new();
    struct declaration_report report;
    struct buf b = BUF_INIT;
    struct router *rt = router_new();
    json_t *json = NULL;
    struct jsonw w;
    int r;

    (void)state;
    access_init();
    report_init(&report, a, (struct text){NULL, 0});
    if (json_read_file(
            SOURCE_ROOT "/tests/fixtures/plugins/works/resources/item.json", 1 << 20, &json, NULL) < 0 ||
        resource_add("works", json, (struct text){NULL, 0}, &report) < 0)
        return -1;
    json_decref(json);
    if (api_core_routes(rt) < 0 || api_record_routes(rt) < 0)
        return -1;
    jsonw_init(&w, &b);
    openapi_write(&w, &(struct openapi_scope){0});
    r = json_parse(buf_text(&b), (struct json_limits){32, 1000000}, &document, NULL);
    if (getenv("JUXIN_OPENAPI_OUT")) {
        FILE *f = fopen(getenv("JUXIN_OPENAPI_OUT"), "w");

        if (f) {
            fwrite(b.data, 1, b.len, f);
            fclose(f);
        }
    }
    buf_done(&b);
    router_free(rt);
    arena_free(a);
    return r;
}

static int teardown(void **state)
{
    (void)state;
    json_decref(document);
    resource_unload_all();
    return 0;
}

static const json_t *at(const json_t *v, const char *pointer)
{
    struct text rest = text_of(pointer);

    while (rest.ptr && v) {
        struct text segment = text_split(&rest, '/');
        char key[200];

        snprintf(key, sizeof(key), "%.*s", (int)segment.len, segment.ptr);
        v = json_object_get(v, key);
    }
    return v;
}

static int check_refs(const json_t *v)
{
    const char *key, *ref = json_str(v, "$ref");
    const json_t *e;
    json_t *m;
    size_t i;
    int n = 0;

    if (ref) {
        if (!at(document, ref + 2))
            fail_msg("%s leads nowhere", ref);
        n++;
    }
    json_array_foreach(v, i, e) n += check_refs(e);
    json_object_foreach((json_t *)v, key, m) n += check_refs(m);
    return n;
}

static void test_document(void **state)
{
    const json_t *paths = json_object_get(document, "paths"), *create;

    (void)state;
    assert_string_equal(json_str(document, "openapi"), "3.1.0");
    assert_true(json_object_size(paths) > 20);
    assert_non_null(json_object_get(json_object_get(paths, "/works/item/{id}/transitions/{name}"), "post"));
    assert_non_null(json_object_get(json_object_get(paths, "/units"), "get"));
    assert_true(check_refs(document) > 20);
    create = at(document, "components/schemas/works.item-create");
    assert_non_null(at(create, "properties/title"));
    assert_null(at(create, "properties/lead")); /* set by a transition only */
    assert_string_equal(json_string_value(json_array_get(json_object_get(create, "required"), 0)), "title");
    assert_null(at(document, "components/schemas/works.item-patch/properties/kind")); /* immutable */
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_document)};

    return cmocka_run_group_tests(tests, setup, teardown);
}
