/* Transitions: who may, from where, what they set, where the record goes, and by when it must go on. */
#include <errno.h>

#include "access/permission.h"
#include "base/clock.h"
#include "base/json.h"
#include "resource/flow/flow.h"
#include "resource/flow/inform.h"
#include "resource/flow/part.h"
#include "resource/record/change.h"
#include "resource/record/gate.h"
#include "resource/record/reader.h"
#include "resource/record/search.h"
#include "resource/record/store.h"
#include "resource/record/take.h"
#include "tenant/calendar.h"
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

/* Where it goes. */
struct moving {
    uint32_t state;
    uint32_t wanted, to; /* units, TREE_NONE when it stays where it is; wanted: before a redirect */
    bool is_act;         /* nothing but an entry in the timeline, and fields */
    bool has_days;       /* resumed with so many working days to the deadline */
    int32_t days;
};

static int find_unit(struct call *c, const struct record *rec, const struct transition *t, const json_t *body,
    struct moving *m)
{
    const struct tree *tree = c->tenant->tree;

    if (transition_takes_unit(t))
        m->wanted = change_unit(c, body);
    else
        m->wanted = tree_parent(tree, rec->unit);
    if (c->fault.status)
        return -EINVAL;
    if (t->move == MOVE_BELOW &&
        (m->wanted == rec->unit || !tree_contains(m->wanted, rec->unit, tree_end(tree, rec->unit))))
        m->wanted = change_unknown_unit(c); /* whoever hands down knows what is below */
    if (c->fault.status)
        return -EINVAL;
    if (m->wanted != TREE_NONE)
        m->to = gate_nearest_on(c, rec->res->plugin, m->wanted);
    if (m->to == TREE_NONE)
        return call_fail(c, 409, "nowhere_to_go", "There is no unit above where this is handled.",
            "上级没有可办理的组织机构。");
    if (m->to == rec->unit)
        return call_fail(
            c, 409, "same_unit", "The record is handled there already.", "该记录已由此机构办理。");
    return 0;
}

/* The step that the request names by its version. Nobody is sent to a unit that is closed or where the plugin is off. */
static int find_step(struct call *c, const struct record *rec, const struct transition *t, const json_t *body,
    struct moving *m)
{
    const json_t *wanted = json_object_get(body, "step");
    struct flow_step *list;
    uint32_t count, unit;
    int r;

    if (!wanted)
        return call_fail_at(c, "/step", "required", "The version of an earlier step.", "请选择退回的环节。");
    r = flow_steps(c, rec, t, &list, &count);
    for (uint32_t i = 0; i < count && r == 0; i++) {
        if (!json_is_integer(wanted) || json_integer_value(wanted) != list[i].version)
            continue;
        unit = tree_find(c->tenant->tree, list[i].unit_id);
        if (unit == TREE_NONE || tree_unit(c->tenant->tree, unit).is_closed ||
            !gate_is_on(c, rec->res->plugin, unit))
            return call_fail(c, 409, "step_closed", "The unit of that step does not handle this any more.",
                "该环节的办理机构已停办此项业务。");
        m->state = list[i].state;
        if (unit != rec->unit)
            m->to = m->wanted = unit;
        return 0;
    }
    return r < 0 ? r
                 : call_fail_at(c, "/step", "unknown_step", "One of the steps that the transition offers.",
                       "应为可退回的环节之一。");
}

/* Back to where it was sent back from, or to the nearest unit above where the plugin runs now. */
static int find_resumed(struct call *c, const struct record *rec, const struct flow *f, struct moving *m)
{
    struct flow_resume from;
    uint32_t unit;
    int r = flow_resume(c, rec, f, &from);

    if (r < 0)
        return r;
    m->state = from.state;
    m->has_days = from.has_days;
    m->days = from.days;
    unit = tree_find(c->tenant->tree, from.unit_id);
    if (unit == rec->unit)
        return 0;
    m->wanted = unit;
    if (unit != TREE_NONE)
        m->to = gate_nearest_on(c, rec->res->plugin, unit);
    if (m->to == TREE_NONE)
        return call_fail(c, 409, "nowhere_to_go", "There is no unit above where this is handled.",
            "上级没有可办理的组织机构。");
    if (m->to == rec->unit)
        m->to = TREE_NONE;
    return 0;
}

