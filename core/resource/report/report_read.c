/* Reports as they are read, by whom, and what of their numbers. */
#include <errno.h>

#include "access/core_permissions.h"
#include "db/pgarray.h"
#include "resource/declare/resource.h"
#include "resource/report/report_hide.h"
#include "resource/report/report_row.h"
#include "tenant/tree.h"

const char *const report_state_names[REPORT_STATES] = {
    "computing", "computed", "checked", "signed_off", "frozen"};

static const struct db_stmt list = {"report.list", REPORT_SELECT
    "r.unit_id = ANY($2::uuid[]) AND ($3::text IS NULL OR r.period = $3) AND ($4::text IS NULL OR "
    "r.definition = $4) AND ($5::uuid IS NULL OR r.id < $5) AND (NOT $6::boolean OR NOT EXISTS "
    "(SELECT 1 FROM juxin.report n WHERE n.tenant_id = $1 AND n.definition = r.definition AND "
    "n.unit_id = r.unit_id AND n.period = r.period AND n.version > r.version)) ORDER BY r.id DESC "
    "LIMIT $7"};
static const struct db_stmt find = {"report.find", REPORT_SELECT "r.id = $2"};
static const struct db_stmt lock = {
    "report.lock", "SELECT 1 FROM juxin.report WHERE tenant_id = $1 AND id = $2 FOR UPDATE"};
static const struct db_stmt list_numbers = {"report.numbers",
    "SELECT indicator, label_zh, label_en, measure_zh, measure_en, definition_zh, definition_en, kind, over, "
    "number, records FROM juxin.report_number WHERE tenant_id = $1 AND report_id = $2 AND computation = $3 "
    "ORDER BY position"};
/* Of the same unit in the same year: the last version of each report that has been counted. */
static const struct db_stmt list_others = {"report.others",
    "SELECT n.indicator, r.period, n.records FROM juxin.report r JOIN juxin.report_number n ON n.tenant_id = "
    "$1 "
    "AND n.report_id = r.id AND n.computation = r.computation WHERE r.tenant_id = $1 AND r.unit_id = $2 AND "
    "left(r.period, 4) = $3 AND r.state <> 'computing' AND r.id <> $4 AND n.over = 'period' AND n.number IS "
    "NOT "
    "NULL AND n.indicator = ANY($5::text[]) ORDER BY r.version DESC LIMIT 5000"};

static enum report_state state_of(const char *name)
{
    int s = 0;

    while (s < REPORT_FROZEN && strcmp(report_state_names[s], name) != 0)
        s++;
    return (enum report_state)s;
}

static int64_t time_or_0(const struct db_rows *rows, int row, int column)
{
    return db_get(rows, row, column) ? db_get_time(rows, row, column) : 0;
}

int report_fill(struct call *c, const struct db_rows *rows, int row, struct report *ret)
{
    *ret = (struct report){.id = db_get_uuid(rows, row, 0),
        .definition = db_get(rows, row, 1),
        .label = {db_get(rows, row, 2), db_get(rows, row, 3)},
        .indicators = db_get(rows, row, 4),
        .unit = tree_find(c->tenant->tree, db_get_uuid(rows, row, 5)),
        .unit_name = db_get(rows, row, 6),
        .version = db_get_int(rows, row, 8),
        .reason = db_get(rows, row, 9),
        .state = state_of(db_get(rows, row, 10)),
        .computation = db_get_int(rows, row, 11),
        .revision = db_get_int(rows, row, 12),
        .job = db_get_uuid(rows, row, 13),
        .created_us = db_get_time(rows, row, 14),
        .computed_us = time_or_0(rows, row, 15),
        .checked_by = db_get_uuid(rows, row, 16),
        .checked_name = db_get(rows, row, 17),
        .checked_us = time_or_0(rows, row, 18),
        .signed_name = db_get(rows, row, 19),
        .signed_us = time_or_0(rows, row, 20),
        .frozen_name = db_get(rows, row, 21),
        .frozen_us = time_or_0(rows, row, 22),
        .is_latest = db_get_bool(rows, row, 23),
        .job_state = db_get(rows, row, 24),
        .error_en = db_get(rows, row, 25),
        .error_zh = db_get(rows, row, 26),
        .note = db_get(rows, row, 27)};
    return period_parse(c->arena, db_get_text(rows, row, 7), &ret->period) < 0 ? -EIO : 0;
}

