/* Labels of a tenant's own. */
#include "resource/custom/label.h"

#include <errno.h>

#include "access/core_permissions.h"
#include "resource/custom/field_check.h"
#include "resource/declare/edition.h"
#include "resource/declare/resource.h"
#include "resource/record/reader.h"

static const struct db_stmt put = {"own_label.put",
    "INSERT INTO juxin.custom_label (tenant_id, resource, place, zh, en, updated_at, updated_by) VALUES ($1, "
    "$2, $3, $4, "
    "$5, $6, $7) ON CONFLICT (tenant_id, resource, place) DO UPDATE SET zh = EXCLUDED.zh, en = EXCLUDED.en, "
    "updated_at = "
    "EXCLUDED.updated_at, updated_by = EXCLUDED.updated_by"};
static const struct db_stmt drop = {
    "own_label.drop", "DELETE FROM juxin.custom_label WHERE tenant_id = $1 AND resource = $2 AND place = $3"};

static int find(struct call *c, const char *name, const struct resource **ret)
{
    *ret = resource_find(name);
    return *ret && (reader_has_business(c->who, *ret) || own_may(c, core_permission(CORE_LABEL_MANAGE)))
               ? 0
               : call_not_found(c);
}

/* ---- listing ---- */

struct listing {
    struct jsonw *w;
    struct resource *own, *base; /* copies */
};

static void write_label(struct jsonw *w, const char *key, const struct label *l)
{
    jsonw_key(w, key);
    jsonw_object(w);
    jsonw_kstr(w, "zh-CN", l->zh);
    jsonw_kstr(w, "en", l->en);
    jsonw_object_end(w);
}

static void write_place(struct listing *l, const char *place)
{
    jsonw_object(l->w);
    jsonw_kstr(l->w, "place", place);
    write_label(l->w, "label", resource_label(l->own, text_of(place)));
    write_label(l->w, "declared", resource_label(l->base, text_of(place)));
    jsonw_object_end(l->w);
}

static void write_fields(struct arena *a, struct listing *l)
{
    const struct resource *res = l->base;

    for (uint32_t i = 0; i < res->column_count; i++) {
        const struct field *f = &res->fields[i];

        write_place(l, arena_printf(a, "/fields/%s", f->name));
        for (uint32_t k = 0; k < f->value_count && !f->dictionary; k++)
            write_place(l, arena_printf(a, "/fields/%s/values/%s", f->name, f->values[k].value));
    }
}

int own_label_list_write(struct call *c, const char *resource, struct jsonw *w)
{
    const struct resource *base = NULL;
    struct listing l = {.w = w};
    int r = find(c, resource, &base);

    if (r == 0)
        r = call_fence(c);
    if (r < 0)
        return r;
    l.own = resource_copy(c->arena, edition_of(c->tenant, base), 0);
    l.base = resource_copy(c->arena, base, 0);
    jsonw_object(w);
    jsonw_key(w, "items");
    jsonw_array(w);
    write_place(&l, "");
    write_fields(c->arena, &l);
    for (uint32_t i = 0; i < base->state_count; i++)
        write_place(&l, arena_printf(c->arena, "/states/%s", base->states[i].name));
    for (uint32_t i = 0; i < base->transition_count; i++)
        write_place(&l, arena_printf(c->arena, "/transitions/%s", base->transitions[i].name));
    jsonw_array_end(w);
    jsonw_object_end(w);
    return 0;
}

/* ---- changing ---- */

static int store(struct call *c, const struct resource *res, const char *place, const struct label *label)
{
    struct db_args a;

    db_args_reset(&a);
    db_arg_int(&a, c->tenant->id);
    db_arg_str(&a, res->full_name);
    db_arg_str(&a, place);
    if (!label)
        return db_exec(c->tx, drop, &a, NULL);
    db_arg_str(&a, label->zh);
    db_arg_str(&a, label->en);
    db_arg_time(&a, c->now_us);
    db_arg_uuid_or_null(&a, c->who->account);
    return db_exec(c->tx, put, &a, NULL);
}

int own_label_set(struct call *c, const char *resource, const char *place, const json_t *label)
{
    const struct resource *base = resource_find(resource);
    bool is_value = strstr(place, "/values/") != NULL;
    struct label said = {"", ""};
    int r;

    if (!own_may(c, core_permission(CORE_LABEL_MANAGE)))
        return call_forbidden(c, core_permission_name(CORE_LABEL_MANAGE));
    if (!base)
        return call_fail_at(
            c, "/resource", "unknown", "PLUGIN.RESOURCE, whose labels they are.", "应为现有的 插件.业务。");
    if (!resource_label(resource_copy(c->arena, base, 0), text_of(place)))
        return call_fail_at(c, "/place", "unknown",
            "\"\", /fields/NAME, /fields/NAME/values/VALUE, /states/NAME or /transitions/NAME of what is "
            "declared.",
            "应为空（业务本身）或声明中已有的 /fields/…、/fields/…/values/…、/states/…、/transitions/…。");
    if (label && !own_label_check(c, "/label", label, base->is_about_person, is_value, &said))
        return -EINVAL;
    r = call_begin(c);
    if (r < 0 || c->is_replay)
        return r;
    r = call_bump(c);
    if (r == 0)
        r = store(c, base, place, label ? &said : NULL);
    return r < 0 ? r
                 : call_audit(
                       c, label ? "label.set" : "label.clear", base->full_name, UUID_NIL, UUID_NIL, place);
}
