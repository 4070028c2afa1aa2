/* Transitions: who may, from where, what they set and write. Where they lead is in goal.c, by when the record must go on in
 * deadline.c. */
#include <errno.h>

#include "base/json.h"
#include "resource/flow/deadline.h"
#include "resource/flow/flow.h"
#include "resource/flow/goal.h"
#include "resource/flow/inform.h"
#include "resource/flow/merge.h"
#include "resource/flow/part.h"
#include "resource/flow/recount.h"
#include "resource/record/change.h"
#include "resource/record/reader.h"
#include "resource/record/search.h"
#include "resource/record/store.h"
#include "resource/record/take.h"
#include "tenant/tree.h"

/* Does a department field name a department the subject belongs to? */
static bool is_holder(const struct call *c, const struct record *rec, const struct field *f, bool as_head)
{
    const char *v = rec->values[f->index];
    bool found = false;
    json_t *list = NULL;
    const json_t *e;
    struct uuid id;
    size_t i;

    if (!v)
        return false;
    if (f->type == FIELD_DEPARTMENT)
        return uuid_parse(text_of(v), &id) == 0 && subject_in_department(c->who, id, as_head);
    if (json_parse(text_of(v), JSON_LIMITS, &list, NULL) < 0)
        return false;
    json_array_foreach(list, i, e) found |= json_is_string(e) &&
                                            uuid_parse(text_of(json_string_value(e)), &id) == 0 &&
                                            subject_in_department(c->who, id, as_head);
    json_decref(list);
    return found;
}

/* Submitters and holders act on what is theirs, wherever it is handled now: their permission counts anywhere. Others
 * need it at the handling unit. */
static bool may_take(
    const struct call *c, const struct record *rec, const struct transition *t, const struct flow *f)
{
    if (c->who->kind == SUBJECT_SYSTEM || c->who->kind == SUBJECT_OPERATOR)
        return true;
    if (c->who->kind == SUBJECT_PLUGIN)
        return change_may(c, rec->res, t->permission_id, rec->unit);
    if (t->by_submitter && !uuid_eq(c->who->account, rec->created_by))
        return false;
    if (t->holder && !is_holder(c, rec, t->holder, t->holder_head))
        return false;
    if (t->completes && !flow_has_part(c->who, f, t->completes))
        return false;
    if (t->by_submitter || t->holder || t->completes)
        return subject_may_anywhere(c->who, t->permission_id);
    return change_may(c, rec->res, t->permission_id, rec->unit);
}

static int check_state(struct call *c, const struct record *rec, const struct transition *t)
{
    const struct state *now = &rec->res->states[rec->state];

    if (t->from >> rec->state & 1)
        return 0;
    return call_fail(c, 409, "wrong_state",
        arena_printf(c->arena, "\"%s\" is not possible in the state \"%s\".", t->label.en, now->label.en),
        arena_printf(c->arena, "当前状态为“%s”，不能“%s”。", now->label.zh, t->label.zh));
}

static const struct db_stmt lock_unit = {"resource.lock_unit",
    "SELECT id FROM juxin.unit WHERE tenant_id = $1 AND id = $2 AND closed_at IS NULL FOR KEY SHARE"};

/* The unit's row is locked before its ancestors are read, so that a move of the unit cannot slip in between. */
static int lock_target(struct call *c, uint32_t unit)
{
    struct db_rows *rows CLEANUP(db_rows_freep) = NULL;
    struct db_args a;
    int r;

    db_args_reset(&a);
    db_arg_int(&a, c->tenant->id);
    db_arg_uuid(&a, tree_unit(c->tenant->tree, unit).id);
    r = db_exec(c->tx, lock_unit, &a, &rows);
    if (r < 0)
        return r;
    return db_rows_count(rows) == 1 ? 0 : -EREMCHG;
}

