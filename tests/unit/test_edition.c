/* Editions of declarations: copies that point into themselves, labels by place, dictionaries and their files. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/json.h"
#include "plugin/host/engine.h"
#include "resource/declare/declaration_report.h"
#include "resource/declare/edition.h"
#include "resource/record/record.h"

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

static json_t *read_file(const char *path)
{
    json_t *json = NULL;

    if (json_read_file(path, 1 << 20, &json, NULL) < 0)
        fail_msg("%s", path);
    return json;
}

static const struct resource *declared(const char *path)
{
    struct declaration_report report;
    struct resource *res = NULL;
    json_t *json = read_file(path);

    report_init(&report, a, (struct text){NULL, 0});
    if (declaration_parse(a, "suggestions", json, &report, &res) < 0)
        fail_msg("%s: %s", report.first->pointer, report.first->message);
    json_decref(json);
    return res;
}

#define MATTER SOURCE_ROOT "/plugins/suggestions/resources/suggestion.json"

static bool is_within(const void *p, const void *from, size_t size)
{
    return !p || ((const char *)p >= (const char *)from && (const char *)p < (const char *)from + size);
}

static bool points_into(const struct resource *to, const struct resource *base, const struct field *f)
{
    return is_within(f, to->fields, to->field_count * sizeof(*f)) &&
           (!f || strcmp(f->name, base->fields[f->index].name) == 0);
}

static void test_a_copy_points_into_itself(void **state)
{
    const struct resource *base = declared(MATTER);
    struct resource *to = resource_copy(a, base, 3);
    uint32_t looked = 0;

    (void)state;
    assert_int_equal(to->field_count, base->field_count);
    assert_true(points_into(to, base, to->anonymity.unless) && to->anonymity.unless);
    assert_true(points_into(to, base, to->sort));
    for (uint32_t i = 0; i < to->transition_count; i++) {
        const struct transition *t = &to->transitions[i], *was = &base->transitions[i];

        assert_true(points_into(to, base, t->holder) && points_into(to, base, t->deadline_field));
        assert_true(is_within(t->not_by, to->transitions, to->transition_count * sizeof(*t)));
        assert_true(is_within(t->after, to->transitions, to->transition_count * sizeof(*t)));
        assert_true(!was->not_by == !t->not_by && !was->after == !t->after);
        assert_true(!was->not_by || strcmp(was->not_by->name, t->not_by->name) == 0);
        for (uint32_t k = 0; k < t->field_count; k++)
            assert_true(points_into(to, base, t->fields[k]) && t->fields[k]->index == was->fields[k]->index);
        for (uint32_t k = 0; k < t->required_count; k++)
            assert_true(points_into(to, base, t->required[k]));
        for (uint32_t k = 0; k < t->set_count; k++)
            assert_true(points_into(to, base, t->sets[k].field) && t->sets[k].value == was->sets[k].value);
        for (uint32_t k = 0; k < t->participant_count; k++)
            assert_true(points_into(to, base, t->participants[k].field));
        looked += t->field_count + t->set_count + t->participant_count;
    }
    assert_true(looked > 20);
}

/* What a district asks of a person no plugin keeps from whoever may read the record; other fields it may hide. */
static void test_what_plugins_may_hide(void **state)
{
    struct resource *to = resource_copy(a, declared(MATTER), 2);
    uint32_t at = to->field_count;
    struct record *rec;

    (void)state;
    to->fields[at] =
        (struct field){.name = "x_person", .sensitivity = "personal", .is_custom = true, .index = at};
    to->fields[at + 1] =
        (struct field){.name = "x_thing", .sensitivity = "none", .is_custom = true, .index = at + 1};
    to->field_count += 2;
    rec = record_new(a, to);
    record_engine_init();
    engine_ops()->hide(rec, "x_person");
    engine_ops()->hide(rec, "x_thing");
    engine_ops()->hide(rec, "title");
    assert_false(rec->hidden[at]);
    assert_true(rec->hidden[at + 1]);
    assert_true(rec->hidden[resource_field(to, TEXT("title"))->index]);
}

static void test_labels_by_place(void **state)
{
    static const char *const places[] = {
        "", "/fields/topic", "/fields/topic/values/law", "/states/submitted", "/transitions/screen"};
    static const char *const none[] = {"/", "fields/topic", "/fields", "/fields/", "/fields/none",
        "/fields/topic/", "/fields/topic/values", "/fields/topic/values/", "/fields/topic/values/none",
        "/fields/title/values/law", "/fields/topic/label", "/states", "/states/none", "/states/submitted/x",
        "/transitions/none", "/levels/1"};
    const struct resource *base = declared(MATTER);
    struct resource *to = resource_copy(a, base, 0);
    uint32_t topic = resource_field(base, TEXT("topic"))->index;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(places); i++) {
        struct label *l = resource_label(to, text_of(places[i]));

        if (!l)
            fail_msg("no label at %s", places[i]);
        *l = (struct label){"改", "changed"};
    }
    for (size_t i = 0; i < ARRAY_LEN(none); i++)
        if (resource_label(to, text_of(none[i])))
            fail_msg("a label at %s", none[i]);
    assert_string_equal(to->label.zh, "改");
    assert_string_equal(to->fields[topic].label.zh, "改");
    assert_string_equal(base->label.zh, "建言献策");
    assert_string_equal(base->fields[topic].label.zh, "类别");
    for (uint32_t i = 0; i < base->fields[topic].value_count; i++)
        assert_string_not_equal(base->fields[topic].values[i].label.zh, "改");
    for (uint32_t i = 0; i < base->state_count; i++)
        assert_string_not_equal(base->states[i].label.zh, "改");
    for (uint32_t i = 0; i < base->transition_count; i++)
        assert_string_not_equal(base->transitions[i].label.zh, "改");
    to->fields[topic].dictionary = "d"; /* whose words are the dictionary's */
    assert_null(resource_label(to, TEXT("/fields/topic/values/law")));
    to->fields[topic].is_custom = true;
    assert_null(resource_label(to, TEXT("/fields/topic")));
}

