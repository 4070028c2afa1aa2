/* Conditions of lists: state=in.(new,late), employer.kind=eq.private, or=(topic.eq.law,and(cost.gt.5,cost.lt.9)). What
 * stands side by side holds all at once. Inside of and(…), or(…) and in.(…) a value with a comma or a parenthesis stands
 * in double quotes. */
#include <errno.h>

#include "db/pgarray.h"
#include "resource/declare/edition.h"
#include "resource/declare/value.h"
#include "resource/query/query_column.h"
#include "tenant/tree.h"

static const char *const op_names[] = {"eq", "neq", "gt", "gte", "lt", "lte"};

int query_bad(struct call *c, struct text name, const char *code, const char *en, const char *zh)
{
    if (c->fault.status != 400)
        (void)call_fail(c, 400, "invalid_query", "The query is not accepted; see errors.",
            "查询条件不符合要求，详见 errors。");
    name = text_cut(name, 200);
    return call_fail_at(c, arena_ndup(c->arena, name.ptr ? name.ptr : "", name.len), code, en, zh);
}

/* ---- text ---- */

/* Behind a value that begins with '"'; 0 when it does not end. */
static size_t quoted_end(struct text t, size_t at)
{
    for (size_t i = at + 1; i < t.len; i++) {
        if (t.ptr[i] == '\\')
            i++;
        else if (t.ptr[i] == '"')
            return i + 1;
    }
    return 0;
}

/* The first of a list, up to a comma that stands neither in parentheses nor in quotes; *rest is what is behind it, with a
 * NULL pointer at the end. */
static int cut(struct text *rest, struct text *ret)
{
    char before = ',';
    int depth = 0;
    size_t i = 0;

    while (i < rest->len && (depth > 0 || rest->ptr[i] != ',')) {
        char ch = rest->ptr[i];

        if (ch == '"' && (before == '(' || before == ',' || before == '.')) {
            i = quoted_end(*rest, i);
            if (i == 0)
                return -EINVAL;
            before = '"';
            continue;
        }
        depth += (ch == '(') - (ch == ')');
        if (depth < 0)
            return -EINVAL;
        before = ch;
        i++;
    }
    if (depth > 0)
        return -EINVAL;
    *ret = (struct text){rest->ptr, i};
    *rest = i < rest->len ? text_skip(*rest, i + 1) : (struct text){NULL, 0};
    return 0;
}

/* "a,b" without its quotes and backslashes; what has none stays as it is. */
static int unquote(struct arena *a, struct text t, struct text *ret)
{
    size_t n = 0;
    char *s;

    *ret = t;
    if (t.len == 0 || t.ptr[0] != '"')
        return 0;
    if (quoted_end(t, 0) != t.len)
        return -EINVAL;
    s = arena_alloc(a, t.len);
    for (size_t i = 1; i < t.len - 1; i++) {
        i += t.ptr[i] == '\\';
        s[n++] = t.ptr[i];
    }
    *ret = (struct text){s, n};
    return 0;
}

/* ---- units: they are in memory, so a condition on them is one on their ids ---- */

static int compare(struct text a, struct text b)
{
    int r = memcmp(a.ptr, b.ptr, MIN(a.len, b.len));

    return r ? r : a.len == b.len ? 0 : a.len < b.len ? -1 : 1;
}

static bool meets(const struct query_filter *f, struct text value)
{
    int c = f->item_count ? compare(value, f->items[0]) : 0;
    bool among = false;

    switch (f->op) {
    case OP_EQ:
        return c == 0;
    case OP_NEQ:
        return c != 0;
    case OP_GT:
        return c > 0;
    case OP_GTE:
        return c >= 0;
    case OP_LT:
        return c < 0;
    case OP_LTE:
        return c <= 0;
    case OP_IN:
        for (uint32_t i = 0; i < f->item_count && !among; i++)
            among = text_eq(value, f->items[i]);
        return among;
    default:
        return f->op == OP_NOT_NULL;
    }
}