bool report_has_failed(const struct report *r)
{
    return r->state == REPORT_COMPUTING &&
           (!r->job_state || (strcmp(r->job_state, "waiting") != 0 && strcmp(r->job_state, "running") != 0));
}

bool report_may_read(const struct call *c, const struct report *r)
{
    return r->unit != TREE_NONE && subject_may(c->who, c->tenant, core_permission(CORE_REPORT_READ), r->unit);
}

int report_read(struct call *c, struct uuid id, struct report *ret)
{
    struct db_args *a = arena_alloc(c->arena, sizeof(*a));
    struct db_call call = {.stmt = find, .args = a};
    int r;

    db_args_reset(a);
    db_arg_int(a, c->tenant->id);
    db_arg_uuid(a, id);
    r = call_read(c, &call, 1);
    if (r < 0)
        return r;
    if (db_rows_count(call.rows) == 0)
        return call_not_found(c);
    r = report_fill(c, call.rows, 0, ret);
    return r < 0 || report_may_read(c, ret) ? r : call_not_found(c);
}

int report_lock(struct call *c, struct uuid id, struct report *ret)
{
    struct db_args a;
    int r;

    db_args_reset(&a);
    db_arg_int(&a, c->tenant->id);
    db_arg_uuid(&a, id);
    r = db_exec(c->tx, lock, &a, NULL);
    return r < 0 ? r : report_read(c, id, ret);
}

static const char *readable_units(struct call *c, uint32_t under)
{
    const struct tree *t = c->tenant->tree;
    uint32_t first = under == TREE_NONE ? 0 : under,
             end = under == TREE_NONE ? tree_count(t) : tree_end(t, under);
    struct uuid *ids = arena_array(c->arena, end - first + 1, sizeof(*ids));
    uint32_t n = 0;

    for (uint32_t u = first; u < end; u++)
        if (subject_may(c->who, c->tenant, core_permission(CORE_REPORT_READ), u))
            ids[n++] = tree_unit(t, u).id;
    return pgarray_of_uuids(c->arena, ids, n);
}

static const char *text_or_null(struct arena *a, struct text t)
{
    return t.ptr ? arena_ndup(a, t.ptr, t.len) : NULL;
}

int report_list(struct call *c, const struct report_query *q, struct report **ret, uint32_t *ret_count,
    struct uuid *ret_next)
{
    struct db_args a;
    struct db_call call = {.stmt = list, .args = &a};
    uint32_t n;
    int r;

    db_args_reset(&a);
    db_arg_int(&a, c->tenant->id);
    db_arg_str(&a, readable_units(c, q->unit));
    db_arg_str(&a, text_or_null(c->arena, q->period));
    db_arg_str(&a, text_or_null(c->arena, q->definition));
    db_arg_uuid_or_null(&a, q->before);
    db_arg_bool(&a, q->only_latest);
    db_arg_int(&a, q->limit + 1);
    r = call_read(c, &call, 1);
    if (r < 0)
        return r;
    n = MIN((uint32_t)db_rows_count(call.rows), q->limit);
    *ret = arena_array(c->arena, n + 1, sizeof(**ret));
    for (uint32_t i = 0; i < n && r == 0; i++)
        r = report_fill(c, call.rows, (int)i, &(*ret)[i]);
    *ret_count = n;
    *ret_next = (uint32_t)db_rows_count(call.rows) > n ? (*ret)[n - 1].id : UUID_NIL;
    return r;
}

/* ---- numbers ---- */

static void fill_number(const struct db_rows *rows, int i, struct report_number *n)
{
    *n = (struct report_number){.indicator = db_get(rows, i, 0),
        .label = {db_get(rows, i, 1), db_get(rows, i, 2)},
        .measure = {db_get(rows, i, 3), db_get(rows, i, 4)},
        .definition = {db_get(rows, i, 5), db_get(rows, i, 6)},
        .kind = db_get(rows, i, 7),
        .is_at_end = strcmp(db_get(rows, i, 8), "end") == 0,
        .is_off = !db_get(rows, i, 9),
        .number = db_get_int(rows, i, 9),
        .records = db_get_int(rows, i, 10)};
}

int report_stored_numbers(
    struct call *c, const struct report *r, struct report_number **ret, uint32_t *ret_count)
{
    struct db_args *a = arena_alloc(c->arena, sizeof(*a));
    struct db_call call = {.stmt = list_numbers, .args = a};
    int e;

