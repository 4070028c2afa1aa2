/* From numbers and names to ids. */
#include "resource/transfer/import_names.h"

#include <errno.h>
#include <stdlib.h>

#include "db/pgarray.h"
#include "resource/declare/resource.h"
#include "resource/record/reader.h"
#include "resource/transfer/import_text.h"
#include "tenant/tree.h"

#define NAMED_MAX 3
#define SAME_MAX "50" /* of one name that are looked at */

static const struct db_stmt departments = {"import.departments",
    "SELECT d.name, d.id, d.unit_id, NULL FROM juxin.department d WHERE d.tenant_id = $1 AND d.closed_at IS "
    "NULL AND "
    "d.name = ANY($2::text[]) ORDER BY d.name, d.id"};

/* One text of one field, and what it means. */
struct name {
    const struct field *field;
    const char *text;
    uint32_t count;
    struct uuid id;
    const char *found; /* the first ones, for people */
};

struct import_names {
    struct arena *arena;
    struct name *items; /* by field, then text */
    uint32_t count;
};

static int compare(const void *a, const void *b)
{
    const struct name *x = a, *y = b;

    if (x->field != y->field)
        return x->field->index < y->field->index ? -1 : 1;
    return strcmp(x->text, y->text);
}

const struct field *import_name_field(const struct resource *res)
{
    for (uint32_t i = 0; i < res->column_count; i++) {
        const struct field *f = &res->fields[i];

        if (f->type == FIELD_TEXT && f->is_required && f->is_filterable && f->mask == MASK_NONE)
            return f;
    }
    return NULL;
}

static bool is_named(const struct field *f)
{
    return f && (f->type == FIELD_REFERENCE || f->type == FIELD_DEPARTMENT);
}

static void collect(
    struct call *c, const struct import *im, const struct import_line *line, struct import_names *n)
{
    for (uint32_t i = 0; i < MIN(line->count, im->column_count); i++) {
        struct text t = import_text(&line->cells[i]);
        struct uuid id;

        if (!is_named(im->columns[i].field) || t.len == 0 || uuid_parse(t, &id) == 0 ||
            memchr(t.ptr, 0, t.len))
            continue;
        n->items[n->count++] = (struct name){
            .field = im->columns[i].field, .text = arena_ndup(c->arena, t.ptr, t.len), .found = ""};
    }
}

static void without_doubles(struct import_names *n)
{
    uint32_t kept = 0;

    qsort(n->items, n->count, sizeof(*n->items), compare);
    for (uint32_t i = 0; i < n->count; i++)
        if (kept == 0 || compare(&n->items[kept - 1], &n->items[i]) != 0)
            n->items[kept++] = n->items[i];
    n->count = kept;
}

/* ---- one field ---- */

static struct db_stmt by_column(struct call *c, const struct resource *res, const char *column)
{
    return db_stmt_built(c->arena, arena_printf(c->arena,
                                       "SELECT x.t, y.id, y.unit_id, y.number FROM unnest($2::text[]) AS "
                                       "x(t) CROSS JOIN LATERAL (SELECT r.id, "
                                       "r.unit_id, r.number FROM %s r WHERE r.tenant_id = $1 AND r.\"%s\" = "
                                       "x.t AND r.deleted_at IS NULL "
                                       "ORDER BY r.id LIMIT " SAME_MAX ") y ORDER BY x.t, y.id",
                                       res->table, column));
}

/* A record that is not seen is not there. */
static int is_seen(struct call *c, const struct resource *res, const struct db_rows *rows, int i, bool *ret)
{
    uint32_t unit = tree_find(c->tenant->tree, db_get_uuid(rows, i, 2));
    struct record *rec;
    int r;

    *ret = !res || (unit != TREE_NONE && subject_may(c->who, c->tenant, res->permissions[ACTION_READ], unit));
    if (*ret)
        return 0;
    r = record_fetch(c, res, db_get_uuid(rows, i, 1), false, &rec);
    *ret = r == 0;
    if (r == -EINVAL && c->fault.status) {
        c->fault = (struct call_fault){0};
        r = 0;
    }
    return r;
}

