/* Rows and the records they are of. */
#include "resource/transfer/import_match.h"

#include <errno.h>

#include "access/permission.h"
#include "db/pgarray.h"
#include "resource/record/key.h"
#include "resource/record/reader.h"
#include "tenant/tree.h"

#define NAMED_MAX 3

const char *import_key_labels(struct arena *a, const struct resource *res, bool is_english)
{
    const char *s = "";

    for (uint32_t i = 0; i < res->import_key_count; i++) {
        const struct label *l = &res->fields[res->import_key[i]].label;

        s = arena_printf(a, "%s%s%s", s, i == 0 ? "" : is_english ? ", " : "、", is_english ? l->en : l->zh);
    }
    return s;
}

static int read_found(struct call *c, const struct import *im, const struct import_match *m, uint32_t count,
    struct db_rows **ret)
{
    struct pgarray tokens = PGARRAY_INIT;
    struct db_args *a = arena_alloc(c->arena, sizeof(*a));
    struct db_call call = {.args = a};
    int r;

    for (uint32_t i = 0; i < count; i++)
        if (m[i].token)
            pgarray_str(&tokens, m[i].token);
    db_args_reset(a);
    db_arg_int(a, c->tenant->id);
    db_arg_str(a, im->res->full_name);
    db_arg_str(a, arena_dup(c->arena, pgarray_end(&tokens)));
    db_arg_uuid(a, im->id);
    pgarray_done(&tokens);
    call.stmt = db_stmt_built(c->arena,
        arena_printf(c->arena,
            "SELECT s.token, r.id, r.unit_id, r.number, coalesce(r.batch_id = $4, false) OR EXISTS (SELECT 1 "
            "FROM "
            "juxin.import_row i WHERE i.tenant_id = $1 AND i.import_id = $4 AND i.record_id = r.id AND "
            "i.is_update) FROM juxin.search s JOIN %s r ON r.tenant_id = s.tenant_id AND r.tenant_id = $1 "
            "AND r.id "
            "= s.record_id AND r.deleted_at IS NULL WHERE s.tenant_id = $1 AND s.resource = $2 AND s.token = "
            "ANY($3::text[]) ORDER BY s.token, r.id",
            im->res->table));
    r = call_read(c, &call, 1);
    *ret = call.rows;
    return r;
}

/* Most are in the importer's own units; for the others it is asked one by one, as for reading each. */
static int is_seen(struct call *c, const struct import *im, const struct db_rows *rows, int i, bool *ret)
{
    uint32_t unit = tree_find(c->tenant->tree, db_get_uuid(rows, i, 2));
    struct record *rec;
    int r;

    *ret = unit != TREE_NONE && subject_may(c->who, c->tenant, im->res->permissions[ACTION_READ], unit);
    if (*ret)
        return 0;
    r = record_fetch(c, im->res, db_get_uuid(rows, i, 1), false, &rec);
    *ret = r == 0;
    if (r == -EINVAL && c->fault.status) {
        c->fault = (struct call_fault){0};
        r = 0;
    }
    return r;
}

static void add(struct call *c, struct import_match *m, const struct db_rows *rows, int i)
{
    const char *number = db_get(rows, i, 3);

    if (m->count++ == 0)
        m->id = db_get_uuid(rows, i, 1);
    m->is_of_this |= db_get_bool(rows, i, 4);
    if (m->count <= NAMED_MAX)
        m->names = arena_printf(
            c->arena, "%s%s%s", m->names, m->count > 1 ? ", " : "", number ? number : db_get(rows, i, 1));
    else if (m->count == NAMED_MAX + 1)
        m->names = arena_printf(c->arena, "%s …", m->names);
}

struct by_token {
    const char *token;
    struct import_match *match;
};

static int compare(const void *a, const void *b)
{
    return strcmp(((const struct by_token *)a)->token, ((const struct by_token *)b)->token);
}

/* Both in the order of tokens; several rows may have the same. */
static int spread(
    struct call *c, const struct import *im, struct by_token *sorted, uint32_t n, const struct db_rows *rows)
{
    uint32_t from = 0;
    int r = 0;

    for (int i = 0; i < db_rows_count(rows) && r == 0; i++) {
        const char *token = db_get(rows, i, 0);
        bool seen;

        while (from < n && strcmp(sorted[from].token, token) < 0)
            from++;
        r = is_seen(c, im, rows, i, &seen);
        for (uint32_t k = from; r == 0 && seen && k < n && strcmp(sorted[k].token, token) == 0; k++)
            add(c, sorted[k].match, rows, i);
    }
    return r;
}

int import_match_many(struct call *c, const struct import *im, const struct create_item *items,
    uint32_t count, struct import_match *out)
{
    struct by_token *sorted = arena_array(c->arena, count + 1, sizeof(*sorted));
    struct db_rows *rows;
    uint32_t n = 0;
    int r = 0;

    for (uint32_t i = 0; i < count && r == 0; i++) {
        out[i] = (struct import_match){.names = ""};
        r = key_token(c, items[i].rec, items[i].rec->values, &out[i].token);
        if (r == 0 && out[i].token)
            sorted[n++] = (struct by_token){out[i].token, &out[i]};
    }
    if (r < 0 || n == 0)
        return r;
    qsort(sorted, n, sizeof(*sorted), compare);
    r = read_found(c, im, out, count, &rows);
    return r < 0 ? r : spread(c, im, sorted, n, rows);
}

static int update(struct call *c, const struct import *im, struct uuid id, json_t *body, bool *ret_changed)
{
    const char *unit = json_string_value(json_object_get(body, "unit"));
    struct uuid named = UUID_NIL;
    struct record *rec;
    int r;

    if (unit && uuid_parse(text_of(unit), &named) < 0)
        named = UUID_NIL;
    json_object_del(body, "unit");
    for (uint32_t i = 0; i < im->res->import_key_count;
         i++) /* the same; a sealed one would look like another */
        json_object_del(body, im->res->fields[im->res->import_key[i]].name);
    r = record_update(c, im->res, id, 0, body, &rec);
    if (r < 0)
        return r;
    if (!uuid_is_nil(named) && !uuid_eq(named, rec->unit_id))
        return call_fail_at(c, "/unit", "other_unit",
            "The record is another unit's; an import does not move it.",
            "该记录属于其他组织机构，导入不能移动记录。");
    if (!subject_may(c->who, c->tenant, im->res->permissions[ACTION_IMPORT], rec->unit))
        return call_forbidden(c, permission_info(im->res->permissions[ACTION_IMPORT])->name);
    *ret_changed = *record_changed_names(c->arena, rec);
    return 0;
}

int import_update(struct call *c, const struct import *im, struct uuid id, json_t *body, bool is_dry,
    struct call_fault *fault, bool *ret_changed)
{
    int r = db_savepoint(c->tx, "import_row"), e;

    *ret_changed = false;
    c->fault = (struct call_fault){0};
    if (r == 0)
        r = update(c, im, id, body, ret_changed);
    *fault = c->fault;
    c->fault = (struct call_fault){0};
    if (r < 0 && !(r == -EINVAL && fault->status))
        return r;
    e = r < 0 || is_dry ? db_savepoint_rollback(c->tx, "import_row")
                        : db_savepoint_release(c->tx, "import_row");
    return e;
}
