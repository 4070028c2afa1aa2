/* OpenAPI of declared resources: a schema per shape, an operation per route; and the pieces every operation has. */
#include "api/openapi.h"
#include "api/statistics.h"
#include "resource/declare/value.h"
#include "resource/record/search.h"

void openapi_ref(struct jsonw *w, const char *key, const char *what, const char *name)
{
    struct buf b = BUF_INIT;

    buf_addf(&b, "#/components/%s/%s", what, name);
    if (key)
        jsonw_key(w, key);
    jsonw_object(w);
    jsonw_kstr(w, "$ref", buf_str(&b));
    jsonw_object_end(w);
    buf_done(&b);
}

void openapi_parameter(struct jsonw *w, const char *name, const char *in, const char *type, const char *text)
{
    jsonw_object(w);
    jsonw_kstr(w, "name", name);
    jsonw_kstr(w, "in", in);
    if (strcmp(in, "path") == 0)
        jsonw_kbool(w, "required", true);
    if (text)
        jsonw_kstr(w, "description", text);
    jsonw_key(w, "schema");
    jsonw_object(w);
    jsonw_kstr(w, "type", type);
    jsonw_object_end(w);
    jsonw_object_end(w);
}

static void nullable(struct jsonw *w, const char *type)
{
    jsonw_key(w, "type");
    jsonw_array(w);
    jsonw_str(w, type);
    jsonw_str(w, "null");
    jsonw_array_end(w);
}

static void typed(struct jsonw *w, const char *type, const char *format)
{
    nullable(w, type);
    if (format)
        jsonw_kstr(w, "format", format);
}

static void field_type(struct jsonw *w, const struct field *f)
{
    switch (f->type) {
    case FIELD_INTEGER:
    case FIELD_MONEY:
        typed(w, "integer", "int64");
        break;
    case FIELD_BOOLEAN:
        typed(w, "boolean", NULL);
        break;
    case FIELD_DATE:
        typed(w, "string", "date");
        break;
    case FIELD_DATETIME:
        typed(w, "string", "date-time");
        break;
    case FIELD_REFERENCE:
    case FIELD_DEPARTMENT:
    case FIELD_ACCOUNT:
    case FIELD_UNIT:
        typed(w, "string", "uuid");
        break;
    case FIELD_DEPARTMENTS:
        nullable(w, "array");
        jsonw_key(w, "items");
        jsonw_raw(w, TEXT("{\"type\":\"string\",\"format\":\"uuid\"}"));
        break;
    case FIELD_JSON:
        break; /* anything */
    default:
        typed(w, "string", NULL);
    }
}

static void field_schema(struct jsonw *w, const struct field *f)
{
    jsonw_key(w, f->name);
    jsonw_object(w);
    jsonw_kstr(w, "title", f->label.en);
    jsonw_kstr(w, "description", f->label.zh);
    field_type(w, f);
    if (f->type == FIELD_ENUM && !f->dictionary) {
        jsonw_key(w, "enum");
        jsonw_array(w);
        for (uint32_t i = 0; i < f->value_count; i++)
            jsonw_str(w, f->values[i].value);
        jsonw_null(w);
        jsonw_array_end(w);
    }
    if (f->has_min)
        jsonw_kint(w, "minimum", f->min);
    if (f->has_max)
        jsonw_kint(w, "maximum", f->max);
    if (f->type == FIELD_TEXT || f->type == FIELD_LONGTEXT) {
        if (f->min_length)
            jsonw_kint(w, "minLength", f->min_length);
        jsonw_kint(w, "maxLength", f->max_length);
    }
    if (f->pattern)
        jsonw_kstr(w, "pattern", f->pattern);
    if (f->fallback) {
        jsonw_key(w, "default");
        value_write(w, f, f->fallback);
    }
    jsonw_object_end(w);
}

/* A shape's name: "works.item" and a suffix no transition can have. */
static const char *shape(const struct resource *res, const char *suffix, char out[200])
{
    snprintf(out, 200, "%s%s", res->full_name, suffix);
    return out;
}

