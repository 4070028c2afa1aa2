/* A report's way: made, counted, checked, signed off, frozen, corrected. */
#include <errno.h>

#include "access/core_permissions.h"
#include "resource/record/gate.h"
#include "resource/report/report_row.h"
#include "tenant/tree.h"

static const struct db_stmt insert = {"report.insert",
    "INSERT INTO juxin.report (tenant_id, id, definition, label_zh, label_en, indicators, unit_id, "
    "unit_name, "
    "period, version, reason, state, computation, revision, job_id, created_by, created_at) VALUES ($1, $2, "
    "$3, $4, "
    "$5, $6, $7, $8, $9, $10, $11, 'computing', 1, 1, $12, $13, $14)"};
/* A frozen one stays as it is. */
static const struct db_stmt advance = {"report.advance",
    "UPDATE juxin.report SET state = $4, revision = revision + 1, computation = $5, job_id = $6, checked_by "
    "= $7, "
    "checked_at = $8, signed_by = $9, signed_at = $10, frozen_by = $11, frozen_at = $12, note = $13 WHERE "
    "tenant_id = $1 AND "
    "id = $2 AND revision = $3 AND state <> 'frozen'"};
static const struct db_stmt signers = {
    "report.signers", "SELECT signed_by, frozen_by FROM juxin.report WHERE tenant_id = $1 AND id = $2"};

static bool may(const struct call *c, enum core_permission p, uint32_t unit)
{
    return subject_may(c->who, c->tenant, core_permission(p), unit);
}

/* ---- new ones ---- */

static int store(struct call *c, const struct report *r)
{
    struct db_args a;
    int e;

    db_args_reset(&a);
    db_arg_int(&a, c->tenant->id);
    db_arg_uuid(&a, r->id);
    db_arg_str(&a, r->definition);
    db_arg_str(&a, r->label.zh);
    db_arg_str(&a, r->label.en);
    db_arg_str(&a, r->indicators);
    db_arg_uuid(&a, tree_unit(c->tenant->tree, r->unit).id);
    db_arg_str(&a, tree_unit(c->tenant->tree, r->unit).name);
    db_arg_str(&a, r->period.name);
    db_arg_int(&a, r->version);
    db_arg_str(&a, r->reason);
    db_arg_uuid(&a, r->job);
    db_arg_uuid_or_null(&a, c->who->account);
    db_arg_time(&a, c->now_us);
    e = db_exec(c->tx, insert, &a, NULL);
    if (e == -EEXIST)
        return call_fail(c, 409, "report_exists",
            "There is a report of this definition, unit and period. A frozen one is corrected by a new "
            "version.",
            "该报表、机构和期间已有报告；已冻结的须以新版本更正。");
    return e < 0 ? e : report_changed(c, r, r->version > 1 ? "report.correct" : "report.create");
}

static int make(struct call *c, struct report *r, struct uuid *ret_id)
{
    int e;

    r->id = uuid_new();
    r->state = REPORT_COMPUTING;
    r->revision = r->computation = 1;
    e = report_queue(c, r, &r->job);
    if (e == 0)
        e = store(c, r);
    if (e == 0)
        *ret_id = r->id;
    return e;
}

int report_create(
    struct call *c, const char *definition, uint32_t unit, const struct period *period, struct uuid *ret_id)
{
    struct report_definition d;
    struct report r;
    int e = call_begin(c);

    if (e < 0 || c->is_replay)
        return e;
    if (!may(c, CORE_REPORT_WRITE, unit))
        return call_forbidden(c, core_permission_name(CORE_REPORT_WRITE));
    e = report_definition_find(c, text_of(definition), &d);
    if (e < 0)
        return e;
    if (!(d.periods >> period->kind & 1))
        return call_fail_at(c, "/period", "period", "The definition is not for periods of this length.",
            "此报表定义不适用于这种期间。");
    r = (struct report){.definition = d.name,
        .label = d.label,
        .indicators = d.indicators,
        .unit = unit,
        .period = *period,
        .version = 1,
        .reason = ""};
    return make(c, &r, ret_id);
}

int report_correct(struct call *c, struct uuid id, const char *reason, struct uuid *ret_id)
{
    struct report r;
    int e = call_begin(c);

    if (e < 0 || c->is_replay)
        return e;
    e = report_lock(c, id, &r);
    if (e == 0 && !may(c, CORE_REPORT_WRITE, r.unit))
        e = call_forbidden(c, core_permission_name(CORE_REPORT_WRITE));
    if (e < 0)
        return e;
    if (r.state != REPORT_FROZEN || !r.is_latest)
        return call_fail(c, 409, "not_correctable", "Only the last version is corrected, once it is frozen.",
            "只能更正已冻结的最新版本。");
    r.version++;
    r.reason = reason;
    return make(c, &r, ret_id);
}

