/* Declarations: fields. */
#include <errno.h>

#include "base/mem.h"
#include "resource/declare/declaration_parse.h"

static const char *const unique_names[] = {"no", "tenant", "unit", NULL};
static const char *const set_by_names[] = {"user", "plugin", "transition", NULL};
static const char *const sensitivity_names[] = {"none", "personal", "sensitive", NULL};
const char *const field_correction_names[] = {"request", "direct", "no", NULL};
const char *const field_mask_names[] = {"none", "all", "phone", "name", "email", "id_number", NULL};

/* Names a field may not have: standard columns, members of every record, and words of lists' and statistics' queries. */
static const char *const reserved[] = {"tenant_id", "id", "unit", "unit_id", "unit_name", "a1", "a2", "a3",
    "a4", "origin_unit_id", "version", "state", "state_since", "due", "due_at", "due_is_provisional",
    "auto_at", "number", "created_at", "created_by", "updated_at", "updated_by", "deleted_at", "batch_id",
    "order", "limit", "cursor", "count", "fields", "q", "overdue", "part", "group", "sum", "period", "from",
    "until", "tree", "and", "or", "not", "reach", "note", "hidden", "transitions", NULL};

static void parse_values(struct parse *p, const char *at, const json_t *object, struct field *f)
{
    const json_t *values = json_object_get(object, "values"), *v;
    static const char *const known[] = {"value", "label", NULL};
    size_t i;

    const char *dictionary = parse_str(p, at, object, "dictionary", false);

    if (f->type != FIELD_ENUM) {
        if (values || dictionary)
            report_add(p->report, AT(p, values ? "%s/values" : "%s/dictionary", at), NULL,
                "only a field of type enum has values");
        return;
    }
    if (dictionary) {
        f->dictionary = arena_dup(p->a, dictionary);
        if (values)
            report_add(p->report, AT(p, "%s/values", at), "leave out one of them",
                "an enum has values of its own or a dictionary's");
        if (strncmp(dictionary, "x_", 2) == 0 || !parse_name(p, AT(p, "%s/dictionary", at), dictionary, 40))
            report_add(p->report, AT(p, "%s/dictionary", at), NULL,
                "the name of a dictionary that `juxinctl dictionary import` brings in");
        return;
    }
    if (!json_is_array(values) || json_array_size(values) == 0 || json_array_size(values) > 200) {
        report_add(p->report, at, "add \"values\": [{\"value\": \"…\", \"label\": {…}}]",
            "an enum needs 1 to 200 values");
        return;
    }
    f->values = arena_array(p->a, json_array_size(values), sizeof(*f->values));
    json_array_foreach(values, i, v)
    {
        const char *here = AT(p, "%s/values/%zu", at, i);

        report_unknown(p->report, here, v, known);
        f->values[i].value = arena_dup(p->a, parse_str(p, here, v, "value", true));
        if (!f->values[i].value || !parse_name(p, AT(p, "%s/value", here), f->values[i].value, 40))
            f->values[i].value = "";
        for (size_t k = 0; k < i; k++)
            if (strcmp(f->values[k].value, f->values[i].value) == 0 && *f->values[i].value)
                report_add(p->report, here, NULL, "the value \"%s\" occurs twice", f->values[i].value);
        parse_label(p, here, v, &f->values[i].label);
    }
    f->value_count = (uint32_t)json_array_size(values);
}

static bool compile(regex_t *regex, const char *pattern)
{
    int r = regcomp(regex, pattern, REG_EXTENDED | REG_NOSUB);

    if (r == REG_ESPACE)
        give_up("out of memory");
    return r == 0;
}

