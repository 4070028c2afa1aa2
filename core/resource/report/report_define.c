/* What can be reported: what plugins propose, and what a tenant puts together itself. */
#include <errno.h>

#include "access/core_permissions.h"
#include "resource/record/gate.h"
#include "resource/report/report.h"

#define DEFINITIONS_MAX 200 /* a tenant's own */

static const struct db_stmt list_own = {"report.definitions",
    "SELECT id, label_zh, label_en, indicators, periods FROM juxin.report_definition WHERE tenant_id = $1"
    " ORDER BY id LIMIT 1000"};
static const struct db_stmt insert_own = {"report.define",
    "INSERT INTO juxin.report_definition (tenant_id, id, label_zh, label_en, indicators, periods, "
    "created_by, "
    "created_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)"};
static const struct db_stmt delete_own = {
    "report.undefine", "DELETE FROM juxin.report_definition WHERE tenant_id = $1 AND id = $2"};

static uint32_t periods_of(struct text words)
{
    uint32_t periods = 0;

    while (words.ptr) {
        struct text one = text_split(&words, ',');

        for (int k = 0; k < STAT_PERIODS; k++)
            if (text_is(one, stat_period_names[k]))
                periods |= 1u << k;
    }
    return periods;
}

static const char *period_words(struct arena *a, uint32_t periods)
{
    const char *words = NULL;

    for (int k = 0; k < STAT_PERIODS; k++)
        if (periods >> k & 1)
            words = words ? arena_printf(a, "%s,%s", words, stat_period_names[k]) : stat_period_names[k];
    return words ? words : "";
}

/* Plugins' as far as they run somewhere in the tenant. */
static bool is_offered(struct call *c, const char *plugin)
{
    bool runs = false;

    for (uint32_t u = 0; u < tree_count(c->tenant->tree) && !runs; u++)
        runs = gate_is_on(c, plugin, u);
    return runs;
}

int report_definitions(struct call *c, struct report_definition **ret, uint32_t *ret_count)
{
    struct report_definition *all;
    struct db_args a;
    struct db_call call = {.stmt = list_own, .args = &a};
    uint32_t n = 0;
    int r;

    db_args_reset(&a);
    db_arg_int(&a, c->tenant->id);
    r = call_read(c, &call, 1);
    if (r < 0)
        return r;
    all = arena_array(c->arena, report_kind_count() + (size_t)db_rows_count(call.rows) + 1, sizeof(*all));
    for (uint32_t i = 0; i < report_kind_count(); i++) {
        const struct report_kind *k = report_kind_at(i);

        if (is_offered(c, k->plugin))
            all[n++] = (struct report_definition){k->full_name, k->label, k->indicators, k->periods, false};
    }
    for (int i = 0; i < db_rows_count(call.rows); i++)
        all[n++] = (struct report_definition){db_get(call.rows, i, 0),
            {db_get(call.rows, i, 1), db_get(call.rows, i, 2)}, db_get(call.rows, i, 3),
            periods_of(db_get_text(call.rows, i, 4)), true};
    *ret = all;
    *ret_count = n;
    return 0;
}

int report_definition_find(struct call *c, struct text name, struct report_definition *ret)
{
    struct report_definition *all;
    uint32_t n;
    int r = report_definitions(c, &all, &n);

    if (r < 0)
        return r;
    for (uint32_t i = 0; i < n; i++) {
        if (!text_is(name, all[i].name))
            continue;
        *ret = all[i];
        return 0;
    }
    return call_fail_at(c, "/definition", "unknown", "There is no such definition.", "没有此报表定义。");
}

static int check_indicators(struct call *c, const char *names)
{
    struct text rest = text_of(names);
    uint32_t n = 0;
    int r = 0;

    while (rest.ptr && r == 0) {
        struct text one = text_split(&rest, ',');
        const struct indicator *ind = indicator_find(one);

        if (!ind || !is_offered(c, ind->plugin))
            r = call_fail_at(c, arena_printf(c->arena, "/indicators/%u", n), "unknown",
                "There is no such indicator.", "没有此指标。");
        if (++n > REPORT_INDICATORS_MAX)
            r = call_fail_at(c, "/indicators", "too_many", "At most 60 indicators.", "最多 60 个指标。");
    }
    return r;
}

/* Definitions are the tenant's as a whole. */
static int begin(struct call *c)
{
    if (!subject_may(c->who, c->tenant, core_permission(CORE_REPORT_WRITE), 0))
        return call_forbidden(c, core_permission_name(CORE_REPORT_WRITE));
    return call_begin(c);
}

int report_definition_create(struct call *c, const struct report_definition_input *in, struct uuid *ret_id)
{
    struct report_definition *all;
    struct uuid id = uuid_new();
    struct db_args a;
    uint32_t n;
    int r = check_indicators(c, in->indicators);

    if (r == 0)
        r = begin(c);
    if (r < 0 || c->is_replay)
        return r;
    r = report_definitions(c, &all, &n);
    if (r == 0 && n >= DEFINITIONS_MAX)
        r = call_fail(c, 409, "too_many", "200 definitions are the most.", "最多 200 个报表定义。");
    if (r < 0)
        return r;
    db_args_reset(&a);
    db_arg_int(&a, c->tenant->id);
    db_arg_uuid(&a, id);
    db_arg_str(&a, in->label.zh);
    db_arg_str(&a, in->label.en);
    db_arg_str(&a, in->indicators);
    db_arg_str(&a, period_words(c->arena, in->periods));
    db_arg_uuid_or_null(&a, c->who->account);
    db_arg_time(&a, c->now_us);
    r = db_exec(c->tx, insert_own, &a, NULL);
    if (r == 0)
        r = call_audit(c, "report.define", "report_definition", id, UUID_NIL, "label,indicators,periods");
    if (r == 0)
        *ret_id = id;
    return r;
}

int report_definition_delete(struct call *c, struct uuid id)
{
    struct db_args a;
    int r = begin(c);

    if (r < 0 || c->is_replay)
        return r;
    db_args_reset(&a);
    db_arg_int(&a, c->tenant->id);
    db_arg_uuid(&a, id);
    r = db_exec_expect(c->tx, delete_own, &a, 1);
    if (r == -ESTALE)
        return call_not_found(c);
    return r < 0 ? r : call_audit(c, "report.undefine", "report_definition", id, UUID_NIL, NULL);
}
