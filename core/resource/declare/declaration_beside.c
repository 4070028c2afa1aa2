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

void parse_beside(struct parse *p, const json_t *json)
{
    p->res->is_about_person = parse_bool(p, "", json, "about_person");
    parse_attachments(p, json);
    parse_comments(p, json);
}
