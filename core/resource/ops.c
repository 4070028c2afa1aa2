/* The engine's interface for plugins: members of a record, and whole operations in the call's unit of work. */
#include <errno.h>

#include "base/json.h"
#include "plugin/host/engine.h"
#include "resource/declare/edition.h"
#include "resource/declare/value.h"
#include "resource/ops_file.h"
#include "resource/query/query.h"
#include "resource/record/reader.h"

static const char *op_resource(const struct record *rec)
{
    return rec->res->full_name;
}

static struct uuid op_id(const struct record *rec)
{
    return rec->id;
}

static uint32_t op_unit(const struct record *rec)
{
    return rec->unit;
}

static struct text op_get(const struct record *rec, const char *field)
{
    return text_of(record_value(rec, field));
}

static struct text op_get_old(const struct record *rec, const char *field)
{
    const struct field *f = resource_field(rec->res, text_of(field));

    if (!f && !rec->is_new) /* filters run before the engine's own members change */
        return text_of(record_value(rec, field));
    return text_of(f && !rec->is_new ? rec->old[f->index] : NULL);
}

static bool op_is_changed(const struct record *rec, const char *field)
{
    const struct field *f = resource_field(rec->res, text_of(field));

    return f && record_is_changed(rec, f);
}

static int op_set(struct call *c, struct record *rec, const char *field, struct text value)
{
    const struct field *f = resource_field(rec->res, text_of(field));
    struct value_fault fault;

    return f ? value_from_text(c->arena, f, value, &rec->values[f->index], &fault) : -ENOENT;
}

static void op_hide(struct record *rec, const char *field)
{
    const struct field *f = resource_field(rec->res, text_of(field));

    if (f && !(f->is_custom &&
                 strcmp(f->sensitivity, "none") != 0)) /* what a district asks of a person is told to them */
        rec->hidden[f->index] = true;
}

static int find(struct call *c, const char *name, const struct resource **ret)
{
    *ret = edition_find(c->tenant, name);
    return *ret ? 0 : call_not_found(c);
}

static int op_read(struct call *c, const char *resource, struct uuid id, struct record **ret)
{
    const struct resource *res;
    int r = find(c, resource, &res);

    return r < 0 ? r : record_fetch(c, res, id, false, ret);
}

static int op_list(struct call *c, const char *resource, const char *filter, uint32_t limit,
    struct record ***ret, uint32_t *ret_count)
{
    struct query_param params[QUERY_FILTERS_MAX + 4];
    struct text rest = text_of(filter);
    const struct resource *res;
    struct query_page page;
    struct query q;
    size_t n = 0;
    int r = find(c, resource, &res);

    while (r == 0 && rest.ptr && rest.len) {
        struct text value = text_split(&rest, '&'), name = text_split(&value, '=');

        if (n == ARRAY_LEN(params))
            return -E2BIG;
        params[n++] = (struct query_param){name, value};
    }
    if (r == 0)
        r = query_parse(c, res, params, n, &q);
    if (r < 0)
        return r;
    q.limit = MIN(MAX(limit, 1u), 1000u);
    r = query_run(c, &q, &page);
    if (r == 0) {
        *ret = page.records;
        *ret_count = page.count;
    }
    return r;
}

static int parse(struct call *c, struct text json, json_t **ret)
{
    int r = json_parse(json.len ? json : TEXT("{}"), JSON_LIMITS, ret, NULL);

    return r < 0 ? call_fail(c, 422, "invalid", "A plugin gave values that are not JSON.",
                       "插件提供的内容不是合法 JSON。")
                 : 0;
}

static int op_create(struct call *c, const char *resource, struct text json, struct record **ret)
{
    const struct resource *res;
    json_t *body = NULL;
    int r = find(c, resource, &res);

    if (r == 0)
        r = parse(c, json, &body);
    if (r == 0)
        r = record_create(c, res, body, ret);
    json_decref(body);
    return r;
}

static int op_update(
    struct call *c, const char *resource, struct uuid id, struct text json, struct record **ret)
{
    const struct resource *res;
    json_t *body = NULL;
    int r = find(c, resource, &res);

    if (r == 0)
        r = parse(c, json, &body);
    if (r == 0)
        r = record_update(c, res, id, 0, body, ret);
    json_decref(body);
    return r;
}

static int op_transition(struct call *c, const char *resource, struct uuid id, const char *name,
    struct text json, struct record **ret)
{
    const struct resource *res;
    json_t *body = NULL;
    int r = find(c, resource, &res);

    if (r == 0)
        r = parse(c, json, &body);
    if (r == 0)
        r = record_transition(c, res, id, 0, name, body, ret);
    json_decref(body);
    return r;
}

void record_engine_init(void)
{
    static const struct engine_ops ops = {
        .resource = op_resource,
        .id = op_id,
        .unit = op_unit,
        .get = op_get,
        .get_old = op_get_old,
        .is_changed = op_is_changed,
        .set = op_set,
        .hide = op_hide,
        .read = op_read,
        .list = op_list,
        .create = op_create,
        .update = op_update,
        .transition = op_transition,
        .file_list = op_file_list,
        .file_read = op_file_read,
        .file_add = op_file_add,
    };

    engine_ops_set(&ops);
}