static void parse_limits(struct parse *p, const char *at, const json_t *v, struct field *f)
{
    bool is_number = f->type == FIELD_INTEGER || f->type == FIELD_MONEY;
    bool is_text = f->type == FIELD_TEXT || f->type == FIELD_LONGTEXT;
    const char *pattern = parse_str(p, at, v, "pattern", false);

    f->has_min = json_object_get(v, "min") != NULL;
    f->has_max = json_object_get(v, "max") != NULL;
    if ((f->has_min || f->has_max) && !is_number)
        report_add(p->report, at, NULL, "min and max are for integer and money");
    f->min = parse_int(p, at, v, "min", INT64_MIN, INT64_MAX, INT64_MIN);
    f->max = parse_int(p, at, v, "max", INT64_MIN, INT64_MAX, INT64_MAX);
    if (f->min > f->max)
        report_add(p->report, AT(p, "%s/min", at), NULL, "min is greater than max");
    if (json_object_get(v, "max_length") && !is_text)
        report_add(p->report, AT(p, "%s/max_length", at), NULL, "max_length is for text and longtext");
    f->max_length =
        (uint32_t)parse_int(p, at, v, "max_length", 1, 100000, f->type == FIELD_TEXT ? 200 : 20000);
    f->min_length = (uint32_t)parse_int(p, at, v, "min_length", 1, f->max_length, 0);
    if (f->type == FIELD_TEXT && f->max_length > 2000)
        report_add(
            p->report, AT(p, "%s/max_length", at), "use type longtext", "a text has at most 2000 characters");
    if (!pattern)
        return;
    f->pattern = arena_dup(p->a, pattern);
    f->regex = arena_alloc(p->a, sizeof(*f->regex));
    if (f->type != FIELD_TEXT) {
        report_add(p->report, AT(p, "%s/pattern", at), NULL, "pattern is for text");
    } else if (strpbrk(pattern, "\\") != NULL) {
        report_add(
            p->report, AT(p, "%s/pattern", at), "write classes as [0-9]", "a pattern has no backslash");
    } else if (!compile(f->regex, pattern)) {
        report_add(p->report, AT(p, "%s/pattern", at), NULL, "not a POSIX extended regular expression");
    } else {
        arena_defer(p->a, (void (*)(void *))regfree, f->regex);
        return;
    }
    f->regex = NULL;
}

/* An ISO 8601 duration of years, months or days: P3Y, P6M, P30D. */
bool field_is_retention(const char *s)
{
    size_t digits = strspn(s + (*s == 'P'), "0123456789");

    return s[0] == 'P' && digits > 0 && digits < 6 && strchr("YMD", s[1 + digits]) && s[1 + digits] &&
           !s[2 + digits];
}

/* What is sealed can be compared with nothing. */
static void parse_sensitive(struct parse *p, const char *at, const json_t *v, struct field *f)
{
    f->is_sensitive = parse_bool(p, at, v, "sensitive");
    if (!f->is_sensitive)
        return;
    if (f->type != FIELD_TEXT && f->type != FIELD_LONGTEXT)
        report_add(p->report, AT(p, "%s/sensitive", at), NULL, "only text and longtext can be sealed");
    if (f->is_filterable || f->is_sortable || f->is_searchable || f->unique != UNIQUE_NO)
        report_add(p->report, AT(p, "%s/sensitive", at), NULL,
            "a sensitive field cannot be filtered, sorted or searched by, nor be unique: it is sealed");
    if (json_object_get(v, "mask") || json_object_get(v, "default"))
        report_add(p->report, AT(p, "%s/sensitive", at), "leave \"mask\" and \"default\" out",
            "a sensitive field is masked as a whole and has no default");
    if (json_object_get(v, "sensitivity") && strcmp(f->sensitivity, "sensitive") != 0)
        report_add(
            p->report, AT(p, "%s/sensitivity", at), "leave it out", "a sensitive field's is \"sensitive\"");
    if (json_object_get(v, "correction") && f->correction == CORRECTION_REQUEST)
        report_add(p->report, AT(p, "%s/correction", at), "direct, or no",
            "a request would hold the value in the open: a sensitive field is corrected at once or not at "
            "all");
    if (f->correction == CORRECTION_REQUEST)
        f->correction = CORRECTION_DIRECT;
    f->mask = MASK_ALL;
    f->sensitivity = "sensitive";
    if (!f->purpose || !f->retention)
        report_add(p->report, at, "add \"purpose\": \"why it is asked for\" and \"retention\": \"P3Y\"",
            "personal data needs a purpose and a retention");
}

