/* One transition of many records, as a job takes it. */
#include "resource/batch/many.h"

#include <errno.h>

#include "base/json.h"
#include "resource/declare/edition.h"
#include "resource/record/gate.h"

static int take_params(struct call *c, const char *json, struct query_param **ret, size_t *ret_count)
{
    json_t *list = NULL, *pair;
    size_t i;

    *ret_count = 0;
    if (json_parse(text_of(json), JSON_LIMITS, &list, NULL) < 0)
        return -EIO;
    *ret = arena_array(c->arena, json_array_size(list) + 1, sizeof(**ret));
    json_array_foreach(list, i, pair)
    {
        const char *name = json_string_value(json_array_get(pair, 0)),
                   *value = json_string_value(json_array_get(pair, 1));

        (*ret)[(*ret_count)++] = (struct query_param){
            text_of(arena_dup(c->arena, name ? name : "")), text_of(arena_dup(c->arena, value ? value : ""))};
    }
    json_decref(list);
    return 0;
}

const char *many_query(struct arena *a, const struct query_param *params, size_t count)
{
    static const char *const page[] = {"limit", "cursor", "count", "fields", "order"};
    struct buf b CLEANUP(buf_done) = BUF_INIT;
    struct jsonw w;

    jsonw_init(&w, &b);
    jsonw_array(&w);
    for (size_t i = 0; i < count; i++) {
        bool is_page = false;

        for (size_t k = 0; k < ARRAY_LEN(page); k++)
            is_page |= text_is(params[i].name, page[k]);
        if (is_page)
            continue;
        jsonw_array(&w);
        jsonw_text(&w, params[i].name);
        jsonw_text(&w, params[i].value);
        jsonw_array_end(&w);
    }
    jsonw_array_end(&w);
    return arena_dup(a, buf_str(&b));
}

static int too_many(struct call *c)
{
    return call_fail(c, 422, "too_many",
        arena_printf(c->arena, "More than %d records. Filter the list.", BATCH_MAX),
        arena_printf(c->arena, "超过 %d 条记录，请缩小筛选范围。", BATCH_MAX));
}

int many_freeze(struct call *c, const struct batch *b, int64_t *ret_count)
{
    const struct resource *res = edition_find(c->tenant, b->resource);
    struct query_sql *sql = arena_alloc(c->arena, sizeof(*sql));
    struct db_rows *rows CLEANUP(db_rows_freep) = NULL;
    struct query_select select = {.columns = "r.id, r.version, r.number", .join = "", .groups = ""};
    struct query_param *params;
    size_t count;
    struct query q;
    bool empty;
    int r;

    if (!res)
        return call_not_found(c);
    r = take_params(c, b->query, &params, &count);
    if (r == 0)
        r = query_parse(c, res, params, count, &q);
    if (r == 0)
        r = query_check_unit(c, &q);
    if (r < 0)
        return r;
    db_args_reset(&sql->args);
    db_arg_int(&sql->args, c->tenant->id);
    db_arg_uuid(&sql->args, b->id);
    select.before = arena_printf(c->arena,
        "INSERT INTO juxin.batch_item (tenant_id, batch_id, n, kind, resource, record_id, version, number)"
        " SELECT $1, $2, row_number() OVER (ORDER BY x.id), 'record', '%s', x.id, x.version, x.number FROM ("
        "SELECT f.id, f.version, f.number FROM (",
        res->full_name);
    select.after = arena_printf(c->arena,
        ") f ORDER BY f.id LIMIT %d) x ON CONFLICT (tenant_id, batch_id, n) DO NOTHING", BATCH_MAX + 1);
    query_build_select(c, &q, &select, sql, &empty);
    *ret_count = 0;
    if (empty)
        return 0;
    r = db_exec(c->tx, sql->stmt, &sql->args, &rows);
    if (r < 0)
        return r;
    *ret_count = (int64_t)db_rows_affected(rows);
    return *ret_count > BATCH_MAX ? too_many(c) : 0;
}

/* "What is wrong. /field: why." */
void many_refused(struct call *c, struct batch_item *item)
{
    item->status = c->fault.status;
    item->code = c->fault.code;
    item->en = c->fault.en;
    item->zh = c->fault.zh;
    for (const struct call_error *e = c->fault.errors; e; e = e->next) {
        item->en = arena_printf(c->arena, "%s %s: %s", item->en, e->pointer, e->en);
        item->zh = arena_printf(c->arena, "%s %s：%s", item->zh, e->pointer, e->zh);
    }
    memset(&c->fault, 0, sizeof(c->fault));
}

static int take_one(struct call *c, const struct resource *res, const struct batch *b, json_t *values,
    struct batch_item *item)
{
    struct record *rec;
    int r = db_savepoint(c->tx, "batch_item");

    if (r == 0)
        r = record_transition(c, res, item->id, item->version, b->transition, values, &rec);
    if (r == 0) {
        item->status = 200;
        item->code = item->en = item->zh = NULL;
        item->number = rec->number;
        item->new_version = rec->version;
        item->new_state = res->states[rec->state].name;
        return db_savepoint_release(c->tx, "batch_item");
    }
    if (r != -EINVAL || !c->fault.status)
        return r;
    many_refused(c, item);
    return db_savepoint_rollback(c->tx, "batch_item");
}

int many_take(struct call *c, const struct batch *b, struct batch_item *items, uint32_t count)
{
    const struct resource *res = edition_find(c->tenant, b->resource);
    json_t *values = NULL;
    int r = res && resource_transition(res, text_of(b->transition)) ? 0 : call_not_found(c);

    if (r == 0 && b->input && json_parse(text_of(b->input), JSON_LIMITS, &values, NULL) < 0)
        r = -EIO;
    for (uint32_t i = 0; i < count && r == 0; i++)
        r = take_one(c, res, b, values, &items[i]);
    json_decref(values);
    return r;
}
