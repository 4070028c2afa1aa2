/* Statistics of a declared resource: the table, and beside each number what it says. */
#include "api/statistics.h"

#include "api/resource_routes.h"
#include "base/clock.h"
#include "resource/report/statistics.h"
#include "tenant/tree.h"

struct answer {
    struct call *c;
    struct jsonw *w;
    const struct statistics *s;
    const struct stat_result *result;
};

#define TEXT_SCHEMA                                                                                          \
    "{\"type\":\"object\",\"properties\":{\"zh-CN\":{\"type\":\"string\"},\"en\":{\"type\":\"string\"}}}"
#define NUMBERS_SCHEMA                                                                                       \
    "\"count\":{\"type\":\"integer\"},\"sums\":{\"type\":\"array\",\"items\":{\"type\":\"integer\"}},"       \
    "\"hidden\":{\"type\":\"boolean\",\"description\":\"The group is too small to be told, or would give "   \
    "away one "                                                                                              \
    "that is\"}"
#define KEY_SCHEMA "{\"type\":\"array\",\"items\":{\"type\":[\"string\",\"null\"]}}"

const char api_statistics_schema[] =
    "{\"type\":\"object\",\"properties\":{\"resource\":{\"type\":\"string\"},\"computed_at\":{\"type\":"
    "\"string\",\"format\":"
    "\"date-time\"},\"minimum\":{\"type\":[\"integer\",\"null\"],\"description\":\"Smaller groups are "
    "hidden\"},"
    "\"withheld\":{\"type\":\"boolean\",\"description\":\"No cell could be told without giving away a small "
    "group\"},"
    "\"count\":{\"type\":\"object\",\"properties\":{\"definition\":" TEXT_SCHEMA "}},"
    "\"sums\":{\"type\":\"array\",\"items\":{\"type\":\"object\",\"properties\":{\"field\":{\"type\":"
    "\"string\"},\"type\":{"
    "\"type\":\"string\"},\"label\":" TEXT_SCHEMA ",\"definition\":" TEXT_SCHEMA "}}},"
    "\"groups\":{\"type\":\"array\",\"items\":{\"type\":\"object\",\"properties\":{\"name\":{\"type\":"
    "\"string\"},\"label\":" TEXT_SCHEMA ",\"definition\":" TEXT_SCHEMA
    ",\"values\":{\"type\":\"array\",\"items\":{\"type\":\"object\",\"properties\":{"
    "\"value\":{\"type\":[\"string\",\"null\"]},\"label\":" TEXT_SCHEMA "}}}}}},"
    "\"cells\":{\"type\":\"array\",\"description\":\"Groups with records; key has a value of each "
    "grouping\",\"items\":{"
    "\"type\":\"object\",\"properties\":{\"key\":" KEY_SCHEMA "," NUMBERS_SCHEMA "}}},"
    "\"margins\":{\"type\":\"array\",\"description\":\"Of two groupings: the totals of each value of "
    "either\",\"items\":{"
    "\"type\":\"array\",\"items\":{\"type\":\"object\",\"properties\":{\"key\":" KEY_SCHEMA "," NUMBERS_SCHEMA
    "}}}},"
    "\"total\":{\"type\":\"object\",\"properties\":{" NUMBERS_SCHEMA "}}}}";

static void write_text(struct jsonw *w, const char *key, const char *zh, const char *en)
{
    jsonw_key(w, key);
    jsonw_object(w);
    jsonw_kstr(w, "zh-CN", zh);
    jsonw_kstr(w, "en", en);
    jsonw_object_end(w);
}

/* ---- what the numbers say ---- */

/* Which tree. */
static struct label tree_label(const struct answer *a)
{
    const char *day;

    switch (a->s->tree) {
    case STAT_TREE_THEN:
        return (struct label){"记录当时的机构树", "in the tree as it was at each record's time"};
    case STAT_TREE_DAY:
        day = arena_dup(a->c->arena, date_format(a->s->tree_day).s);
        return (struct label){arena_printf(a->c->arena, "%s 日终的机构树", day),
            arena_printf(a->c->arena, "in the tree as it was at the end of %s", day)};
    default:
        return (struct label){"现行机构树", "in today's tree"};
    }
}

