/* The registry of indicators, and one of them counted. */
#include "resource/report/indicator.h"

#include <errno.h>

#include "base/clock.h"
#include "plugin/package/plugin.h"
#include "resource/declare/declaration_report.h"
#include "resource/declare/resource.h"
#include "resource/record/gate.h"
#include "tenant/tree.h"

#define KINDS_MAX 200

static struct arena *memory;
static const struct indicator *indicators[INDICATORS_MAX];
static const struct report_kind *kinds[KINDS_MAX];
static uint32_t count, kind_count;

uint32_t indicator_count(void)
{
    return count;
}

const struct indicator *indicator_at(uint32_t i)
{
    return indicators[i];
}

const struct indicator *indicator_find(struct text full_name)
{
    for (uint32_t i = 0; i < count; i++)
        if (text_is(full_name, indicators[i]->full_name))
            return indicators[i];
    return NULL;
}

uint32_t report_kind_count(void)
{
    return kind_count;
}

const struct report_kind *report_kind_at(uint32_t i)
{
    return kinds[i];
}

static void load_plugin(const struct plugin *p)
{
    const struct resource **own = arena_array(memory, resource_count() + 1, sizeof(const struct resource *));
    struct text source = {p->indicators_source, p->indicators_source_len};
    struct declaration_report report;
    struct indicator_set set;
    uint32_t n = 0;

    for (uint32_t i = 0; i < resource_count(); i++)
        if (strcmp(resource_at(i)->plugin, p->id) == 0)
            own[n++] = resource_at(i);
    report_init(&report, memory, source);
    if (indicators_parse(p->id, p->indicators, own, n, &report, &set) < 0) {
        resource_reject(p->id, "indicators.json", report.first);
        return;
    }
    for (uint32_t i = 0; i < set.indicator_count && count < INDICATORS_MAX; i++)
        indicators[count++] = &set.indicators[i];
    for (uint32_t i = 0; i < set.kind_count && kind_count < KINDS_MAX; i++)
        kinds[kind_count++] = &set.kinds[i];
}

void indicators_load_all(void)
{
    if (!memory)
        memory = arena_new();
    for (size_t i = 0; i < plugin_count(); i++)
        if (plugin_is_available(plugin_at(i)) && plugin_at(i)->indicators)
            load_plugin(plugin_at(i));
}

void indicators_unload_all(void)
{
    arena_free(memory);
    memory = NULL;
    count = kind_count = 0;
}

/* ---- one of them, counted ---- */

/* The moment a day begins in China, or the day itself. */
static struct text edge(struct arena *a, const struct indicator *ind, const char *op, int32_t day)
{
    struct clock_text t = date_format(day);

    return text_of(ind->is_of_day ? arena_printf(a, "%s.%s", op, t.s)
                                  : arena_printf(a, "%s.%sT00:00:00+08:00", op, t.s));
}

static bool runs_below(struct call *c, const char *plugin, uint32_t unit)
{
    bool runs = false;

    for (uint32_t u = unit; u < tree_end(c->tenant->tree, unit) && !runs; u++)
        runs = gate_is_on(c, plugin, u);
    return runs;
}

static int parse(struct call *c, const struct indicator *ind, uint32_t unit, const struct period *period,
    struct statistics *ret)
{
    struct query_param params[INDICATOR_FILTERS_MAX + 4];
    struct text date = text_of(ind->date);
    size_t n = ind->filter_count;
    int r;

    memcpy(params, ind->filters, n * sizeof(*params));
    params[n++] = (struct query_param){
        TEXT("unit"), text_of(arena_dup(c->arena, uuid_format(tree_unit(c->tenant->tree, unit).id).s))};
    params[n++] = (struct query_param){date, edge(c->arena, ind, "lt", period->end)};
    if (ind->over == OVER_PERIOD)
        params[n++] = (struct query_param){date, edge(c->arena, ind, "gte", period->start)};
    if (ind->sum)
        params[n++] = (struct query_param){TEXT("sum"), text_of(ind->sum->name)};
    r = statistics_parse(c, ind->res, params, n, ret);
    if (r < 0)
        return r;
    ret->states = ind->states;
    ret->states_until = arena_printf(c->arena, "%s 00:00:00+08", date_format(period->end).s);
    return 0;
}

int indicator_value(struct call *c, const struct indicator *ind, uint32_t unit, const struct period *period,
    struct indicator_value *ret)
{
    struct statistics *s = arena_alloc(c->arena, sizeof(*s));
    const struct stat_cell *total;
    struct stat_result result;
    int r;

    *ret = (struct indicator_value){.is_off = !runs_below(c, ind->plugin, unit)};
    if (ret->is_off)
        return call_fence(c);
    r = parse(c, ind, unit, period, s);
    if (r == 0)
        r = statistics_count(c, s, &result);
    if (r < 0)
        return r;
    total = stat_at(&result.table, result.table.rows, result.table.columns);
    ret->records = total->n;
    ret->number = ind->sum ? total->sums[0] : total->n;
    return 0;
}
