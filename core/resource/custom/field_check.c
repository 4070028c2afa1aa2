/* Checking what tenants say of fields and labels. */
#include "resource/custom/field_check.h"

#include <errno.h>

#include "base/json.h"
#include "resource/declare/custom_field.h"
#include "resource/declare/edition.h"
#include "resource/declare/subjects.h"

#define LABEL_MAX 60

bool own_may(const struct call *c, uint32_t permission)
{
    return tree_count(c->tenant->tree) > 0 && subject_may(c->who, c->tenant, permission, 0);
}

static bool wrong(struct call *c, const char *at, const char *code, const char *en, const char *zh)
{
    (void)call_fail_at(c, at, code, en, zh);
    return false;
}

bool own_words_check(struct call *c, const char *at, const char *text, bool about_person, bool is_value)
{
    const struct subject_refused *s =
        is_value ? subject_of_value(text_of(text)) : subject_of(text_of(text), about_person);

    if (!s)
        return true;
    return wrong(c, at, "refused_subject",
        arena_printf(c->arena, "\"%.100s\" is about %s, which is not recorded here.", text, s->en),
        arena_printf(c->arena, "“%.100s”涉及%s，平台不予记录。", text, s->zh));
}

bool own_label_check(
    struct call *c, const char *at, const json_t *label, bool about_person, bool is_value, struct label *ret)
{
    const char *zh = json_str(label, "zh-CN"), *en = json_str(label, "en");

    if (!zh || !en || json_object_size(label) != 2 || text_chars(text_of(zh)) - 1 >= LABEL_MAX ||
        text_chars(text_of(en)) - 1 >= LABEL_MAX)
        return wrong(c, at, "label", "{\"zh-CN\": \"…\", \"en\": \"…\"} of 1 to 60 characters each.",
            "应为 {\"zh-CN\": \"…\", \"en\": \"…\"}，各 1 到 60 个字。");
    *ret = (struct label){zh, en};
    return own_words_check(c, at, zh, about_person, is_value) &&
           own_words_check(c, at, en, about_person, is_value);
}

/* ---- members ---- */

struct check {
    struct call *c;
    const json_t *body;
    struct own_field *f;
};

static const char *text(struct check *x, const char *key)
{
    const json_t *v = json_object_get(x->body, key);

    if (v && !json_is_string(v) && !json_is_null(v))
        (void)wrong(
            x->c, arena_printf(x->c->arena, "/%s", key), "type", "A string is expected.", "应为字符串。");
    return json_string_value(v);
}

static bool flag(struct check *x, const char *key, bool fallback)
{
    const json_t *v = json_object_get(x->body, key);

    if (v && !json_is_boolean(v) && !json_is_null(v))
        (void)wrong(x->c, arena_printf(x->c->arena, "/%s", key), "type", "true or false is expected.",
            "应为 true 或 false。");
    return json_is_boolean(v) ? json_is_true(v) : fallback;
}

static bool number(struct check *x, const char *key, int64_t min, int64_t max, int64_t *ret)
{
    const json_t *v = json_object_get(x->body, key);

    if (!v || json_is_null(v))
        return false;
    if (!json_is_integer(v) || json_integer_value(v) < min || json_integer_value(v) > max) {
        (void)wrong(x->c, arena_printf(x->c->arena, "/%s", key), "range",
            arena_printf(x->c->arena, "An integer from %lld to %lld.", (long long)min, (long long)max),
            arena_printf(x->c->arena, "应为 %lld 到 %lld 的整数。", (long long)min, (long long)max));
        return false;
    }
    *ret = json_integer_value(v);
    return true;
}

static bool is_among(const char *word, const char *const *list)
{
    for (; word && *list; list++)
        if (strcmp(*list, word) == 0)
            return true;
    return false;
}

static void check_name(struct check *x)
{
    const char *name = text(x, "name");
    size_t len = name ? strlen(name) : 0;
    bool good = len > 2 && len <= FIELD_NAME_MAX && strncmp(name, "x_", 2) == 0;

    for (size_t i = 2; good && i < len; i++)
        good = (name[i] >= 'a' && name[i] <= 'z') || (name[i] >= '0' && name[i] <= '9') || name[i] == '_';
    if (!good)
        (void)wrong(x->c, "/name", "name", "x_ and up to 30 of a-z, 0-9 and _.",
            "应以 x_ 开头，后接不超过 30 个小写字母、数字或下划线。");
    else if (own_words_check(x->c, "/name", name + 2, x->f->is_about_person, false))
        x->f->name = name;
}

static void check_type(struct check *x)
{
    static const char *const types[] = {
        "text", "longtext", "integer", "money", "boolean", "date", "enum", NULL};
    const char *dictionary = text(x, "dictionary");

    x->f->type = text(x, "type");
    x->f->dictionary = dictionary;
    if (!is_among(x->f->type, types)) {
        x->f->type = "text";
        (void)wrong(x->c, "/type", "not_one_of",
            "One of text, longtext, integer, money, boolean, date, enum.",
            "应为 text、longtext、integer、money、boolean、date、enum 之一。");
    } else if (strcmp(x->f->type, "enum") == 0 &&
               (!dictionary || !edition_dictionary(x->c->tenant, dictionary))) {
        (void)wrong(x->c, "/dictionary", dictionary ? "unknown" : "required",
            "The name of a dictionary whose codes are chosen from.", "应为现有字典的名称。");
    } else if (strcmp(x->f->type, "enum") != 0 && dictionary) {
        (void)wrong(x->c, "/dictionary", "not_here", "Only of an enum.", "仅 enum 类型可指定字典。");
    }
}

