/* GET /meta: what a caller may see and do, for consoles that draw their screens from declarations. Plugins in the
 * order of the registry; a resource is listed when the caller holds one of its permissions somewhere. */
#include "api/meta.h"

#include "api/dispatch.h"
#include "db/pgarray.h"
#include "plugin/package/plugin.h"
#include "plugin/policy/policies.h"
#include "resource/declare/edition.h"
#include "resource/declare/resource.h"
#include "resource/query/query.h"
#include "resource/record/reader.h"
#include "tenant/calendar.h"

static const struct db_stmt own_departments = {"api.meta_departments",
    "SELECT id, name FROM juxin.department WHERE tenant_id = $1 AND id = ANY($2::uuid[]) ORDER BY code, id"};

static void write_label(struct jsonw *w, const char *key, const char *zh, const char *en)
{
    jsonw_key(w, key);
    jsonw_object(w);
    if (zh)
        jsonw_kstr(w, "zh-CN", zh);
    if (en)
        jsonw_kstr(w, "en", en);
    jsonw_object_end(w);
}

/* Members that say "yes" or say something; what is absent is not written. */
static void flag(struct jsonw *w, const char *key, bool value)
{
    if (value)
        jsonw_kbool(w, key, true);
}

static void note(struct jsonw *w, const char *key, const char *value)
{
    if (value)
        jsonw_kstr(w, key, value);
}

/* What only readers of a declaration need is taken from the declaration itself. */
static void copy_member(struct jsonw *w, const json_t *from, const char *key)
{
    const json_t *v = json_object_get(from, key);

    if (!v)
        return;
    jsonw_key(w, key);
    jsonw_value(w, v);
}

static const char *set_by_name(enum field_set_by by)
{
    return by == SET_BY_PLUGIN ? "plugin" : by == SET_BY_TRANSITION ? "transition" : "user";
}

static void write_values(struct jsonw *w, const struct field *f, int32_t today)
{
    if (!f->value_count)
        return;
    jsonw_key(w, "values");
    jsonw_array(w);
    for (uint32_t i = 0; i < f->value_count; i++) {
        jsonw_object(w);
        jsonw_kstr(w, "value", f->values[i].value);
        write_label(w, "label", f->values[i].label.zh, f->values[i].label.en);
        if (f->dictionary) {
            note(w, "parent", *f->values[i].parent ? f->values[i].parent : NULL);
            jsonw_kbool(w, "current", enum_value_is_current(&f->values[i], today));
        }
        jsonw_object_end(w);
    }
    jsonw_array_end(w);
}

static void write_field(struct jsonw *w, const struct resource *res, const struct field *f, int32_t today)
{
    const json_t *json = json_object_get(json_object_get(res->json, "fields"), f->name);

    jsonw_object(w);
    jsonw_kstr(w, "name", f->name);
    write_label(w, "label", f->label.zh, f->label.en);
    jsonw_kstr(w, "type", field_type_name(f->type));
    jsonw_kstr(w, "set_by", set_by_name(f->set_by));
    flag(w, "required", f->is_required);
    flag(w, "immutable", f->is_immutable);
    flag(w, "searchable", f->is_searchable);
    flag(w, "sortable", !f->is_custom && (f->is_sortable || f->is_filterable));
    flag(w, "filterable", f->is_filterable);
    flag(w, "personal", strcmp(f->sensitivity, "none") != 0);
    if (f->has_min)
        jsonw_kint(w, "min", f->min);
    if (f->has_max)
        jsonw_kint(w, "max", f->max);
    if (f->max_length)
        jsonw_kint(w, "max_length", f->max_length);
    note(w, "default", f->fallback);
    note(w, "pattern", f->pattern);
    note(w, "reference", f->reference);
    note(w, "dictionary", f->dictionary);
    write_values(w, f, today);
    flag(w, "custom", f->is_custom); /* the district's own */
    flag(w, "retired", f->is_retired);
    if (f->is_custom) {
        note(w, "mask", f->mask == MASK_NONE ? NULL : field_mask_names[f->mask]);
        note(w, "purpose", f->purpose);
        note(w, "retention", f->retention);
    }
    copy_member(w, json, "mask");
    copy_member(w, json, "sensitive");
    copy_member(w, json, "purpose");
    jsonw_object_end(w);
}

