/* What texts are found by. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h wants those above before it */
#include <cmocka.h>

#include <errno.h>

#include "base/buf.h"
#include "resource/record/search.h"

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

static const char *joined(const struct search_tokens *t)
{
    const char *s = "";

    for (uint32_t i = 0; i < t->count; i++)
        s = arena_printf(a, "%s%s%s", s, i ? " " : "", t->items[i]);
    return s;
}

static const char *tokens(const char *value, bool with_initials)
{
    struct search_tokens t = {0};

    search_add(a, &t, text_of(value), with_initials);
    search_finish(&t);
    return joined(&t);
}

static const char *question(const char *words)
{
    struct search_tokens t;

    assert_int_equal(search_parse(a, text_of(words), &t), 0);
    return joined(&t);
}

static void test_values(void **state)
{
    (void)state;
    assert_string_equal(tokens("张三", true), "z zs 张 张三");
    assert_string_equal(tokens("张三", false), "张 张三");
    assert_string_equal(tokens("曾国藩", true), "c cg cgf gf z zg zgf 国藩 曾 曾国");
    assert_string_equal(tokens("曾国", true), "c cg z zg 曾 曾国"); /* as a word and as a surname */
    assert_string_equal(tokens("阿里·买买提", true), "a al m mm mmt mt 买 买买 买提 阿 阿里");
    assert_string_equal(tokens("５Ｇ基站", true), "5 5g 5gj gj gjz g基 jz 基站");
    assert_string_equal(tokens("Abc-12", true), "1 12 a ab abc bc");
    assert_string_equal(tokens("，。 —", true), "");
    assert_string_equal(tokens("", true), "");
    assert_string_equal(tokens("小区小区", false), "区小 小 小区");
    assert_string_equal(tokens("𠮷野", true), "𠮷 𠮷y 𠮷野"); /* no reading is known of the first */
}

static void test_questions(void **state)
{
    struct search_tokens t;

    (void)state;
    assert_string_equal(question("zs"), "zs");
    assert_string_equal(question("ZS"), "zs");
    assert_string_equal(question("张"), "张");
    assert_string_equal(question("张三丰"), "三丰 张三");
    assert_string_equal(question("zsf"), "zsf");
    assert_string_equal(question("zsfx"), "sfx zsf");
    assert_string_equal(question("abcdefgh"), "abc def fgh");
    assert_string_equal(question("小区 zs a"), "a zs 小区");
    assert_string_equal(question("老旧小区加装电梯"), "加装 小区 电梯 老旧");
    assert_string_equal(question("老旧小区加装梯"), "加装 小区 老旧 装梯");
    assert_int_equal(search_parse(a, TEXT(""), &t), -EINVAL);
    assert_int_equal(search_parse(a, TEXT("、。"), &t), -EINVAL);
    assert_int_equal(search_parse(a, TEXT("\xff\xfe"), &t), -EINVAL);
    assert_int_equal(search_parse(a, TEXT("a\0b"), &t), -EINVAL);
    assert_int_equal(search_parse(a, TEXT("a b c d e"), &t), -E2BIG);
}

/* Whatever is asked for of a value is among what the value is found by. */
static void check_parts(const char *all, const char *value, size_t char_size)
{
    size_t len = strlen(value);

    for (size_t from = 0; from < len; from += char_size) {
        for (size_t to = from + 2 * char_size; to <= len; to += char_size) {
            struct search_tokens t;

            assert_int_equal(search_parse(a, (struct text){value + from, to - from}, &t), 0);
            for (uint32_t i = 0; i < t.count; i++)
                if (!strstr(all, arena_printf(a, " %s ", t.items[i])))
                    fail_msg("%.*s: %s is not found", (int)(to - from), value + from, t.items[i]);
        }
    }
}

static void test_every_part_is_found(void **state)
{
    static const char value[] = "清波街道老旧小区加装电梯的建议";
    const char *all = arena_printf(a, " %s ", tokens(value, true));

    (void)state;
    check_parts(all, value, 3);
    check_parts(all, "qbjdljxqjzdtdjy", 1);
}

static void test_limits(void **state)
{
    struct search_tokens t = {0};
    struct buf b = BUF_INIT;

    (void)state;
    for (int i = 0; i < SEARCH_VALUE_MAX; i++)
        buf_adds(&b, "字");
    buf_adds(&b, "尾巴");
    search_add(a, &t, buf_text(&b), false);
    search_finish(&t);
    assert_string_equal(joined(&t), "字 字字");
    for (int i = 0; i < 10; i++)
        search_add(a, &t, buf_text(&b), true);
    assert_true(t.count <= SEARCH_TOKENS_MAX);
    buf_done(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_questions),
        cmocka_unit_test(test_every_part_is_found),
        cmocka_unit_test(test_limits),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