/* One unit, or as many as there are. */
static void resolve_units(struct call *c, struct query_filter *f)
{
    const struct tree *t = c->tenant->tree;
    bool of_level = strcmp(f->column.name, "level") == 0;
    struct text *ids = arena_array(c->arena, tree_count(t) + 1, sizeof(*ids));
    uint32_t count = 0;

    for (uint32_t u = 0; u < tree_count(t); u++) {
        struct tree_unit unit = tree_unit(t, u);

        if (meets(f, text_of(of_level ? level_name(unit.level) : unit.code)))
            ids[count++] = text_of(arena_dup(c->arena, uuid_format(unit.id).s));
    }
    f->column = query_unit_column(c->arena, f->via);
    f->via = NULL;
    if (f->op == OP_EQ && !of_level) { /* an index can be in order behind one value */
        f->value = count ? ids[0].ptr : arena_dup(c->arena, uuid_format(UUID_NIL).s);
        return;
    }
    f->op = OP_IN;
    f->value = pgarray_of_texts(c->arena, ids, count);
}

/* ---- one condition ---- */

static bool is_op(struct text t)
{
    bool known = text_is(t, "in") || text_is(t, "is");

    for (size_t i = 0; i < ARRAY_LEN(op_names) && !known; i++)
        known = text_is(t, op_names[i]);
    return known;
}

static int bad_column(struct call *c, struct text name, struct text path)
{
    struct text shown = text_cut(path, 100);

    return query_bad(c, name, "not_filterable",
        arena_printf(c->arena, "No such filter: %.*s.", (int)shown.len, shown.ptr),
        arena_printf(c->arena, "不能按此条件筛选：%.*s。", (int)shown.len, shown.ptr));
}

/* FIELD.MEMBER: of the record that a field refers to, or of a unit; "unit" is the one that handles the record. */
static int take_reference(
    struct call *c, struct query *q, struct query_filter *f, struct text field, struct text member)
{
    const struct field *by = resource_field(q->res, field);

    if (text_is(field, "unit")) {
        f->via = "r.unit_id";
        return query_column_of_unit(c->arena, member, &f->column);
    }
    if (!by || !by->is_filterable)
        return -ENOENT;
    f->via = arena_printf(c->arena, "r.\"%s\"", by->name);
    if (by->type == FIELD_UNIT)
        return query_column_of_unit(c->arena, member, &f->column);
    f->target = by->type == FIELD_REFERENCE ? edition_find(c->tenant, by->reference) : NULL;
    return f->target ? query_column_of(c->arena, f->target, member, 't', &f->column) : -ENOENT;
}

static int take_column(
    struct call *c, struct query *q, struct query_filter *f, struct text name, struct text path)
{
    struct text member = path, field = text_split(&member, '.');
    int r = member.ptr ? take_reference(c, q, f, field, member)
                       : query_column(c->arena, q->res, path, &f->column);

    if (r < 0 || !f->column.field->is_filterable)
        return bad_column(c, name, path);
    if (f->via && q->reference_count++ == QUERY_REFERENCES_MAX)
        return query_bad(c, name, "too_many", "At most 4 conditions on what a record refers to.",
            "对关联对象的条件最多 4 个。");
    return 0;
}

static int take_list(struct call *c, struct text name, struct text value, struct query_filter *f)
{
    struct text *list = arena_array(c->arena, QUERY_LIST_MAX, sizeof(*list)), rest;
    struct value_fault fault;
    uint32_t n = 0;

    if (value.len < 3 || value.ptr[0] != '(' || value.ptr[value.len - 1] != ')')
        return query_bad(c, name, "operator", "in.(a,b,c)", "格式应为 in.(a,b,c)。");
    rest = (struct text){value.ptr + 1, value.len - 2};
    while (rest.ptr) {
        if (n == QUERY_LIST_MAX)
            return query_bad(c, name, "too_many", "At most 100 values.", "最多 100 个值。");
        if (cut(&rest, &list[n]) < 0 || unquote(c->arena, list[n], &list[n]) < 0)
            return query_bad(c, name, "syntax", "in.(a,b,c); a value with , ( ) in double quotes.",
                "格式应为 in.(a,b,c)；含逗号、括号的值须加双引号。");
        if (value_check(c->arena, f->column.field, list[n], &fault) < 0)
            return query_bad(c, name, fault.code, fault.en, fault.zh);
        n++;
    }
    f->op = OP_IN;
    f->value = pgarray_of_texts(c->arena, list, n);
    f->items = list;
    f->item_count = n;
    return 0;
}

/* op.value */
static int take_operator(
    struct call *c, struct query_filter *f, struct text name, struct text expression, bool in_group)
{
    struct text value = expression, op = text_split(&value, '.'), *item;
    struct value_fault fault;

