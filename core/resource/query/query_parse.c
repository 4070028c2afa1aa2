/* What a list is asked for: filters, order, page. Everything wrong names its parameter. */
#include <errno.h>

#include "base/clock.h"
#include "base/digest.h"
#include "resource/declare/value.h"
#include "resource/query/query_column.h"
#include "resource/record/search.h"
#include "tenant/calendar.h"
#include "tenant/tree.h"

static int parse_order(struct call *c, struct query *q, struct text name, struct text value)
{
    struct text rest = value, column = text_split(&rest, '.');

    if (query_column(c->arena, q->res, column, &q->sort) < 0 || !query_is_indexed(q->sort.field) ||
        (rest.ptr && !text_is(rest, "asc") && !text_is(rest, "desc")))
        return query_bad(c, name, "not_sortable", "A sortable or filterable field, then .asc or .desc.",
            "应为可排序或可筛选的字段，后接 .asc 或 .desc。");
    q->sort_desc = rest.ptr && text_is(rest, "desc");
    q->sort_is_id = text_is(column, "id");
    return 0;
}

/* The unit is not acknowledged to whoever has nothing to read there: 404. */
static int parse_unit(struct call *c, struct query *q, struct text value)
{
    q->unit = tree_find_named(c->tenant->tree, value);
    return q->unit == TREE_NONE ? call_not_found(c) : 0;
}

static int parse_reach(struct call *c, struct query *q, struct text name, struct text value)
{
    if (!text_is(value, "self") && !text_is(value, "subtree"))
        return query_bad(c, name, "not_one_of", "self or subtree, together with unit.",
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
    return query_bad(c, name, "not_one_of", "none, capped or exact.", "应为 none、capped 或 exact。");
}

static int parse_words(struct call *c, struct query *q, struct text name, struct text value)
{
    struct search_tokens tokens = {0};

    if (!search_is_offered(q->res))
        return query_bad(
            c, name, "not_searchable", "There is nothing to search in here.", "此列表不支持搜索。");
    if (q->token_count)
        return query_bad(c, name, "repeated", "One q only, of several words perhaps.",
            "q 只能出现一次，多个词以空格分开。");
    switch (search_parse(c->arena, value, &tokens)) {
    case 0:
        q->tokens = tokens.items;
        q->token_count = tokens.count;
        return 0;
    case -E2BIG:
        return query_bad(
            c, name, "too_long", "At most 4 words, of 20 characters in all.", "最多 4 个词，共 20 个字。");
    default:
        return query_bad(
            c, name, "words", "Characters, letters or digits to look for.", "应为要查找的文字、字母或数字。");
    }
}

static int parse_fields(struct call *c, struct query *q, struct text name, struct text value)
{
    struct text bad;

    if (choice_parse(c, q->res, value, &q->choice, &bad) == 0)
        return 0;
    bad = text_cut(bad, 100);
    return query_bad(c, name, "unknown_field",
        arena_printf(c->arena, "No record has a member \"%.*s\".", (int)bad.len, bad.ptr),
        arena_printf(c->arena, "没有此字段：“%.*s”。", (int)bad.len, bad.ptr));
}

static int take_open(struct call *c, struct query *q)
{
    const char *open = "";

    for (uint32_t i = 0; i < q->res->state_count; i++)
        if (!q->res->states[i].is_final)
            open = arena_printf(c->arena, "%s%s%s", open, *open ? "," : "", q->res->states[i].name);
    return *open ? query_take_filter(c, q, TEXT("state"), text_of(arena_printf(c->arena, "in.(%s)", open)))
                 : 0;
}

/* overdue=true: the day on which it was due is over, and it is not done. */
static int parse_overdue(struct call *c, struct query *q, struct text name, struct text value)
{
    struct clock_text today = date_format(calendar_today(c->now_us));
    struct text due = text_of(arena_printf(c->arena, "lt.%s", today.s));
    int r;

    if (!text_is(value, "true"))
        return query_bad(c, name, "not_one_of", "true", "应为 true。");
    r = query_take_filter(c, q, TEXT("due_at"), due);
    return r < 0 ? r : take_open(c, q);
}

/* part=open: it waits for the asker, or for a department of theirs. */
static int parse_part(struct call *c, struct query *q, struct text name, struct text value)
{
    if (!text_is(value, "open"))
        return query_bad(c, name, "not_one_of", "open", "应为 open。");
    q->own_parts = true;
    return take_open(c, q);
}

int query_parse(struct call *c, const struct resource *res, const struct query_param *params, size_t count,
    struct query *ret)
{
    struct query q = {
        .res = res, .limit = 20, .unit = TREE_NONE, .group_count = 1, .sort_desc = true, .sort_is_id = true};
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
                r = query_bad(c, name, "limit", "1 to 200.", "应为 1 到 200。");
        } else if (text_is(name, "order")) {
            r = parse_order(c, &q, name, value);
        } else if (text_is(name, "unit")) {
            r = parse_unit(c, &q, value);
        } else if (text_is(name, "reach")) {
            r = parse_reach(c, &q, name, value);
        } else if (text_is(name, "count")) {
            r = parse_count(c, &q, name, value);
        } else if (text_is(name, "q")) {
            r = parse_words(c, &q, name, value);
        } else if (text_is(name, "fields")) {
            r = parse_fields(c, &q, name, value);
        } else if (text_is(name, "overdue")) {
            r = parse_overdue(c, &q, name, value);
        } else if (text_is(name, "part")) {
            r = parse_part(c, &q, name, value);
        } else if (text_is(name, "cursor")) {
            cursor = value;
        } else {
            r = query_take_filter(c, &q, name, value);
        }
    }
    q.limit = (uint32_t)limit;
    if (r == 0 && q.choice && resource_field(res, text_of(q.sort.name)))
        q.choice->fetched[q.sort.field->index] = true; /* for the cursor */
    if (r == 0 && cursor.ptr && cursor_parse(c->arena, cursor, &q) < 0)
        r = query_bad(c, TEXT("cursor"), "cursor", "The cursor of the last answer, with the same order.",
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
    if (!q->sort_is_id && !q->cursor_in_nulls && !value_is_of_type(a, q->sort.field, rest))
        return -EINVAL;
    q->cursor_value = rest.ptr;
    q->has_cursor = true;
    return 0;
}
