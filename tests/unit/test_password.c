/* Password encoding, rules, and the real hash once, through the helper. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h wants those above before it */
#include <cmocka.h>

#include <errno.h>

#include "access/account.h"
#include "access/login.h"
#include "access/password.h"
#include "access/ratelimit.h"
#include "loop/fiber.h"
#include "loop/helper.h"
#include "loop/loop.h"

static void test_parse(void **state)
{
    static const char good[] =
        "$scrypt$ln=17,r=8,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    static const char *const bad[] = {"", "x", "$scrypt$",
        "$scrypt$ln=30,r=8,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAA",
        "$scrypt$ln=17,r=8,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAA", "$scrypt$ln=17,r=8,p=1$AAAAAAAAAAAAAAAAAAAAAA",
        "$scrypt$ln=17,r=8$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
        "$argon2$ln=17,r=8,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"};
    struct password_parts p;

    (void)state;
    assert_int_equal(password_parse(good, &p), 0);
    assert_int_equal(p.ln, 17);
    assert_int_equal(p.salt_len, 16);
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_int_equal(password_parse(bad[i], &p), -EINVAL);
    assert_int_equal(password_parse(NULL, &p), -EINVAL);
}

static const char *objection(const char *password, const char *login)
{
    const char *o = password_objection(text_of(password), text_of(login));

    return o ? o : "fine";
}

static void test_rules(void **state)
{
    char longest[PASSWORD_BYTES_MAX + 2];

    (void)state;
    assert_string_equal(objection("1234567", "a"), "too_short");
    assert_string_equal(objection("汉字汉字汉字汉", "a"), "too_short");
    assert_string_equal(objection("山高月小水落石出", "a"), "fine");
    assert_string_equal(objection("Password1", "a"), "common");
    assert_string_equal(objection("aaaaaaaaaaaa", "b"), "common");
    assert_string_equal(objection("xxZhangSanxx", "zhangsan"), "contains_login");
    assert_string_equal(objection("bad\xff\xff\xff\xff\xff\xff", "a"), "not_text");
    assert_string_equal(objection("", ""), "too_short");
    memset(longest, 'a', sizeof(longest));
    longest[3] = 'b';
    longest[PASSWORD_BYTES_MAX] = 0;
    assert_string_equal(objection(longest, "x"), "fine");
    longest[PASSWORD_BYTES_MAX] = 'a';
    longest[PASSWORD_BYTES_MAX + 1] = 0;
    assert_string_equal(objection(longest, "x"), "too_long");
    for (int i = 0; i < 50; i++) {
        struct password_generated g = password_generate();

        assert_int_equal(strlen(g.s), 20);
        assert_string_equal(objection(g.s, "admin"), "fine");
        assert_non_null(password_objection_en("common"));
    }
}

static void test_login(void **state)
{
    struct login l;

    (void)state;
    assert_int_equal(login_parse(TEXT("Qingbo.Street"), &l), 0);
    assert_string_equal(l.s, "qingbo.street");
    assert_int_equal(login_parse(TEXT("张三"), &l), 0);
    assert_int_equal(login_parse(TEXT(""), &l), -EINVAL);
    assert_int_equal(login_parse(TEXT("a b"), &l), -EINVAL);
    assert_int_equal(login_parse(TEXT("a\0b"), &l), -EINVAL);
    assert_int_equal(login_parse(TEXT("a'b"), &l), -EINVAL);
    assert_int_equal(
        login_parse(TEXT("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"), &l), -EINVAL);
}

static void test_delay(void **state)
{
    static const struct ratelimit_rule rule = {"x", 4, 300};

    (void)state;
    assert_int_equal(ratelimit_delay(rule, 0), 0);
    assert_int_equal(ratelimit_delay(rule, 4), 0);
    assert_int_equal(ratelimit_delay(rule, 5), 1);
    assert_int_equal(ratelimit_delay(rule, 6), 2);
    assert_int_equal(ratelimit_delay(rule, 13), 256);
    assert_int_equal(ratelimit_delay(rule, 14), 300);
    assert_int_equal(ratelimit_delay(rule, 100000), 300);
}

static void hash_fiber(void *arg)
{
    struct password_encoded e;
    bool match = false;

    (void)arg;
    assert_int_equal(password_hash(TEXT("correct horse battery"), &e), 0);
    assert_int_equal(password_verify(TEXT("correct horse battery"), e.s, &match), 0);
    assert_true(match);
    assert_int_equal(password_verify(TEXT("correct horse batterz"), e.s, &match), 0);
    assert_false(match);
    match = true;
    assert_int_equal(password_verify(TEXT("correct horse battery"), NULL, &match), 0);
    assert_false(match);
    loop_stop();
}

static void test_hash(void **state)
{
    struct helper_limits limits = {.threads = {1, 1}, .waiting = {4, 4}};
    struct fiber *f;

    (void)state;
    assert_int_equal(loop_init(), 0);
    fiber_system_init((struct fiber_limits){4, 4});
    assert_int_equal(helper_init(limits), 0);
    assert_int_equal(fiber_spawn(hash_fiber, NULL, "hash", &f), 0);
    loop_run();
    helper_done();
    fiber_system_done();
    loop_done();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parse),
        cmocka_unit_test(test_rules),
        cmocka_unit_test(test_login),
        cmocka_unit_test(test_delay),
        cmocka_unit_test(test_hash),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
