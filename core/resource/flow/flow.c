/* What a record has been through: times, persons, steps. */
#include "resource/flow/flow.h"

#include <errno.h>

#include "base/clock.h"
#include "base/json.h"
#include "resource/flow/part.h"
#include "resource/record/store.h"

#define STEPS_MAX 50

/* A move is noted by its basis, which says where from. */
static const struct db_stmt taken = {"flow.taken",
    "SELECT h.transition, count(*), max(h.version), (array_agg(h.actor ORDER BY h.version DESC))[1],"
    " max(h.version) FILTER (WHERE h.from_state <> h.to_state OR h.basis IS NOT NULL) FROM juxin.history h"
    " WHERE h.tenant_id = $1 AND h.resource = $2 AND h.record_id = $3 AND h.transition IS NOT NULL"
    " GROUP BY h.transition"};
static const struct db_stmt steps = {"flow.steps",
    "SELECT h.version, h.to_state, h.unit_id, h.at FROM juxin.history h WHERE h.tenant_id = $1 AND"
    " h.resource = $2 AND h.record_id = $3 AND h.to_state IS NOT NULL ORDER BY h.version DESC LIMIT 500"};
static const struct db_stmt sent_back = {"flow.sent_back",
    "SELECT h.from_state, h.unit_id, h.basis FROM juxin.history h WHERE h.tenant_id = $1 AND h.resource = $2"
    " AND h.record_id = $3 AND h.version = $4 AND h.transition IS NOT NULL"};

bool flow_is_asked_for(const struct transition *t)
{
    return t->max_times || t->not_by || t->after || t->is_asked || t->waits_for || t->completes ||
           t->goal == GOAL_RESUME || t->goal == GOAL_UNMERGE;
}

bool flow_is_asked_of(const struct resource *res)
{
    for (uint32_t i = 0; i < res->transition_count; i++)
        if (flow_is_asked_for(&res->transitions[i]))
            return true;
    return false;
}

void flow_calls(struct db_call ret[FLOW_CALLS])
{
    ret[0] = (struct db_call){.stmt = taken};
    ret[1] = (struct db_call){.stmt = part_states};
}

void flow_of_rows(
    struct call *c, const struct record *rec, const struct db_call calls[FLOW_CALLS], struct flow *ret)
{
    const struct db_rows *rows = calls[0].rows;

    *ret = (struct flow){.taken = arena_array(c->arena, rec->res->transition_count + 1, sizeof(*ret->taken)),
        .parts = calls[1].rows};
    for (int i = 0; i < db_rows_count(rows); i++) {
        const struct transition *t = resource_transition(rec->res, db_get_text(rows, i, 0));

        if (db_get(rows, i, 4))
            ret->moved = MAX(ret->moved, db_get_int(rows, i, 4));
        if (t)
            ret->taken[t - rec->res->transitions] = (struct flow_taken){
                (uint32_t)db_get_int(rows, i, 1), db_get_int(rows, i, 2), db_get_uuid(rows, i, 3)};
    }
}

int flow_read(struct call *c, const struct record *rec, struct flow *ret)
{
    struct db_args *a = arena_alloc(c->arena, sizeof(*a));
    struct db_call calls[FLOW_CALLS];
    int r;

    record_key_args(a, c, rec->res, rec->id);
    flow_calls(calls);
    for (size_t i = 0; i < FLOW_CALLS; i++)
        calls[i].args = a;
    r = call_read(c, calls, FLOW_CALLS);
    if (r == 0)
        flow_of_rows(c, rec, calls, ret);
    return r;
}

static const struct flow_taken *last(
    const struct record *rec, const struct flow *f, const struct transition *t)
{
    return &f->taken[t - rec->res->transitions];
}

/* It was taken where the record is now, and nothing that decides on it has been taken since. */
static bool is_waiting(const struct record *rec, const struct flow *f, const struct transition *act)
{
    int64_t asked = last(rec, f, act)->version;

    for (uint32_t i = 0; i < rec->res->transition_count; i++)
        if (rec->res->transitions[i].after == act && last(rec, f, &rec->res->transitions[i])->version > asked)
            return false;
    return asked > f->moved;
}

