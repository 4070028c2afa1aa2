/* Transitions: who may, from where, what they set, where the record goes, and by when it must go on. */
#include <errno.h>

#include "access/permission.h"
#include "base/clock.h"
#include "base/json.h"
#include "resource/change.h"
#include "resource/gate.h"
#include "resource/reader.h"
#include "resource/search.h"
#include "resource/store.h"
#include "resource/value.h"
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
static bool may_take(const struct call *c, const struct record *rec, const struct transition *t)
{
    if (c->who->kind == SUBJECT_SYSTEM || c->who->kind == SUBJECT_OPERATOR)
        return true;
    if (c->who->kind == SUBJECT_PLUGIN)
        return change_may(c, rec->res, t->permission_id, rec->unit);
    if (t->by_submitter && !uuid_eq(c->who->account, rec->created_by))
        return false;
    if (t->holder && !is_holder(c, rec, t->holder, t->holder_head))
        return false;
    if (t->by_submitter || t->holder)
        return subject_may_anywhere(c->who, t->permission_id);
    return change_may(c, rec->res, t->permission_id, rec->unit);
}

static int check_state(struct call *c, const struct record *rec, const struct transition *t)
{
    const struct state *now = &rec->res->states[rec->state];
    uint32_t taken = 0;
    int r;

    if (!(t->from >> rec->state & 1))
        return call_fail(c, 409, "wrong_state",
            arena_printf(c->arena, "\"%s\" is not possible in the state \"%s\".", t->label.en, now->label.en),
            arena_printf(c->arena, "当前状态为“%s”，不能“%s”。", now->label.zh, t->label.zh));
    if (!t->max_times)
        return 0;
    r = history_count(c, rec, t->name, &taken);
    if (r < 0 || taken < t->max_times)
        return r;
    return call_fail(c, 409, "too_often",
        arena_printf(c->arena, "\"%s\" is possible %u times.", t->label.en, t->max_times),
        arena_printf(c->arena, "“%s”最多 %u 次。", t->label.zh, t->max_times));
}

struct moving {
    uint32_t from, wanted, to; /* wanted: before a redirect */
};

