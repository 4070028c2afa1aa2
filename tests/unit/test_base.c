/* The ground floor: text, numbers, dates, ids, JSON in and out. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/digest.h"
#include "base/json.h"
#include "base/jsonw.h"
#include "base/log.h"
#include "base/text.h"
#include "base/uuid.h"

static void numbers_are_strict(void **state)
{
    int64_t v = 0;

    (void)state;
    assert_int_equal(text_to_i64(TEXT("-9223372036854775808"), INT64_MIN, INT64_MAX, &v), 0);
    assert_true(v == INT64_MIN);
    assert_int_equal(text_to_i64(TEXT("9223372036854775807"), INT64_MIN, INT64_MAX, &v), 0);
    assert_true(v == INT64_MAX);
    assert_int_equal(text_to_i64(TEXT("9223372036854775808"), INT64_MIN, INT64_MAX, &v), -ERANGE);
    assert_int_equal(text_to_i64(TEXT("+3"), 0, 9, &v), -EINVAL);
    assert_int_equal(text_to_i64(TEXT(" 3"), 0, 9, &v), -EINVAL);
    assert_int_equal(text_to_i64(TEXT(""), 0, 9, &v), -EINVAL);
    assert_int_equal(text_to_i64(TEXT("-"), 0, 9, &v), -EINVAL);
    assert_int_equal(text_to_i64(TEXT("10"), 0, 9, &v), -ERANGE);
}

static void text_is_cut_between_characters(void **state)
{
    static const size_t lengths[] = {0, 0, 0, 3, 3, 5, 5, 5, 5, 9, 9};
    struct text t = TEXT("聚é𠀀"), rest = TEXT("聚é𠀀a");

    (void)state;
    for (size_t max = 0; max < ARRAY_LEN(lengths); max++)
        assert_int_equal(text_cut(t, max).len, lengths[max]);
    assert_int_equal(text_next_char(&rest), 0x805a);
    assert_int_equal(text_next_char(&rest), 0xe9);
    assert_int_equal(text_next_char(&rest), 0x20000);
    assert_int_equal(text_next_char(&rest), 'a');
    assert_int_equal(rest.len, 0);
}

static void utf8_is_checked(void **state)
{
    (void)state;
    assert_true(text_is_utf8(TEXT("聚新 ok 𠀀")));
    assert_false(text_is_utf8(TEXT("\xc0\x80")));
    assert_false(text_is_utf8(TEXT("\xed\xa0\x80")));
    assert_false(text_is_utf8(TEXT("\xf4\x90\x80\x80")));
    assert_false(text_is_utf8(TEXT("\xe8\x81")));
    assert_int_equal(text_chars(TEXT("聚新ab")), 4);
}

static void dates_round_trip(void **state)
{
    int32_t days = 0;
    int64_t us = 0;

    (void)state;
    for (int32_t d = -800000; d < 800000; d += 97) {
        if (date_year(d) < 1 || date_year(d) > 9999)
            continue;
        assert_int_equal(date_parse(text_of(date_format(d).s), &days), 0);
        assert_int_equal(days, d);
    }
    assert_string_equal(date_format(INT32_MAX).s, "5881580-07-11"); /* a plugin may ask for any */
    assert_string_equal(date_format(INT32_MIN).s, "-5877641-06-23");
    assert_int_equal(date_parse(TEXT("2026-02-29"), &days), -EINVAL);
    assert_int_equal(date_parse(TEXT("2024-02-29"), &days), 0);
    assert_int_equal(date_parse(TEXT("2026-11-23"), &days), 0);
    assert_int_equal(date_weekday(days), 0);
    assert_int_equal(clock_parse(TEXT("2026-11-23T10:00:00+08:00"), &us), 0);
    assert_string_equal(clock_format(us).s, "2026-11-23T02:00:00.000000Z");
    assert_int_equal(date_of(us - 3 * 3600 * 1000000ll, 480), days);
    assert_int_equal(clock_parse(TEXT("2026-11-23T25:00:00Z"), &us), -EINVAL);
    /* An offset must not lead out of the years that can be written again (and that PostgreSQL takes). */
    assert_int_equal(clock_parse(TEXT("0001-01-01T00:00:00+00:01"), &us), -EINVAL);
    assert_int_equal(clock_parse(TEXT("9999-12-31T23:59:59-00:01"), &us), -EINVAL);
    assert_int_equal(clock_parse(TEXT("0001-01-01T00:00:00Z"), &us), 0);
    assert_string_equal(clock_format(us).s, "0001-01-01T00:00:00.000000Z");
    assert_int_equal(clock_parse(TEXT("9999-12-31T23:59:59.999999Z"), &us), 0);
    assert_string_equal(clock_format(us).s, "9999-12-31T23:59:59.999999Z");
}