static void write_states(struct jsonw *w, const struct resource *res)
{
    jsonw_key(w, "states");
    jsonw_array(w);
    for (uint32_t i = 0; i < res->state_count; i++) {
        const struct state *s = &res->states[i];

        jsonw_object(w);
        jsonw_kstr(w, "name", s->name);
        write_label(w, "label", s->label.zh, s->label.en);
        flag(w, "initial", s->is_initial);
        flag(w, "final", s->is_final);
        jsonw_object_end(w);
    }
    jsonw_array_end(w);
}

static void write_names(struct jsonw *w, const char *key, const struct field **fields, uint32_t count)
{
    jsonw_key(w, key);
    jsonw_array(w);
    for (uint32_t i = 0; i < count; i++)
        jsonw_str(w, fields[i]->name);
    jsonw_array_end(w);
}

static void write_transition(
    struct jsonw *w, const struct subject *who, const struct resource *res, const struct transition *t)
{
    jsonw_object(w);
    jsonw_kstr(w, "name", t->name);
    write_label(w, "label", t->label.zh, t->label.en);
    jsonw_key(w, "from");
    jsonw_array(w);
    for (uint32_t i = 0; i < res->state_count; i++)
        if (t->from >> i & 1)
            jsonw_str(w, res->states[i].name);
    jsonw_array_end(w);
    jsonw_kstr(w, "goal", transition_goal_names[t->goal]);
    jsonw_kstr(w, "to", t->goal == GOAL_STATE ? res->states[t->to].name : NULL);
    write_names(w, "required_fields", t->required, t->required_count);
    write_names(w, "fields", t->fields, t->field_count);
    note(w, "move", t->move == MOVE_NO ? NULL : transition_move_names[t->move]);
    note(w, "after", t->after ? t->after->name : NULL);
    note(w, "not_by", t->not_by ? t->not_by->name : NULL);
    note(w, "completes", t->completes);
    note(w, "waits_for", t->waits_for);
    flag(w, "merges", t->merges);
    flag(w, "automatic", t->auto_days > 0 || t->auto_overdue_days > 0);
    jsonw_kbool(w, "may", subject_may_anywhere(who, t->permission_id));
    jsonw_object_end(w);
}

static void write_levels(struct jsonw *w, const struct resource *res)
{
    jsonw_key(w, "levels");
    jsonw_array(w);
    for (int l = 0; l < LEVELS; l++)
        if (res->levels >> l & 1)
            jsonw_str(w, level_name((enum level)l));
    jsonw_array_end(w);
}

static void write_rights(struct jsonw *w, const struct subject *who, const struct resource *res)
{
    jsonw_key(w, "may");
    jsonw_object(w);
    for (int i = 0; i < RESOURCE_ACTIONS; i++)
        jsonw_kbool(w, resource_action_names[i], subject_may_anywhere(who, res->permissions[i]));
    jsonw_object_end(w);
}

#define DEFAULT_COLUMNS 4

/* The declared columns; where there are none, the first short fields between number and state. */
static void write_list(struct jsonw *w, const struct resource *res)
{
    const json_t *columns = json_object_get(json_object_get(res->json, "list"), "columns");
    uint32_t taken = 0;

    jsonw_key(w, "list");
    jsonw_object(w);
    jsonw_key(w, "columns");
    if (columns) {
        jsonw_value(w, columns);
        jsonw_object_end(w);
        return;
    }
    jsonw_array(w);
    if (res->number_prefix)
        jsonw_str(w, "number");
    for (uint32_t i = 0; i < res->field_count && taken < DEFAULT_COLUMNS; i++) {
        const struct field *f = &res->fields[i];

        if (f->set_by != SET_BY_USER || f->type == FIELD_LONGTEXT || f->type == FIELD_JSON)
            continue;
        jsonw_str(w, f->name);
        taken++;
    }
    if (res->state_count)
        jsonw_str(w, "state");
    jsonw_str(w, "created_at");
    jsonw_array_end(w);
    jsonw_object_end(w);
}

