/* Indicators: numbers that are published together with what they count. A plugin declares them beside its resources, in
 * indicators.json, with reports that put some of them together; docs/statistics.md explains the format.
 *
 * An indicator belongs to a period (a month, a quarter, a year): it counts what happened in it, or what there was at its
 * end. */
#pragma once

#include "resource/report/statistics.h"

#define INDICATORS_MAX 1000 /* of all plugins */
#define INDICATOR_FILTERS_MAX 10
#define REPORT_INDICATORS_MAX 60

enum indicator_over { OVER_PERIOD, OVER_END };

struct indicator {
    const char *plugin, *full_name; /* "plugin.name" */
    struct label label, measure, definition;
    const char *resource; /* full name */
    const struct resource *res;
    struct query_param filters[INDICATOR_FILTERS_MAX];
    uint32_t filter_count;
    const struct field *sum; /* NULL: how many */
    enum indicator_over over;
    const char *date; /* the column that says when: created_at, or a field's name */
    bool is_of_day;   /* … which is a date, not a moment */
    uint64_t states;  /* of OVER_END: bit per state that counts, asked of the state then; 0: any */
};

/* What a plugin proposes to report. */
struct report_kind {
    const char *plugin, *full_name;
    struct label label;
    const char *indicators; /* full names with commas between */
    uint32_t periods;       /* bit per enum stat_period */
};

/* What one indicators.json holds, checked against the resources of its plugin. */
struct indicator_set {
    struct indicator *indicators;
    uint32_t indicator_count;
    struct report_kind *kinds;
    uint32_t kind_count;
};
/* 0 and *ret in the report's arena, which must outlive it; -EINVAL with the report filled. */
MUSTCHECK int indicators_parse(const char *plugin, const json_t *json,
    const struct resource *const *resources, uint32_t resource_count, struct declaration_report *report,
    struct indicator_set *ret);

/* Those of every available plugin, behind resource_load_all. A plugin with a faulty file is rejected as a whole. */
void indicators_load_all(void);
void indicators_unload_all(void);
uint32_t indicator_count(void);
const struct indicator *indicator_at(uint32_t i);
const struct indicator *indicator_find(struct text full_name); /* NULL */
uint32_t report_kind_count(void);
const struct report_kind *report_kind_at(uint32_t i);

/* A month, quarter or year by its name: 2026-11, 2026-Q4, 2026. */
struct period {
    enum stat_period kind;
    int32_t start, end; /* the first day, and the one behind the last */
    const char *name;
};
MUSTCHECK int period_parse(struct arena *a, struct text name, struct period *ret); /* -EINVAL */
struct period period_of(struct arena *a, enum stat_period kind, int32_t day);
/* Does the one lie in the other, and is shorter? */
bool period_is_part(const struct period *part, const struct period *whole);

struct indicator_value {
    int64_t number;  /* what is published */
    int64_t records; /* how many stand behind it */
    bool is_off;     /* the plugin runs nowhere in the subtree: there is no number */
};
/* For the call's subject: of the records it reads, at the unit and below. 0 or as statistics_count. */
MUSTCHECK int indicator_value(struct call *c, const struct indicator *ind, uint32_t unit,
    const struct period *period, struct indicator_value *ret);
