/* What statistics are asked for: group=topic,unit.street sum=cost period=quarter.answered_on from= until= tree=then,
 * and the conditions of lists. */
#include <errno.h>

#include "base/clock.h"
#include "resource/declare/edition.h"
#include "resource/query/query_column.h"
#include "resource/record/reader.h"
#include "resource/report/statistics.h"
#include "tenant/calendar.h"

#define DEFAULT_PERIODS 12

struct parse {
    struct call *c;
    struct statistics *s;
    const struct resource *res;
    struct text from, until;
};

static const struct {
    const char *name;
    struct label label;
} standard_labels[] = {
    {"state", {"状态", "State"}},
    {"created_at", {"创建时间", "Created"}},
    {"due_at", {"办理期限", "Due"}},
    {"unit", {"办理机构", "Unit that handles it"}},
};

static struct label label_of(const struct resource *res, struct text name)
{
    const struct field *f = resource_field(res, name);

    for (size_t i = 0; i < ARRAY_LEN(standard_labels); i++)
        if (text_is(name, standard_labels[i].name))
            return standard_labels[i].label;
    return f ? f->label : (struct label){"", ""};
}

/* ---- groupings ---- */

/* Records that say something about a person: there is no statistic by person. */
static bool is_about_persons(const struct resource *res)
{
    if (res->is_about_person)
        return true;
    for (uint32_t i = 0; i < res->field_count; i++)
        if (res->fields[i].sensitivity && strcmp(res->fields[i].sensitivity, "none") != 0)
            return true;
    return false;
}

static int bad_person(struct call *c, struct text name)
{
    return query_bad(
        c, name, "person", "There are no statistics by person.", "不按个人统计，也不对个人排名。");
}

static int bad_group(struct call *c, struct text name)
{
    return query_bad(c, name, "not_groupable",
        "A field with fixed values, a department, a unit or what a record refers to; state; unit, "
        "unit.level, unit.street …",
        "应为有固定选项的字段、部门、组织机构或引用的记录，或 state、unit、unit.level、unit.street 等。");
}

static int take_unit_group(struct parse *p, struct stat_group *g, struct text name, struct text member)
{
    g->kind = STAT_UNIT;
    if (!member.ptr)
        return 0;
    g->kind = STAT_LEVEL;
    if (text_is(member, "level"))
        return 0;
    g->kind = STAT_WITHIN;
    return level_parse(member, &g->level) < 0 ? bad_group(p->c, name) : 0;
}

static int check_value_group(struct parse *p, const struct field *f, struct text name)
{
    const struct resource *target =
        f->type == FIELD_REFERENCE && f->reference ? edition_find(p->c->tenant, f->reference) : NULL;

    if (f->type == FIELD_ACCOUNT || f->is_hidden_submitter || (target && is_about_persons(target)))
        return bad_person(p->c, name);
    if (f->is_custom) /* not counted by */
        return bad_group(p->c, name);
    if (f->type == FIELD_ENUM || f->type == FIELD_BOOLEAN || f->type == FIELD_DEPARTMENT || target)
        return 0;
    return bad_group(p->c, name);
}

static int take_group(struct parse *p, struct text name, struct text path)
{
    struct text member = path, field = text_split(&member, '.');
    struct stat_group g = {.name = arena_ndup(p->c->arena, path.ptr, path.len), .kind = STAT_VALUE};
    int r = 0;

    if (p->s->group_count == STATISTICS_GROUPS_MAX)
        return query_bad(p->c, name, "too_many", "At most two groupings, the period included.",
            "最多按两项分组（含时间周期）。");
    g.label = label_of(p->res, field);
    if (text_is(field, "unit"))
        g.column = (struct query_column){"r.unit_id", "unit", NULL, false};
    else
        r = query_column(p->c->arena, p->res, field, &g.column);
    if (r < 0 || text_is(field, "id") || text_is(field, "number"))
        return bad_group(p->c, name);
    if (!g.column.field || g.column.field->type == FIELD_UNIT)
        r = take_unit_group(p, &g, name, member);
    else
        r = member.ptr ? bad_group(p->c, name) : check_value_group(p, g.column.field, name);
    if (r == 0)
        p->s->groups[p->s->group_count++] = g;
    return r;
}

static int take_groups(struct parse *p, struct text name, struct text value)
{
    int r = value.len == 0 ? bad_group(p->c, name) : 0;

    while (value.ptr && r == 0)
        r = take_group(p, name, text_split(&value, ','));
    return r;
}