static uint32_t open_parts(const struct flow *f, const char *role)
{
    uint32_t n = 0;

    for (int i = 0; i < db_rows_count(f->parts); i++)
        n += strcmp(db_get(f->parts, i, PART_ROLE), role) == 0 &&
             strcmp(db_get(f->parts, i, PART_STATE), "open") == 0;
    return n;
}

static bool is_own_part(const struct subject *who, const struct flow *f, int i, const char *role)
{
    struct uuid holder = db_get_uuid(f->parts, i, PART_HOLDER);

    return strcmp(db_get(f->parts, i, PART_ROLE), role) == 0 &&
           (uuid_eq(holder, who->account) || subject_in_department(who, holder, false));
}

bool flow_has_part(const struct subject *who, const struct flow *f, const char *role)
{
    for (int i = 0; i < db_rows_count(f->parts); i++)
        if (is_own_part(who, f, i, role))
            return true;
    return false;
}

static bool has_open_part(const struct subject *who, const struct flow *f, const char *role)
{
    for (int i = 0; i < db_rows_count(f->parts); i++)
        if (is_own_part(who, f, i, role) && strcmp(db_get(f->parts, i, PART_STATE), "open") == 0)
            return true;
    return false;
}

/* The transition that sent the record back, when that was the last thing that moved it. */
static bool was_sent_back(const struct record *rec, const struct flow *f)
{
    for (uint32_t i = 0; i < rec->res->transition_count; i++)
        if (rec->res->transitions[i].goal == GOAL_BACK && f->moved > 0 && f->taken[i].version == f->moved)
            return true;
    return false;
}

enum refusal {
    ALLOWED,
    TOO_OFTEN,
    ASKED_ALREADY,
    NOT_ASKED,
    SAME_PERSON,
    STILL_OPEN,
    DONE_ALREADY,
    NOT_SENT_BACK
};

static enum refusal refusal(
    const struct call *c, const struct record *rec, const struct transition *t, const struct flow *f)
{
    if (t->max_times && last(rec, f, t)->times >= t->max_times)
        return TOO_OFTEN;
    if (t->is_asked && is_waiting(rec, f, t))
        return ASKED_ALREADY;
    if (t->after && !is_waiting(rec, f, t->after))
        return NOT_ASKED;
    if (t->not_by && c->who->kind == SUBJECT_ACCOUNT && last(rec, f, t->not_by)->version &&
        uuid_eq(last(rec, f, t->not_by)->actor, c->who->account))
        return SAME_PERSON;
    if (t->waits_for && open_parts(f, t->waits_for))
        return STILL_OPEN;
    if (t->completes && !has_open_part(c->who, f, t->completes))
        return DONE_ALREADY;
    if (t->goal == GOAL_RESUME && !was_sent_back(rec, f))
        return NOT_SENT_BACK;
    return ALLOWED;
}

bool flow_allows(
    const struct call *c, const struct record *rec, const struct transition *t, const struct flow *f)
{
    return refusal(c, rec, t, f) == ALLOWED;
}