static void write_count_definition(const struct answer *a, const struct request *r)
{
    const struct query *q = &a->s->query;
    const struct resource *res = q->res;
    const struct label tree = tree_label(a);
    struct arena *m = a->c->arena;
    const char *zh = "", *en = "", *unit;
    bool some = false;

    if (q->unit != TREE_NONE) {
        unit = tree_unit(a->c->tenant->tree, q->unit).name;
        zh = arena_printf(m, "，由%s%s办理（%s）", unit, q->unit_only ? "本级" : "及其下级", tree.zh);
        en =
            arena_printf(m, ", handled by %s %s, %s", unit, q->unit_only ? "itself" : "or below it", tree.en);
    }
    for (size_t i = 0; i < r->query_count; i++) {
        struct text name = r->query[i].name, value = r->query[i].value;

        if (text_is(name, "group") || text_is(name, "sum") || text_is(name, "unit") || text_is(name, "reach"))
            continue;
        zh = arena_printf(m, "%s%s%.*s=%.*s", zh, some ? "，" : "，条件：", (int)name.len, name.ptr,
            (int)value.len, value.ptr);
        en = arena_printf(m, "%s%s%.*s=%.*s", en, some ? ", " : "; conditions: ", (int)name.len, name.ptr,
            (int)value.len, value.ptr);
        some = true;
    }
    jsonw_key(a->w, "count");
    jsonw_object(a->w);
    write_text(a->w, "definition",
        arena_printf(m, "“%s”的记录数：未删除、办理机构启用了该插件、%s%s", res->label.zh,
            q->counts_only ? "您有权统计" : "您有权查看", zh),
        arena_printf(m,
            "Records of \"%s\" that are not deleted, at units where the plugin runs, that you may %s%s",
            res->label.en, q->counts_only ? "count" : "see", en));
    jsonw_object_end(a->w);
}

static void write_sum_definitions(const struct answer *a)
{
    struct arena *m = a->c->arena;

    jsonw_key(a->w, "sums");
    jsonw_array(a->w);
    for (uint32_t i = 0; i < a->s->sum_count; i++) {
        const struct field *f = a->s->sums[i];
        bool is_money = f->type == FIELD_MONEY;

        jsonw_object(a->w);
        jsonw_kstr(a->w, "field", f->name);
        jsonw_kstr(a->w, "type", field_type_name(f->type));
        write_text(a->w, "label", f->label.zh, f->label.en);
        write_text(a->w, "definition",
            arena_printf(m, "所计记录“%s”之和%s；未填写的不计", f->label.zh, is_money ? "（分）" : ""),
            arena_printf(m, "Sum of \"%s\"%s over the records counted; one without a value adds nothing",
                f->label.en, is_money ? " in cents" : ""));
        jsonw_object_end(a->w);
    }
    jsonw_array_end(a->w);
}

static const struct label level_labels[LEVELS] = {
    [LEVEL_COUNTY] = {"区县", "county"},
    [LEVEL_STREET] = {"街道（乡镇）", "street"},
    [LEVEL_COMMUNITY] = {"社区（村）", "community"},
    [LEVEL_PARK] = {"园区", "park"},
};

static void write_group_definition(const struct answer *a, const struct stat_group *g)
{
    static const struct label periods[STAT_PERIODS] = {{"月", "month"}, {"季度", "quarter"}, {"年", "year"}};
    const struct label *name = &g->label, tree = tree_label(a);
    struct arena *m = a->c->arena;
    const char *zh, *en;

    switch (g->kind) {
    case STAT_UNIT:
        zh = arena_printf(m, "按“%s”", name->zh);
        en = arena_printf(m, "By \"%s\"", name->en);
        break;
    case STAT_LEVEL:
        zh = arena_printf(m, "按“%s”的级别", name->zh);
        en = arena_printf(m, "By the level of \"%s\"", name->en);
        break;
    case STAT_WITHIN:
        zh = arena_printf(
            m, "按“%s”所属%s（%s），不属于任何一个的另列", name->zh, level_labels[g->level].zh, tree.zh);
        en = arena_printf(m,
            "By the %s that \"%s\" is or lies in, %s; what lies in none is a group of its own",
            level_labels[g->level].en, name->en, tree.en);
        break;
    case STAT_PERIOD:
        zh = arena_printf(m, "按“%s”所在%s（北京时间），未填写的不计", name->zh, periods[g->period].zh);
        en = arena_printf(m, "By the %s of \"%s\", in China's time; records without it are not counted",
            periods[g->period].en, name->en);
        break;
    default:
        zh = arena_printf(m, "按“%s”，未填写的另列", name->zh);
        en = arena_printf(m, "By \"%s\"; records without it are a group of their own", name->en);
        break;
    }
    write_text(a->w, "definition", zh, en);
}

