/* What a list is asked for: filters, order, page. Everything wrong names its parameter. */
#include <errno.h>

#include "base/digest.h"
#include "resource/query.h"
#include "resource/value.h"
#include "tenant/tree.h"

static const char *const op_names[] = {"eq", "neq", "gt", "gte", "lt", "lte"};

static const struct {
    const char *name, *sql;
    enum field_type type;
    bool is_nullable;
} standard[] = {
    {"id", "r.id", FIELD_REFERENCE, false},
    {"state", "r.state", FIELD_ENUM, false},
    {"due_at", "r.due_at", FIELD_DATE, true},
    {"created_at", "r.created_at", FIELD_DATETIME, false},
    {"number", "r.number", FIELD_TEXT, true},
};

static const struct field *standard_field(struct arena *a, const struct resource *res, size_t i)
{
    struct field *f = arena_alloc(a, sizeof(*f));

    f->name = standard[i].name;
    f->type = standard[i].type;
    f->max_length = 100;
    f->is_filterable = f->is_sortable = true;
    if (f->type == FIELD_ENUM) {
        f->values = arena_array(a, res->state_count, sizeof(*f->values));
        f->value_count = res->state_count;
        for (uint32_t s = 0; s < res->state_count; s++)
            f->values[s].value = res->states[s].name;
    }
    return f;
}

int query_column(struct arena *a, const struct resource *res, struct text name, struct query_column *ret)
{
    const struct field *f = resource_field(res, name);

    for (size_t i = 0; i < ARRAY_LEN(standard); i++) {
        if (!text_is(name, standard[i].name))
            continue;
        *ret = (struct query_column){
            standard[i].sql, standard[i].name, standard_field(a, res, i), standard[i].is_nullable};
        return 0;
    }
    if (!f)
        return -ENOENT;
    *ret = (struct query_column){arena_printf(a, "r.\"%s\"", f->name), f->name, f, true};
    return 0;
}

const char *array_literal(struct arena *a, const struct text *items, size_t count)
{
    struct buf b = BUF_INIT;
    char *s;

    buf_addc(&b, '{');
    for (size_t i = 0; i < count; i++) {
        buf_adds(&b, i ? ",\"" : "\"");
        for (size_t k = 0; k < items[i].len; k++) {
            if (items[i].ptr[k] == '"' || items[i].ptr[k] == '\\')
                buf_addc(&b, '\\');
            buf_addc(&b, items[i].ptr[k]);
        }
        buf_addc(&b, '"');
    }
    buf_addc(&b, '}');
    s = arena_dup(a, buf_str(&b));
    buf_done(&b);
    return s;
}

const char *array_of_ids(struct arena *a, const struct uuid *ids, size_t count)
{
    struct buf b = BUF_INIT;
    char *s;

    buf_addc(&b, '{');
    for (size_t i = 0; i < count; i++)
        buf_addf(&b, "%s%s", i ? "," : "", uuid_format(ids[i]).s);
    buf_addc(&b, '}');
    s = arena_dup(a, buf_str(&b));
    buf_done(&b);
    return s;
}

static int bad(struct call *c, struct text name, const char *code, const char *en, const char *zh)
{
    if (c->fault.status != 400)
        (void)call_fail(c, 400, "invalid_query", "The query is not accepted; see errors.",
            "查询条件不符合要求，详见 errors。");
    return call_fail_at(
        c, arena_printf(c->arena, "%.*s", (int)MIN(name.len, 200), name.ptr ? name.ptr : ""), code, en, zh);
}

#define OPS_EN "One of eq., neq., gt., gte., lt., lte., in.(…), is.null, is.notnull."
#define OPS_ZH "应为 eq.、neq.、gt.、gte.、lt.、lte.、in.(…)、is.null、is.notnull 之一。"