static void parse_privacy(struct parse *p, const char *at, const json_t *v, struct field *f)
{
    const char *sensitivity = parse_str(p, at, v, "sensitivity", false);
    int mask = parse_word(p, at, "mask", parse_str(p, at, v, "mask", false), field_mask_names);
    const char *word = parse_str(p, at, v, "correction", false);
    int correction = parse_word(p, at, "correction", word, field_correction_names);

    parse_word(p, at, "sensitivity", sensitivity, sensitivity_names);
    f->mask = mask < 0 ? MASK_ALL : (enum field_mask)mask;
    f->correction = f->set_by != SET_BY_USER || f->is_immutable ? CORRECTION_NO
                    : correction < 0                            ? CORRECTION_REQUEST
                                                                : (enum field_correction)correction;
    if (word && correction >= 0 && (enum field_correction)correction != f->correction)
        report_add(p->report, AT(p, "%s/correction", at), "leave it out",
            "what is set by others, or never changed, is not corrected by the person");
    f->sensitivity = arena_dup(p->a, sensitivity ? sensitivity : "none");
    f->purpose = arena_dup(p->a, parse_str(p, at, v, "purpose", false));
    f->retention = arena_dup(p->a, parse_str(p, at, v, "retention", false));
    if (strcmp(f->sensitivity, "none") != 0 && (!f->purpose || !f->retention))
        report_add(p->report, at, "add \"purpose\": \"why it is asked for\" and \"retention\": \"P3Y\"",
            "personal data needs a purpose and a retention");
    if (f->retention && !field_is_retention(f->retention))
        report_add(p->report, AT(p, "%s/retention", at), "P3Y, P6M or P30D", "not a duration");
    if (f->mask != MASK_NONE && f->type != FIELD_TEXT && f->type != FIELD_LONGTEXT)
        report_add(p->report, AT(p, "%s/mask", at), NULL, "a mask is for text and longtext");
    if (f->mask != MASK_NONE && (f->is_filterable || f->is_sortable || f->is_searchable))
        report_add(p->report, AT(p, "%s/mask", at), NULL,
            "a masked field cannot be filtered, sorted or searched by: that would reveal it");
}

static bool fits_text(const struct field *f, const char *s)
{
    size_t chars = text_chars(text_of(s));

    return chars >= f->min_length && chars <= f->max_length && field_matches(f, s);
}

static void parse_default(struct parse *p, const char *at, const json_t *v, struct field *f)
{
    const json_t *d = json_object_get(v, "default");
    bool good;

    if (!d)
        return;
    if (f->dictionary) {
        report_add(p->report, AT(p, "%s/default", at), NULL, "a dictionary's codes come and go: no default");
        return;
    }
    switch (f->type) {
    case FIELD_INTEGER:
    case FIELD_MONEY:
        good = json_is_integer(d) && json_integer_value(d) >= f->min && json_integer_value(d) <= f->max;
        f->fallback = good ? AT(p, "%lld", (long long)json_integer_value(d)) : NULL;
        break;
    case FIELD_BOOLEAN:
        good = json_is_boolean(d);
        f->fallback = json_is_true(d) ? "true" : "false";
        break;
    case FIELD_ENUM:
        good = false;
        for (uint32_t i = 0; i < f->value_count && json_is_string(d); i++)
            good |= strcmp(f->values[i].value, json_string_value(d)) == 0;
        f->fallback = arena_dup(p->a, json_string_value(d));
        break;
    case FIELD_TEXT:
    case FIELD_LONGTEXT:
        good = json_is_string(d) && json_string_length(d) > 0 && fits_text(f, json_string_value(d));
        f->fallback = arena_dup(p->a, json_string_value(d));
        break;
    default:
        good = false;
    }
    if (!good)
        report_add(p->report, AT(p, "%s/default", at), NULL, "not a value that a field of type %s can have",
            field_type_name(f->type));
}

/* "plugin.resource", both of which stand in SQL. */
static bool is_resource_name(const char *s)
{
    size_t plugin = strcspn(s, "."), len = strlen(s);
    bool good = plugin > 0 && plugin <= 40 && len > plugin + 1 && len - plugin - 1 <= RESOURCE_NAME_MAX;

    for (size_t i = 0; good && i < len; i++)
        good = (s[i] >= 'a' && s[i] <= 'z') || i == plugin ||
               (i != 0 && i != plugin + 1 && ((s[i] >= '0' && s[i] <= '9') || s[i] == '_'));
    return good;
}

