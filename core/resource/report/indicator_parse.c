/* indicators.json: what is wrong with it, and what it says. */
#include <errno.h>

#include "resource/declare/declaration_parse.h"
#include "resource/report/indicator.h"

struct reading {
    struct parse p;
    const char *plugin;
    const struct resource *const *resources;
    uint32_t resource_count;
    struct indicator_set *out;
};

static const char *const over_names[] = {"period", "end", NULL};

/* {"zh-CN": …, "en": …} under that key. */
static struct label take_label(struct parse *p, const char *at, const json_t *object, const char *key)
{
    static const char *const known[] = {"zh-CN", "en", NULL};
    const char *here = AT(p, "%s/%s", at, key), *zh, *en;
    const json_t *v = json_object_get(object, key);

    if (!json_is_object(v)) {
        report_add(p->report, at, AT(p, "add \"%s\": {\"zh-CN\": \"…\", \"en\": \"…\"}", key),
            "\"%s\" in both languages is missing", key);
        return (struct label){"", ""};
    }
    report_unknown(p->report, here, v, known);
    zh = parse_str(p, here, v, "zh-CN", true);
    en = parse_str(p, here, v, "en", true);
    return (struct label){arena_dup(p->a, zh ? zh : ""), arena_dup(p->a, en ? en : "")};
}

static const struct resource *take_resource(struct reading *r, const char *at, const json_t *v)
{
    const char *name = parse_str(&r->p, at, v, "resource", true), *near;
    const char **names = arena_array(r->p.a, r->resource_count + 1, sizeof(*names));

    for (uint32_t i = 0; i < r->resource_count; i++) {
        names[i] = r->resources[i]->name;
        if (name && strcmp(name, names[i]) == 0)
            return r->resources[i];
    }
    near = name ? report_nearest(name, names) : NULL;
    if (name)
        report_add(r->p.report, AT(&r->p, "%s/resource", at),
            near ? AT(&r->p, "did you mean \"%s\"?", near) : NULL, "this plugin has no resource \"%s\"",
            name);
    return NULL;
}

/* A condition as in lists, on a field or on the state. Of no call, so it cannot be about what a record refers to. */
static int check_filter(struct reading *r, const char *at, struct indicator *ind, const struct query_param *f)
{
    struct call c = {.arena = r->p.a};
    struct query *q = arena_alloc(r->p.a, sizeof(*q));
    const struct query_filter *made = &q->filters[0];
    const char *why;

    *q = (struct query){.res = ind->res, .group_count = 1};
    if (memchr(f->name.ptr, '.', f->name.len) || text_is(f->name, "and") || text_is(f->name, "or"))
        return report_add(r->p.report, at, NULL, "a filter is on a field of the resource, or on its state");
    if (query_take_filter(&c, q, f->name, f->value) < 0) {
        why = c.fault.errors ? c.fault.errors->en : c.fault.en;
        return report_add(r->p.report, at, NULL, "%s", why);
    }
    if (ind->over != OVER_END || !text_is(f->name, "state"))
        return 0;
    if (made->op != OP_EQ && made->op != OP_NEQ && made->op != OP_IN)
        return report_add(
            r->p.report, at, NULL, "the state at the end of a period is asked for by eq., neq. or in.(…)");
    for (uint32_t s = 0; s < ind->res->state_count; s++) {
        bool among = false;

        for (uint32_t i = 0; i < made->item_count; i++)
            among |= text_is(made->items[i], ind->res->states[s].name);
        if (among != (made->op == OP_NEQ))
            ind->states |= UINT64_C(1) << s;
    }
    return 1; /* asked of the history instead */
}