static int find_target(struct call *c, const struct record *rec, const struct transition *t,
    const struct flow *f, const json_t *body, struct moving *m)
{
    *m = (struct moving){.state = t->goal == GOAL_STATE ? t->to : rec->state,
        .wanted = TREE_NONE,
        .to = TREE_NONE,
        .is_act = t->goal == GOAL_STAY && t->move == MOVE_NO};
    if (t->goal == GOAL_BACK)
        return find_step(c, rec, t, body, m);
    if (t->goal == GOAL_RESUME)
        return find_resumed(c, rec, f, m);
    return t->move == MOVE_NO ? 0 : find_unit(c, rec, t, body, m);
}

/* Moving up from the top or down from the bottom is never possible: not offered, though the verb stays the subject's. */
static bool has_somewhere_to_go(const struct call *c, const struct record *rec, const struct transition *t)
{
    const struct tree *tree = c->tenant->tree;

    return t->move == MOVE_PARENT  ? tree_parent(tree, rec->unit) != TREE_NONE
           : t->move == MOVE_BELOW ? tree_end(tree, rec->unit) > rec->unit + 1
                                   : true;
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

static const char *day_text(struct call *c, int32_t day)
{
    return arena_dup(c->arena, date_format(day).s);
}

/* Working days from `from`, as many as the field says; false when it says nothing. */
static bool field_days(const struct record *rec, const struct field *f, int64_t *ret)
{
    const char *v = rec->values[f->index];

    return v && text_to_i64(text_of(v), 0, 1000, ret) == 0;
}

/* From where the deadline stands, not from today: what was asked for in time is not eaten up by the wait. */
static void extend_deadline(struct call *c, struct record *rec, const struct transition *t)
{
    int32_t from = calendar_today(c->now_us);
    int64_t days;

    if (!field_days(rec, t->deadline_field, &days))
        return;
    if (rec->due && date_parse(text_of(rec->due), &from) < 0)
        return;
    rec->due = day_text(c, calendar_add(tenant_calendar(c->tenant), from, (int32_t)days));
}

/* What is sent back has no deadline of its own where it goes, unless the declaration says so. What was left of it is
 * noted, and counts again from the day on which the record is resumed. */
static void pause_deadline(struct call *c, struct record *rec, struct history_entry *entry)
{
    int32_t due;

    if (!rec->due || date_parse(text_of(rec->due), &due) < 0)
        return;
    entry->has_days_left = true;
    entry->days_left = calendar_between(tenant_calendar(c->tenant), calendar_today(c->now_us), due);
    rec->due = NULL;
}

static void set_deadline(struct call *c, struct record *rec, const struct transition *t,
    const struct moving *m, struct history_entry *entry)
{
    const struct calendar *calendar = tenant_calendar(c->tenant);
    int32_t today = calendar_today(c->now_us);
    int64_t days = t->deadline_days;
    const char *v;

    if (t->goal == GOAL_BACK)
        pause_deadline(c, rec, entry);
    if (m->has_days)
        rec->due = day_text(c, calendar_add(calendar, today, m->days));
    if (t->deadline == DEADLINE_KEEP)
        return;
    if (t->deadline == DEADLINE_EXTEND) {
        extend_deadline(c, rec, t);
        return;
    }
    if (t->deadline == DEADLINE_CLEAR) {
        rec->due = NULL;
        return;
    }
    if (t->deadline == DEADLINE_FIELD) {
        v = rec->values[t->deadline_field->index];
        if (v && t->deadline_field->type == FIELD_DATE)
            rec->due = v;
        if (t->deadline_field->type == FIELD_DATE || !field_days(rec, t->deadline_field, &days))
            return;
    }
    rec->due = day_text(c, calendar_add(calendar, today, (int32_t)days));
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

static int store(struct call *c, struct record *rec, const struct transition *t, const struct moving *m)
{
    const struct resource *res = rec->res;
    struct uuid old_unit = rec->unit_id;
    struct change_extra extra = {0};
    int r = 0;

    set_column(c, &extra, "due_at", "date", rec->due);
    if (!m->is_act) {
        set_column(c, &extra, "state", "text", res->states[m->state].name);
        set_column(c, &extra, "auto_at", "date", change_auto_at(c, res, m->state));
        extra.set = arena_printf(c->arena, "%s, state_since = $4::timestamptz", extra.set);
    }
    if (m->to != TREE_NONE) {
        set_place(c, rec, m->to, &extra);
        r = lock_target(c, m->to);
    }
    if (r == 0)
        r = change_write(c, rec, &extra);
    if (r == 0)
        r = search_write(c, rec, false);
    if (r == 0 && m->to != TREE_NONE)
        r = participant_add(c, rec, old_unit, "origin");
    if (r == 0)
        r = add_participants(c, rec, t);
    if (r == 0 && t->completes)
        r = part_done(c, rec, t->completes);
    rec->state = m->state;
    if (!m->is_act)
        rec->state_since = rec->updated_at;
    return r;
}

/* Members of the request that are the engine's own. */
static const char *const *own_members(const struct transition *t)
{
    static const char *const unit[] = {"unit", NULL}, *const step[] = {"step", NULL};

    return transition_takes_unit(t) ? unit : t->goal == GOAL_BACK ? step : NULL;
}

static int take(
    struct call *c, struct record *rec, const struct transition *t, const struct flow *f, json_t *body)
{
    struct history_entry entry = {.action = "transition",
        .transition = t->name,
        .from_state = rec->res->states[rec->state].name,
        .from_unit = rec->unit_id,
        .redirected_from = TREE_NONE};
    struct moving m;
    int r = check_state(c, rec, t);

    if (r == 0 && flow_is_asked_for(t))
        r = flow_check(c, rec, t, f);
    if (r < 0)
        return r;
    take_values(c, rec, body, FROM_TRANSITION, t, own_members(t));
    for (uint32_t i = 0; i < t->set_count; i++)
        rec->values[t->sets[i].field->index] = t->sets[i].value;
    take_require(c, rec, t);
    r = find_target(c, rec, t, f, body, &m);
    if (r == 0)
        r = c->fault.status ? -EINVAL : change_check(c, HOOK_BEFORE_TRANSITION, t->name, rec);
    if (r < 0)
        return r;
    set_deadline(c, rec, t, &m, &entry);
    r = store(c, rec, t, &m);
    entry.to_state = rec->res->states[m.state].name;
    if (m.to == TREE_NONE)
        entry.from_unit = UUID_NIL;
    else
        entry.to_unit = rec->unit_id;
    entry.redirected_from = m.to != m.wanted ? m.wanted : TREE_NONE;
    if (r == 0)
        r = history_add(c, rec, &entry);
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

/* What the history has to say about the transitions that are left of `legal`. */
static int keep_allowed(struct call *c, const struct record *rec, uint64_t *legal)
{
    const struct transition *all = rec->res->transitions;
    struct flow f = {0};
    bool is_read = false;
    int r = 0;

    for (uint32_t i = 0; i < rec->res->transition_count && r == 0; i++) {
        if (!(*legal >> i & 1))
            continue;
        if (flow_is_asked_for(&all[i]) && !is_read) {
            r = flow_read(c, rec, &f);
            is_read = true;
        }
        if (r == 0 && flow_is_asked_for(&all[i]) &&
            (!may_take(c, rec, &all[i], &f) || !flow_allows(c, rec, &all[i], &f)))
            *legal &= ~(UINT64_C(1) << i);
        if (r == 0 && all[i].goal == GOAL_BACK && *legal >> i & 1) {
            struct flow_step *steps;
            uint32_t count = 0;

            r = flow_steps(c, rec, &all[i], &steps, &count);
            if (count == 0)
                *legal &= ~(UINT64_C(1) << i);
        }
    }
    return r;
}

int record_transitions(struct call *c, const struct record *rec, uint64_t *ret)
{
    uint64_t legal = 0;
    int r;

    for (uint32_t i = 0; i < rec->res->transition_count; i++) {
        const struct transition *t = &rec->res->transitions[i];

        if ((t->from >> rec->state & 1) && has_somewhere_to_go(c, rec, t) &&
            (t->completes || may_take(c, rec, t, NULL)))
            legal |= UINT64_C(1) << i;
    }
    r = legal ? keep_allowed(c, rec, &legal) : 0;
    if (r == 0)
        *ret = legal;
    return r;
}
