/* Notices about a step. */
#include "resource/flow/inform.h"

#include "resource/flow/merge.h"
#include "resource/flow/part.h"
#include "resource/record/store.h"
#include "resource/record/tell.h"

static const struct db_stmt last_move = {"inform.last_move",
    "SELECT h.actor FROM juxin.history h WHERE h.tenant_id = $1 AND h.resource = $2 AND h.record_id = $3"
    " AND h.version < $4 AND (h.kind = 'create' OR h.from_state <> h.to_state OR h.basis IS NOT NULL)"
    " AND h.kind <> ALL('{merge,unmerge,deadline}'::text[])"
    " ORDER BY h.version DESC LIMIT 1"};

static int tell_assigned(struct call *c, const struct record *rec, const struct transition *t)
{
    int r = 0;

    for (uint32_t i = 0; i < t->participant_count && r == 0; i++) {
        const struct field *f = t->participants[i].field;
        struct uuid *ids;
        uint32_t count;

        if (f->type == FIELD_UNIT)
            continue;
        r = part_ids_of(c, rec->values[f->index], f, &ids, &count);
        if (r == 0)
            r = tell_people(c, rec, NOTICE_ASSIGNED, t, ids, count);
    }
    return r;
}

static int tell_returned(struct call *c, const struct record *rec, const struct transition *t)
{
    struct db_args *a = arena_alloc(c->arena, sizeof(*a));
    struct db_call call = {.stmt = last_move, .args = a};
    struct uuid who;
    int r;

    record_key_args(a, c, rec->res, rec->id);
    db_arg_int(a, rec->version);
    r = call_read(c, &call, 1);
    if (r < 0 || db_rows_count(call.rows) == 0)
        return r;
    who = db_get_uuid(call.rows, 0, 0);
    return tell_people(c, rec, NOTICE_RETURNED, t, &who, uuid_is_nil(who) ? 0 : 1);
}

int inform_of_step(struct call *c, const struct record *rec, const struct transition *t)
{
    int r = tell_assigned(c, rec, t);

    if (r == 0 && t->goal == GOAL_BACK)
        r = tell_returned(c, rec, t);
    if (r == 0 && t->tells & TELLS_SUBMITTER)
        r = tell_people(c, rec, NOTICE_PROGRESS, t, &rec->created_by, uuid_is_nil(rec->created_by) ? 0 : 1);
    if (r == 0 && t->tells & TELLS_SUBMITTER)
        r = merge_tell(c, rec, t);
    if (r == 0 && t->tells & TELLS_HOLDERS)
        r = tell_holders(c, rec, NOTICE_PROGRESS, t);
    return r;
}
