/* Statistics of a resource: its records counted, and fields of them summed, by up to two groupings. docs/statistics.md says
 * what is asked for and answered.
 *
 * Who may read records counts exactly those a list would show them. Who may only count them (the permission "statistics")
 * counts all at the units where they hold it, without conditions, and small groups are hidden. */
#pragma once

#include "resource/query/query.h"
#include "resource/report/statistics_table.h"

#define STATISTICS_GROUPS_MAX 2
#define STATISTICS_PERIODS_MAX 240

enum stat_kind {
    STAT_VALUE,  /* of a field, or the state */
    STAT_UNIT,   /* the unit itself */
    STAT_LEVEL,  /* its level */
    STAT_WITHIN, /* the unit of a level that it is, or lies in */
    STAT_PERIOD
};
enum stat_period { PERIOD_MONTH, PERIOD_QUARTER, PERIOD_YEAR, STAT_PERIODS };
extern const char *const stat_period_names[STAT_PERIODS];

struct stat_group {
    const char *name; /* as it was asked for: place.street */
    struct query_column column;
    struct label label;
    enum stat_kind kind;
    enum level level; /* STAT_WITHIN */
    enum stat_period period;
    int32_t *starts; /* days the periods begin at, and one behind the last */
    uint32_t period_count;
};

/* The tree in which a record lies in a street: today's, the one at the record's own time, or that of a day's end. */
enum stat_tree { STAT_TREE_NOW, STAT_TREE_THEN, STAT_TREE_DAY };

/* Units that were merged or split, and who took over: numbers of units of today's tree. */
struct stat_successor {
    uint32_t unit, into;
};

struct statistics {
    struct query query;
    struct stat_group groups[STATISTICS_GROUPS_MAX];
    uint32_t group_count;
    const struct field *sums[STATISTICS_SUMS_MAX];
    uint32_t sum_count;
    bool has_window; /* from and until were given */
    enum stat_tree tree;
    int32_t tree_day;
    uint64_t
        states; /* bit per state; 0: any. Only what was in one of them just before that moment, by its history */
    const char *states_until;
    const struct stat_successor *successors; /* filled in when it is counted */
    uint32_t successor_count;
};

/* -EINVAL with a fault: 400 naming the parameter; 403 for a condition of who may only count. */
MUSTCHECK int statistics_parse(struct call *c, const struct resource *res, const struct query_param *params,
    size_t count, struct statistics *ret);

/* The values of a grouping, in order; a NULL is "none". */
struct stat_keys {
    const char **keys;
    uint32_t count;
};
struct stat_result {
    struct stat_table table;
    struct stat_keys keys[STATISTICS_GROUPS_MAX]; /* rows, columns */
    const struct db_rows *names;                  /* of STAT_TREE_DAY: id and name of each unit then, by id */
    int64_t at_us;                                /* of the database's clock */
};
MUSTCHECK int statistics_run(struct call *c, const struct statistics *s, struct stat_result *ret);
/* The same for a caller who has asked already whether this unit may be named, and whether the plugin runs. */
MUSTCHECK int statistics_count(struct call *c, const struct statistics *s, struct stat_result *ret);

/* ---- statistics_sql.c ---- */

/* One row per group: its keys, how many, the sums. */
void statistics_sql(struct call *c, const struct statistics *s, struct query_sql *ret, bool *ret_empty);
/* The names of units as they were: SELECT id, name, in the order of the ids. */
struct db_stmt statistics_names(struct call *c, const struct statistics *s, struct db_args *args);
/* ---- statistics_period.c ---- */

/* Whole periods that hold both days; 0 when there are more than max. */
uint32_t period_starts(enum stat_period p, int32_t from, int32_t until, int32_t *starts, uint32_t max);
int32_t period_back(enum stat_period p, int32_t day, uint32_t count); /* the first day of that many before */
/* 2026-03, 2026-Q1, 2026 */
const char *period_name(struct arena *a, enum stat_period p, int32_t start);
