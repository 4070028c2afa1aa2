/* Values: every fault names its pointer and what is accepted, in both languages. */
#include "resource/declare/value.h"

#include <errno.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/uuid.h"

#define DEPARTMENTS_MAX 50
#define JSON_BYTES_MAX 65536
/* An entry of a PostgreSQL index has 2,700 bytes at most, the tenant and the id among them. */
#define INDEXED_BYTES_MAX 2000

static int fault_of(struct value_fault *f, const char *code, const char *en, const char *zh)
{
    *f = (struct value_fault){code, en, zh};
    return -EINVAL;
}

static int check_enum(struct arena *a, const struct field *f, struct text v, struct value_fault *ret)
{
    const char *list = "";

    for (uint32_t i = 0; i < f->value_count; i++)
        if (text_is(v, f->values[i].value))
            return 0;
    if (f->dictionary)
        return fault_of(ret, "not_one_of", arena_printf(a, "A code of the dictionary %s.", f->dictionary),
            arena_printf(a, "应为字典 %s 中的代码。", f->dictionary));
    for (uint32_t i = 0; i < f->value_count; i++)
        list = arena_printf(a, "%s%s%s", list, i ? ", " : "", f->values[i].value);
    return fault_of(
        ret, "not_one_of", arena_printf(a, "One of: %s.", list), arena_printf(a, "可选值：%s。", list));
}

static int check_number(struct arena *a, const struct field *f, struct text v, struct value_fault *ret)
{
    int64_t n;

    if (text_to_i64(v, INT64_MIN, INT64_MAX, &n) < 0)
        return fault_of(ret, "type", "An integer.", "应为整数。");
    if (n < f->min)
        return fault_of(ret, "too_small", arena_printf(a, "At least %lld.", (long long)f->min),
            arena_printf(a, "不小于 %lld。", (long long)f->min));
    if (n > f->max)
        return fault_of(ret, "too_large", arena_printf(a, "At most %lld.", (long long)f->max),
            arena_printf(a, "不大于 %lld。", (long long)f->max));
    return 0;
}

static bool is_indexed(const struct field *f)
{
    return f->is_filterable || f->is_sortable || f->unique != UNIQUE_NO;
}

static int check_text(struct arena *a, const struct field *f, struct text v, struct value_fault *ret)
{
    if (memchr(v.ptr, 0, v.len) || !text_is_utf8(v))
        return fault_of(ret, "type", "Well-formed text.", "应为合法文本。");
    if (is_indexed(f) && v.len > INDEXED_BYTES_MAX)
        return fault_of(ret, "too_long",
            "At most 2,000 bytes: what can be filtered or sorted by is no longer.",
            "不超过 2000 字节（可筛选或排序的字段）。");
    if (text_chars(v) > f->max_length)
        return fault_of(ret, "too_long", arena_printf(a, "At most %u characters.", f->max_length),
            arena_printf(a, "不超过 %u 个字。", f->max_length));
    if (v.len > 0 && text_chars(v) < f->min_length)
        return fault_of(ret, "too_short", arena_printf(a, "At least %u characters.", f->min_length),
            arena_printf(a, "不少于 %u 个字。", f->min_length));
    if (v.len > 0 && f->regex && !field_matches(f, arena_ndup(a, v.ptr, v.len)))
        return fault_of(ret, "pattern", arena_printf(a, "Text of the form %s.", f->pattern),
            arena_printf(a, "格式应为 %s。", f->pattern));
    return 0;
}

static int check_departments(struct text v, struct value_fault *ret)
{
    json_t *list = NULL;
    bool good = json_parse(v, JSON_LIMITS, &list, NULL) == 0 && json_is_array(list) &&
                json_array_size(list) <= DEPARTMENTS_MAX;
    const json_t *e;
    struct uuid id;
    size_t i;

    json_array_foreach(list, i, e)
    {
        good = good && json_is_string(e) && uuid_parse(text_of(json_string_value(e)), &id) == 0;
        for (size_t k = 0; good && k < i; k++)
            good = !json_equal(json_array_get(list, k), e);
    }
    json_decref(list);
    return good ? 0
                : fault_of(ret, "type", "A list of at most 50 different department ids.",
                      "应为不重复的部门编号列表，最多 50 个。");
}

static int check_json(struct text v, struct value_fault *ret)
{
    json_t *json = NULL;
    int r = v.len <= JSON_BYTES_MAX ? json_parse(v, JSON_LIMITS, &json, NULL) : 0;

    json_decref(json);
    if (v.len > JSON_BYTES_MAX)
        return fault_of(ret, "too_long", "At most 64 KB.", "不超过 64 KB。");
    return r < 0 ? fault_of(ret, "type", "JSON.", "应为 JSON。") : 0;
}