/* ---- values ---- */

/* What the unit was called on the day that was asked for; NULL when that is not known. */
static const char *name_then(const struct db_rows *names, struct uuid id)
{
    int low = 0, high = names ? db_rows_count(names) : 0;

    while (low < high) {
        int mid = low + (high - low) / 2, order = uuid_cmp(db_get_uuid(names, mid, 0), id);

        if (order == 0)
            return db_get(names, mid, 1);
        if (order < 0)
            low = mid + 1;
        else
            high = mid;
    }
    return NULL;
}

static void write_unit(const struct answer *a, const char *key)
{
    const char *then;
    struct uuid id;
    uint32_t unit = uuid_parse(text_of(key), &id) == 0 ? tree_find(a->c->tenant->tree, id) : TREE_NONE;
    struct tree_unit u;

    if (unit == TREE_NONE)
        return;
    u = tree_unit(a->c->tenant->tree, unit);
    then = name_then(a->result->names, id);
    if (then)
        u.name = then;
    jsonw_kstr(a->w, "code", u.code);
    write_text(a->w, "label", u.name, u.name);
}

static void write_value_label(const struct answer *a, const struct stat_group *g, const char *key)
{
    const struct resource *res = a->s->query.res;
    const struct field *f = g->column.field;

    if (f->type == FIELD_BOOLEAN) {
        bool yes = strcmp(key, "true") == 0;

        write_text(a->w, "label", yes ? "是" : "否", yes ? "Yes" : "No");
    }
    for (uint32_t i = 0; f->type == FIELD_ENUM && i < f->value_count; i++)
        if (f->values[i].label.zh && strcmp(key, f->values[i].value) == 0)
            write_text(a->w, "label", f->values[i].label.zh, f->values[i].label.en);
    for (uint32_t i = 0; strcmp(g->name, "state") == 0 && i < res->state_count; i++)
        if (strcmp(key, res->states[i].name) == 0)
            write_text(a->w, "label", res->states[i].label.zh, res->states[i].label.en);
}

static void write_value(const struct answer *a, const struct stat_group *g, const char *key)
{
    jsonw_object(a->w);
    jsonw_kstr(a->w, "value", key);
    if (!key)
        write_text(a->w, "label", "无", "None");
    else if (g->kind == STAT_UNIT || g->kind == STAT_WITHIN)
        write_unit(a, key);
    else if (g->kind == STAT_VALUE)
        write_value_label(a, g, key);
    for (int l = 0; key && g->kind == STAT_LEVEL && l < LEVELS; l++)
        if (strcmp(key, level_name((enum level)l)) == 0)
            write_text(a->w, "label", level_labels[l].zh, level_labels[l].en);
    jsonw_object_end(a->w);
}

/* Values that were only found where nothing may be told of the cells would tell of them. */
static bool has_values(const struct answer *a, const struct stat_group *g)
{
    return !a->result->table.is_withheld || g->kind == STAT_PERIOD || g->kind == STAT_LEVEL ||
           (g->kind == STAT_VALUE && g->column.field->type == FIELD_ENUM);
}

static void write_groups(const struct answer *a)
{
    jsonw_key(a->w, "groups");
    jsonw_array(a->w);
    for (uint32_t i = 0; i < a->s->group_count; i++) {
        const struct stat_group *g = &a->s->groups[i];

        jsonw_object(a->w);
        jsonw_kstr(a->w, "name", g->name);
        write_text(a->w, "label", g->label.zh, g->label.en);
        write_group_definition(a, g);
        jsonw_key(a->w, "values");
        jsonw_array(a->w);
        for (uint32_t k = 0; has_values(a, g) && k < a->result->keys[i].count; k++)
            if (a->result->keys[i].keys[k] || !a->result->table.is_withheld)
                write_value(a, g, a->result->keys[i].keys[k]);
        jsonw_array_end(a->w);
        jsonw_object_end(a->w);
    }
    jsonw_array_end(a->w);
}

