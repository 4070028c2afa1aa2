/* Tree files: what is read, what is refused and where, what an import would do. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h wants those above before it */
#include <cmocka.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/json.h"
#include "tenant/units_import.h"

static struct arena *arena;
static struct tree *none;

static int setup(void **state)
{
    (void)state;
    arena = arena_new();
    return tree_build(NULL, 0, &none, NULL, NULL);
}

static int teardown(void **state)
{
    (void)state;
    arena_free(arena);
    tree_free(none);
    return 0;
}

static void drop(void *root)
{
    json_decref(root);
}

static struct units_import check_json(const char *text, const struct tree *t, bool rename)
{
    struct units_import im;
    struct json_fault fault;
    json_t *root;

    assert_int_equal(json_parse(text_of(text), JSON_LIMITS, &root, &fault), 0);
    units_import_init(&im, arena);
    units_import_json(&im, root);
    units_import_check(&im, t, rename);
    arena_defer(arena, drop, root);
    return im;
}

static struct units_import check_csv(const char *text, const struct tree *t)
{
    struct units_import im;

    units_import_init(&im, arena);
    units_import_csv(&im, text_of(text));
    units_import_check(&im, t, false);
    return im;
}

static void has(const struct units_import *im, const char *pointer, const char *code)
{
    for (const struct units_import_fault *f = im->faults; f; f = f->next) {
        if (strcmp(f->pointer, pointer) == 0 && strcmp(f->code, code) == 0)
            return;
    }
    for (const struct units_import_fault *f = im->faults; f; f = f->next)
        print_error("%s %s\n", f->pointer, f->code);
    fail_msg("no fault %s at %s", code, pointer);
}

#define U(code, name, level, parent)                                                                         \
    "{\"code\":\"" code "\",\"name\":\"" name "\",\"level\":\"" level "\",\"parent\":" parent "}"

static void test_good(void **state)
{
    struct units_import im =
        check_json("{\"units\":[" U("c", "䌷绸社区", "community", "\"s\"") "," U(
                       "r", "上城区", "county", "null") "," U("s", "ｅ、〇街道", "street", "\"r\"") "]}",
            none, false);

    (void)state;
    assert_int_equal(im.fault_count, 0);
    assert_int_equal(im.created, 3);
    assert_int_equal(im.rows[0].place.depth, 2);
    assert_true(uuid_eq(im.rows[0].place.a[0], im.rows[2].id));
    assert_true(uuid_eq(im.rows[0].place.a[1], im.rows[0].id));
    assert_true(uuid_eq(im.rows[0].parent_id, im.rows[2].id));
    assert_int_equal(im.rows[1].place.depth, 0);
    assert_true(uuid_eq(im.rows[1].place.id, im.rows[1].id));
}

static void test_bad_rows(void **state)
{
    struct units_import im;

    (void)state;
    im = check_json(
        "{\"units\":[" U("r", "r", "county", "null") "," U("a", "a", "park", "\"b\"") "," U(
            "b", "b", "park", "\"a\"") "," U("x", "x", "street", "\"nowhere\"") "," U("r", "again", "street",
            "\"r\"") "," U("k", "k", "street", "\"x\"") "," U("y", "y", "village", "\"r\"") "]}",
        none, false);
    has(&im, "/units/1/parent", "cycle");
    has(&im, "/units/2/parent", "cycle");
    has(&im, "/units/3/parent", "unknown");
    has(&im, "/units/4/code", "duplicate");
    has(&im, "/units/5/parent", "level");
    has(&im, "/units/6/level", "unknown");
    assert_int_equal(im.fault_count, 6);
    im = check_json(
        "{\"units\":[{\"code\":7,\"name\":\"\",\"level\":\"county\",\"extra\":1},3]}", none, false);
    has(&im, "/units/0/code", "type");
    has(&im, "/units/0/code", "required");
    has(&im, "/units/0/name", "required");
    has(&im, "/units/0/extra", "unknown_field");
    has(&im, "/units/1", "type");
    im = check_json(
        "{\"units\":[" U("r", "r", "county", "null") "," U("q", "q", "county", "null") "]}", none, false);
    has(&im, "/units/1/parent", "required");
    im = check_json("{\"units\":[" U("s", "s", "street", "null") "]}", none, false);
    has(&im, "/units/0/level", "level");
    im = check_json("{}", none, false);
    has(&im, "/units", "required");
}