static int32_t day(const char *s)
{
    int32_t days = 0;

    assert_int_equal(date_parse(text_of(s), &days), 0);
    return days;
}

static void test_codes(void **state)
{
    static const char *const good[] = {"A", "01", "I-9", "a.b_c", "0123456789012345678901234567890123456789"};
    static const char *const bad[] = {
        "", "a b", "房", "a/b", "01234567890123456789012345678901234567890", "a,b"};
    struct enum_value values[] = {
        {.value = "b", .position = 2}, {.value = "c", .position = 1}, {.value = "a", .position = 2}};
    struct enum_value v = {.valid_from = day("2026-01-01"), .valid_until = day("2026-12-31")};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(good); i++)
        assert_true(dictionary_is_code(text_of(good[i])));
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_false(dictionary_is_code(text_of(bad[i])));
    dictionary_sort(values, 3);
    assert_string_equal(values[0].value, "c");
    assert_string_equal(values[1].value, "a");
    assert_ptr_equal(dictionary_value(values, 3, TEXT("b")), &values[2]);
    assert_null(dictionary_value(values, 3, TEXT("bb")));
    assert_false(enum_value_is_current(&v, day("2025-12-31")));
    assert_true(enum_value_is_current(&v, day("2026-01-01")) && enum_value_is_current(&v, day("2026-12-31")));
    assert_false(enum_value_is_current(&v, day("2027-01-01")));
    assert_true(enum_value_is_current(&values[0], day("1900-01-01")));
}

static void refused(const char *text, const char *words)
{
    char why[200] = "";
    json_t *json = NULL;

    assert_int_equal(json_parse(text_of(text), JSON_LIMITS, &json, NULL), 0);
    if (dictionary_check(json, why) == 0)
        fail_msg("accepted: %s", text);
    if (!strstr(why, words))
        fail_msg("%s: %s", text, why);
    json_decref(json);
}

#define L "\"label\":{\"zh-CN\":\"甲\",\"en\":\"A\"}"
#define FILE_OF(name, entries) "{\"dictionary\":\"" name "\"," L ",\"entries\":[" entries "]}"

static void test_files(void **state)
{
    json_t *json = read_file(SOURCE_ROOT "/schemas/dictionaries/gbt4754-2017.json");
    const json_t *entries = json_object_get(json, "entries"), *e;
    uint32_t sections = 0;
    char why[200];
    size_t i;

    (void)state;
    assert_int_equal(dictionary_check(json, why), 0);
    json_array_foreach(entries, i, e)
    {
        const char *parent = json_str(e, "parent");

        sections += !parent;
        assert_true(!parent == (strlen(json_str(e, "code")) == 1));
    }
    assert_int_equal(sections, 20);
    assert_int_equal(json_array_size(entries), 117);
    json_decref(json);
    refused("[]", "dictionary");
    refused(FILE_OF("", "{\"code\":\"a\"," L "}"), "dictionary");
    refused(FILE_OF("x_own", "{\"code\":\"a\"," L "}"), "tenants");
    refused(FILE_OF("A", "{\"code\":\"a\"," L "}"), "dictionary");
    refused("{\"dictionary\":\"d\",\"entries\":[]}", "label");
    refused(FILE_OF("d", ""), "1 to 2000");
    refused(FILE_OF("d", "{\"code\":\"a\"}"), "entries[0]");
    refused(FILE_OF("d", "7"), "entries[0]");
    refused(FILE_OF("d", "{\"code\":\"a\"," L "},{\"code\":\"a\"," L "}"), "entries[1]");
    refused(FILE_OF("d", "{\"code\":\"a\"," L ",\"parent\":\"b\"},{\"code\":\"b\"," L "}"), "entries[0]");
    refused(FILE_OF("d", "{\"code\":\"a\"," L ",\"valid_from\":\"soon\"}"), "entries[0]");
    refused(FILE_OF("d", "{\"code\":\"a\"," L ",\"valid_until\":20261231}"), "entries[0]");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_a_copy_points_into_itself, setup, teardown),
        cmocka_unit_test_setup_teardown(test_what_plugins_may_hide, setup, teardown),
        cmocka_unit_test_setup_teardown(test_labels_by_place, setup, teardown),
        cmocka_unit_test(test_codes),
        cmocka_unit_test(test_files),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