/* ---- numbers ---- */

static void write_numbers(const struct answer *a, const struct stat_cell *cell)
{
    if (cell->is_hidden) {
        jsonw_kbool(a->w, "hidden", true);
        return;
    }
    jsonw_kint(a->w, "count", cell->n);
    if (a->s->sum_count == 0)
        return;
    jsonw_key(a->w, "sums");
    jsonw_array(a->w);
    for (uint32_t i = 0; i < a->s->sum_count; i++)
        jsonw_int(a->w, cell->sums[i]);
    jsonw_array_end(a->w);
}

static const char *key_of(const struct answer *a, uint32_t group, uint32_t at)
{
    return a->result->keys[group].keys[at];
}

/* One cell, of row and column, or of a margin: there the other one is TREE_NONE. */
static void write_cell(const struct answer *a, uint32_t row, uint32_t column)
{
    const struct stat_table *t = &a->result->table;
    const struct stat_cell *cell =
        stat_at(t, row == TREE_NONE ? t->rows : row, column == TREE_NONE ? t->columns : column);

    if (cell->n == 0)
        return;
    jsonw_object(a->w);
    jsonw_key(a->w, "key");
    jsonw_array(a->w);
    if (row != TREE_NONE)
        jsonw_str(a->w, key_of(a, 0, row));
    if (column != TREE_NONE)
        jsonw_str(a->w, key_of(a, 1, column));
    jsonw_array_end(a->w);
    write_numbers(a, cell);
    jsonw_object_end(a->w);
}

static void write_table(const struct answer *a)
{
    const struct stat_table *t = &a->result->table;
    uint32_t rows = t->is_withheld ? 0 : t->rows, columns = t->is_withheld ? 0 : t->columns;
    bool is_cross = a->s->group_count == 2;

    jsonw_key(a->w, "cells");
    jsonw_array(a->w);
    for (uint32_t i = 0; i < rows && a->s->group_count > 0; i++)
        for (uint32_t k = 0; k < columns; k++)
            write_cell(a, i, is_cross ? k : TREE_NONE);
    jsonw_array_end(a->w);
    if (is_cross) {
        jsonw_key(a->w, "margins");
        jsonw_array(a->w);
        jsonw_array(a->w);
        for (uint32_t i = 0; i < rows; i++)
            write_cell(a, i, TREE_NONE);
        jsonw_array_end(a->w);
        jsonw_array(a->w);
        for (uint32_t k = 0; k < columns; k++)
            write_cell(a, TREE_NONE, k);
        jsonw_array_end(a->w);
        jsonw_array_end(a->w);
    }
    jsonw_key(a->w, "total");
    jsonw_object(a->w);
    write_numbers(a, stat_at(t, t->rows, t->columns));
    jsonw_object_end(a->w);
}

int api_record_statistics(struct call *c, struct request *r)
{
    struct query_param *params = arena_array(r->arena, r->query_count + 1, sizeof(*params));
    struct statistics *s = arena_alloc(r->arena, sizeof(*s));
    struct answer a = {.c = c, .s = s};
    struct stat_result result;
    int e;

    for (size_t i = 0; i < r->query_count; i++)
        params[i] = (struct query_param){r->query[i].name, r->query[i].value};
    e = statistics_parse(c, api_resource(c, r), params, r->query_count, s);
    if (e == 0)
        e = statistics_run(c, s, &result);
    if (e < 0)
        return e;
    a.result = &result;
    a.w = response_json(r, 200);
    jsonw_object(a.w);
    jsonw_kstr(a.w, "resource", s->query.res->full_name);
    jsonw_ktime(a.w, "computed_at", result.at_us);
    jsonw_key(a.w, "minimum");
    if (s->query.counts_only)
        jsonw_int(a.w, STATISTICS_MINIMUM);
    else
        jsonw_null(a.w);
    jsonw_kbool(a.w, "withheld", result.table.is_withheld);
    write_count_definition(&a, r);
    write_sum_definitions(&a);
    write_groups(&a);
    write_table(&a);
    jsonw_object_end(a.w);
    return 0;
}