#define STANDARD_MEMBERS                                                                                     \
    "\"id\":{\"type\":\"string\",\"format\":\"uuid\"},\"version\":{\"type\":\"integer\"},"                   \
    "\"state_since\":{\"type\":\"string\",\"format\":\"date-time\"},"                                        \
    "\"due_at\":{\"type\":[\"string\",\"null\"],\"format\":\"date\"},"                                       \
    "\"due_is_provisional\":{\"type\":\"boolean\",\"description\":\"The holidays of that year are not "      \
    "published\"},"                                                                                          \
    "\"number\":{\"type\":[\"string\","                                                                      \
    "\"null\"]},"                                                                                            \
    "\"unit_id\":{\"type\":\"string\",\"format\":\"uuid\",\"description\":\"Handles it now\"},"              \
    "\"unit_name\":{\"type\":[\"string\",\"null\"]},\"origin_unit_id\":{\"type\":\"string\",\"format\":"     \
    "\"uuid\"},"                                                                                             \
    "\"created_at\":{\"type\":\"string\",\"format\":\"date-time\"},"                                         \
    "\"created_by\":{\"type\":[\"string\",\"null\"],\"format\":\"uuid\"},"                                   \
    "\"updated_at\":{\"type\":\"string\",\"format\":\"date-time\"},"                                         \
    "\"updated_by\":{\"type\":[\"string\",\"null\"],\"format\":\"uuid\"},"                                   \
    "\"hidden\":{\"type\":\"array\",\"items\":{\"type\":\"string\"},\"description\":\"Members the caller "   \
    "may not see\"},"                                                                                        \
    "\"transitions\":{\"type\":\"array\",\"items\":{\"type\":\"string\"},\"description\":\"What the caller " \
    "may do now\"}"

static void record_schema(struct jsonw *w, const struct resource *res)
{
    char name[200];

    jsonw_key(w, shape(res, "", name));
    jsonw_object(w);
    jsonw_kstr(w, "type", "object");
    jsonw_kstr(w, "title", res->label.en);
    jsonw_kstr(w, "description", res->label.zh);
    jsonw_key(w, "required");
    jsonw_raw(w, TEXT("[\"id\",\"version\"]"));
    jsonw_key(w, "properties");
    jsonw_object(w);
    buf_adds(w->out, STANDARD_MEMBERS);
    w->need_comma = true;
    jsonw_key(w, "state");
    jsonw_object(w);
    jsonw_kstr(w, "type", "string");
    jsonw_key(w, "enum");
    jsonw_array(w);
    for (uint32_t i = 0; i < res->state_count; i++)
        jsonw_str(w, res->states[i].name);
    jsonw_array_end(w);
    jsonw_object_end(w);
    for (uint32_t i = 0; i < res->field_count; i++)
        field_schema(w, &res->fields[i]);
    jsonw_object_end(w);
    jsonw_object_end(w);
}

/* What create and update take: fields users set. */
static void input_schema(struct jsonw *w, const struct resource *res, bool creates)
{
    char name[200];

    jsonw_key(w, shape(res, creates ? "-create" : "-patch", name));
    jsonw_object(w);
    jsonw_kstr(w, "type", "object");
    jsonw_kbool(w, "additionalProperties", false);
    jsonw_key(w, "required");
    jsonw_array(w);
    for (uint32_t i = 0; i < res->field_count && creates; i++)
        if (res->fields[i].is_required && res->fields[i].set_by == SET_BY_USER)
            jsonw_str(w, res->fields[i].name);
    jsonw_array_end(w);
    jsonw_key(w, "properties");
    jsonw_object(w);
    if (creates) {
        jsonw_key(w, "unit");
        jsonw_raw(w, TEXT("{\"type\":\"string\",\"description\":\"Id or code; not needed by who may create "
                          "at one unit only\"}"));
    }
    for (uint32_t i = 0; i < res->field_count; i++)
        if (res->fields[i].set_by == SET_BY_USER && (creates || !res->fields[i].is_immutable))
            field_schema(w, &res->fields[i]);
    jsonw_object_end(w);
    jsonw_object_end(w);
}

static void transition_schema(struct jsonw *w, const struct resource *res, const struct transition *t)
{
    char name[200];

    snprintf(name, sizeof(name), "%s.%s", res->full_name, t->name);
    jsonw_key(w, name);
    jsonw_object(w);
    jsonw_kstr(w, "type", "object");
    jsonw_kstr(w, "title", t->label.en);
    jsonw_kstr(w, "description", t->label.zh);
    jsonw_kbool(w, "additionalProperties", false);
    jsonw_key(w, "required");
    jsonw_array(w);
    for (uint32_t i = 0; i < t->required_count; i++)
        jsonw_str(w, t->required[i]->name);
    if (transition_takes_unit(t))
        jsonw_str(w, "unit");
    if (t->goal == GOAL_BACK)
        jsonw_str(w, "step");
    if (t->merges) {
        jsonw_str(w, "into");
        jsonw_str(w, "into_version");
    }
    jsonw_array_end(w);
    jsonw_key(w, "properties");
    jsonw_object(w);
    if (transition_takes_unit(t)) {
        jsonw_key(w, "unit");
        jsonw_raw(w, TEXT("{\"type\":\"string\"}"));
    }
    if (t->goal == GOAL_BACK) {
        jsonw_key(w, "step");
        jsonw_raw(w, TEXT("{\"type\":\"integer\",\"description\":\"The version of one of the steps that "
                          "GET …/transitions lists\"}"));
    }
    if (t->merges) {
        jsonw_key(w, "into");
        jsonw_raw(
            w, TEXT("{\"type\":\"string\",\"format\":\"uuid\",\"description\":\"The record that stays\"}"));
        jsonw_key(w, "into_version");
        jsonw_raw(
            w, TEXT("{\"type\":\"integer\",\"minimum\":1,\"description\":\"Its version that was seen\"}"));
    }
    for (uint32_t i = 0; i < t->field_count; i++)
        field_schema(w, t->fields[i]);
    jsonw_object_end(w);
    jsonw_object_end(w);
}