static int add_participants(struct call *c, const struct record *rec, const struct transition *t)
{
    int r = 0;

    for (uint32_t i = 0; i < t->participant_count && r == 0; i++) {
        const struct transition_participant *p = &t->participants[i];
        struct uuid *ids;
        uint32_t count;

        if (!record_is_changed(rec, p->field) && !p->opens)
            continue;
        r = part_ids_of(c, rec->values[p->field->index], p->field, &ids, &count);
        if (r == 0 && record_is_changed(rec, p->field)) {
            r = participant_end(c, rec, p->role);
            for (uint32_t k = 0; k < count && r == 0; k++)
                r = participant_add(c, rec, ids[k], p->role);
        }
        if (r == 0 && p->opens)
            r = part_open(c, rec, p->role, ids, count);
    }
    return r;
}

/* ", column = $n::type" with its value. */
static void set_column(
    struct call *c, struct change_extra *x, const char *column, const char *type, const char *value)
{
    x->values[x->count++] = value;
    x->set = arena_printf(c->arena, "%s, %s = $%u::%s", x->set ? x->set : "", column, 5 + x->count, type);
}

static void set_place(struct call *c, struct record *rec, uint32_t unit, struct change_extra *x)
{
    rec->unit = unit;
    rec->unit_id = tree_unit(c->tenant->tree, unit).id;
    x->values[x->count++] = arena_dup(c->arena, uuid_format(rec->unit_id).s);
    x->set = arena_printf(c->arena, "%s, unit_id = u.id, a1 = u.a1, a2 = u.a2, a3 = u.a3, a4 = u.a4", x->set);
    x->from = arena_printf(c->arena, " AND u.tenant_id = $1 AND u.id = $%u::uuid", 5 + x->count);
}

static int store(struct call *c, struct record *rec, const struct transition *t, const struct goal *g)
{
    const struct resource *res = rec->res;
    struct uuid old_unit = rec->unit_id;
    struct change_extra extra = {0};
    int r = 0;

    set_column(c, &extra, "due_at", "date", rec->due);
    if (!g->is_act) {
        set_column(c, &extra, "state", "text", res->states[g->state].name);
        set_column(c, &extra, "auto_at", "date", change_auto_at(c, res, g->state));
        extra.set = arena_printf(c->arena, "%s, state_since = $4::timestamptz", extra.set);
    }
    if (g->to != TREE_NONE) {
        set_place(c, rec, g->to, &extra);
        r = lock_target(c, g->to);
    }
    if (r == 0)
        r = change_write(c, rec, &extra);
    if (r == 0)
        r = search_write(c, rec, false);
    if (r == 0 && g->to != TREE_NONE)
        r = participant_add(c, rec, old_unit, "origin");
    if (r == 0)
        r = add_participants(c, rec, t);
    if (r == 0 && t->completes)
        r = part_done(c, rec, t->completes);
    rec->state = g->state;
    if (!g->is_act)
        rec->state_since = rec->updated_at;
    return r;
}

/* Members of the request that are the engine's own. */
static const char *const *own_members(const struct transition *t)
{
    static const char *const unit[] = {"unit", NULL}, *const step[] = {"step", NULL},
                             *const into[] = {"into", "into_version", NULL};

    return transition_takes_unit(t) ? unit : t->goal == GOAL_BACK ? step : t->merges ? into : NULL;
}

static int take(
    struct call *c, struct record *rec, const struct transition *t, const struct flow *f, json_t *body)
{
    struct history_entry entry = {.action = "transition",
        .transition = t->name,
        .from_state = rec->res->states[rec->state].name,
        .from_unit = rec->unit_id,
        .redirected_from = TREE_NONE};
    const struct field *reference = rec->res->merging.field;
    struct record *other = NULL;
    struct deadline deadline;
    const char *old_due;
    struct goal g;
    int r = check_state(c, rec, t);