static void buffers_end_in_nul(void **state)
{
    struct buf b = BUF_INIT;

    (void)state;
    buf_reserve(&b, 0);
    assert_string_equal(buf_str(&b), "");
    buf_done(&b);
    buf_reserve(&b, 100);
    assert_string_equal(buf_str(&b), "");
    buf_done(&b);
}

/* Each byte at each place of a UUID: a hexadecimal digit in either case, or refused. */
static void parse_every_byte(void)
{
    static const char good[] = "01234567-89ab-7def-8123-456789abcdef";

    for (size_t i = 0; i < UUID_TEXT_LEN; i++) {
        for (int c = 0; c < 256; c++) {
            char text[UUID_TEXT_LEN + 1];
            struct uuid id;
            bool is_digit = c < 128 && c && strchr("0123456789abcdefABCDEF", c);

            memcpy(text, good, sizeof(text));
            text[i] = (char)c;
            assert_int_equal(uuid_parse((struct text){text, UUID_TEXT_LEN}, &id),
                (good[i] == '-' ? c == '-' : is_digit) ? 0 : -EINVAL);
            text[i] = (char)(c >= 'A' && c <= 'F' ? c + 32 : c);
            if (good[i] != '-' && is_digit)
                assert_string_equal(uuid_format(id).s, text);
        }
    }
}

static void ids_grow_and_round_trip(void **state)
{
    struct uuid last = uuid_new(), back;

    (void)state;
    for (int i = 0; i < 20000; i++) {
        struct uuid id = uuid_new();

        assert_true(uuid_cmp(last, id) < 0);
        last = id;
    }
    assert_int_equal(uuid_parse(text_of(uuid_format(last).s), &back), 0);
    assert_true(uuid_eq(last, back));
    assert_int_equal(last.b[6] >> 4, 7);
    parse_every_byte();
    assert_int_equal(uuid_parse(TEXT("not-a-uuid"), &back), -EINVAL);
}

static uint64_t made_at_ms(struct uuid id)
{
    uint64_t ms = 0;

    for (int i = 0; i < 6; i++)
        ms = ms << 8 | id.b[i];
    return ms;
}

/* With a wall clock that is far from the one everybody goes by, ids carry that one's time. */
static void ids_go_by_the_agreed_clock(void **state)
{
    static const int64_t ahead_s[] = {3600, 315360000, -3600, -315360000};

    (void)state;
    assert_false(clock_is_far());
    assert_true(clock_off_us() == 0);
    for (size_t i = 0; i < ARRAY_LEN(ahead_s); i++) {
        int64_t other = clock_wall_us() - ahead_s[i] * 1000000;
        uint64_t last = made_at_ms(uuid_new());

        clock_compared(other, clock_mono_us());
        assert_true(clock_is_far());
        assert_true(llabs(clock_off_us() - ahead_s[i] * 1000000) < 5000000);
        assert_true(llabs(clock_agreed_us() - other) < 5000000);
        /* Never behind the ids before. */
        assert_true(
            llabs((int64_t)made_at_ms(uuid_new()) - (int64_t)MAX(last, (uint64_t)other / 1000)) < 5000);
    }
    clock_compared(clock_wall_us(), clock_mono_us());
    assert_false(clock_is_far());
}