    *ret_count = 0;
    if (r->state == REPORT_COMPUTING)
        return 0;
    db_args_reset(a);
    db_arg_int(a, c->tenant->id);
    db_arg_uuid(a, r->id);
    db_arg_int(a, r->computation);
    e = call_read(c, &call, 1);
    if (e < 0)
        return e;
    *ret_count = (uint32_t)db_rows_count(call.rows);
    *ret = arena_array(c->arena, *ret_count + 1, sizeof(**ret));
    for (uint32_t i = 0; i < *ret_count; i++)
        fill_number(call.rows, (int)i, &(*ret)[i]);
    return 0;
}

/* Who reads all records below the unit could count them. */
static bool sees_all(const struct call *c, const struct report_number *n, uint32_t unit)
{
    const struct indicator *ind = indicator_find(text_of(n->indicator));
    bool sees = ind != NULL;

    for (uint32_t u = unit; u < tree_end(c->tenant->tree, unit) && sees; u++)
        sees = subject_may(c->who, c->tenant, ind->res->permissions[ACTION_READ], u);
    return sees;
}

/* Does the caller read the reports of something that this unit is a part of? Then its number could be found out by
 * subtraction, whatever is hidden here. */
static bool has_wider(const struct call *c, uint32_t unit)
{
    uint32_t up = tree_parent(c->tenant->tree, unit);
    bool has = false;

    for (; up != TREE_NONE && !has; up = tree_parent(c->tenant->tree, up))
        has = subject_may(c->who, c->tenant, core_permission(CORE_REPORT_READ), up);
    return has;
}

static int read_others(
    struct call *c, const struct report *r, const char *indicators, const struct db_rows **ret)
{
    struct db_args *a = arena_alloc(c->arena, sizeof(*a));
    struct db_call call = {.stmt = list_others, .args = a};
    int e;

    db_args_reset(a);
    db_arg_int(a, c->tenant->id);
    db_arg_uuid(a, tree_unit(c->tenant->tree, r->unit).id);
    db_arg_str(a, arena_printf(c->arena, "%.4s", r->period.name));
    db_arg_uuid(a, r->id);
    db_arg_str(a, indicators);
    e = call_read(c, &call, 1);
    *ret = call.rows;
    return e;
}

static bool has_period(const struct hide_number *numbers, uint32_t count, const char *name)
{
    for (uint32_t i = 0; i < count; i++)
        if (strcmp(numbers[i].period.name, name) == 0)
            return true;
    return false;
}

/* The number among those of the other periods of its year. */
static void hide_one(
    struct call *c, const struct report *r, struct report_number *n, const struct db_rows *others)
{
    struct hide_number *numbers = arena_array(c->arena, (size_t)db_rows_count(others) + 1, sizeof(*numbers));
    uint32_t count = 1;

    numbers[0] = (struct hide_number){.period = r->period, .number = n->records};
    for (int i = 0; i < db_rows_count(others) && !n->is_at_end; i++) {
        struct hide_number *other = &numbers[count];

        if (strcmp(db_get(others, i, 0), n->indicator) != 0 ||
            has_period(numbers, count, db_get(others, i, 1)) ||
            period_parse(c->arena, db_get_text(others, i, 1), &other->period) < 0)
            continue;
        other->number = db_get_int(others, i, 2);
        count++;
    }
    report_hide(numbers, count, STATISTICS_MINIMUM);
    n->is_hidden = numbers[0].is_hidden;
}

int report_numbers(struct call *c, const struct report *r, struct report_number **ret, uint32_t *ret_count)
{
    struct pgarray names = PGARRAY_INIT;
    const struct db_rows *others = NULL;
    bool wider = has_wider(c, r->unit), any = false;
    int e = report_stored_numbers(c, r, ret, ret_count);

    for (uint32_t i = 0; e == 0 && i < *ret_count; i++) {
        struct report_number *n = &(*ret)[i];

        if (n->is_off || sees_all(c, n, r->unit))
            continue;
        n->is_hidden = true;
        any = true;
        pgarray_str(&names, n->indicator);
    }
    if (e == 0 && any && !wider)
        e = read_others(c, r, pgarray_end(&names), &others);
    for (uint32_t i = 0; e == 0 && others && i < *ret_count; i++)
        if ((*ret)[i].is_hidden)
            hide_one(c, r, &(*ret)[i], others);
    pgarray_done(&names);
    return e;
}