/* ---- steps ---- */

static const struct {
    const char *action;
    enum core_permission permission;
    uint32_t from; /* bit per state */
    enum report_state to;
} steps[REPORT_STEPS] = {
    [STEP_COMPUTE] = {"report.compute", CORE_REPORT_WRITE, 1u << REPORT_COMPUTING | 1u << REPORT_COMPUTED,
        REPORT_COMPUTING},
    [STEP_CHECK] = {"report.check", CORE_REPORT_CHECK, 1u << REPORT_COMPUTED, REPORT_CHECKED},
    [STEP_SIGN_OFF] = {"report.sign_off", CORE_REPORT_SIGN, 1u << REPORT_CHECKED, REPORT_SIGNED_OFF},
    [STEP_FREEZE] = {"report.freeze", CORE_REPORT_SIGN, 1u << REPORT_SIGNED_OFF, REPORT_FROZEN},
    [STEP_RETURN] = {"report.return", CORE_REPORT_CHECK, 1u << REPORT_CHECKED | 1u << REPORT_SIGNED_OFF,
        REPORT_COMPUTED},
};

static int check_step(struct call *c, const struct report *r, enum report_step step, int64_t revision)
{
    if (!may(c, steps[step].permission, r->unit))
        return call_forbidden(c, core_permission_name(steps[step].permission));
    if (r->revision != revision)
        return -ESTALE;
    if (!(steps[step].from >> r->state & 1))
        return call_fail(c, 409, "wrong_state",
            arena_printf(c->arena, "Not possible while the report is %s.", report_state_names[r->state]),
            "报告的当前状态不允许此操作。");
    if (r->state == REPORT_COMPUTING && !report_has_failed(r))
        return call_fail(c, 409, "job_open", "It is being counted.", "报告正在计算。");
    if (step == STEP_SIGN_OFF && uuid_eq(r->checked_by, c->who->account))
        return call_fail(c, 403, "same_person", "Somebody else than who checked it has to sign it off.",
            "签发人须不同于审核人。");
    return 0;
}

struct taken { /* who took which step, and when */
    struct uuid by;
    int64_t us;
};

static void taken_args(struct db_args *a, struct taken t)
{
    db_arg_uuid_or_null(a, t.by);
    if (t.us)
        db_arg_time(a, t.us);
    else
        db_arg_str(a, NULL);
}

static int write_step(struct call *c, struct report *r, enum report_step step, const char *note)
{
    struct taken now = {c->who->account, c->now_us}, none = {0}, checked = {r->checked_by, r->checked_us},
                 signed_;
    struct db_args a, key;
    struct db_call call = {.stmt = signers, .args = &key};
    enum report_state to = steps[step].to;
    int e;

    db_args_reset(&key);
    db_arg_int(&key, c->tenant->id);
    db_arg_uuid(&key, r->id);
    e = call_read(c, &call, 1);
    if (e < 0)
        return e;
    signed_ = (struct taken){db_get_uuid(call.rows, 0, 0), r->signed_us};
    db_args_reset(&a);
    db_arg_int(&a, c->tenant->id);
    db_arg_uuid(&a, r->id);
    db_arg_int(&a, r->revision);
    db_arg_str(&a, report_state_names[to]);
    db_arg_int(&a, r->computation);
    db_arg_uuid(&a, r->job);
    taken_args(&a, to < REPORT_CHECKED ? none : step == STEP_CHECK ? now : checked);
    taken_args(&a, to < REPORT_SIGNED_OFF ? none : step == STEP_SIGN_OFF ? now : signed_);
    taken_args(&a, to < REPORT_FROZEN ? none : now);
    db_arg_str(&a, note);
    return db_exec_expect(c->tx, advance, &a, 1);
}

int report_step(struct call *c, struct uuid id, enum report_step step, int64_t revision, const char *reason,
    int64_t *ret_revision)
{
    struct report r;
    int e = call_begin(c);

    if (e < 0 || c->is_replay)
        return e;
    e = report_lock(c, id, &r);
    if (e == 0)
        e = check_step(c, &r, step, revision);
    if (e == 0 && step == STEP_COMPUTE) {
        r.computation++;
        e = report_queue(c, &r, &r.job);
    }
    if (e == 0)
        e = write_step(c, &r, step, step == STEP_RETURN ? reason : "");
    if (e < 0)
        return e;
    r.state = steps[step].to;
    r.revision++;
    if (step == STEP_FREEZE) {
        r.frozen_us = c->now_us;
        e = report_figures(c, &r);
    }
    if (e == 0)
        e = report_changed(c, &r, steps[step].action);
    if (e == 0)
        *ret_revision = r.revision;
    return e;
}
