/* Names of files in header fields, and parts of contents: what RFC 6266, 8187 and 9110 say of them. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/arena.h"
#include "blob/file_type.h"
#include "http/disposition.h"
#include "http/range.h"
#include "resource/beside/file_name.h"

static void test_names_that_come(void **state)
{
    static const struct {
        const char *field;
        const char *name; /* NULL: there is none */
        int error;
    } cases[] = {
        {"attachment; filename=a.txt", "a.txt", 0},
        {"attachment;filename=\"a b.txt\"", "a b.txt", 0},
        {"inline; filename=\"a\\\"b\\\\c\"", "a\"b\\c", 0},
        {"attachment; filename=\"\xe5\x9b\xbe.png\"", "\xe5\x9b\xbe.png", 0},
        {"attachment; filename*=UTF-8''%E5%9B%BE.png", "\xe5\x9b\xbe.png", 0},
        {"attachment; filename*=utf-8'zh'a%20b", "a b", 0},
        {"attachment; filename=\"old\"; filename*=UTF-8''new", "new", 0},
        {"attachment; filename*=UTF-8''new; filename=\"old\"", "new", 0},
        {"attachment; size=5; filename=a ; x=\"y;z\"", "a", 0},
        {"form-data; name=x; filename=\"\"", "", 0},
        {"attachment", NULL, -ENOENT},
        {"attachment; size=5", NULL, -ENOENT},
        {"", NULL, -EINVAL},
        {"; filename=a", NULL, -EINVAL},
        {"attachment filename=a", NULL, -EINVAL},
        {"attachment; filename", NULL, -EINVAL},
        {"attachment; filename=\"a", NULL, -EINVAL},
        {"attachment; filename=\"a\\", NULL, -EINVAL},
        {"attachment; filename=a; filename=b", NULL, -EINVAL},
        {"attachment; filename*=UTF-8''a; filename*=UTF-8''b", NULL, -EINVAL},
        {"attachment; filename*=a", NULL, -EINVAL},
        {"attachment; filename*=ISO-8859-1''a", NULL, -EINVAL},
        {"attachment; filename*=UTF-8''%E5%9B", NULL, -EINVAL},
        {"attachment; filename*=UTF-8''%zz", NULL, -EINVAL},
        {"attachment; filename*=UTF-8''%0", NULL, -EINVAL},
        {"attachment; filename*=UTF-8''a%00b", NULL, -EINVAL},
    };
    struct arena *a = arena_new();

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const char *name = NULL;
        int r = disposition_parse(a, text_of(cases[i].field), &name);

        if (r != cases[i].error || (r == 0 && strcmp(name, cases[i].name) != 0))
            fail_msg("%s: %d %s", cases[i].field, r, name ? name : "");
    }
    arena_free(a);
}