static void json_limits_hold(void **state)
{
    struct json_fault fault;
    struct buf deep = BUF_INIT;
    json_t *value = NULL;

    (void)state;
    for (int i = 0; i < 2000; i++)
        buf_addc(&deep, '[');
    assert_int_equal(json_parse(buf_text(&deep), JSON_LIMITS, &value, &fault), -E2BIG);
    assert_int_equal(fault.column, 33);
    buf_clear(&deep);
    buf_addc(&deep, '[');
    for (int i = 0; i < 200000; i++)
        buf_adds(&deep, "{},");
    assert_int_equal(json_parse(buf_text(&deep), JSON_LIMITS, &value, &fault), -E2BIG);
    buf_done(&deep);
    assert_int_equal(json_parse(TEXT("{\"a\":1,\"a\":2}"), JSON_LIMITS, &value, &fault), -EDOM);
    assert_int_equal(json_parse(TEXT("{\"a\":1} x"), JSON_LIMITS, &value, &fault), -EINVAL);
    /* jansson takes a NUL behind a number for nothing */
    assert_int_equal(json_parse(TEXT("12\0"), JSON_LIMITS, &value, &fault), -EINVAL);
    assert_int_equal(json_parse(TEXT("[1\0,2]"), JSON_LIMITS, &value, &fault), -EINVAL);
    assert_int_equal(fault.column, 3);
    assert_int_equal(json_parse(TEXT("\"\\u0000\""), JSON_LIMITS, &value, &fault), -EDOM);
    assert_int_equal(json_parse(TEXT("{\"a\\u0000\":1}"), JSON_LIMITS, &value, &fault), -EDOM);
    assert_int_equal(json_parse(TEXT("[9223372036854775808]"), JSON_LIMITS, &value, &fault), -EINVAL);
    assert_int_equal(json_parse(TEXT("[1e999]"), JSON_LIMITS, &value, &fault), -EINVAL);
    assert_int_equal(
        json_parse(TEXT("{\"\\\\\\\"[[\":[1,2.5,\"聚\",null,true]}"), JSON_LIMITS, &value, &fault), 0);
    json_decref(value);
}

static void writer_writes_json(void **state)
{
    struct buf out = BUF_INIT;
    struct jsonw w;

    (void)state;
    jsonw_init(&w, &out);
    jsonw_object(&w);
    jsonw_kstr(&w, "a", "quote \" back \\ line \n bell \x07 聚");
    jsonw_key(&w, "b");
    jsonw_array(&w);
    jsonw_int(&w, INT64_MIN);
    jsonw_bool(&w, true);
    jsonw_null(&w);
    jsonw_array(&w);
    jsonw_array_end(&w);
    jsonw_array_end(&w);
    jsonw_kint(&w, "c", 3);
    jsonw_object_end(&w);
    assert_string_equal(buf_str(&out), "{\"a\":\"quote \\\" back \\\\ line \\n bell \\u0007 聚\","
                                       "\"b\":[-9223372036854775808,true,null,[]],\"c\":3}");
    buf_done(&out);
}

/* What stands for itself is copied, whatever its place among words of eight bytes; the rest is escaped. */
static void json_escapes_at_every_place(void **state)
{
    struct buf out = BUF_INIT, want = BUF_INIT;

    (void)state;
    for (size_t len = 0; len < 20; len++) {
        for (size_t at = 0; at <= len; at++) {
            for (int c = 1; c < 256; c++) {
                char text[24];

                memset(text, at % 2 ? 'x' : 0xe8, sizeof(text));
                if (at < len)
                    text[at] = (char)c;
                buf_clear(&out);
                buf_clear(&want);
                jsonw_quote(&out, (struct text){text, len});
                buf_addc(&want, '"');
                for (size_t i = 0; i < len; i++) {
                    unsigned char b = (unsigned char)text[i];

                    if (b == '"' || b == '\\')
                        buf_addf(&want, "\\%c", b);
                    else if (b == '\n' || b == '\r' || b == '\t')
                        buf_addf(&want, "\\%c", b == '\n' ? 'n' : b == '\r' ? 'r' : 't');
                    else if (b < 0x20)
                        buf_addf(&want, "\\u%04x", b);
                    else
                        buf_addc(&want, (char)b);
                }
                buf_addc(&want, '"');
                assert_string_equal(buf_str(&out), buf_str(&want));
            }
        }
    }
    buf_done(&out);
    buf_done(&want);
}

static void json_numbers(void **state)
{
    static const int64_t numbers[] = {0, 1, -1, 9, 10, -10, 99, 1234567890123, INT64_MAX, INT64_MIN};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(numbers); i++) {
        struct buf out = BUF_INIT;
        struct jsonw w;
        char want[32];

        snprintf(want, sizeof(want), "%lld", (long long)numbers[i]);
        jsonw_init(&w, &out);
        jsonw_int(&w, numbers[i]);
        assert_string_equal(buf_str(&out), want);
        buf_done(&out);
    }
}