static void add(struct call *c, struct name *n, const struct db_rows *rows, int i)
{
    uint32_t unit = tree_find(c->tenant->tree, db_get_uuid(rows, i, 2));
    const char *what = db_get(rows, i, 3) ? db_get(rows, i, 3) : db_get(rows, i, 1);

    if (n->count && uuid_eq(n->id, db_get_uuid(rows, i, 1)))
        return; /* its number is its name */
    n->count++;
    n->id = db_get_uuid(rows, i, 1);
    if (n->count <= NAMED_MAX)
        n->found = arena_printf(c->arena, "%s%s%s (%s)", n->found, n->count > 1 ? ", " : "", what,
            unit == TREE_NONE ? "" : tree_unit(c->tenant->tree, unit).name);
    else if (n->count == NAMED_MAX + 1)
        n->found = arena_printf(c->arena, "%s …", n->found);
}

static int take(struct call *c, const struct resource *res, struct name *items, uint32_t count,
    const struct db_rows *rows)
{
    int r = 0;

    for (int i = 0; i < db_rows_count(rows) && r == 0; i++) {
        struct name key = {.field = items[0].field, .text = db_get(rows, i, 0)};
        struct name *n = bsearch(&key, items, count, sizeof(*items), compare);
        bool seen;

        r = n ? is_seen(c, res, rows, i, &seen) : 0;
        if (r == 0 && n && seen)
            add(c, n, rows, i);
    }
    return r;
}

static int read_field(struct call *c, struct name *items, uint32_t count)
{
    const struct field *f = items[0].field, *name;
    const struct resource *res = f->type == FIELD_REFERENCE ? resource_find(f->reference) : NULL;
    struct pgarray texts = PGARRAY_INIT;
    struct db_args *a = arena_alloc(c->arena, sizeof(*a));
    struct db_call calls[2] = {{.args = a}, {.args = a}};
    uint32_t n = 0;
    int r = 0;

    for (uint32_t i = 0; i < count; i++)
        pgarray_str(&texts, items[i].text);
    db_args_reset(a);
    db_arg_int(a, c->tenant->id);
    db_arg_str(a, arena_dup(c->arena, pgarray_end(&texts)));
    pgarray_done(&texts);
    name = res ? import_name_field(res) : NULL;
    if (f->type == FIELD_DEPARTMENT)
        calls[n++].stmt = departments;
    if (res && res->number_prefix)
        calls[n++].stmt = by_column(c, res, "number");
    if (name)
        calls[n++].stmt = by_column(c, res, name->name);
    if (n > 0)
        r = call_read(c, calls, n);
    for (uint32_t i = 0; i < n && r == 0; i++)
        r = take(c, res, items, count, calls[i].rows);
    return r;
}

/* ---- all ---- */

int import_names_read(struct call *c, const struct import *im, const struct import_line *lines,
    uint32_t count, struct import_names **ret)
{
    struct import_names *n = arena_alloc(c->arena, sizeof(*n));
    uint32_t columns = 0;
    int r = 0;

    for (uint32_t i = 0; i < im->column_count; i++)
        columns += is_named(im->columns[i].field);
    *n = (struct import_names){
        .arena = c->arena, .items = arena_array(c->arena, (size_t)columns * count + 1, sizeof(*n->items))};
    *ret = n;
    for (uint32_t i = 0; i < count && columns; i++)
        collect(c, im, &lines[i], n);
    without_doubles(n);
    for (uint32_t from = 0, to; from < n->count && r == 0; from = to) {
        for (to = from + 1; to < n->count && n->items[to].field == n->items[from].field;)
            to++;
        r = read_field(c, n->items + from, to - from);
    }
    return r;
}

int import_names_find(const struct import_names *n, const struct field *f, struct text t, struct uuid *ret,
    struct value_fault *fault)
{
    struct name key = {.field = f, .text = arena_ndup(n->arena, t.ptr, t.len)};
    const struct name *found = bsearch(&key, n->items, n->count, sizeof(*n->items), compare);

    if (found && found->count == 1) {
        *ret = found->id;
        return 0;
    }
    if (!found || found->count == 0)
        *fault = (struct value_fault){"unknown_reference",
            "The number or the name of something that you can see.", "应为您可见的记录的编号或名称。"};
    else
        *fault = (struct value_fault){"ambiguous",
            arena_printf(n->arena, "%u have this name: %s. Write the number or id of one.", found->count,
                found->found),
            arena_printf(n->arena, "有 %u 个同名：%s。请填写其编号。", found->count, found->found)};
    return -EINVAL;
}
