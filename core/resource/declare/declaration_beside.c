/* Declarations: what stands beside a record. */
#include "blob/file_type.h"
#include "resource/declare/declaration_parse.h"

#define COUNT_DEFAULT 20
#define COUNT_MAX 200
#define BYTES_DEFAULT (20 << 20)
#define BYTES_MAX INT64_C(4294967295)

static void parse_types(struct parse *p, const json_t *list, struct attachments_rule *rule)
{
    const json_t *v;
    size_t i;

    if (!list) {
        rule->types = 1u << FILE_IMAGE | 1u << FILE_DOCUMENT | 1u << FILE_TEXT;
        return;
    }
    if (!json_is_array(list) || json_array_size(list) == 0)
        report_add(
            p->report, "/attachments/types", NULL, "a list of image, document, text, archive, audio, video");
    json_array_foreach(list, i, v)
    {
        const char *word = json_is_string(v) ? json_string_value(v) : "";
        int group = parse_word(p, "/attachments", "types", word, file_group_names);

        rule->types |= group < 0 ? 0 : 1u << group;
    }
}

static void parse_attachments(struct parse *p, const json_t *json)
{
    static const char *const known[] = {"types", "max_count", "max_bytes", NULL};
    const json_t *v = json_object_get(json, "attachments");
    struct attachments_rule *rule = &p->res->attachments;

    if (!v)
        return;
    if (!json_is_object(v)) {
        report_add(p->report, "/attachments", "{} takes the defaults", "an object");
        return;
    }
    report_unknown(p->report, "/attachments", v, known);
    rule->is_on = true;
    rule->max_count = (uint32_t)parse_int(p, "/attachments", v, "max_count", 1, COUNT_MAX, COUNT_DEFAULT);
    rule->max_bytes = (uint64_t)parse_int(p, "/attachments", v, "max_bytes", 1, BYTES_MAX, BYTES_DEFAULT);
    parse_types(p, json_object_get(v, "types"), rule);
}

/* What is said about a person on the person's own record is never kept from them. */
static void parse_comments(struct parse *p, const json_t *json)
{
    static const char *const known[] = {"internal", NULL};
    const json_t *v = json_object_get(json, "comments");
    struct comments_rule *rule = &p->res->comments;

    if (!v)
        return;
    if (!json_is_object(v)) {
        report_add(p->report, "/comments", "{} takes the defaults", "an object");
        return;
    }
    report_unknown(p->report, "/comments", v, known);
    rule->is_on = true;
    rule->may_be_internal = parse_bool(p, "/comments", v, "internal");
    if (rule->may_be_internal && p->res->is_about_person)
        report_add(p->report, "/comments/internal", "leave it out",
            "records about a person have no internal comments: the person may read all of it");
}

static bool parse_purpose(const char *s)
{
    size_t len = strlen(s);

    return len > 0 && len <= 40 && s[0] >= 'a' && s[0] <= 'z' &&
           strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789_-") == len;
}

/* true, or an object that names the field which leads to the person. */
static void parse_person(struct parse *p, const json_t *json)
{
    static const char *const known[] = {"field", "consent", NULL};
    const json_t *v = json_object_get(json, "about_person");
    const struct field *f;

    p->res->is_about_person = json_is_object(v) || parse_bool(p, "", json, "about_person");
    if (!json_is_object(v))
        return;
    report_unknown(p->report, "/about_person", v, known);
    f = p->res->person =
        parse_field_ref(p, "/about_person/field", parse_str(p, "/about_person", v, "field", true));
    p->res->consent = arena_dup(p->a, parse_str(p, "/about_person", v, "consent", false));
    if (p->res->consent && !parse_purpose(p->res->consent))
        report_add(p->report, "/about_person/consent", NULL,
            "a purpose is 1 to 40 of a-z, 0-9, _ and -, beginning with a letter");
    if (!f)
        return;
    if (p->res->consent && !f->is_required)
        report_add(p->report, "/about_person/field", "set \"required\": true on the field",
            "who is not known cannot have agreed");
    if (f->type != FIELD_ACCOUNT && f->type != FIELD_REFERENCE)
        report_add(p->report, "/about_person/field", NULL,
            "the person is an account, or a record of a resource about persons");
    if (!f->is_filterable)
        report_add(p->report, "/about_person/field", "set \"filterable\": true on the field",
            "what is held about a person is found by \"%s\", which has no index", f->name);
    if (p->res->anonymity.is_on)
        report_add(p->report, "/about_person", NULL,
            "who submitted cannot be hidden where the record says whom it is about");
}

/* What people write of a record in a table and what says which it is. */
static bool may_be_key(const struct field *f)
{
    return f->set_by == SET_BY_USER &&
           (f->type == FIELD_TEXT || f->type == FIELD_INTEGER || f->type == FIELD_DATE ||
               f->type == FIELD_ENUM || f->type == FIELD_REFERENCE || f->type == FIELD_UNIT);
}

static void parse_import_key(struct parse *p, const json_t *json)
{
    const json_t *list = json_object_get(json, "import_key"), *v;
    size_t i;

    if (!list)
        return;
    if (!json_is_array(list) || json_array_size(list) == 0 || json_array_size(list) > IMPORT_KEY_MAX) {
        report_add(p->report, "/import_key", NULL, "a list of 1 to %d field names", IMPORT_KEY_MAX);
        return;
    }
    json_array_foreach(list, i, v)
    {
        const char *at = AT(p, "/import_key/%zu", i), *name = json_string_value(v);
        const struct field *f = parse_field_ref(p, at, name ? name : "");

        if (!f)
            continue;
        if (!may_be_key(f))
            report_add(p->report, at, NULL,
                "\"%s\" tells no record: a text, integer, date, enum, reference or unit that people set",
                name);
        for (uint32_t k = 0; k < p->res->import_key_count; k++)
            if (p->res->import_key[k] == f->index)
                report_add(p->report, at, "leave one out", "\"%s\" occurs twice", name);
        p->res->import_key[p->res->import_key_count++] = f->index;
    }
}

void parse_beside(struct parse *p, const json_t *json)
{
    parse_import_key(p, json);
    parse_person(p, json);
    parse_attachments(p, json);
    parse_comments(p, json);
}