static int find_target(struct call *c, const struct record *rec, const struct transition *t,
    const json_t *body, struct moving *m)
{
    *m = (struct moving){rec->unit, TREE_NONE, TREE_NONE};
    if (t->move == MOVE_NO)
        return 0;
    if (t->move == MOVE_UNIT)
        m->wanted = change_unit(c, body);
    else
        m->wanted = tree_parent(c->tenant->tree, rec->unit);
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

/* Moving up from the top is never possible: not offered, though the verb stays the subject's. */
static bool has_somewhere_to_go(const struct call *c, const struct record *rec, const struct transition *t)
{
    return t->move != MOVE_PARENT || tree_parent(c->tenant->tree, rec->unit) != TREE_NONE;
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

static void set_deadline(struct call *c, struct record *rec, const struct transition *t)
{
    const struct calendar *calendar = tenant_calendar(c->tenant);
    int32_t today = calendar_today(c->now_us);
    int64_t days = t->deadline_days;
    const char *v;

    if (t->deadline == DEADLINE_KEEP)
        return;
    if (t->deadline == DEADLINE_CLEAR) {
        rec->due = NULL;
        return;
    }
    if (t->deadline == DEADLINE_FIELD) {
        v = rec->values[t->deadline_field->index];
        if (!v)
            return;
        if (t->deadline_field->type == FIELD_DATE) {
            rec->due = v;
            return;
        }
        if (text_to_i64(text_of(v), 0, 1000, &days) < 0)
            return;
    }
    rec->due = arena_dup(c->arena, date_format(calendar_add(calendar, today, (int32_t)days)).s);
}

static int add_participants(struct call *c, const struct record *rec, const struct transition *t)
{
    int r = 0;

    for (uint32_t i = 0; i < t->participant_count && r == 0; i++) {
        const struct transition_participant *p = &t->participants[i];
        const char *v = rec->values[p->field->index];
        json_t *list = NULL;
        const json_t *e;
        struct uuid id;
        size_t k;

        if (!record_is_changed(rec, p->field))
            continue;
        r = participant_end(c, rec, p->role);
        if (r < 0 || !v)
            continue;
        if (p->field->type != FIELD_DEPARTMENTS) {
            r = uuid_parse(text_of(v), &id) == 0 ? participant_add(c, rec, id, p->role) : -EIO;
            continue;
        }
        r = json_parse(text_of(v), JSON_LIMITS, &list, NULL);
        json_array_foreach(list, k, e) if (r == 0) r =
            uuid_parse(text_of(json_string_value(e)), &id) == 0 ? participant_add(c, rec, id, p->role) : -EIO;
        json_decref(list);
    }
    return r;
}

static int store(struct call *c, struct record *rec, const struct transition *t, const struct moving *m)
{
    const struct resource *res = rec->res;
    struct uuid old_unit = rec->unit_id;
    struct change_extra extra = {
        .set = ", state = $6::text, state_since = $4::timestamptz, due_at = $7::date, auto_at = $8::date",
        .count = 3,
        .values = {res->states[t->to].name, rec->due, change_auto_at(c, res, t->to)}};
    int r = 0;

    if (m->to != TREE_NONE) {
        rec->unit = m->to;
        rec->unit_id = tree_unit(c->tenant->tree, m->to).id;
        extra.values[extra.count++] = arena_dup(c->arena, uuid_format(rec->unit_id).s);
        extra.set = arena_printf(
            c->arena, "%s, unit_id = u.id, a1 = u.a1, a2 = u.a2, a3 = u.a3, a4 = u.a4", extra.set);
        extra.from = " AND u.tenant_id = $1 AND u.id = $9::uuid";
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
    rec->state = t->to;
    rec->state_since = rec->updated_at;
    return r;
}

static int take(struct call *c, struct record *rec, const struct transition *t, json_t *body)
{
    static const char *const also[] = {"unit", NULL};
    struct history_entry entry = {.action = "transition",
        .transition = t->name,
        .from_state = rec->res->states[rec->state].name,
        .to_state = rec->res->states[t->to].name,
        .from_unit = rec->unit_id,
        .redirected_from = TREE_NONE};
    struct moving m;
    int r = check_state(c, rec, t);

    if (r < 0)
        return r;
    value_take(c, rec, body, FROM_TRANSITION, t, t->move == MOVE_UNIT ? also : NULL);
    value_require(c, rec, t);
    r = find_target(c, rec, t, body, &m);
    if (r == 0)
        r = c->fault.status ? -EINVAL : change_check(c, HOOK_BEFORE_TRANSITION, t->name, rec);
    if (r < 0)
        return r;
    set_deadline(c, rec, t);
    r = store(c, rec, t, &m);
    if (m.to == TREE_NONE)
        entry.from_unit = UUID_NIL;
    else
        entry.to_unit = rec->unit_id;
    entry.redirected_from = m.to != m.wanted ? m.wanted : TREE_NONE;
    if (r == 0)
        r = history_add(c, rec, &entry);
    return r < 0 ? r : change_finish(c, HOOK_AFTER_TRANSITION, t->name, rec, 200);
}

int record_transition(struct call *c, const struct resource *res, struct uuid id, int64_t version,
    const char *name, json_t *body, struct record **ret)
{
    const struct transition *t = resource_transition(res, text_of(name));
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
    if (r == 0 && !may_take(c, rec, t))
        r = call_forbidden(c, t->permission);
    if (r == 0)
        r = take(c, rec, t, body);
    if (r == 0)
        *ret = rec;
    return r;
}

int record_transitions(struct call *c, const struct record *rec, uint64_t *ret)
{
    uint64_t legal = 0;

    for (uint32_t i = 0; i < rec->res->transition_count; i++) {
        const struct transition *t = &rec->res->transitions[i];
        uint32_t taken = 0;

        if (!(t->from >> rec->state & 1) || !may_take(c, rec, t) || !has_somewhere_to_go(c, rec, t))
            continue;
        if (t->max_times) {
            int r = history_count(c, rec, t->name, &taken);

            if (r < 0)
                return r;
        }
        if (!t->max_times || taken < t->max_times)
            legal |= UINT64_C(1) << i;
    }
    *ret = legal;
    return 0;
}