static void take_filters(struct reading *r, const char *at, const json_t *v, struct indicator *ind)
{
    const json_t *object = json_object_get(v, "filter");
    const char *name;
    json_t *value;

    if (object && !json_is_object(object))
        report_add(r->p.report, AT(&r->p, "%s/filter", at), NULL, "must be an object of conditions");
    json_object_foreach((json_t *)object, name, value)
    {
        const char *here = AT(&r->p, "%s/filter/%s", at, name), *s = json_string_value(value);
        struct query_param f = {text_of(arena_dup(r->p.a, name)), text_of(arena_dup(r->p.a, s))};

        if (!s)
            report_add(r->p.report, here, "\"eq.…\"", "must be a string, as in the query of a list");
        else if (ind->filter_count == INDICATOR_FILTERS_MAX)
            report_add(r->p.report, here, NULL, "at most %d conditions", INDICATOR_FILTERS_MAX);
        else if (check_filter(r, here, ind, &f) == 0)
            ind->filters[ind->filter_count++] = f;
    }
}

static void take_sum(struct reading *r, const char *at, const json_t *v, struct indicator *ind)
{
    const char *here = AT(&r->p, "%s/sum", at);

    ind->sum = parse_field_ref(&r->p, here, parse_str(&r->p, at, v, "sum", false));
    if (ind->sum &&
        (ind->sum->is_hidden_submitter || (ind->sum->type != FIELD_INTEGER && ind->sum->type != FIELD_MONEY)))
        report_add(r->p.report, here, NULL, "only numbers and money are summed");
}

static void take_date(struct reading *r, const char *at, const json_t *v, struct indicator *ind)
{
    const char *name = parse_str(&r->p, at, v, "date", false), *here = AT(&r->p, "%s/date", at);
    const struct field *f;

    ind->date = "created_at";
    if (!name || strcmp(name, "created_at") == 0)
        return;
    f = parse_field_ref(&r->p, here, name);
    if (!f)
        return;
    if ((f->type != FIELD_DATE && f->type != FIELD_DATETIME) || !f->is_filterable)
        report_add(r->p.report, here, NULL, "must be created_at, or a date that is filterable");
    ind->date = f->name;
    ind->is_of_day = f->type == FIELD_DATE;
}

static void take_indicator(struct reading *r, const char *name, const json_t *v)
{
    static const char *const known[] = {
        "label", "unit", "definition", "resource", "filter", "sum", "over", "date", NULL};
    const char *at = AT(&r->p, "/indicators/%s", name);
    struct indicator *ind = &r->out->indicators[r->out->indicator_count];
    int over;

    if (!parse_name(&r->p, at, name, FIELD_NAME_MAX))
        return;
    if (!json_is_object(v)) {
        report_add(r->p.report, at, NULL, "must be an object");
        return;
    }
    report_unknown(r->p.report, at, v, known);
    *ind = (struct indicator){.plugin = arena_dup(r->p.a, r->plugin),
        .full_name = AT(&r->p, "%s.%s", r->plugin, name),
        .label = take_label(&r->p, at, v, "label"),
        .measure = take_label(&r->p, at, v, "unit"),
        .definition = take_label(&r->p, at, v, "definition"),
        .res = take_resource(r, at, v)};
    over = parse_word(&r->p, at, "over", parse_str(&r->p, at, v, "over", false), over_names);
    ind->over = over == OVER_END ? OVER_END : OVER_PERIOD;
    if (!ind->res)
        return;
    ind->resource = ind->res->full_name;
    r->p.res = (struct resource *)ind->res; /* names of fields are looked for in it */
    take_filters(r, at, v, ind);
    take_sum(r, at, v, ind);
    take_date(r, at, v, ind);
    r->out->indicator_count++;
}

/* ---- reports ---- */

