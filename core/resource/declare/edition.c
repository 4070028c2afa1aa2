/* Editions: read with the snapshot, made for those resources alone that differ from what is declared. */
#include "resource/declare/edition.h"

#include <errno.h>

#include "base/mem.h"
#include "resource/declare/custom_field.h"
#include "resource/declare/resource.h"
#include "resource/declare/row.h"

static const struct db_stmt labels = {
    "edition.labels", "SELECT resource, place, zh, en FROM juxin.custom_label WHERE tenant_id = $1"};
static const struct db_stmt fields = {"edition.fields",
    "SELECT " CUSTOM_FIELD_COLUMNS
    " FROM juxin.custom_field f WHERE f.tenant_id = $1 AND f.state IN ('active', "
    "'retired') ORDER BY f.resource, f.id"};
static const struct db_stmt own_dictionaries = {"edition.dictionaries",
    "SELECT name, zh, en FROM juxin.own_dictionary WHERE tenant_id = $1 ORDER BY name"};
static const struct db_stmt own_entries = {"edition.entries",
    "SELECT dictionary, code, zh, en, parent, position, valid_from, valid_until FROM "
    "juxin.own_dictionary_entry "
    "WHERE tenant_id = $1 ORDER BY dictionary, code"};

struct part {
    struct arena *arena;
    struct shelf *shelf;
    struct dictionary
        *dictionaries; /* the deployment's with the tenant's words over them, then the tenant's own */
    uint32_t dictionary_count;
    const struct resource **editions; /* by the resource's index; NULL: as declared */
    uint32_t count;
    bool is_own;
};

static const struct part *part_of(const struct tenant *t)
{
    return t ? t->parts[TENANT_PART_EDITION] : NULL;
}

/* ---- dictionaries ---- */

/* The deployment's code in the tenant's words. */
static void say_again(struct enum_value *v, const struct enum_value *own, bool has_position)
{
    v->label = own->label;
    if (*own->parent)
        v->parent = own->parent;
    if (has_position)
        v->position = own->position;
    if (own->valid_from)
        v->valid_from = MAX(v->valid_from, own->valid_from);
    if (own->valid_until)
        v->valid_until = v->valid_until ? MIN(v->valid_until, own->valid_until) : own->valid_until;
}

static void put_entries(struct part *p, struct dictionary *d, const struct db_rows *rows)
{
    struct enum_value *values, v;
    uint32_t base = d->count, n = 0;

    for (int i = 0; i < db_rows_count(rows); i++)
        n += strcmp(db_get(rows, i, 0), d->name) == 0;
    if (n == 0)
        return;
    values = arena_array(p->arena, d->count + n, sizeof(*values));
    if (base)
        memcpy(values, d->values, base * sizeof(*values));
    for (int i = 0; i < db_rows_count(rows); i++) {
        struct enum_value *there;

        if (strcmp(db_get(rows, i, 0), d->name) != 0)
            continue;
        dictionary_fill(p->arena, &v, rows, i);
        there = dictionary_value(values, base, text_of(v.value));
        if (!there && !db_get(rows, i, 5))
            v.position = INT32_MAX;
        if (there)
            say_again(there, &v, db_get(rows, i, 5) != NULL);
        else
            values[d->count++] = v;
    }
    d->values = values;
    dictionary_sort(d->values, d->count);
}

static void take_dictionaries(struct part *p, const struct db_rows *own, const struct db_rows *entries)
{
    uint32_t n = p->shelf->count + (uint32_t)db_rows_count(own);

    p->dictionaries = arena_array(p->arena, n + 1, sizeof(*p->dictionaries));
    for (uint32_t i = 0; i < p->shelf->count; i++)
        p->dictionaries[p->dictionary_count++] = p->shelf->items[i];
    for (int i = 0; i < db_rows_count(own); i++)
        p->dictionaries[p->dictionary_count++] =
            (struct dictionary){.name = arena_dup(p->arena, db_get(own, i, 0)),
                .label = {arena_dup(p->arena, db_get(own, i, 1)), arena_dup(p->arena, db_get(own, i, 2))},
                .source = "",
                .is_own = true};
    for (uint32_t i = 0; i < p->dictionary_count; i++)
        put_entries(p, &p->dictionaries[i], entries);
}

/* ---- resources ---- */

static uint32_t count_of(const struct db_rows *rows, const char *resource)
{
    uint32_t n = 0;

    for (int i = 0; i < db_rows_count(rows); i++)
        n += strcmp(db_get(rows, i, 0), resource) == 0;
    return n;
}

static bool has_dictionary(const struct resource *res)
{
    for (uint32_t i = 0; i < res->field_count; i++)
        if (res->fields[i].dictionary)
            return true;
    return false;
}

