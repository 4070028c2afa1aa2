/* Declarations: members of its JSON, each checked for what it may be. */
#include "resource/declare/declaration_parse.h"

const char *parse_str(struct parse *p, const char *at, const json_t *object, const char *key, bool required)
{
    const json_t *v = json_object_get(object, key);

    if (v && !json_is_string(v))
        report_add(p->report, AT(p, "%s/%s", at, key), NULL, "must be a string");
    else if (!v && required)
        report_add(p->report, at, AT(p, "add \"%s\": \"…\"", key), "\"%s\" is missing", key);
    return json_string_value(v);
}

int64_t parse_int(struct parse *p, const char *at, const json_t *object, const char *key, int64_t min,
    int64_t max, int64_t fallback)
{
    const json_t *v = json_object_get(object, key);

    if (!v)
        return fallback;
    if (json_is_integer(v) && json_integer_value(v) >= min && json_integer_value(v) <= max)
        return json_integer_value(v);
    report_add(p->report, AT(p, "%s/%s", at, key), NULL, "must be an integer from %lld to %lld",
        (long long)min, (long long)max);
    return fallback;
}

bool parse_bool(struct parse *p, const char *at, const json_t *object, const char *key)
{
    const json_t *v = json_object_get(object, key);

    if (v && !json_is_boolean(v))
        report_add(
            p->report, AT(p, "%s/%s", at, key), "write true or false without quotes", "must be a boolean");
    return json_is_true(v);
}

int parse_word(struct parse *p, const char *at, const char *key, const char *word, const char *const *known)
{
    const char *near;

    if (!word)
        return 0;
    for (int i = 0; known[i]; i++)
        if (strcmp(word, known[i]) == 0)
            return i;
    near = report_nearest(word, known);
    report_add(p->report, AT(p, "%s/%s", at, key), near ? AT(p, "did you mean \"%s\"?", near) : NULL,
        "\"%s\" is not a known %s", word, key);
    return -1;
}

void parse_label(struct parse *p, const char *at, const json_t *object, struct label *ret)
{
    const json_t *label = json_object_get(object, "label");
    static const char *const known[] = {"zh-CN", "en", NULL};

    if (!json_is_object(label)) {
        report_add(p->report, at, "add \"label\": {\"zh-CN\": \"…\", \"en\": \"…\"}",
            "a label in both languages is missing");
        *ret = (struct label){"", ""};
        return;
    }
    report_unknown(p->report, AT(p, "%s/label", at), label, known);
    ret->zh = parse_str(p, AT(p, "%s/label", at), label, "zh-CN", true);
    ret->en = parse_str(p, AT(p, "%s/label", at), label, "en", true);
    ret->zh = arena_dup(p->a, ret->zh ? ret->zh : "");
    ret->en = arena_dup(p->a, ret->en ? ret->en : "");
}

bool parse_name(struct parse *p, const char *at, const char *name, size_t max)
{
    size_t len = name ? strlen(name) : 0;
    bool good = len > 0 && len <= max && name[0] >= 'a' && name[0] <= 'z';

    for (size_t i = 0; good && i < len; i++)
        good = (name[i] >= 'a' && name[i] <= 'z') || (name[i] >= '0' && name[i] <= '9') || name[i] == '_';
    if (!good)
        report_add(p->report, at, NULL, "a name is 1 to %zu of a-z, 0-9 and _, beginning with a letter", max);
    return good;
}

const struct field *parse_field_ref(struct parse *p, const char *at, const char *name)
{
    const char *names[RESOURCE_FIELDS_MAX + 1] = {NULL};
    const struct field *f;
    const char *near;

    if (!name)
        return NULL;
    f = resource_field(p->res, text_of(name));
    if (f)
        return f;
    for (uint32_t i = 0; i < p->res->field_count; i++)
        names[i] = p->res->fields[i].name;
    near = report_nearest(name, names);
    report_add(
        p->report, at, near ? AT(p, "did you mean \"%s\"?", near) : NULL, "no field is named \"%s\"", name);
    return NULL;
}

int parse_state_ref(struct parse *p, const char *at, const char *name)
{
    const char *names[RESOURCE_STATES_MAX + 1] = {NULL}, *near;
    uint32_t i = resource_state(p->res, text_of(name));

    if (i != STATE_NONE)
        return (int)i;
    for (uint32_t s = 0; s < p->res->state_count; s++)
        names[s] = p->res->states[s].name;
    near = name ? report_nearest(name, names) : NULL;
    report_add(p->report, at, near ? AT(p, "did you mean \"%s\"?", near) : NULL, "no state is named \"%s\"",
        name ? name : "");
    return -1;
}