static int filter_in(struct call *c, struct text name, struct text value, struct query_filter *f)
{
    struct text list[100], rest;
    struct value_fault fault;
    size_t n = 0;

    if (value.len < 3 || value.ptr[0] != '(' || value.ptr[value.len - 1] != ')')
        return bad(c, name, "operator", "in.(a,b,c)", "格式应为 in.(a,b,c)。");
    rest = (struct text){value.ptr + 1, value.len - 2};
    while (rest.ptr) {
        if (n == ARRAY_LEN(list))
            return bad(c, name, "too_many", "At most 100 values.", "最多 100 个值。");
        list[n] = text_split(&rest, ',');
        if (value_check(c->arena, f->column.field, list[n], &fault) < 0)
            return bad(c, name, fault.code, fault.en, fault.zh);
        n++;
    }
    f->op = OP_IN;
    f->value = array_literal(c->arena, list, n);
    return 0;
}

static int parse_filter(struct call *c, struct query *q, struct text name, struct text value)
{
    struct text rest = value, op = text_split(&rest, '.');
    struct query_filter *f;
    struct value_fault fault;

    if (q->filter_count == QUERY_FILTERS_MAX)
        return bad(c, name, "too_many", "At most 12 filters.", "最多 12 个筛选条件。");
    f = &q->filters[q->filter_count];
    if (query_column(c->arena, q->res, name, &f->column) < 0 || !f->column.field->is_filterable)
        return bad(c, name, "not_filterable", "No such filter.", "不能按此条件筛选。");
    q->filter_count++;
    if (!rest.ptr)
        return bad(c, name, "operator", OPS_EN, OPS_ZH);
    if (text_is(op, "in"))
        return filter_in(c, name, rest, f);
    if (text_is(op, "is") && (text_is(rest, "null") || text_is(rest, "notnull"))) {
        f->op = text_is(rest, "null") ? OP_NULL : OP_NOT_NULL;
        return 0;
    }
    for (size_t i = 0; i < ARRAY_LEN(op_names); i++) {
        if (!text_is(op, op_names[i]))
            continue;
        if (rest.len == 0 || value_check(c->arena, f->column.field, rest, &fault) < 0)
            return rest.len == 0 ? bad(c, name, "operator", OPS_EN, OPS_ZH)
                                 : bad(c, name, fault.code, fault.en, fault.zh);
        f->op = (enum query_op)i;
        f->value = arena_ndup(c->arena, rest.ptr, rest.len);
        return 0;
    }
    return bad(c, name, "operator", OPS_EN, OPS_ZH);
}

static int parse_order(struct call *c, struct query *q, struct text name, struct text value)
{
    struct text rest = value, column = text_split(&rest, '.');

    if (query_column(c->arena, q->res, column, &q->sort) < 0 || !q->sort.field->is_sortable ||
        (rest.ptr && !text_is(rest, "asc") && !text_is(rest, "desc")))
        return bad(c, name, "not_sortable", "A sortable field, then .asc or .desc.",
            "应为可排序字段，后接 .asc 或 .desc。");
    q->sort_desc = rest.ptr && text_is(rest, "desc");
    q->sort_is_id = text_is(column, "id");
    return 0;
}

/* The unit is not acknowledged to whoever has nothing to read there: 404. */
static int parse_unit(struct call *c, struct query *q, struct text value)
{
    struct uuid id;

    q->unit = uuid_parse(value, &id) == 0 ? tree_find(c->tenant->tree, id)
              : value.len > 0             ? tree_find_code(c->tenant->tree, value)
                                          : TREE_NONE;
    return q->unit == TREE_NONE ? call_not_found(c) : 0;
}

static int parse_reach(struct call *c, struct query *q, struct text name, struct text value)
{
    if (!text_is(value, "self") && !text_is(value, "subtree"))
        return bad(c, name, "not_one_of", "self or subtree, together with unit.",
            "应为 self 或 subtree，与 unit 同用。");
    q->unit_only = text_is(value, "self");
    return 0;
}

static int parse_count(struct call *c, struct query *q, struct text name, struct text value)
{
    static const char *const names[] = {"none", "capped", "exact"};

    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        if (text_is(value, names[i])) {
            q->count = (enum query_count)i;
            return 0;
        }
    }
    return bad(c, name, "not_one_of", "none, capped or exact.", "应为 none、capped 或 exact。");
}