static bool is_type(const struct own_field *f, const char *a, const char *b)
{
    return strcmp(f->type, a) == 0 || strcmp(f->type, b) == 0;
}

static void check_limits(struct check *x)
{
    struct own_field *f = x->f;
    bool is_text = is_type(f, "text", "longtext"), is_number = is_type(f, "integer", "money");

    f->has_min = number(x, "min", INT64_MIN, INT64_MAX, &f->min);
    f->has_max = number(x, "max", INT64_MIN, INT64_MAX, &f->max);
    if ((f->has_min || f->has_max) && !is_number)
        (void)wrong(x->c, "/min", "not_here", "min and max are for integer and money.",
            "min、max 仅用于整数和金额。");
    if (f->has_min && f->has_max && f->min > f->max)
        (void)wrong(x->c, "/min", "range", "Not greater than max.", "不得大于 max。");
    if (number(
            x, "max_length", 1, strcmp(f->type, "longtext") == 0 ? 20000 : CUSTOM_TEXT_MAX, &f->max_length) &&
        !is_text)
        (void)wrong(x->c, "/max_length", "not_here", "max_length is for text and longtext.",
            "max_length 仅用于文本。");
}

static void check_lists(struct check *x)
{
    struct own_field *f = x->f;
    const char *mask = text(x, "mask");

    f->mask = mask ? mask : "none";
    f->is_required = flag(x, "required", false);
    f->is_filterable = flag(x, "filterable", false);
    if (!is_among(f->mask, field_mask_names))
        (void)wrong(x->c, "/mask", "not_one_of", "One of none, all, phone, name, email, id_number.",
            "应为 none、all、phone、name、email、id_number 之一。");
    else if (strcmp(f->mask, "none") != 0 && !is_type(f, "text", "longtext"))
        (void)wrong(x->c, "/mask", "not_here", "A mask is for text and longtext.", "掩码仅用于文本。");
    if (f->is_filterable && (strcmp(f->mask, "none") != 0 || strcmp(f->type, "longtext") == 0))
        (void)wrong(x->c, "/filterable", "not_here",
            "Neither a longtext nor what is masked can be filtered by.",
            "长文本和带掩码的字段不能用于筛选。");
    if (f->is_filterable && f->is_about_person && f->res->anonymity.is_on)
        (void)wrong(x->c, "/filterable", "not_here",
            "Of records without a name, what is about a person cannot be filtered by: that would reveal it.",
            "该业务可匿名提交，涉及个人的字段不能用于筛选，以免间接泄露。");
}

static void check_person(struct check *x)
{
    struct own_field *f = x->f;

    f->purpose = text(x, "purpose");
    f->retention = text(x, "retention");
    if (f->res->is_about_person && !flag(x, "about_person", true))
        (void)wrong(x->c, "/about_person", "about_person",
            "These records are about persons: so is each field of them.",
            "该业务的记录涉及个人，其字段均按涉及个人处理。");
    if (f->retention && !field_is_retention(f->retention))
        (void)wrong(x->c, "/retention", "retention", "P3Y, P6M or P30D.", "应为 P3Y、P6M 或 P30D 形式。");
    if (f->purpose && (text_chars(text_of(f->purpose)) < 4 || text_chars(text_of(f->purpose)) > 200))
        (void)wrong(x->c, "/purpose", "length", "4 to 200 characters.", "应为 4 到 200 个字。");
    if (!f->is_about_person)
        return;
    if (!f->purpose)
        (void)wrong(x->c, "/purpose", "required",
            "What is asked of a person has a purpose, which they are told.",
            "涉及个人的字段须注明用途，并告知本人。");
    if (!f->retention)
        (void)wrong(x->c, "/retention", "required", "… and is kept for a time: P3Y.",
            "涉及个人的字段须注明保存期限，如 P3Y。");
    if (f->is_required)
        (void)wrong(x->c, "/required", "not_here",
            "Nobody has to say more of themselves than the service needs.",
            "涉及个人的自定义字段不得设为必填。");
}

int own_field_check(struct call *c, const json_t *body, struct own_field *ret)
{
    struct own_field f = {0};
    struct check x = {c, body, &f};
    const char *resource = text(&x, "resource");
    struct label label = {"", ""};

    f.res = resource ? edition_find(c->tenant, resource) : NULL;
    if (!f.res)
        return call_fail_at(c, "/resource", resource ? "unknown" : "required",
            "PLUGIN.RESOURCE, whose records are to have the field.", "应为字段所属的 插件.业务。");
    f.is_about_person = f.res->is_about_person || flag(&x, "about_person", false);
    check_name(&x);
    check_type(&x);
    (void)own_label_check(c, "/label", json_object_get(body, "label"), f.is_about_person, false, &label);
    f.zh = label.zh;
    f.en = label.en;
    check_limits(&x);
    check_lists(&x);
    check_person(&x);
    if (c->fault.status)
        return -EINVAL;
    *ret = f;
    return 0;
}