static void write_resource(
    struct jsonw *w, const struct subject *who, const struct resource *res, int32_t today)
{
    jsonw_object(w);
    jsonw_kstr(w, "name", res->name);
    jsonw_kstr(w, "plugin", res->plugin);
    write_label(w, "label", res->label.zh, res->label.en);
    jsonw_kbool(w, "numbered", res->number_prefix != NULL);
    write_levels(w, res);
    jsonw_key(w, "fields");
    jsonw_array(w);
    for (uint32_t i = 0; i < res->field_count; i++)
        write_field(w, res, &res->fields[i], today);
    jsonw_array_end(w);
    write_states(w, res);
    jsonw_key(w, "transitions");
    jsonw_array(w);
    for (uint32_t i = 0; i < res->transition_count; i++)
        write_transition(w, who, res, &res->transitions[i]);
    jsonw_array_end(w);
    write_list(w, res);
    flag(w, "submitter_may_update", res->submitter_may_update);
    write_rights(w, who, res);
    jsonw_object_end(w);
}

static void write_plugin(struct jsonw *w, struct call *c, const struct plugin *p)
{
    jsonw_object(w);
    jsonw_kstr(w, "id", p->id);
    jsonw_kstr(w, "version", p->version);
    write_label(w, "label", p->label.zh, p->label.en);
    write_label(w, "description", p->description.zh, p->description.en);
    jsonw_kbool(w, "available", plugin_is_available(p));
    jsonw_key(w, "resources");
    jsonw_array(w);
    for (uint32_t i = 0; i < resource_count(); i++)
        if (strcmp(resource_at(i)->plugin, p->id) == 0 && reader_has_business(c->who, resource_at(i)))
            write_resource(w, c->who, edition_of(c->tenant, resource_at(i)), calendar_today(c->now_us));
    jsonw_array_end(w);
    jsonw_object_end(w);
}

static void write_departments(struct jsonw *w, const struct db_rows *rows)
{
    jsonw_key(w, "departments");
    jsonw_array(w);
    for (int i = 0; i < db_rows_count(rows); i++) {
        jsonw_object(w);
        jsonw_kuuid(w, "id", db_get_uuid(rows, i, 0));
        jsonw_kstr(w, "name", db_get(rows, i, 1));
        jsonw_object_end(w);
    }
    jsonw_array_end(w);
}

static int meta_read(struct call *c, struct request *r)
{
    struct db_args args;
    struct db_call call = {.stmt = own_departments, .args = &args};
    struct jsonw *w;
    int result;

    db_args_reset(&args);
    db_arg_int(&args, c->tenant->id);
    db_arg_str(&args, pgarray_of_uuids(c->arena, c->who->departments, c->who->department_count));
    result = call_read(c, &call, 1);
    if (result < 0)
        return result;
    w = response_json(r, 200);
    jsonw_object(w);
    jsonw_key(w, "tenant");
    jsonw_object(w);
    jsonw_kstr(w, "slug", c->tenant->slug);
    jsonw_kstr(w, "name", c->tenant->name);
    jsonw_object_end(w);
    write_departments(w, call.rows);
    jsonw_key(w, "plugins");
    jsonw_array(w);
    for (size_t i = 0; i < plugin_count(); i++)
        if (policy_runs_somewhere(c, plugin_at(i)->id)) /* where it does not is said unit by unit */
            write_plugin(w, c, plugin_at(i));
    jsonw_array_end(w);
    jsonw_object_end(w);
    return 0;
}

static const struct api_route meta_routes[] = {
    {.method = HTTP_GET,
        .path = "/meta",
        .handle = meta_read,
        .summary_en =
            "What there is and what the caller may do: plugins, resources, fields, states, transitions",
        .summary_zh = "可用的插件、业务、字段、状态、流转，以及本人的权限"},
};

int api_meta_routes(struct router *rt)
{
    return api_add_all(rt, meta_routes, ARRAY_LEN(meta_routes));
}