static void test_names_that_go(void **state)
{
    static const char *const cases[][2] = {
        {"a b.txt", "attachment; filename=\"a b.txt\""},
        {"\xe5\x9b\xbe.png", "attachment; filename=\"_.png\"; filename*=UTF-8''%E5%9B%BE.png"},
        {"a\"b", "attachment; filename=\"a_b\"; filename*=UTF-8''a%22b"},
        {"50%.txt", "attachment; filename=\"50_.txt\"; filename*=UTF-8''50%25.txt"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct arena *a = arena_new();
        struct buf b = BUF_INIT;
        const char *back;

        disposition_add(&b, false, cases[i][0]);
        assert_string_equal(buf_str(&b), cases[i][1]);
        assert_int_equal(disposition_parse(a, buf_text(&b), &back), 0);
        assert_string_equal(back, cases[i][0]);
        buf_done(&b);
        arena_free(a);
    }
}

static void test_parts(void **state)
{
    static const struct {
        const char *field;
        uint64_t size;
        enum range kind;
        uint64_t first, len;
    } cases[] = {
        {"bytes=0-0", 10, RANGE_PART, 0, 1},
        {"bytes=0-9", 10, RANGE_PART, 0, 10},
        {"bytes=9-", 10, RANGE_PART, 9, 1},
        {"bytes=5-100", 10, RANGE_PART, 5, 5},
        {"bytes=-3", 10, RANGE_PART, 7, 3},
        {"bytes=-99", 10, RANGE_PART, 0, 10},
        {"bytes=2-18446744073709551616", 10, RANGE_PART, 2, 8},
        {"bytes=10-", 10, RANGE_NOWHERE, 0, 0},
        {"bytes=18446744073709551616-", 10, RANGE_NOWHERE, 0, 0},
        {"bytes=-0", 10, RANGE_NOWHERE, 0, 0},
        {"bytes=-5", 0, RANGE_NOWHERE, 0, 0},
        {"bytes=0-", 0, RANGE_NOWHERE, 0, 0},
        {"bytes=2-1", 10, RANGE_WHOLE, 0, 0},
        {"bytes=1-2,4-5", 10, RANGE_WHOLE, 0, 0},
        {"bytes=+1-2", 10, RANGE_WHOLE, 0, 0},
        {"bytes=1 -2", 10, RANGE_WHOLE, 0, 0},
        {"bytes", 10, RANGE_WHOLE, 0, 0},
        {"", 10, RANGE_WHOLE, 0, 0},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        uint64_t first = 0, len = 0;
        enum range kind = range_of(text_of(cases[i].field), cases[i].size, &first, &len);

        if (kind != cases[i].kind || first != cases[i].first || len != cases[i].len)
            fail_msg("%s of %llu: %d %llu %llu", cases[i].field, (unsigned long long)cases[i].size, kind,
                (unsigned long long)first, (unsigned long long)len);
    }
    assert_int_equal(range_of((struct text){NULL, 0}, 5, &(uint64_t){0}, &(uint64_t){0}), RANGE_WHOLE);
    assert_true(etag_is_among(TEXT("\"a\", W/\"b\""), "\"b\""));
    assert_true(etag_is_among(TEXT("*"), "\"b\""));
    assert_false(etag_is_among(TEXT("\"a\""), "\"b\""));
    assert_false(etag_is_among((struct text){NULL, 0}, "\"b\""));
}

static void test_what_a_file_may_be_called(void **state)
{
    static const char *const good[] = {
        "a", "\xe5\x9b\xbe.png", "a.b.c", "a (2).txt", "'a'", "\xf0\x9f\x98\x80.jpg"};
    static const char *const bad[] = {"", ".", "..", ".a", "a.", " a", "a ", "a/b", "a\\b", "a:b", "a\nb",
        "a\x7f", "a\xc2\x85", "a\xe2\x80\xae", "a\xe2\x81\xa6", "a\xef\xbb\xbf", "\xff", "a\xe2\x80\x8f"};
    struct arena *a = arena_new();
    char name[4 * FILE_NAME_CHARS_MAX] = "";

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(good); i++)
        if (!file_name_is_good(text_of(good[i])))
            fail_msg("refused: %s", good[i]);
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        if (file_name_is_good(text_of(bad[i])))
            fail_msg("taken: %s", bad[i]);
    memset(name, 'x', FILE_NAME_CHARS_MAX);
    assert_true(file_name_is_good(text_of(name)));
    name[FILE_NAME_CHARS_MAX] = 'x';
    assert_false(file_name_is_good(text_of(name)));
    assert_string_equal(file_name_numbered(a, "plan.pdf", 2), "plan (2).pdf");
    assert_string_equal(file_name_numbered(a, "plan", 10), "plan (10)");
    assert_string_equal(file_type_name(a, file_type_find("image/jpeg"), "a.JPEG"), "a.JPEG");
    assert_string_equal(file_type_name(a, file_type_find("image/jpeg"), "a.pdf"), "a.pdf.jpg");
    assert_string_equal(file_type_name(a, file_type_find("image/jpeg"), "jpg"), "jpg.jpg");
    assert_null(file_type_find("text/html"));
    assert_null(file_type_find("image/svg+xml"));
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names_that_come),
        cmocka_unit_test(test_names_that_go),
        cmocka_unit_test(test_parts),
        cmocka_unit_test(test_what_a_file_may_be_called),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
