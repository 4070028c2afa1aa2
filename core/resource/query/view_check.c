/* A saved view is checked when it is saved; a field that is gone later is told to who uses it. */
#include "resource/query/view_check.h"

#include <errno.h>

#include "http/parse.h"
#include "resource/query/query.h"
#include "tenant/tree.h"

static int check_columns(struct call *c, const struct resource *res, const char *columns)
{
    struct text rest = text_of(columns);
    uint32_t count = 0;

    while (rest.ptr && rest.len > 0) {
        struct text name = text_split(&rest, ',');

        if (++count > VIEW_COLUMNS_MAX || (!resource_field(res, name) && !resource_is_standard_column(name)))
            return call_fail_at(c, "/columns", "not_one_of",
                "At most 40 names of fields, or number, state, state_since, due_at, unit_name, created_at, "
                "updated_at, "
                "created_by.",
                "最多 40 个字段名，或 "
                "number、state、state_since、due_at、unit_name、created_at、updated_at、created_by。");
    }
    return 0;
}

/* A list's own fault, told of the member that holds its parameters. */
static int translate(struct call *c)
{
    const struct call_error *e = c->fault.errors;
    bool about_query = c->fault.status == 400 && e;

    if (!about_query && c->fault.status != 404)
        return -EINVAL;
    c->fault = (struct call_fault){0};
    if (!about_query)
        return call_fail_at(
            c, "/query", "unknown_unit", "The unit is not one that you see.", "组织机构不存在。");
    return call_fail_at(c, "/query", e->code, arena_printf(c->arena, "%s: %s", e->pointer, e->en),
        arena_printf(c->arena, "%s：%s", e->pointer, e->zh));
}

static int check_query(struct call *c, const struct resource *res, const char *query)
{
    struct http_limits limits = HTTP_LIMITS_DEFAULT;
    struct request r = {
        .arena = c->arena, .method = HTTP_GET, .target = text_of(arena_printf(c->arena, "/?%s", query))};
    struct text authority = {NULL, 0};
    struct query_param *params;
    struct query q;
    int result;

    if (strlen(query) > VIEW_QUERY_MAX || http_parse_target(&r, &limits, &authority) != NULL)
        return call_fail_at(c, "/query", "syntax", "What stands behind the ? of a list, at most 2,000 bytes.",
            "应为列表地址中 ? 之后的内容，不超过 2000 字节。");
    params = arena_array(c->arena, r.query_count + 1, sizeof(*params));
    for (size_t i = 0; i < r.query_count; i++) {
        params[i] = (struct query_param){r.query[i].name, r.query[i].value};
        if (text_is(params[i].name, "cursor"))
            return call_fail_at(
                c, "/query", "cursor", "A view begins at the first page.", "视图从第一页开始，不含 cursor。");
    }
    result = query_parse(c, res, params, r.query_count, &q);
    if (result == 0 && q.unit != TREE_NONE)
        result = query_check_unit(c, &q);
    return result == -EINVAL ? translate(c) : result;
}

int view_check(struct call *c, const struct resource *res, const struct view_input *in)
{
    struct text name = text_of(in->name);
    int r = 0;

    if (in->name && (text_chars(name) < 1 || text_chars(name) > VIEW_NAME_MAX))
        r = call_fail_at(c, "/name", "length", "1 to 60 characters.", "应为 1 到 60 个字。");
    if (r == 0 && in->columns)
        r = check_columns(c, res, in->columns);
    if (r == 0 && in->query && *in->query)
        r = check_query(c, res, in->query);
    return r;
}
