/* Declarations: what no plugin may record, wherever in one it is said. */
#include "resource/declare/declaration_parse.h"
#include "resource/declare/subjects.h"

static void refuse(struct parse *p, const char *at, const char *text, const struct subject_refused *s)
{
    if (s)
        report_add(p->report, at, "leave it out; no declaration may hold it",
            "\"%s\" would record a person's %s, which Juxin refuses", text, s->en);
}

static void look_at(struct parse *p, const char *at, const char *name, const struct label *label)
{
    const char *texts[] = {name, label->zh, label->en};
    const struct subject_refused *s = NULL;

    for (size_t i = 0; i < ARRAY_LEN(texts) && !s; i++)
        s = subject_of(text_of(texts[i]), p->res->is_about_person);
    refuse(p, at, name, s);
}

static void look_at_values(struct parse *p, const struct field *f)
{
    for (uint32_t i = 0; i < f->value_count; i++) {
        const struct enum_value *v = &f->values[i];
        const char *texts[] = {v->value, v->label.zh, v->label.en};
        const struct subject_refused *s = NULL;

        for (size_t k = 0; k < ARRAY_LEN(texts) && !s; k++)
            s = subject_of_value(text_of(texts[k]));
        refuse(p, AT(p, "/fields/%s/values/%u", f->name, i), v->value, s);
    }
}

static void look_at_help(struct parse *p, const json_t *fields, const struct field *f)
{
    const json_t *help = json_object_get(json_object_get(fields, f->name), "help");
    struct label label = {
        json_string_value(json_object_get(help, "zh-CN")), json_string_value(json_object_get(help, "en"))};

    if (help)
        look_at(p, AT(p, "/fields/%s/help", f->name), f->name, &label);
}

void parse_subjects(struct parse *p, const json_t *json)
{
    const struct resource *res = p->res;

    look_at(p, "/resource", res->name, &res->label);
    for (uint32_t i = 0; i < res->field_count; i++) {
        look_at(p, AT(p, "/fields/%s", res->fields[i].name), res->fields[i].name, &res->fields[i].label);
        look_at_values(p, &res->fields[i]);
        look_at_help(p, json_object_get(json, "fields"), &res->fields[i]);
    }
    for (uint32_t i = 0; i < res->state_count; i++)
        look_at(p, AT(p, "/states/%s", res->states[i].name), res->states[i].name, &res->states[i].label);
    for (uint32_t i = 0; i < res->transition_count; i++)
        look_at(p, AT(p, "/transitions/%s", res->transitions[i].name), res->transitions[i].name,
            &res->transitions[i].label);
}
