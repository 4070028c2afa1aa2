/* /indicators: every number with what it counts. */
#include <errno.h>

#include "api/core_routes.h"
#include "api/core_schemas.h"
#include "base/clock.h"
#include "resource/record/gate.h"
#include "resource/record/reader.h"
#include "resource/report/indicator.h"
#include "tenant/calendar.h"

static void write_label(struct jsonw *w, const char *key, struct label l)
{
    jsonw_key(w, key);
    jsonw_object(w);
    jsonw_kstr(w, "zh-CN", l.zh);
    jsonw_kstr(w, "en", l.en);
    jsonw_object_end(w);
}

static int take_period(struct call *c, const struct request *r, struct period *ret)
{
    struct text name = request_query(r, "period");

    *ret = period_of(c->arena, PERIOD_MONTH, date_of(c->now_us, CALENDAR_OFFSET_MINUTES));
    if (!name.ptr || period_parse(c->arena, name, ret) == 0)
        return 0;
    return call_fail_at(c, "period", "period", "A month, quarter or year: 2026-11, 2026-Q4, 2026.",
        "应为月、季度或年：2026-11、2026-Q4、2026。");
}

/* Numbers are of what the caller reads; who reads none of it learns what is counted, not how much. */
static int write_number(
    struct call *c, struct jsonw *w, const struct indicator *ind, uint32_t unit, const struct period *period)
{
    struct indicator_value v = {0};
    struct scope scope;
    bool reads;
    int e = 0;

    reader_scope(c, ind->res, &scope);
    reads = scope.everywhere || scope.count > 0 ||
            !subject_may_anywhere(c->who, ind->res->permissions[ACTION_STATISTICS]);
    if (reads)
        e = indicator_value(c, ind, unit, period, &v);
    if (e < 0)
        return e;
    jsonw_kbool(w, "withheld", !reads);
    jsonw_kbool(w, "plugin_off", v.is_off);
    jsonw_key(w, "number");
    if (reads && !v.is_off)
        jsonw_int(w, v.number);
    else
        jsonw_null(w);
    return 0;
}

static int write_indicator(
    struct call *c, struct jsonw *w, const struct indicator *ind, uint32_t unit, const struct period *period)
{
    int e;

    jsonw_object(w);
    jsonw_kstr(w, "name", ind->full_name);
    write_label(w, "label", ind->label);
    write_label(w, "unit_of_measure", ind->measure);
    write_label(w, "definition", ind->definition);
    jsonw_kstr(w, "resource", ind->resource);
    jsonw_kstr(w, "kind", !ind->sum ? "count" : ind->sum->type == FIELD_MONEY ? "money" : "sum");
    jsonw_kstr(w, "over", ind->over == OVER_END ? "end" : "period");
    e = write_number(c, w, ind, unit, period);
    jsonw_object_end(w);
    return e;
}

static bool is_asked(const struct indicator *ind, struct text names)
{
    bool asked = !names.ptr;

    while (names.ptr && !asked)
        asked = text_is(text_split(&names, ','), ind->full_name);
    return asked;
}

static bool runs_somewhere(struct call *c, const char *plugin)
{
    bool runs = false;

    for (uint32_t u = 0; u < tree_count(c->tenant->tree) && !runs; u++)
        runs = gate_is_on(c, plugin, u);
    return runs;
}

static int indicators_list(struct call *c, struct request *r)
{
    struct text names = request_query(r, "indicator");
    struct period period;
    struct jsonw *w;
    uint32_t unit;
    int e = api_query_unit(c, r, &unit);

    if (e == 0)
        e = take_period(c, r, &period);
    if (e < 0)
        return e;
    w = response_json(r, 200);
    jsonw_object(w);
    jsonw_kuuid(w, "unit", tree_unit(c->tenant->tree, unit).id);
    jsonw_kstr(w, "period", period.name);
    jsonw_ktime(w, "computed_at", c->now_us);
    jsonw_key(w, "items");
    jsonw_array(w);
    for (uint32_t i = 0; i < indicator_count() && e == 0; i++) {
        const struct indicator *ind = indicator_at(i);

        if (is_asked(ind, names) && reader_has_business(c->who, ind->res) && runs_somewhere(c, ind->plugin))
            e = write_indicator(c, w, ind, unit, &period);
    }
    jsonw_array_end(w);
    jsonw_object_end(w);
    return e < 0 ? e : call_fence(c);
}

static const struct api_route indicator_routes[] = {
    {.method = HTTP_GET,
        .path = "/indicators",
        .query = "unit,period,indicator",
        .handle = indicators_list,
        .summary_en =
            "Indicators with their definitions, and their numbers of a unit and a period, of what you read",
        .summary_zh = "指标及其口径，以及某机构某期间的数值（按您有权查看的记录计）"},
};

int api_indicator_routes(struct router *rt)
{
    return api_add_all(rt, indicator_routes, ARRAY_LEN(indicator_routes));
}
