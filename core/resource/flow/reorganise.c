/* What was planned, done: the tree changes, open records are left to a job. */
#include "resource/flow/reorganise.h"

#include <errno.h>

#include "access/core_permissions.h"
#include "access/job.h"
#include "access/org.h"
#include "access/post.h"
#include "base/digest.h"
#include "base/json.h"
#include "db/pgarray.h"

static const struct db_stmt insert_event = {"reorg.insert",
    "INSERT INTO juxin.unit_event (tenant_id, id, kind, into_id, request, plan, reason, state, asked_by, "
    "asked_at, at) VALUES "
    "($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)"};
static const struct db_stmt find_event = {"reorg.find",
    "SELECT state, version, request, plan, asked_by, into_id FROM juxin.unit_event WHERE "
    "tenant_id = $1 AND id = $2"};
static const struct db_stmt decide_event = {"reorg.decide",
    "UPDATE juxin.unit_event SET state = $4, decided_by = $5, decided_at = $6, at = CASE WHEN $4 = "
    "'carrying' THEN "
    "$6::timestamptz END, version = version + 1 WHERE tenant_id = $1 AND id = $2 AND version = $3 AND state "
    "= 'asked'"};
static const struct db_stmt resume_event = {"reorg.resume",
    "UPDATE juxin.unit_event SET state = 'carrying', done_at = NULL, version = version + 1 WHERE tenant_id = "
    "$1 AND id = $2 "
    "AND version = $3 AND at IS NOT NULL"};
static const struct db_stmt set_job = {
    "reorg.job", "UPDATE juxin.unit_event SET job_id = $3 WHERE tenant_id = $1 AND id = $2"};
static const struct db_stmt insert_successor = {"reorg.successor",
    "INSERT INTO juxin.unit_successor (tenant_id, unit_id, into_id, event_id, at) VALUES "
    "($1, $2, $3, $4, $5)"};

static void id_args(struct call *c, struct db_args *a, struct uuid id)
{
    db_args_reset(a);
    db_arg_int(a, c->tenant->id);
    db_arg_uuid(a, id);
}

static struct uuid id_of(const struct call *c, uint32_t unit)
{
    return tree_unit(c->tenant->tree, unit).id;
}

static int retire(struct call *c, const struct reorg *x, const struct reorg_change *ch, struct uuid event)
{
    struct db_args a;
    int r = post_retire_unit(c, ch->unit);

    if (r == 0)
        r = org_unit_retire(c, ch->unit, ch->to, x->in->is_split);
    if (r < 0)
        return r;
    id_args(c, &a, id_of(c, ch->unit));
    db_arg_uuid(&a, id_of(c, ch->to));
    db_arg_uuid(&a, event);
    db_arg_time(&a, c->now_us);
    return db_exec_expect(c->tx, insert_successor, &a, 1);
}

static int add_job(struct call *c, struct uuid event, struct uuid into)
{
    struct job_input job = {.kind = reorg_carry_job.name,
        .unit = into,
        .key = arena_dup(c->arena, uuid_format(event).s),
        .json = arena_printf(c->arena, "{\"event\":\"%s\"}", uuid_format(event).s)};
    struct db_args a;
    struct uuid id;
    int r = job_add(c, &job, &id);

    if (r < 0)
        return r;
    id_args(c, &a, event);
    db_arg_uuid(&a, id);
    return db_exec_expect(c->tx, set_job, &a, 1);
}

static int change_tree(struct call *c, const struct reorg *x, struct uuid event)
{
    struct uuid id;
    int64_t version;
    int r = 0;

    for (uint32_t i = 0; i < x->grant_count && r == 0; i++) {
        struct grant_input in = reorg_grant(c, x->grants[i], x->in->into);

        r = grant_create(c, &in, &id);
    }
    for (uint32_t i = 0; i < x->count && r == 0; i++) {
        const struct reorg_change *ch = &x->changes[i];

        r = ch->is_retired ? retire(c, x, ch, event)
                           : org_unit_move(c, ch->unit, ch->to, ch->unit_version, &version);
    }
    return r < 0 ? r : add_job(c, event, id_of(c, x->in->into));
}

static int add_event(struct call *c, const struct reorg *x, struct uuid event)
{
    struct db_args a;

    id_args(c, &a, event);
    db_arg_str(&a, x->in->is_split ? "split" : "merge");
    db_arg_uuid(&a, id_of(c, x->in->into));
    db_arg_str(&a, x->in->json);
    db_arg_int(&a, x->version);
    db_arg_str(&a, x->in->reason);
    db_arg_str(&a, x->takes_two ? "asked" : "carrying");
    db_arg_uuid_or_null(&a, c->who->account);
    db_arg_time(&a, c->now_us);
    if (x->takes_two)
        db_arg_str(&a, NULL);
    else
        db_arg_time(&a, c->now_us);
    return db_exec_expect(c->tx, insert_event, &a, 1);
}

int reorg_begin(
    struct call *c, const struct reorg_input *in, int64_t version, struct uuid *ret_event, bool *ret_asked)
{
    struct uuid event = uuid_new();
    struct reorg x;
    int r = call_begin(c);