static void add_fields(struct part *p, struct resource *res, const struct db_rows *rows)
{
    for (int i = 0; i < db_rows_count(rows) && res->field_count - res->column_count < CUSTOM_FIELDS_MAX;
         i++) {
        struct field *f = &res->fields[res->field_count];

        if (strcmp(db_get(rows, i, 0), res->full_name) != 0)
            continue;
        custom_field_take(p->arena, rows, i, f);
        f->is_hidden_submitter = f->sensitivity[0] != 'n' && res->anonymity.is_on;
        if (f->is_hidden_submitter) /* the declaration may have come to hide it later */
            f->is_filterable = false;
        f->index = res->field_count++;
    }
}

static void put_labels(struct part *p, struct resource *res, const struct db_rows *rows)
{
    for (int i = 0; i < db_rows_count(rows); i++) {
        struct label *l = strcmp(db_get(rows, i, 0), res->full_name) == 0
                              ? resource_label(res, db_get_text(rows, i, 1))
                              : NULL;

        if (l) /* else of something that is not declared any more */
            *l = (struct label){
                arena_dup(p->arena, db_get(rows, i, 2)), arena_dup(p->arena, db_get(rows, i, 3))};
    }
}

static void put_values(struct part *p, struct resource *res)
{
    for (uint32_t i = 0; i < res->field_count; i++) {
        struct field *f = &res->fields[i];
        const struct dictionary *d =
            f->dictionary ? dictionary_find(p->dictionaries, p->dictionary_count, f->dictionary) : NULL;

        f->values = d ? d->values : f->values;
        f->value_count = d ? d->count : f->value_count;
    }
}

static const struct resource *make_edition(
    struct part *p, const struct resource *base, const struct db_rows *said, const struct db_rows *own)
{
    uint32_t label_count = count_of(said, base->full_name), more = count_of(own, base->full_name);
    struct resource *res;

    if (label_count == 0 && more == 0 && !has_dictionary(base))
        return NULL;
    p->is_own |= label_count > 0 || more > 0;
    res = resource_copy(p->arena, base, MIN(more, CUSTOM_FIELDS_MAX));
    put_labels(p, res, said);
    add_fields(p, res, own);
    put_values(p, res);
    res->columns = row_own_columns(p->arena, res, NULL);
    return res;
}

/* ---- the part of the snapshot ---- */

static void part_free(void *part)
{
    struct part *p = part;

    shelf_unref(p->shelf);
    arena_free(p->arena);
    free(p);
}

static int part_load(struct db_tx *tx, struct tenant *t, void **ret)
{
    struct db_args a;
    struct db_call calls[] = {{.stmt = labels, .args = &a}, {.stmt = fields, .args = &a},
        {.stmt = own_dictionaries, .args = &a}, {.stmt = own_entries, .args = &a}};
    struct shelf *shelf;
    struct part *p;
    int r = shelf_read(tx, t->epoch.deployment, &shelf);

    if (r < 0)
        return r;
    db_args_reset(&a);
    db_arg_int(&a, t->id);
    r = db_exec_many(tx, calls, ARRAY_LEN(calls));
    if (r < 0) {
        shelf_unref(shelf);
        return r;
    }
    p = mem_zalloc(sizeof(*p));
    *p = (struct part){.arena = arena_new(), .shelf = shelf, .count = resource_count()};
    take_dictionaries(p, calls[2].rows, calls[3].rows);
    p->editions = arena_array(p->arena, p->count + 1, sizeof(*p->editions));
    for (uint32_t i = 0; i < p->count; i++)
        p->editions[i] = make_edition(p, resource_at(i), calls[0].rows, calls[1].rows);
    db_calls_done(calls, ARRAY_LEN(calls));
    *ret = p;
    return 0;
}

void edition_register(void)
{
    static const struct tenant_part part = {"edition", part_load, part_free};

    tenant_part_register(TENANT_PART_EDITION, &part);
}

/* ---- looking up ---- */

const struct resource *edition_of(const struct tenant *t, const struct resource *res)
{
    const struct part *p = part_of(t);

    if (!res || !p || res->index >= p->count || !p->editions[res->index])
        return res;
    return p->editions[res->index];
}

const struct resource *edition_find(const struct tenant *t, const char *full_name)
{
    return edition_of(t, resource_find(full_name));
}

static void let_go(void *tenant)
{
    tenant_unref(tenant);
}

const struct resource *edition_keep(struct arena *a, struct tenant *t, const struct resource *res)
{
    const struct resource *own = edition_of(t, res);

    if (own != res)
        arena_defer(a, let_go, tenant_ref(t));
    return own;
}

bool edition_is_own(const struct tenant *t)
{
    const struct part *p = part_of(t);

    return p && p->is_own;
}

const struct dictionary *edition_dictionary(const struct tenant *t, const char *name)
{
    const struct part *p = part_of(t);

    return p ? dictionary_find(p->dictionaries, p->dictionary_count, name) : NULL;
}

const struct dictionary *edition_dictionary_at(const struct tenant *t, uint32_t i)
{
    const struct part *p = part_of(t);

    return p && i < p->dictionary_count ? &p->dictionaries[i] : NULL;
}
