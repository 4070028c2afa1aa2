/* Fuzz target: a resource declaration. What is accepted can be served: its tables can be made from plain SQL, declared
 * again it changes nothing, its defaults are values its own fields take, and every value has one text form. */
#include "fuzz.h"

#include <ctype.h>

#include "base/json.h"
#include "resource/declare/ddl.h"
#include "resource/declare/declaration_report.h"
#include "resource/declare/value.h"

static void check_name(const char *s, size_t max)
{
    HOLDS(s && strlen(s) > 0 && strlen(s) <= max && s[0] >= 'a' && s[0] <= 'z');
    for (; *s; s++)
        HOLDS((*s >= 'a' && *s <= 'z') || (*s >= '0' && *s <= '9') || *s == '_');
}

static bool is_field(const struct resource *res, const struct field *f)
{
    return f >= res->fields && f < res->fields + res->field_count;
}

static void check_field(struct arena *a, const struct field *f)
{
    struct value_fault fault;

    check_name(f->name, FIELD_NAME_MAX);
    HOLDS(f->type < FIELD_TYPES && f->label.zh && f->label.en && f->min <= f->max);
    HOLDS(f->min_length <= f->max_length && f->max_length > 0);
    HOLDS(!f->regex || f->pattern);
    for (uint32_t i = 0; i < f->value_count; i++)
        check_name(f->values[i].value, 40);
    HOLDS(f->type != FIELD_ENUM || f->value_count > 0);
    HOLDS(strcmp(f->sensitivity, "none") == 0 || (f->purpose && f->retention));
    HOLDS(f->mask == MASK_NONE || (!f->is_filterable && !f->is_sortable));
    HOLDS(!f->is_sortable || field_is_ordered(f->type));
    if (f->fallback)
        HOLDS(value_check(a, f, text_of(f->fallback), &fault) == 0);
    if (f->type == FIELD_REFERENCE) {
        const char *dot = strchr(f->reference, '.');

        HOLDS(dot);
        check_name(arena_ndup(a, f->reference, (size_t)(dot - f->reference)), 40);
        check_name(dot + 1, RESOURCE_NAME_MAX);
    }
}

static void check_transition(const struct resource *res, const struct transition *t)
{
    check_name(t->name, 40);
    HOLDS(t->from && (res->state_count == 64 || !(t->from >> res->state_count)) && t->to < res->state_count);
    HOLDS(t->permission && strchr(t->permission, '.'));
    HOLDS(!t->holder || is_field(res, t->holder));
    HOLDS(t->deadline != DEADLINE_FIELD || is_field(res, t->deadline_field));
    for (uint32_t i = 0; i < t->required_count; i++) {
        bool may_set = false;

        for (uint32_t k = 0; k < t->field_count; k++)
            may_set |= t->fields[k] == t->required[i];
        HOLDS(is_field(res, t->required[i]) && may_set);
    }
    for (uint32_t i = 0; i < t->participant_count; i++)
        HOLDS(is_field(res, t->participants[i].field) && t->participants[i].role);
}

static void check_resource(struct arena *a, const struct resource *res)
{
    uint32_t initial = 0;

    check_name(res->name, RESOURCE_NAME_MAX);
    HOLDS(res->field_count > 0 && res->field_count <= RESOURCE_FIELDS_MAX);
    HOLDS(res->state_count > 0 && res->state_count <= RESOURCE_STATES_MAX && res->levels);
    for (uint32_t i = 0; i < res->state_count; i++) {
        check_name(res->states[i].name, 40);
        initial += res->states[i].is_initial;
    }
    HOLDS(initial == 1 && res->states[res->initial_state].is_initial);
    for (uint32_t i = 0; i < res->field_count; i++)
        check_field(a, &res->fields[i]);
    HOLDS(res->transition_count <= RESOURCE_TRANSITIONS_MAX);
    for (uint32_t i = 0; i < res->transition_count; i++)
        check_transition(res, &res->transitions[i]);
    HOLDS(!res->sort || (is_field(res, res->sort) && res->sort->is_sortable));
    HOLDS(!res->anonymity.is_on || is_field(res, res->anonymity.unless));
}