    if (r < 0 || c->is_replay)
        return r;
    r = call_bump(c);
    if (r == 0)
        r = reorg_plan(c, in, &x);
    if (r == 0 && x.version != version)
        r = -ESTALE;
    if (r == 0)
        r = add_event(c, &x, event);
    if (r == 0)
        r = call_audit(c,
            x.takes_two    ? "unit_event.ask"
            : in->is_split ? "unit.split"
                           : "unit.merge",
            "unit_event", event, id_of(c, in->into), "from,into,children");
    if (r == 0 && !x.takes_two)
        r = change_tree(c, &x, event);
    *ret_event = event;
    *ret_asked = r == 0 && x.takes_two;
    return r;
}

static int plan_again(struct call *c, const struct db_rows *event, struct reorg *ret)
{
    struct reorg_input *in;
    json_t *body = NULL;
    int r =
        json_parse(db_get_text(event, 0, 2), JSON_LIMITS, &body, NULL) < 0 ? -EIO : reorg_take(c, body, &in);

    json_decref(body);
    if (r == 0)
        r = reorg_plan(c, in, ret);
    if (r == 0 && ret->version != db_get_int(event, 0, 3))
        r = call_fail(c, 409, "changed",
            "It would do something else by now than what was previewed. Refuse it and ask anew.",
            "情况已变化，与预览不一致，请驳回后重新提出。");
    return r;
}

static int set_state(struct call *c, struct uuid event, int64_t version, const char *state)
{
    struct db_args a;

    id_args(c, &a, event);
    db_arg_int(&a, version);
    db_arg_str(&a, state);
    db_arg_uuid_or_null(&a, c->who->account);
    db_arg_time(&a, c->now_us);
    return db_exec_expect(c->tx, decide_event, &a, 1);
}

static int find_open(struct call *c, struct uuid event, int64_t version, const struct db_rows **ret)
{
    struct db_args *a = arena_alloc(c->arena, sizeof(*a));
    struct db_call call = {.stmt = find_event, .args = a};
    uint32_t into;
    int r;

    id_args(c, a, event);
    r = call_read(c, &call, 1);
    if (r < 0)
        return r;
    into = db_rows_count(call.rows) ? tree_find(c->tenant->tree, db_get_uuid(call.rows, 0, 5)) : TREE_NONE;
    if (into == TREE_NONE || !subject_may(c->who, c->tenant, core_permission(CORE_UNIT_READ), into))
        return call_not_found(c);
    if (!subject_may(c->who, c->tenant, core_permission(CORE_UNIT_MOVE), into))
        return call_forbidden(c, core_permission_name(CORE_UNIT_MOVE));
    if (db_get_int(call.rows, 0, 1) != version)
        return -ESTALE;
    *ret = call.rows;
    return 0;
}

static int find_asked(struct call *c, struct uuid event, int64_t version, const struct db_rows **ret)
{
    int r = find_open(c, event, version, ret);

    if (r == 0 && strcmp(db_get(*ret, 0, 0), "asked") != 0)
        r = call_fail(c, 409, "decided", "This has been decided.", "该事项已办结。");
    return r;
}

int reorg_decide(struct call *c, struct uuid event, int64_t version, bool approve, int64_t *ret_version)
{
    const struct db_rows *rows;
    struct reorg x;
    int r = call_begin(c);

    if (r < 0 || c->is_replay)
        return r;
    r = call_bump(c);
    if (r == 0)
        r = find_asked(c, event, version, &rows);
    if (r == 0 && approve && uuid_eq(db_get_uuid(rows, 0, 4), c->who->account))
        r = call_fail(
            c, 403, "second_person", "Somebody else approves what you asked for.", "须由他人审批。");
    if (r == 0 && approve)
        r = plan_again(c, rows, &x);
    if (r == 0)
        r = set_state(c, event, version, approve ? "carrying" : "refused");
    if (r == 0)
        r = call_audit(c, approve ? x.in->is_split ? "unit.split" : "unit.merge" : "unit_event.refuse",
            "unit_event", event, db_get_uuid(rows, 0, 5), "state");
    if (r == 0 && approve)
        r = change_tree(c, &x, event);
    *ret_version = version + 1;
    return r;
}

int reorg_resume(struct call *c, struct uuid event, int64_t version, int64_t *ret_version)
{
    const struct db_rows *rows;
    struct db_args a;
    int r = call_begin(c);

    if (r < 0 || c->is_replay)
        return r;
    r = find_open(c, event, version, &rows);
    if (r == 0 && (strcmp(db_get(rows, 0, 0), "asked") == 0 || strcmp(db_get(rows, 0, 0), "refused") == 0))
        r = call_fail(c, 409, "not_begun", "Nothing is being carried over.", "尚未开始结转。");
    if (r == 0)
        r = add_job(c, event, db_get_uuid(rows, 0, 5));
    if (r < 0)
        return r;
    id_args(c, &a, event);
    db_arg_int(&a, version);
    r = db_exec_expect(c->tx, resume_event, &a, 1);
    if (r == 0)
        r = call_audit(c, "unit_event.resume", "unit_event", event, db_get_uuid(rows, 0, 5), "state");
    *ret_version = version + 1;
    return r;
}