static const char *take_list(struct reading *r, const char *at, const json_t *v)
{
    const char **names = arena_array(r->p.a, r->out->indicator_count + 1, sizeof(*names)), *all = NULL;
    const json_t *list = json_object_get(v, "indicators"), *one;
    size_t i;

    for (uint32_t k = 0; k < r->out->indicator_count; k++)
        names[k] = strchr(r->out->indicators[k].full_name, '.') + 1;
    if (!json_is_array(list) || json_array_size(list) == 0 || json_array_size(list) > REPORT_INDICATORS_MAX) {
        report_add(r->p.report, at, "add \"indicators\": [\"…\"]", "1 to %d indicators, in a list",
            REPORT_INDICATORS_MAX);
        return "";
    }
    json_array_foreach(list, i, one)
    {
        const char *name = json_is_string(one) ? json_string_value(one) : "", *near;
        uint32_t k = 0;

        while (names[k] && strcmp(names[k], name) != 0)
            k++;
        near = names[k] ? NULL : report_nearest(name, names);
        if (!names[k])
            report_add(r->p.report, AT(&r->p, "%s/indicators/%zu", at, i),
                near ? AT(&r->p, "did you mean \"%s\"?", near) : NULL, "no indicator is named \"%s\"", name);
        else
            all = all ? AT(&r->p, "%s,%s.%s", all, r->plugin, name) : AT(&r->p, "%s.%s", r->plugin, name);
    }
    return all ? all : "";
}

static uint32_t take_periods(struct reading *r, const char *at, const json_t *v)
{
    const json_t *list = json_object_get(v, "periods"), *one;
    uint32_t periods = 0;
    size_t i;

    if (list && (!json_is_array(list) || json_array_size(list) == 0))
        report_add(r->p.report, AT(&r->p, "%s/periods", at), NULL, "a list of month, quarter, year");
    json_array_foreach(list, i, one)
    {
        const char *word = json_is_string(one) ? json_string_value(one) : "";
        int k = 0;

        while (k < STAT_PERIODS && strcmp(word, stat_period_names[k]) != 0)
            k++;
        if (k == STAT_PERIODS)
            report_add(r->p.report, AT(&r->p, "%s/periods/%zu", at, i), NULL,
                "found \"%.40s\", expected month, quarter or year", word);
        else
            periods |= 1u << k;
    }
    return list ? periods : (1u << STAT_PERIODS) - 1;
}

static void take_kind(struct reading *r, const char *name, const json_t *v)
{
    static const char *const known[] = {"label", "indicators", "periods", NULL};
    const char *at = AT(&r->p, "/reports/%s", name);

    if (!parse_name(&r->p, at, name, FIELD_NAME_MAX))
        return;
    if (!json_is_object(v)) {
        report_add(r->p.report, at, NULL, "must be an object");
        return;
    }
    report_unknown(r->p.report, at, v, known);
    r->out->kinds[r->out->kind_count++] = (struct report_kind){.plugin = arena_dup(r->p.a, r->plugin),
        .full_name = AT(&r->p, "%s.%s", r->plugin, name),
        .label = take_label(&r->p, at, v, "label"),
        .indicators = take_list(r, at, v),
        .periods = take_periods(r, at, v)};
}

int indicators_parse(const char *plugin, const json_t *json, const struct resource *const *resources,
    uint32_t resource_count, struct declaration_report *report, struct indicator_set *ret)
{
    static const char *const known[] = {"$schema", "indicators", "reports", NULL};
    const json_t *indicators = json_object_get(json, "indicators"),
                 *reports = json_object_get(json, "reports");
    struct reading r = {.p = {.a = report->arena, .report = report},
        .plugin = plugin,
        .resources = resources,
        .resource_count = resource_count,
        .out = ret};
    uint32_t before = report->count;
    const char *name;
    json_t *v;

    *ret = (struct indicator_set){0};
    if (!json_is_object(json))
        return report_add(report, "", NULL, "must be an object");
    report_unknown(report, "", json, known);
    if (!json_is_object(indicators))
        return report_add(report, "", NULL, "\"indicators\" is missing, an object of names");
    if (reports && !json_is_object(reports))
        return report_add(report, "/reports", NULL, "must be an object of names");
    ret->indicators = arena_array(r.p.a, json_object_size(indicators) + 1, sizeof(*ret->indicators));
    ret->kinds = arena_array(r.p.a, json_object_size(reports) + 1, sizeof(*ret->kinds));
    json_object_foreach((json_t *)indicators, name, v) take_indicator(&r, name, v);
    json_object_foreach((json_t *)reports, name, v) take_kind(&r, name, v);
    return report->count == before ? 0 : -EINVAL;
}