/* Nothing but names, literals of checked values and SQL's own signs; quotes in pairs. */
static void check_sql(const char *sql)
{
    size_t single = 0, twice = 0;

    for (const char *p = sql; *p; p++) {
        HOLDS(isalnum((unsigned char)*p) || strchr(" _.,()\"'=", *p));
        single += *p == '\'';
        twice += *p == '"';
    }
    HOLDS(single % 2 == 0 && twice % 2 == 0);
}

static void check_tables(struct arena *a, const struct resource *res)
{
    struct declaration_report report;
    struct ddl ddl;

    report_init(&report, a, (struct text){NULL, 0});
    HOLDS(ddl_plan(a, res, NULL, &report, &ddl) == 0);
    for (uint32_t i = 0; i < ddl.count; i++)
        check_sql(ddl.statements[i]);
    for (uint32_t i = 0; i < ddl.late_count; i++)
        check_sql(ddl.late[i]);
    HOLDS(ddl_plan(a, res, res, &report, &ddl) == 0);
    HOLDS(ddl.count == 0 && ddl.late_count == 0 && ddl.concurrent_count == 0);
}

/* Values of all kinds, each taken in one form: what comes out is taken again and stays as it is. */
static void check_values(struct arena *a, const struct resource *res, const json_t *samples)
{
    const json_t *v;
    size_t i;

    for (uint32_t n = 0; n < res->field_count; n++) {
        const struct field *f = &res->fields[n];

        json_array_foreach(samples, i, v)
        {
            const char *text = NULL, *again = NULL;
            struct value_fault fault = {0};
            json_t *back;

            if (value_from_json(a, f, v, &text, &fault) < 0) {
                HOLDS(fault.code && fault.en && fault.zh);
                continue;
            }
            if (!text)
                continue;
            HOLDS(value_check(a, f, text_of(text), &fault) == 0);
            struct buf out = BUF_INIT;
            struct jsonw w;

            jsonw_init(&w, &out);
            value_write(&w, f, text);
            HOLDS(json_parse(buf_text(&out), JSON_LIMITS, &back, NULL) == 0);
            HOLDS(value_from_json(a, f, back, &again, &fault) == 0 && again && strcmp(text, again) == 0);
            json_decref(back);
            buf_done(&out);
        }
    }
}

static json_t *make_samples(void)
{
    static const char samples[] =
        "[null, true, 0, -9223372036854775808, 9223372036854775807, 1.5, \"\", \"x\", \"\\u805a\\u65b0\","
        " \"2026-02-28\", \"0001-01-01T00:00:00+23:59\", \"9999-12-31T23:59:59.9999999-12:00\","
        " \"2026-12-01T08:00:00+08:00\", \"01890A5D-AC96-774B-BCCE-B302099A8057\", \"13800000000\","
        " [], [\"01890a5d-ac96-774b-bcce-b302099a8057\"], {\"a\": [1]}]";
    json_t *list = NULL;

    HOLDS(json_parse(TEXT(samples), JSON_LIMITS, &list, NULL) == 0);
    return list;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static json_t *samples;
    struct arena *a = arena_new();
    struct text in = fuzz_text(a, data, size);
    struct declaration_report report;
    struct resource *res = NULL;
    json_t *json;

    if (!samples)
        samples = make_samples();
    report_init(&report, a, in);
    if (json_parse(in, JSON_LIMITS, &json, NULL) == 0) {
        if (declaration_parse(a, "demo", json, &report, &res) == 0) {
            HOLDS(report.count == 0);
            check_resource(a, res);
            check_tables(a, res);
            check_values(a, res, samples);
        } else {
            HOLDS(report.first);
            for (const struct declaration_fault *f = report.first; f; f = f->next)
                HOLDS(f->pointer && f->message[0] && f->line > 0 && f->column > 0 && f->line <= in.len + 1);
        }
        json_decref(json);
    }
    arena_free(a);
    return 0;
}