static void parse_flags(struct parse *p, const char *at, const json_t *v, struct field *f)
{
    int unique = parse_word(p, at, "unique", parse_str(p, at, v, "unique", false), unique_names);
    int set_by = parse_word(p, at, "set_by", parse_str(p, at, v, "set_by", false), set_by_names);
    const char *reference = parse_str(p, at, v, "reference", f->type == FIELD_REFERENCE);

    f->is_required = parse_bool(p, at, v, "required");
    f->is_immutable = parse_bool(p, at, v, "immutable");
    f->is_searchable = parse_bool(p, at, v, "searchable");
    f->is_sortable = parse_bool(p, at, v, "sortable");
    f->is_filterable = parse_bool(p, at, v, "filterable");
    f->is_assignment = parse_bool(p, at, v, "assignment");
    if (f->is_assignment && (f->type != FIELD_ACCOUNT || !f->is_filterable))
        report_add(p->report, AT(p, "%s/assignment", at), "\"filterable\": true",
            "who has to do with it is a filterable field of type account");
    f->unique = unique < 0 ? UNIQUE_NO : (enum field_unique)unique;
    f->set_by = set_by < 0 ? SET_BY_USER : (enum field_set_by)set_by;
    f->reference = arena_dup(p->a, reference);
    if (reference && f->type != FIELD_REFERENCE)
        report_add(p->report, AT(p, "%s/reference", at), NULL,
            "only a field of type reference refers to a resource");
    else if (reference && !is_resource_name(reference))
        report_add(
            p->report, AT(p, "%s/reference", at), "write \"plugin.resource\"", "not the name of a resource");
    if ((f->is_sortable || f->is_filterable || f->unique) && !field_is_ordered(f->type))
        report_add(p->report, at, "filter by another field",
            "a field of type %s has no index to sort, filter or be unique by", field_type_name(f->type));
    if (f->is_searchable && f->type != FIELD_TEXT && f->type != FIELD_LONGTEXT)
        report_add(p->report, AT(p, "%s/searchable", at), NULL, "only text and longtext can be searched");
}

static void parse_field(struct parse *p, const char *name, const json_t *v, struct field *f)
{
    static const char *const known[] = {"type", "label", "required", "unique", "immutable", "default", "min",
        "max", "min_length", "max_length", "pattern", "values", "dictionary", "reference", "sensitivity",
        "sensitive", "mask", "purpose", "retention", "correction", "set_by", "searchable", "sortable",
        "filterable", "assignment", "help", NULL};
    const char *at = AT(p, "/fields/%s", name);
    int type;

    f->name = arena_dup(p->a, name);
    f->json_key = text_of(arena_printf(p->a, "\"%s\":", name)); /* a name has nothing to escape */
    f->label = (struct label){"", ""};
    if (!json_is_object(v)) {
        report_add(p->report, at, NULL, "must be an object");
        return;
    }
    parse_name(p, at, name, FIELD_NAME_MAX);
    if (strncmp(name, "x_", 2) == 0)
        report_add(p->report, at, "choose another name", "names with x_ are those of districts' own fields");
    for (const char *const *r = reserved; *r; r++)
        if (strcmp(*r, name) == 0)
            report_add(p->report, at, "choose another name", "\"%s\" is a name of the engine's own", name);
    report_unknown(p->report, at, v, known);
    type = parse_word(p, at, "type", parse_str(p, at, v, "type", true), field_type_names);
    f->type = type < 0 ? FIELD_TEXT : (enum field_type)type;
    parse_label(p, at, v, &f->label);
    parse_flags(p, at, v, f);
    parse_limits(p, at, v, f);
    parse_values(p, at, v, f);
    parse_privacy(p, at, v, f);
    parse_sensitive(p, at, v, f);
    parse_default(p, at, v, f);
}

void parse_fields(struct parse *p, const json_t *json)
{
    json_t *fields = json_object_get(json, "fields"), *v;
    const char *name;

    if (!json_is_object(fields) || json_object_size(fields) == 0 ||
        json_object_size(fields) > RESOURCE_FIELDS_MAX) {
        report_add(
            p->report, "/fields", NULL, "a resource has an object of 1 to %d fields", RESOURCE_FIELDS_MAX);
        return;
    }
    p->res->fields = arena_array(p->a, json_object_size(fields), sizeof(struct field));
    json_object_foreach(fields, name, v)
    {
        struct field *f = &p->res->fields[p->res->field_count];

        f->index = p->res->field_count++;
        parse_field(p, name, v, f);
    }
}