    if (value.ptr && text_is(op, "in"))
        return take_list(c, name, value, f);
    if (text_is(op, "is") && (text_is(value, "null") || text_is(value, "notnull"))) {
        f->op = text_is(value, "null") ? OP_NULL : OP_NOT_NULL;
        return 0;
    }
    for (size_t i = 0; i < ARRAY_LEN(op_names); i++) {
        if (!text_is(op, op_names[i]))
            continue;
        if ((in_group && unquote(c->arena, value, &value) < 0) || value.len == 0)
            break;
        if (value_check(c->arena, f->column.field, value, &fault) < 0)
            return query_bad(c, name, fault.code, fault.en, fault.zh);
        f->op = (enum query_op)i;
        f->value = arena_ndup(c->arena, value.ptr, value.len);
        item = arena_alloc(c->arena, sizeof(*item));
        *item = (struct text){f->value, value.len};
        f->items = item;
        f->item_count = 1;
        return 0;
    }
    return query_bad(c, name, "operator",
        "One of eq., neq., gt., gte., lt., lte., in.(…), is.null, is.notnull.",
        "应为 eq.、neq.、gt.、gte.、lt.、lte.、in.(…)、is.null、is.notnull 之一。");
}

static int take_condition(struct call *c, struct query *q, struct text name, struct text path,
    struct text expression, uint32_t group, bool in_group)
{
    struct query_filter f = {.group = group};
    int r;

    if (q->filter_count == QUERY_FILTERS_MAX)
        return query_bad(c, name, "too_many", "At most 20 conditions.", "最多 20 个筛选条件。");
    r = take_column(c, q, &f, name, path);
    if (r == 0)
        r = take_operator(c, &f, name, expression, in_group);
    if (r == 0 && f.via && !f.target)
        resolve_units(c, &f);
    if (r == 0)
        q->filters[q->filter_count++] = f;
    return r;
}

/* ---- groups ---- */

static int bad_group(struct call *c, struct text name)
{
    return query_bad(c, name, "syntax",
        "(field.op.value,field.op.value,and(…),or(…)); a value with , ( ) in double quotes.",
        "格式应为 (字段.运算.值,字段.运算.值,and(…),or(…))；含逗号、括号的值须加双引号。");
}

/* field.op.value or field.member.op.value. */
static int take_dotted(struct call *c, struct query *q, struct text name, struct text item, uint32_t group)
{
    struct text expression = item, path = text_split(&expression, '.'), behind = expression, next;

    if (!expression.ptr)
        return bad_group(c, name);
    next = text_split(&behind, '.');
    if (!is_op(next) && behind.ptr) {
        path.len += 1 + next.len;
        expression = behind;
    }
    return take_condition(c, q, name, path, expression, group, true);
}

/* (a.eq.1,or(b.is.null,c.gt.2)), whose word said whether any or all. */
static int take_group(struct call *c, struct query *q, struct text name, struct text list, bool is_any,
    uint32_t parent, int depth)
{
    struct text rest = text_skip((struct text){list.ptr, list.len - 1}, 1), item;
    uint32_t group = q->group_count;
    int r = 0;

    if (group == QUERY_GROUPS_MAX || depth > QUERY_DEPTH_MAX)
        return query_bad(c, name, "too_deep", "At most 7 of and(…) and or(…), and 3 inside one another.",
            "and(…) 与 or(…) 最多 7 组，嵌套不超过 3 层。");
    q->groups[q->group_count++] = (struct query_group){parent, is_any};
    while (rest.ptr && r == 0) {
        bool is_or, is_and;

        if (cut(&rest, &item) < 0)
            return bad_group(c, name);
        is_or = text_has_prefix(item, "or(");
        is_and = text_has_prefix(item, "and(");
        if ((is_or || is_and) && item.ptr[item.len - 1] == ')')
            r = take_group(c, q, name, text_skip(item, is_or ? 2 : 3), is_or, group, depth + 1);
        else
            r = take_dotted(c, q, name, item, group);
    }
    return r;
}

int query_take_filter(struct call *c, struct query *q, struct text name, struct text value)
{
    bool is_any = text_is(name, "or");

    if (!is_any && !text_is(name, "and"))
        return take_condition(c, q, name, name, value, 0, false);
    if (value.len < 3 || value.ptr[0] != '(' || value.ptr[value.len - 1] != ')')
        return query_bad(c, name, "syntax", "(field.op.value,…)", "格式应为 (字段.运算.值,…)。");
    return take_group(c, q, name, value, is_any, 0, 1);
}