int value_check(struct arena *a, const struct field *f, struct text v, struct value_fault *ret)
{
    struct uuid id;
    int64_t us;
    int32_t days;

    switch (f->type) {
    case FIELD_TEXT:
    case FIELD_LONGTEXT:
        return check_text(a, f, v, ret);
    case FIELD_INTEGER:
    case FIELD_MONEY:
        return check_number(a, f, v, ret);
    case FIELD_BOOLEAN:
        return text_is(v, "true") || text_is(v, "false")
                   ? 0
                   : fault_of(ret, "type", "true or false.", "应为 true 或 false。");
    case FIELD_DATE:
        return date_parse(v, &days) == 0
                   ? 0
                   : fault_of(ret, "type", "A date: YYYY-MM-DD.", "应为日期：YYYY-MM-DD。");
    case FIELD_DATETIME:
        return clock_parse(v, &us) == 0 ? 0
                                        : fault_of(ret, "type", "A moment, RFC 3339: 2026-12-01T08:00:00Z.",
                                              "应为 RFC 3339 时间：2026-12-01T08:00:00Z。");
    case FIELD_ENUM:
        return check_enum(a, f, v, ret);
    case FIELD_REFERENCE:
    case FIELD_DEPARTMENT:
    case FIELD_ACCOUNT:
    case FIELD_UNIT:
        return uuid_parse(v, &id) == 0 ? 0 : fault_of(ret, "type", "An id (UUID).", "应为编号（UUID）。");
    case FIELD_DEPARTMENTS:
        return check_departments(v, ret);
    case FIELD_JSON:
        return check_json(v, ret);
    case FIELD_TYPES:
        break;
    }
    return -EINVAL;
}

bool value_is_of_type(struct arena *a, const struct field *f, struct text v)
{
    struct value_fault ignored;
    int64_t n;

    switch (f->type) {
    case FIELD_TEXT:
    case FIELD_LONGTEXT:
    case FIELD_ENUM:
        return !memchr(v.ptr, 0, v.len) && text_is_utf8(v);
    case FIELD_INTEGER:
    case FIELD_MONEY:
        return text_to_i64(v, INT64_MIN, INT64_MAX, &n) == 0;
    default:
        return value_check(a, f, v, &ignored) == 0;
    }
}

static const char *dump(struct arena *a, const json_t *v)
{
    char *s = json_dumps(v, JSON_COMPACT | JSON_ENCODE_ANY);
    char *copy = arena_dup(a, s ? s : "null");

    free(s);
    return copy;
}

/* One way to write each value, so that "changed" is a comparison of texts. */
static const char *normal_form(struct arena *a, const struct field *f, struct text t)
{
    struct uuid id;
    int64_t us;

    if (f->type == FIELD_DATETIME && clock_parse(t, &us) == 0)
        return arena_dup(a, clock_format(us).s);
    if (field_is_uuid(f->type) && uuid_parse(t, &id) == 0)
        return arena_dup(a, uuid_format(id).s);
    return arena_ndup(a, t.ptr, t.len);
}

/* An empty text is no value, so that "required" cannot be met by it. */
int value_from_text(
    struct arena *a, const struct field *f, struct text v, const char **ret, struct value_fault *fault)
{
    if (v.len > 0 && value_check(a, f, v, fault) < 0)
        return -EINVAL;
    *ret = v.len > 0 ? normal_form(a, f, v) : NULL;
    return 0;
}

int value_from_json(
    struct arena *a, const struct field *f, const json_t *v, const char **ret, struct value_fault *fault)
{
    struct text t;

    if (json_is_null(v)) {
        *ret = NULL;
        return 0;
    }
    switch (f->type) {
    case FIELD_INTEGER:
    case FIELD_MONEY:
        if (!json_is_integer(v))
            return fault_of(fault, "type", f->type == FIELD_MONEY ? "An integer: cents." : "An integer.",
                f->type == FIELD_MONEY ? "应为整数（单位：分）。" : "应为整数。");
        t = text_of(arena_printf(a, "%lld", (long long)json_integer_value(v)));
        break;
    case FIELD_BOOLEAN:
        if (!json_is_boolean(v))
            return fault_of(fault, "type", "true or false.", "应为 true 或 false。");
        t = text_of(json_is_true(v) ? "true" : "false");
        break;
    case FIELD_DEPARTMENTS:
    case FIELD_JSON:
        t = text_of(dump(a, v));
        break;
    default:
        if (!json_is_string(v))
            return fault_of(fault, "type", "A string.", "应为字符串。");
        t = (struct text){json_string_value(v), json_string_length(v)};
    }
    return value_from_text(a, f, t, ret, fault);
}

void value_write(struct jsonw *w, const struct field *f, const char *value)
{
    if (!value)
        jsonw_null(w);
    else if (f->type == FIELD_INTEGER || f->type == FIELD_MONEY || f->type == FIELD_BOOLEAN ||
             f->type == FIELD_JSON || f->type == FIELD_DEPARTMENTS)
        jsonw_raw(w, text_of(value));
    else
        jsonw_str(w, value);
}
