/* What a record takes from a body: every fault names its pointer and what is accepted, in both languages. */
#include "resource/record/take.h"

#include "base/json.h"
#include "db/cipher.h"
#include "resource/declare/declaration_report.h"
#include "resource/declare/dictionary.h"
#include "resource/declare/value.h"
#include "tenant/calendar.h"

static bool is_among(const char *name, const char *const *list)
{
    for (; list && *list; list++)
        if (strcmp(*list, name) == 0)
            return true;
    return false;
}

static bool transition_sets(const struct transition *t, const struct field *f)
{
    for (uint32_t i = 0; t && i < t->field_count; i++)
        if (t->fields[i] == f)
            return true;
    return false;
}

static void unknown_member(struct call *c, const struct resource *res, const char *key)
{
    const char *names[ALL_FIELDS_MAX + 1] = {NULL}, *near;

    for (uint32_t i = 0; i < res->field_count; i++)
        names[i] = res->fields[i].name;
    near = strlen(key) < 60 ? report_nearest(key, names) : NULL;
    (void)call_fail_at(c, json_pointer(c->arena, key), "unknown_field",
        near ? arena_printf(c->arena, "No such field; did you mean \"%s\"?", near) : "No such field.",
        near ? arena_printf(c->arena, "没有此字段；是否指“%s”？", near) : "没有此字段。");
}

/* NULL when the member may be set this way, otherwise why not. */
static const char *refusal(const struct record *rec, const struct field *f, enum take_source source,
    const struct transition *t, const char *value)
{
    if (source == FROM_HOOK)
        return NULL;
    if (source == FROM_TRANSITION)
        return transition_sets(t, f) ? NULL : "not_settable";
    if (f->set_by != SET_BY_USER)
        return "not_settable";
    if (source == FROM_UPDATE && f->is_immutable) {
        const char *old = rec->old[f->index];

        return old && (!value || strcmp(old, value) != 0) ? "immutable" : NULL;
    }
    return NULL;
}

/* A code of a dictionary that may not be chosen any more, or not yet; one that stands there already may stay. */
static bool is_outdated(
    const struct call *c, const struct record *rec, const struct field *f, const char *value)
{
    const char *old = rec->old[f->index];
    const struct enum_value *v;

    if (!f->dictionary || !value || (old && strcmp(old, value) == 0))
        return false;
    v = dictionary_value(f->values, f->value_count, text_of(value));
    return v && !enum_value_is_current(v, calendar_today(c->now_us));
}

static void take_member(struct call *c, struct record *rec, const struct field *f, const json_t *v,
    enum take_source source, const struct transition *t)
{
    const char *at = arena_printf(c->arena, "/%s", f->name), *value = NULL, *why;
    struct value_fault fault;

    if (value_from_json(c->arena, f, v, &value, &fault) < 0) {
        (void)call_fail_at(c, at, fault.code, fault.en, fault.zh);
        return;
    }
    if (f->is_sensitive && value && source != FROM_HOOK &&
        (strcmp(value, "****") == 0 || cipher_is_sealed(text_of(value)))) {
        (void)call_fail_at(c, at, "masked", "The value itself; leave it out to keep what is there.",
            "应为实际内容；不修改时请勿提交此项。");
        return;
    }
    why = refusal(rec, f, source, t, value);
    if (!why && source != FROM_HOOK && is_outdated(c, rec, f, value))
        (void)call_fail_at(
            c, at, "not_current", "A value that may be chosen now.", "该选项现已停用，请选择现行选项。");
    else if (!why)
        rec->values[f->index] = value;
    else if (strcmp(why, "immutable") == 0)
        (void)call_fail_at(c, at, why, "Cannot be changed once set.", "设定后不可更改。");
    else
        (void)call_fail_at(c, at, why, "Cannot be set here.", "此处不可设置。");
}

void take_values(struct call *c, struct record *rec, const json_t *body, enum take_source source,
    const struct transition *t, const char *const *also)
{
    const char *key;
    json_t *v;

    if (!body)
        return;
    if (!json_is_object(body)) {
        (void)call_fail_at(c, "", "type", "An object.", "应为对象。");
        return;
    }
    json_object_foreach((json_t *)body, key, v)
    {
        const struct field *f = resource_field(rec->res, text_of(key));

        if (f)
            take_member(c, rec, f, v, source, t);
        else if (!is_among(key, also))
            unknown_member(c, rec->res, key);
        if (c->fault.count > CALL_ERRORS_MAX)
            return;
    }
}

void take_defaults(struct record *rec)
{
    for (uint32_t i = 0; i < rec->res->field_count; i++)
        if (!rec->values[i])
            rec->values[i] = rec->res->fields[i].fallback;
}

static void require(struct call *c, const struct record *rec, const struct field *f)
{
    const struct call_error *e;
    const char *at;

    if (rec->values[f->index])
        return;
    at = arena_printf(c->arena, "/%s", f->name);
    for (e = c->fault.errors; e; e = e->next)
        if (strcmp(e->pointer, at) == 0)
            return; /* what is wrong with it was said already */
    (void)call_fail_at(c, at, "required", "A value is required.", "必填。");
}

void take_require(struct call *c, const struct record *rec, const struct transition *t)
{
    for (uint32_t i = 0; i < rec->res->field_count; i++) {
        const struct field *f = &rec->res->fields[i];

        if (f->is_custom && c->who->kind == SUBJECT_PLUGIN)
            continue; /* its code cannot know what a district asks for besides */
        if (f->is_required && f->set_by == SET_BY_USER && (rec->is_new || (!rec->values[i] && rec->old[i])))
            require(c, rec, f);
    }
    for (uint32_t i = 0; t && i < t->required_count; i++)
        require(c, rec, t->required[i]);
}