/* A chain of parks longer than any tree is deep: refused, and the walk is bounded. */
static void test_long_chain(void **state)
{
    struct buf b = BUF_INIT;
    struct units_import im;

    (void)state;
    buf_adds(&b, "code,name,level,parent\nr,r,county,\np0,p,park,r\n");
    for (int i = 15000; i > 0; i--)
        buf_addf(&b, "p%d,p,park,p%d\n", i, i - 1);
    im = check_csv(buf_str(&b), none);
    buf_done(&b);
    assert_true(im.fault_count > 0);
    has(&im, "/rows/4/parent", "too_deep");
}

static void test_csv(void **state)
{
    struct units_import im = check_csv("\xef\xbb\xbfname,Level,CODE,parent,note\r\n"
                                       "\"上城, \"\"区\"\"\",county,r,,x\r\n"
                                       "\r\n"
                                       "街道,street,s,r\r\n"
                                       " 社区 ,community,c,s,",
        none);

    (void)state;
    assert_int_equal(im.fault_count, 0);
    assert_int_equal(im.count, 3);
    assert_string_equal(im.rows[0].name, "上城, \"区\"");
    assert_null(im.rows[0].parent);
    assert_string_equal(im.rows[2].name, "社区");
    assert_string_equal(im.rows[2].pointer, "/rows/5");
    im = check_csv("code,name\nr,r\n", none);
    has(&im, "/rows/1/level", "required");
    has(&im, "/rows/1/parent", "required");
    im = check_csv("code,name,level,parent\n\"r,r,county,\n", none);
    has(&im, "/rows/2", "csv");
    im = check_csv("code,name,level,parent\nr,\"r\"x,county,\n", none);
    has(&im, "/rows/2", "csv");
    im = check_csv("code,name,level,parent\n\xff,r,county,\n", none);
    has(&im, "/rows/1", "encoding");
    im = check_csv("", none);
    has(&im, "/rows/1/code", "required");
    im = check_csv("code,name,level,parent\nr,r,county,\ns,s\n", none);
    has(&im, "/rows/3/level", "required");
}

static void test_again(void **state)
{
    static const char file[] = "{\"units\":[" U("r", "r", "county", "null") "," U("s", "new name", "street",
        "\"r\"") "," U("s2", "s2", "street", "\"r\"") "," U("p", "p", "park", "\"s\"") "]}";
    struct tree_unit units[] = {{.id = {{1}}, .code = "r", .name = "r", .level = LEVEL_COUNTY},
        {.id = {{2}}, .parent = {{1}}, .code = "s", .name = "old name", .level = LEVEL_STREET}};
    struct units_import im;
    struct tree *t;

    (void)state;
    assert_int_equal(tree_build(units, 2, &t, NULL, NULL), 0);
    im = check_json(file, t, false);
    assert_int_equal(im.fault_count, 0);
    assert_int_equal(im.unchanged, 1);
    assert_int_equal(im.other_names, 1);
    assert_int_equal(im.renamed, 0);
    assert_int_equal(im.created, 2);
    assert_true(uuid_eq(im.rows[3].place.a[0], units[1].id));
    im = check_json(file, t, true);
    assert_int_equal(im.renamed, 1);
    im = check_json("{\"units\":[" U("s", "old name", "park", "\"s\"") "]}", t, false);
    has(&im, "/units/0/level", "other_level");
    has(&im, "/units/0/parent", "other_parent");
    tree_free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good),
        cmocka_unit_test(test_bad_rows),
        cmocka_unit_test(test_long_chain),
        cmocka_unit_test(test_csv),
        cmocka_unit_test(test_again),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
