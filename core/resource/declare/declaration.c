/* Declarations: the whole, its levels, numbers and lists. Fields are in declaration_field.c, states and transitions in
 * declaration_flow.c. */
#include "resource/declare/declaration.h"

#include <errno.h>

#include "resource/declare/declaration_parse.h"
#include "tenant/tree.h"

static void parse_levels(struct parse *p, const json_t *json)
{
    const json_t *levels = json_object_get(json, "levels"), *v;
    size_t i;

    p->res->levels = (1u << LEVELS) - 1;
    if (!levels)
        return;
    p->res->levels = 0;
    if (!json_is_array(levels) || json_array_size(levels) == 0)
        report_add(p->report, "/levels", NULL, "a list of county, street, community, park");
    json_array_foreach(levels, i, v)
    {
        enum level level;

        if (!json_is_string(v) || level_parse(text_of(json_string_value(v)), &level) < 0)
            report_add(
                p->report, AT(p, "/levels/%zu", i), NULL, "levels are county, street, community, park");
        else
            p->res->levels |= 1u << level;
    }
}

static void parse_number(struct parse *p, const json_t *json)
{
    const json_t *number = json_object_get(json, "number");
    static const char *const known[] = {"prefix", "per", "digits", NULL};
    static const char *const per[] = {"year", "ever", NULL};

    if (!number)
        return;
    report_unknown(p->report, "/number", number, known);
    p->res->number_prefix = arena_dup(p->a, parse_str(p, "/number", number, "prefix", true));
    p->res->number_per_year =
        parse_word(p, "/number", "per", parse_str(p, "/number", number, "per", false), per) == 0;
    p->res->number_digits = (uint32_t)parse_int(p, "/number", number, "digits", 1, 12, 4);
    if (p->res->number_prefix && strlen(p->res->number_prefix) > 12)
        report_add(p->report, "/number/prefix", NULL, "at most 12 bytes");
}

bool resource_is_standard_column(struct text name)
{
    static const char *const standard[] = {"number", "state", "state_since", "due", "due_at", "unit_name",
        "created_at", "updated_at", "created_by"};

    for (size_t i = 0; i < ARRAY_LEN(standard); i++)
        if (text_is(name, standard[i]))
            return true;
    return false;
}

static void parse_list(struct parse *p, const json_t *json)
{
    static const char *const known[] = {"columns", "sort", NULL};
    const json_t *list = json_object_get(json, "list"), *columns = json_object_get(list, "columns"), *v;
    const char *sort;
    size_t i;

    if (!list)
        return;
    if (!json_is_object(list))
        report_add(p->report, "/list", NULL, "an object of columns and sort");
    report_unknown(p->report, "/list", list, known);
    if (columns && !json_is_array(columns))
        report_add(p->report, "/list/columns", NULL, "a list of field names");
    json_array_foreach(columns, i, v)
    {
        const char *name = json_string_value(v);

        if (!resource_is_standard_column(text_of(name)))
            parse_field_ref(p, AT(p, "/list/columns/%zu", i), name ? name : "");
    }
    sort = parse_str(p, "/list", list, "sort", false);
    if (!sort || strcmp(sort, "-id") == 0)
        return;
    p->res->sort_desc = sort[0] == '-';
    p->res->sort = parse_field_ref(p, "/list/sort", sort + p->res->sort_desc);
    if (p->res->sort && !p->res->sort->is_sortable)
        report_add(p->report, "/list/sort", "set \"sortable\": true on the field", "\"%s\" is not sortable",
            p->res->sort->name);
}

static void parse_submitter(struct parse *p, const json_t *json)
{
    const json_t *list = json_object_get(json, "submitter_may"), *v;
    size_t i;

    if (list && !json_is_array(list))
        report_add(p->report, "/submitter_may", NULL, "a list of update, delete");
    json_array_foreach(list, i, v)
    {
        const char *word = json_string_value(v);

        if (word && strcmp(word, "update") == 0)
            p->res->submitter_may_update = true;
        else if (word && strcmp(word, "delete") == 0)
            p->res->submitter_may_delete = true;
        else
            report_add(p->report, AT(p, "/submitter_may/%zu", i), NULL, "\"update\" or \"delete\"");
    }
}

int declaration_parse(struct arena *a, const char *plugin, json_t *json, struct declaration_report *report,
    struct resource **ret)
{
    static const char *const known[] = {"$schema", "resource", "label", "description", "levels", "number",
        "fields", "states", "transitions", "submitter_may", "permissions", "anonymity", "list", "views",
        "form", "samples", "about_person", "attachments", "comments", "reminders", "merging", "import_key",
        NULL};
    struct resource *res = arena_alloc(a, sizeof(*res));
    struct parse p = {a, report, res};
    uint32_t faults = report->count;

    if (!json_is_object(json))
        return report_add(report, "", NULL, "a declaration is a JSON object");
    report_unknown(report, "", json, known);
    res->plugin = arena_dup(a, plugin);
    res->name = arena_dup(a, parse_str(&p, "", json, "resource", true));
    if (!res->name || !parse_name(&p, "/resource", res->name, RESOURCE_NAME_MAX))
        return -EINVAL;
    res->full_name = AT(&p, "%s.%s", plugin, res->name);
    res->table = AT(&p, "px_%s.\"%s\"", plugin, res->name);
    res->json = json_incref(json);
    arena_defer(a, (void (*)(void *))json_decref, json);
    parse_label(&p, "", json, &res->label);
    parse_levels(&p, json);
    parse_number(&p, json);
    parse_fields(&p, json);
    parse_states(&p, json);
    parse_transitions(&p, json);
    parse_reminders(&p, json);
    parse_anonymity(&p, json);
    parse_merging(&p, json);
    parse_list(&p, json);
    parse_submitter(&p, json);
    parse_beside(&p, json);
    parse_subjects(&p, json);
    res->column_count = res->field_count;
    for (int i = 0; i < RESOURCE_ACTIONS; i++)
        res->permissions[i] = UINT32_MAX;
    if (report->count != faults)
        return -EINVAL;
    *ret = res;
    return 0;
}