void openapi_resource_schemas(struct jsonw *w, const struct resource *res)
{
    record_schema(w, res);
    input_schema(w, res, true);
    input_schema(w, res, false);
    for (uint32_t i = 0; i < res->transition_count; i++)
        transition_schema(w, res, &res->transitions[i]);
}

/* ---- operations ---- */

static const char *filter_text(const struct field *f)
{
    static char text[300];

    if (f->type == FIELD_REFERENCE)
        snprintf(text, sizeof(text), "%s; also %s.MEMBER of the %s it refers to", f->label.en, f->name,
            f->reference);
    else if (f->type == FIELD_UNIT)
        snprintf(text, sizeof(text), "%s; also %s.level and %s.code", f->label.en, f->name, f->name);
    else
        snprintf(text, sizeof(text), "%s", f->label.en);
    return text;
}

static void list_parameters(struct jsonw *w)
{
    openapi_parameter(w, "order", "query", "string",
        "A sortable or filterable field, then .asc or .desc; id.desc by default");
    openapi_parameter(w, "limit", "query", "integer", "1 to 200; 20 by default");
    openapi_parameter(w, "fields", "query", "string",
        "Members of the records, comma-separated; id and version always; all of them by default");
    openapi_parameter(w, "cursor", "query", "string", "next of the last answer");
    openapi_parameter(
        w, "overdue", "query", "string", "true: the day on which it was due is over, and it is not done");
    openapi_parameter(w, "part", "query", "string",
        "open: you, or a department of yours, are asked for a part of it that is not done");
    openapi_parameter(w, "count", "query", "string", "none, capped (up to 1000) or exact");
}

static void statistics_parameters(struct jsonw *w)
{
    openapi_parameter(w, "group", "query", "string",
        "Up to two with a comma between: a field with fixed values, a department, a reference, a unit; "
        "state; unit, "
        "unit.level, unit.street …");
    openapi_parameter(w, "sum", "query", "string", "Up to four fields with numbers or money");
    openapi_parameter(w, "period", "query", "string",
        "month, quarter or year of created_at, or quarter.due_at: a grouping");
    openapi_parameter(w, "from", "query", "string", "A day in the first period; twelve periods by default");
    openapi_parameter(w, "until", "query", "string", "A day in the last period; today by default");
    openapi_parameter(w, "tree", "query", "string",
        "now (by default), then (as it was at each record's time), or a day at whose end it was so");
}

static void filter_parameters(struct jsonw *w, const struct resource *res)
{
    static const char *const standard[] = {"id", "state", "due_at", "created_at", "number"};

    openapi_parameter(w, "unit", "query", "string", "Only this unit's subtree: id or code");
    openapi_parameter(w, "reach", "query", "string", "self or subtree, together with unit");
    if (search_is_offered(res))
        openapi_parameter(w, "q", "query", "string",
            "Words to look for: two Chinese characters or more, or initials of their pinyin; up to 4 words");
    openapi_parameter(w, "and", "query", "string", "(field.op.value,…): all of them");
    openapi_parameter(w, "or", "query", "string", "(field.op.value,and(…),…): any of them");
    for (size_t i = 0; i < ARRAY_LEN(standard); i++)
        openapi_parameter(w, standard[i], "query", "string", "Filter: eq.x, in.(x,y), gte.x, is.null …");
    openapi_parameter(
        w, "unit.level", "query", "string", "Filter by the level of the unit that handles the record");
    openapi_parameter(w, "unit.code", "query", "string", "Filter by its code");
    for (uint32_t i = 0; i < res->field_count; i++)
        if (res->fields[i].is_filterable)
            openapi_parameter(w, res->fields[i].name, "query", "string", filter_text(&res->fields[i]));
}