    if (r == 0 && flow_is_asked_for(t))
        r = flow_check(c, rec, t, f);
    if (r < 0)
        return r;
    take_values(c, rec, body, FROM_TRANSITION, t, own_members(t));
    for (uint32_t i = 0; i < t->set_count; i++)
        rec->values[t->sets[i].field->index] = t->sets[i].value;
    take_require(c, rec, t);
    r = goal_find(c, rec, t, f, body, &g);
    if (r == 0)
        r = merge_find(c, rec, t, body, &other);
    if (r == 0 && (t->merges || t->goal == GOAL_UNMERGE))
        rec->values[reference->index] = t->merges ? arena_dup(c->arena, uuid_format(other->id).s) : NULL;
    if (r == 0)
        r = c->fault.status ? -EINVAL : change_check(c, HOOK_BEFORE_TRANSITION, t->name, rec);
    if (r < 0)
        return r;
    old_due = rec->due;
    deadline_set(c, rec, t, &g, &entry, &deadline);
    r = store(c, rec, t, &g);
    if (r == 0)
        r = recount_note(c, rec, old_due, &deadline);
    entry.to_state = rec->res->states[g.state].name;
    if (g.to == TREE_NONE)
        entry.from_unit = UUID_NIL;
    else
        entry.to_unit = rec->unit_id;
    entry.redirected_from = g.to != g.wanted ? g.wanted : TREE_NONE;
    entry.other = other;
    if (r == 0)
        r = history_add(c, rec, &entry);
    if (r == 0)
        r = merge_done(c, rec, t, other);
    if (r == 0)
        r = inform_of_step(c, rec, t);
    return r < 0 ? r : change_finish(c, HOOK_AFTER_TRANSITION, t->name, rec, 200);
}

int record_transition(struct call *c, const struct resource *res, struct uuid id, int64_t version,
    const char *name, json_t *body, struct record **ret)
{
    const struct transition *t = resource_transition(res, text_of(name));
    struct flow f = {0};
    struct record *rec;
    int r;

    if (!t)
        return call_not_found(c);
    r = call_begin(c);
    if (r < 0 || c->is_replay)
        return r;
    r = merge_lock(c, res, t, &id, 1, body);
    if (r == 0)
        r = record_fetch(c, res, id, true, &rec);
    if (r == 0)
        r = change_expect(c, rec, version);
    if (r == 0 && flow_is_asked_for(t))
        r = flow_read(c, rec, &f);
    if (r == 0 && !may_take(c, rec, t, &f))
        r = call_forbidden(c, t->permission);
    if (r == 0)
        r = take(c, rec, t, &f, body);
    if (r == 0)
        *ret = rec;
    return r;
}

/* -EINVAL with a fault, or whether the subject may take it now. */
static int is_legal(
    struct call *c, const struct record *rec, const struct transition *t, const struct flow *f, bool *ret)
{
    struct flow_step *steps;
    uint32_t count = 1;
    int r = 0;

    *ret = (t->from >> rec->state & 1) && goal_is_there(c, rec, t) && may_take(c, rec, t, f) &&
           (!flow_is_asked_for(t) || flow_allows(c, rec, t, f));
    if (*ret && t->goal == GOAL_BACK)
        r = flow_steps(c, rec, t, &steps, &count);
    *ret &= count > 0;
    return r;
}

int record_fetch_legal(
    struct call *c, const struct resource *res, struct uuid id, struct record **ret, uint64_t *ret_legal)
{
    struct db_call calls[FLOW_CALLS];
    bool is_asked = flow_is_asked_of(res);
    struct flow f = {0};
    int r;

    flow_calls(calls);
    *ret_legal = 0;
    r = record_fetch_along(c, res, id, calls, is_asked ? FLOW_CALLS : 0, ret);
    if (r == 0 && is_asked)
        flow_of_rows(c, *ret, calls, &f);
    for (uint32_t i = 0; i < res->transition_count && r == 0; i++) {
        bool legal = false;

        r = is_legal(c, *ret, &res->transitions[i], &f, &legal);
        *ret_legal |= (uint64_t)legal << i;
    }
    return r;
}