static int take_sums(struct parse *p, struct text name, struct text value)
{
    do {
        struct text one = text_split(&value, ',');
        const struct field *f = resource_field(p->res, one);

        if (!f || f->is_custom || f->is_hidden_submitter ||
            (f->type != FIELD_INTEGER && f->type != FIELD_MONEY))
            return query_bad(
                p->c, name, "not_summable", "A field that is a number or money.", "应为数字或金额字段。");
        if (p->s->sum_count == STATISTICS_SUMS_MAX)
            return query_bad(p->c, name, "too_many", "At most 4 sums.", "最多 4 项求和。");
        p->s->sums[p->s->sum_count++] = f;
    } while (value.ptr);
    return 0;
}

/* ---- periods ---- */

static int take_period(struct parse *p, struct text name, struct text value)
{
    struct text column = value, word = text_split(&column, '.');
    struct stat_group g = {.kind = STAT_PERIOD, .period = STAT_PERIODS};

    for (int i = 0; i < STAT_PERIODS; i++)
        if (text_is(word, stat_period_names[i]))
            g.period = (enum stat_period)i;
    if (!column.ptr)
        column = TEXT("created_at");
    if (g.period == STAT_PERIODS || query_column(p->c->arena, p->res, column, &g.column) < 0 ||
        g.column.field->is_custom ||
        (!text_is(column, "created_at") && g.column.field->type != FIELD_DATE &&
            g.column.field->type != FIELD_DATETIME))
        return query_bad(p->c, name, "period",
            "month, quarter or year, of created_at or of another date: quarter.due_at.",
            "应为 month、quarter 或 year，可后接日期字段，如 quarter.due_at。");
    if (p->s->group_count == STATISTICS_GROUPS_MAX)
        return query_bad(p->c, name, "too_many", "At most two groupings, the period included.",
            "最多按两项分组（含时间周期）。");
    g.name = arena_printf(p->c->arena, "%s.%s", g.column.name, stat_period_names[g.period]);
    g.label = label_of(p->res, column);
    p->s->groups[p->s->group_count++] = g;
    return 0;
}

static int take_day(struct parse *p, const char *name, struct text value, int32_t fallback, int32_t *ret)
{
    *ret = fallback;
    if (value.ptr && date_parse(value, ret) < 0)
        return query_bad(p->c, text_of(name), "date", "A day: YYYY-MM-DD.", "应为日期：YYYY-MM-DD。");
    return 0;
}

/* The start of a period in China, as the column wants it. */
static const char *edge(struct arena *a, const struct stat_group *g, int32_t day)
{
    struct clock_text t = date_format(day);

    return g->column.field->type == FIELD_DATE ? arena_dup(a, t.s) : arena_printf(a, "%s 00:00:00+08", t.s);
}

/* The periods from the one that holds `from` to the one that holds `until`, and only what falls into them. */
static int finish_period(struct parse *p, struct stat_group *g)
{
    int32_t today = date_of(p->c->now_us, CALENDAR_OFFSET_MINUTES), from, until;
    struct query *q = &p->s->query;
    int r = take_day(p, "until", p->until, today, &until);

    if (r == 0)
        r = take_day(p, "from", p->from, period_back(g->period, until, DEFAULT_PERIODS - 1), &from);
    if (r < 0)
        return r;
    g->starts = arena_array(p->c->arena, STATISTICS_PERIODS_MAX + 1, sizeof(*g->starts));
    g->period_count =
        until < from ? 0 : period_starts(g->period, from, until, g->starts, STATISTICS_PERIODS_MAX);
    if (g->period_count == 0)
        return query_bad(p->c, TEXT("from"), "range", "Not behind until; at most 240 periods.",
            "不晚于 until，且最多 240 个周期。");
    if (q->filter_count + 2 > QUERY_FILTERS_MAX)
        return query_bad(p->c, TEXT("period"), "too_many", "At most 18 conditions beside a period.",
            "与周期同用时最多 18 个条件。");
    q->filters[q->filter_count++] =
        (struct query_filter){.column = g->column, .op = OP_GTE, .value = edge(p->c->arena, g, g->starts[0])};
    q->filters[q->filter_count++] = (struct query_filter){
        .column = g->column, .op = OP_LT, .value = edge(p->c->arena, g, g->starts[g->period_count])};
    return 0;
}

/* ---- who may only count ---- */