int query_parse(struct call *c, const struct resource *res, const struct query_param *params, size_t count,
    struct query *ret)
{
    struct query q = {.res = res, .limit = 20, .unit = TREE_NONE, .sort_desc = true, .sort_is_id = true};
    struct text cursor = {0};
    int64_t limit = 20;
    int r = query_column(c->arena, res, TEXT("id"), &q.sort);

    if (r == 0 && res->sort) {
        r = query_column(c->arena, res, text_of(res->sort->name), &q.sort);
        q.sort_desc = res->sort_desc;
        q.sort_is_id = false;
    }
    for (size_t i = 0; i < count && r == 0; i++) {
        struct text name = params[i].name, value = params[i].value;

        if (text_is(name, "limit")) {
            if (text_to_i64(value, 1, QUERY_LIMIT_MAX, &limit) < 0)
                r = bad(c, name, "limit", "1 to 200.", "应为 1 到 200。");
        } else if (text_is(name, "order")) {
            r = parse_order(c, &q, name, value);
        } else if (text_is(name, "unit")) {
            r = parse_unit(c, &q, value);
        } else if (text_is(name, "reach")) {
            r = parse_reach(c, &q, name, value);
        } else if (text_is(name, "count")) {
            r = parse_count(c, &q, name, value);
        } else if (text_is(name, "cursor")) {
            cursor = value;
        } else {
            r = parse_filter(c, &q, name, value);
        }
    }
    q.limit = (uint32_t)limit;
    if (r == 0 && cursor.ptr && cursor_parse(c->arena, cursor, &q) < 0)
        r = bad(c, TEXT("cursor"), "cursor", "The cursor of the last answer, with the same order.",
            "应为上一页给出的 cursor，且排序方式不变。");
    if (r == 0)
        *ret = q;
    return r;
}

/* ---- cursors: version, order, phase, id, value ---- */

const char *cursor_make(struct arena *a, const struct query *q, const struct record *last)
{
    const char *value = q->sort_is_id                             ? NULL
                        : strcmp(q->sort.name, "created_at") == 0 ? last->created_at
                                                                  : record_value(last, q->sort.name);
    struct buf raw = BUF_INIT, out = BUF_INIT;
    char *s;

    buf_addf(&raw, "1|%s%s|%c|%s|%s", q->sort.name, q->sort_desc ? ".desc" : ".asc",
        !q->sort_is_id && !value ? 'n' : 'v', uuid_format(last->id).s, value ? value : "");
    base64url_add(&out, raw.data, raw.len);
    s = arena_dup(a, buf_str(&out));
    buf_done(&raw);
    buf_done(&out);
    return s;
}

int cursor_parse(struct arena *a, struct text t, struct query *q)
{
    const char *order = arena_printf(a, "%s%s", q->sort.name, q->sort_desc ? ".desc" : ".asc");
    struct buf raw = BUF_INIT;
    struct value_fault fault;
    struct text rest, phase;
    int r = t.len == 0 || t.len > 4096 ? -EINVAL : base64url_parse(t, &raw);

    rest = (struct text){arena_ndup(a, buf_str(&raw), raw.len), raw.len};
    buf_done(&raw);
    if (r < 0 || memchr(rest.ptr, 0, rest.len) || !text_is(text_split(&rest, '|'), "1") || !rest.ptr ||
        !text_is(text_split(&rest, '|'), order) || !rest.ptr)
        return -EINVAL;
    phase = text_split(&rest, '|');
    if ((!text_is(phase, "v") && !text_is(phase, "n")) || !rest.ptr ||
        uuid_parse(text_split(&rest, '|'), &q->cursor_id) < 0 || !rest.ptr)
        return -EINVAL;
    q->cursor_in_nulls = text_is(phase, "n");
    if (!q->sort_is_id && !q->cursor_in_nulls && value_check(a, q->sort.field, rest, &fault) < 0)
        return -EINVAL;
    q->cursor_value = rest.ptr;
    q->has_cursor = true;
    return 0;
}