int flow_check(struct call *c, const struct record *rec, const struct transition *t, const struct flow *f)
{
    struct arena *a = c->arena;

    switch (refusal(c, rec, t, f)) {
    case ALLOWED:
        return 0;
    case TOO_OFTEN:
        return call_fail(c, 409, "too_often",
            arena_printf(a, "\"%s\" is possible %u times.", t->label.en, t->max_times),
            arena_printf(a, "“%s”最多 %u 次。", t->label.zh, t->max_times));
    case ASKED_ALREADY:
        return call_fail(c, 409, "asked_already",
            arena_printf(a, "\"%s\" has been taken and waits for its decision.", t->label.en),
            arena_printf(a, "已“%s”，正等待处理。", t->label.zh));
    case NOT_ASKED:
        return call_fail(c, 409, "not_asked",
            arena_printf(a, "Nothing waits for this: \"%s\" was not taken.", t->after->label.en),
            arena_printf(a, "没有待处理的“%s”。", t->after->label.zh));
    case SAME_PERSON:
        return call_fail(c, 409, "same_person",
            arena_printf(
                a, "Whoever took \"%s\" cannot take this: it needs a second person.", t->not_by->label.en),
            arena_printf(a, "“%s”的经办人不能办理此项，须由另一人办理。", t->not_by->label.zh));
    case STILL_OPEN:
        return call_fail(c, 409, "still_open",
            arena_printf(
                a, "%u who were asked for their part have not done it yet.", open_parts(f, t->waits_for)),
            arena_printf(a, "还有 %u 个会办方未办理完毕。", open_parts(f, t->waits_for)));
    case DONE_ALREADY:
        return call_fail(c, 409, "done_already", "This part is done already.", "此项已办理。");
    case NOT_SENT_BACK:
        return call_fail(c, 409, "not_sent_back", "The record was not sent back to where it is now.",
            "该记录并非退回件，无需恢复办理。");
    }
    return -EINVAL;
}

/* ---- steps ---- */

static bool is_listed(const struct flow_step *list, uint32_t n, const struct flow_step *one)
{
    for (uint32_t i = 0; i < n; i++)
        if (list[i].state == one->state && uuid_eq(list[i].unit_id, one->unit_id))
            return true;
    return false;
}

int flow_steps(struct call *c, const struct record *rec, const struct transition *t, struct flow_step **ret,
    uint32_t *ret_count)
{
    struct flow_step *list = arena_array(c->arena, STEPS_MAX + 1, sizeof(*list));
    struct db_args *a = arena_alloc(c->arena, sizeof(*a));
    struct db_call call = {.stmt = steps, .args = a};
    uint32_t n = 1;
    int r;

    record_key_args(a, c, rec->res, rec->id);
    r = call_read(c, &call, 1);
    if (r < 0)
        return r;
    list[0] = (struct flow_step){.state = rec->state, .unit_id = rec->unit_id}; /* where it is */
    for (int i = 0; i < db_rows_count(call.rows) && n <= STEPS_MAX; i++) {
        struct flow_step one = {db_get_int(call.rows, i, 0),
            resource_state(rec->res, db_get_text(call.rows, i, 1)), db_get_uuid(call.rows, i, 2)};

        if (one.state >= rec->res->state_count || !(t->back_to >> one.state & 1) || is_listed(list, n, &one))
            continue;
        one.at = arena_dup(c->arena, clock_format(db_get_time(call.rows, i, 3)).s);
        list[n++] = one;
    }
    *ret = list + 1;
    *ret_count = n - 1;
    return 0;
}

static int from_basis(const struct db_rows *rows, struct flow_resume *ret)
{
    const char *unit;
    json_t *basis;

    if (!db_get(rows, 0, 2))
        return 0;
    if (json_parse(db_get_text(rows, 0, 2), JSON_LIMITS, &basis, NULL) < 0)
        return -EIO;
    unit = json_str(basis, "from_unit_id");
    ret->has_days = json_object_get(basis, "days_left") != NULL;
    ret->days = (int32_t)json_int_or(basis, "days_left", 0);
    if (unit && uuid_parse(text_of(unit), &ret->unit_id) < 0)
        ret->unit_id = UUID_NIL;
    json_decref(basis);
    return 0;
}

int flow_resume(struct call *c, const struct record *rec, const struct flow *f, struct flow_resume *ret)
{
    struct db_args *a = arena_alloc(c->arena, sizeof(*a));
    struct db_call call = {.stmt = sent_back, .args = a};
    int r;

    record_key_args(a, c, rec->res, rec->id);
    db_arg_int(a, f->moved);
    r = call_read(c, &call, 1);
    if (r == 0 && db_rows_count(call.rows) != 1)
        r = -EIO;
    if (r < 0)
        return r;
    *ret = (struct flow_resume){.state = resource_state(rec->res, db_get_text(call.rows, 0, 0)),
        .unit_id = db_get_uuid(call.rows, 0, 1)};
    return ret->state < rec->res->state_count ? from_basis(call.rows, ret) : -EIO;
}