/* What could be told apart by asking twice is not asked: no condition, no part of the tree, one way to cut time and one to cut
 * the tree. */
static bool is_plain(const struct statistics *s)
{
    const struct query *q = &s->query;
    bool plain = q->filter_count == 0 && q->token_count == 0 && q->unit == TREE_NONE && !s->has_window &&
                 s->tree == STAT_TREE_NOW;

    for (uint32_t i = 0; i < s->group_count; i++) {
        const struct stat_group *g = &s->groups[i];
        const struct field *f = g->column.field;

        if (g->kind == STAT_PERIOD)
            plain &= g->period == PERIOD_MONTH;
        else if (g->kind != STAT_VALUE)
            plain &= g->kind == STAT_WITHIN && g->level == LEVEL_STREET;
        else if (f->sensitivity)
            plain &= strcmp(f->sensitivity, "sensitive") != 0;
    }
    return plain;
}

static int check_counts_only(struct parse *p)
{
    struct call *c = p->c;
    struct scope scope;

    reader_scope(c, p->res, &scope);
    if (scope.count > 0 || scope.everywhere ||
        !subject_may_anywhere(c->who, p->res->permissions[ACTION_STATISTICS]))
        return 0;
    p->s->query.counts_only = true;
    return is_plain(p->s) ? 0
                          : call_fail(c, 403, "counts_only",
                                "You may count these records, not see them: without conditions and without a "
                                "part of the tree, by month "
                                "only, and by units only as unit.street.",
                                "您只能统计而不能查看这些记录：不可附加条件或限定机构，时间只能按月，机构只能"
                                "按街道（unit.street）统计。");
}

static int take_tree(struct parse *p, struct text name, struct text value)
{
    p->s->tree = text_is(value, "then") ? STAT_TREE_THEN : STAT_TREE_DAY;
    if (text_is(value, "now"))
        p->s->tree = STAT_TREE_NOW;
    if (p->s->tree == STAT_TREE_DAY && date_parse(value, &p->s->tree_day) < 0)
        return query_bad(p->c, name, "tree", "now, then (as it was at each record's time) or a day.",
            "应为 now（现行）、then（按记录当时）或某一日期。");
    return 0;
}

static int take(
    struct parse *p, const struct query_param *param, struct query_param *rest, size_t *rest_count)
{
    struct text name = param->name;

    if (text_is(name, "group"))
        return take_groups(p, name, param->value);
    if (text_is(name, "sum"))
        return take_sums(p, name, param->value);
    if (text_is(name, "period"))
        return take_period(p, name, param->value);
    if (text_is(name, "tree"))
        return take_tree(p, name, param->value);
    if (text_is(name, "from") || text_is(name, "until")) {
        *(text_is(name, "from") ? &p->from : &p->until) = param->value;
        p->s->has_window = true;
        return 0;
    }
    if (text_is(name, "order") || text_is(name, "fields") || text_is(name, "limit") ||
        text_is(name, "cursor") || text_is(name, "count"))
        return query_bad(p->c, name, "not_here", "Of lists, not of statistics.", "仅用于列表，不用于统计。");
    rest[(*rest_count)++] = *param;
    return 0;
}

static bool has_period(const struct statistics *s)
{
    bool has = false;

    for (uint32_t i = 0; i < s->group_count; i++)
        has |= s->groups[i].kind == STAT_PERIOD;
    return has;
}

int statistics_parse(struct call *c, const struct resource *res, const struct query_param *params,
    size_t count, struct statistics *ret)
{
    struct parse p = {.c = c, .s = ret, .res = res};
    struct query_param *rest = arena_array(c->arena, count + 1, sizeof(*rest));
    size_t rest_count = 0;
    int r = 0;

    *ret = (struct statistics){.query.res = res};
    for (size_t i = 0; i < count && r == 0; i++)
        r = take(&p, &params[i], rest, &rest_count);
    if (r == 0)
        r = query_parse(c, res, rest, rest_count, &ret->query);
    if (r == 0)
        r = check_counts_only(&p);
    if (r == 0 && p.s->has_window && !has_period(ret))
        r = query_bad(c, TEXT("period"), "required", "from and until go with a period.",
            "from、until 须与 period 同用。");
    for (uint32_t i = 0; i < ret->group_count && r == 0; i++)
        if (ret->groups[i].kind == STAT_PERIOD)
            r = finish_period(&p, &ret->groups[i]);
    return r;
}