/* Around the sizes at which a second pass is needed. */
static void formatted_texts_of_every_length(void **state)
{
    struct arena *a = arena_new();
    char text[600];

    (void)state;
    memset(text, 'x', sizeof(text));
    for (int len = 0; len < (int)sizeof(text); len++) {
        struct buf out = BUF_INIT;

        buf_adds(&out, "before ");
        buf_addf(&out, "%.*s|", len, text);
        assert_int_equal(out.len, 7 + len + 1);
        assert_int_equal(strlen(buf_str(&out)), out.len);
        assert_string_equal(arena_printf(a, "before %.*s|", len, text), buf_str(&out));
        buf_done(&out);
    }
    arena_free(a);
}

static void count_up(void *arg)
{
    int **next = arg;

    *(*next)++ = 1;
}

static void arena_cleans_up(void **state)
{
    struct arena *a = arena_new();
    int marks[2] = {0}, *next = marks;

    (void)state;
    arena_defer(a, count_up, &next);
    arena_defer(a, count_up, &next);
    assert_non_null(arena_alloc(a, 100000));
    assert_string_equal(arena_printf(a, "%d-%s", 7, "x"), "7-x");
    arena_free(a);
    assert_true(next == marks + 2);
}

static void encodings_round_trip(void **state)
{
    struct buf out = BUF_INIT, back = BUF_INIT;
    uint8_t raw[33];

    (void)state;
    for (size_t len = 0; len <= sizeof(raw); len++) {
        random_bytes(raw, len);
        buf_clear(&out);
        buf_clear(&back);
        base64url_add(&out, raw, len);
        assert_int_equal(base64url_parse(buf_text(&out), &back), 0);
        assert_int_equal(back.len, len);
        assert_memory_equal(buf_str(&back), raw, len);
    }
    assert_int_equal(base64url_parse(TEXT("AB"), &back), -EINVAL);
    assert_int_equal(base64url_parse(TEXT("A"), &back), -EINVAL);
    buf_clear(&out);
    hex_add(&out, sha256_of(TEXT("abc")).b, SHA256_LEN);
    assert_string_equal(buf_str(&out), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    buf_done(&out);
    buf_done(&back);
}

/* What is no UTF-8 (a path, a name that a plugin gave itself) does not spoil the line for whoever reads the log. */
static void log_lines_are_json(void **state)
{
    int ends[2], before = dup(STDERR_FILENO);
    struct json_fault fault;
    char line[600];
    json_t *parsed;
    ssize_t n;

    (void)state;
    assert_int_equal(pipe(ends), 0);
    assert_true(dup2(ends[1], STDERR_FILENO) >= 0);
    log_event(LOG_ERROR, "test.bytes", LF_STR("what", "a\xff\xe4\xb8z"), LF_STR("none", NULL));
    assert_true(dup2(before, STDERR_FILENO) >= 0);
    close(ends[1]);
    n = read(ends[0], line, sizeof(line));
    close(ends[0]);
    close(before);
    assert_true(n > 0);
    assert_int_equal(json_parse((struct text){line, (size_t)n - 1}, JSON_LIMITS, &parsed, &fault), 0);
    assert_string_equal(json_str(parsed, "what"), "a\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbdz");
    json_decref(parsed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(log_lines_are_json),
        cmocka_unit_test(numbers_are_strict),
        cmocka_unit_test(utf8_is_checked),
        cmocka_unit_test(text_is_cut_between_characters),
        cmocka_unit_test(dates_round_trip),
        cmocka_unit_test(buffers_end_in_nul),
        cmocka_unit_test(ids_grow_and_round_trip),
        cmocka_unit_test(ids_go_by_the_agreed_clock),
        cmocka_unit_test(json_limits_hold),
        cmocka_unit_test(writer_writes_json),
        cmocka_unit_test(json_escapes_at_every_place),
        cmocka_unit_test(json_numbers),
        cmocka_unit_test(formatted_texts_of_every_length),
        cmocka_unit_test(arena_cleans_up),
        cmocka_unit_test(encodings_round_trip),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