static void parameters(struct jsonw *w, enum record_route kind, const struct resource *res)
{
    bool writes =
        kind == RECORD_CREATE || kind == RECORD_UPDATE || kind == RECORD_DELETE || kind == RECORD_TRANSITION;

    jsonw_key(w, "parameters");
    jsonw_array(w);
    if (kind != RECORD_LIST && kind != RECORD_CREATE && kind != RECORD_STATISTICS)
        openapi_parameter(w, "id", "path", "string", NULL);
    if (kind == RECORD_TRANSITION)
        openapi_parameter(w, "name", "path", "string", "The transition");
    if (kind == RECORD_LIST)
        list_parameters(w);
    if (kind == RECORD_STATISTICS)
        statistics_parameters(w);
    if (kind == RECORD_LIST || kind == RECORD_STATISTICS)
        filter_parameters(w, res);
    if (writes)
        openapi_parameter(w, "Idempotency-Key", "header", "string", "The same key, the same change, once");
    if (writes && kind != RECORD_CREATE)
        openapi_parameter(w, "If-Match", "header", "string", "The ETag that was seen; required");
    jsonw_array_end(w);
}

static void request_body(struct jsonw *w, enum record_route kind, const struct resource *res)
{
    char name[200];

    if (kind != RECORD_CREATE && kind != RECORD_UPDATE && kind != RECORD_TRANSITION)
        return;
    jsonw_key(w, "requestBody");
    jsonw_object(w);
    jsonw_kbool(w, "required", true);
    jsonw_key(w, "content");
    jsonw_object(w);
    jsonw_key(w, kind == RECORD_UPDATE ? "application/merge-patch+json" : "application/json");
    jsonw_object(w);
    if (kind != RECORD_TRANSITION) {
        openapi_ref(w, "schema", "schemas", shape(res, kind == RECORD_CREATE ? "-create" : "-patch", name));
    } else {
        jsonw_key(w, "schema");
        jsonw_object(w);
        if (res->transition_count == 0)
            jsonw_kstr(w, "type", "object");
        else {
            jsonw_key(w, "anyOf");
            jsonw_array(w);
            for (uint32_t i = 0; i < res->transition_count; i++) {
                snprintf(name, sizeof(name), "%s.%s", res->full_name, res->transitions[i].name);
                openapi_ref(w, NULL, "schemas", name);
            }
            jsonw_array_end(w);
        }
        jsonw_object_end(w);
    }
    jsonw_object_end(w);
    jsonw_object_end(w);
    jsonw_object_end(w);
}

static void answer_schema(struct jsonw *w, enum record_route kind, const struct resource *res)
{
    if (kind == RECORD_HISTORY || kind == RECORD_TRANSITIONS || kind == RECORD_PARTS) {
        jsonw_key(w, "schema");
        jsonw_raw(w, TEXT("{\"type\":\"object\",\"properties\":{\"items\":{\"type\":\"array\",\"items\":{"
                          "\"type\":\"object\"}}}}"));
    } else if (kind == RECORD_STATISTICS) {
        jsonw_key(w, "schema");
        jsonw_raw(w, text_of(api_statistics_schema));
    } else if (kind == RECORD_LIST) {
        jsonw_key(w, "schema");
        jsonw_object(w);
        jsonw_kstr(w, "type", "object");
        jsonw_key(w, "properties");
        jsonw_object(w);
        jsonw_key(w, "items");
        jsonw_object(w);
        jsonw_kstr(w, "type", "array");
        openapi_ref(w, "items", "schemas", res->full_name);
        jsonw_object_end(w);
        jsonw_key(w, "next");
        jsonw_raw(w, TEXT("{\"type\":[\"string\",\"null\"]}"));
        jsonw_key(w, "count");
        jsonw_raw(w, TEXT("{\"type\":\"object\",\"properties\":{\"value\":{\"type\":\"integer\"},\"capped\":{"
                          "\"type\":\"boolean\"}}}"));
        jsonw_object_end(w);
        jsonw_object_end(w);
    } else {
        openapi_ref(w, "schema", "schemas", res->full_name);
    }
}

void openapi_record_operation(struct jsonw *w, enum record_route kind, const struct resource *res)
{
    parameters(w, kind, res);
    request_body(w, kind, res);
    jsonw_key(w, "responses");
    jsonw_object(w);
    jsonw_key(w, kind == RECORD_CREATE ? "201" : kind == RECORD_DELETE ? "204" : "200");
    jsonw_object(w);
    jsonw_kstr(w, "description", "Done");
    if (kind != RECORD_DELETE) {
        jsonw_key(w, "content");
        jsonw_object(w);
        jsonw_key(w, "application/json");
        jsonw_object(w);
        answer_schema(w, kind, res);
        jsonw_object_end(w);
        jsonw_object_end(w);
    }
    jsonw_object_end(w);
    openapi_ref(w, "4XX", "responses", "Problem");
    jsonw_object_end(w);
}
