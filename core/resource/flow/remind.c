/* The job that looks at deadlines. */
#include "resource/flow/remind.h"

#include <errno.h>

#include "base/clock.h"
#include "base/log.h"
#include "db/pgarray.h"
#include "resource/declare/resource.h"
#include "resource/query/query.h"
#include "resource/record/change.h"
#include "resource/record/reader.h"
#include "resource/record/store.h"
#include "resource/record/tell.h"
#include "tenant/calendar.h"

#define EVERY_S 3600
#define BATCH 50
#define LONG_AGO (-365 * 100) /* a day before any deadline */

static const struct db_stmt note = {"reminder.note",
    "INSERT INTO juxin.reminder (tenant_id, resource, record_id, due_at, kind, at)"
    " VALUES ($1, $2, $3, $4::date, $5, $6) ON CONFLICT (tenant_id, resource, record_id, due_at, kind) DO "
    "NOTHING"};

/* One kind of reminder of one resource: of records in these states that are due from one day to another. */
struct watch {
    const struct resource *res;
    const struct transition *t; /* to take; NULL: only to be told */
    const char *kind;
    uint64_t states;
    int32_t from, to;
    struct uuid after, next; /* those up to `after` have been looked at in this turn */
    int found;               /* by the last step */
    uint32_t told;
};

static const char *state_names(struct arena *a, const struct resource *res, uint64_t states)
{
    struct text *names = arena_array(a, res->state_count + 1, sizeof(*names));
    size_t n = 0;

    for (uint32_t i = 0; i < res->state_count; i++)
        if (states >> i & 1)
            names[n++] = text_of(res->states[i].name);
    return pgarray_of_texts(a, names, n);
}

static int find(struct call *c, const struct watch *w, struct db_call *call)
{
    struct db_args *a = arena_alloc(c->arena, sizeof(*a));

    db_args_reset(a);
    db_arg_int(a, c->tenant->id);
    db_arg_date(a, w->from);
    db_arg_date(a, w->to);
    db_arg_str(a, state_names(c->arena, w->res, w->states));
    db_arg_str(a, w->res->full_name);
    db_arg_str(a, w->kind);
    db_arg_uuid(a, w->after);
    *call = (struct db_call){.args = a,
        .stmt = db_stmt_built(c->arena,
            arena_printf(c->arena,
                "SELECT r.id, r.due_at FROM %s r WHERE r.tenant_id = $1 AND r.deleted_at IS NULL"
                " AND r.due_at >= $2::date AND r.due_at <= $3::date AND r.state = ANY($4::text[])"
                " AND r.id > $7::uuid AND NOT EXISTS (SELECT 1 FROM juxin.reminder m WHERE m.tenant_id = $1"
                " AND m.resource = $5 AND m.record_id = r.id AND m.due_at = r.due_at AND m.kind = $6)"
                " ORDER BY r.id LIMIT %d",
                w->res->table, BATCH))};
    return call_read(c, call, 1);
}

static int tell(struct call *c, const struct watch *w, struct uuid id, const char *due)
{
    struct record *rec;
    struct db_args a;
    int r = record_fetch(c, w->res, id, true, &rec);

    if (r == 0 && (!rec->due || strcmp(rec->due, due) != 0 || !(w->states >> rec->state & 1)))
        return -EINVAL; /* put off, or done, meanwhile */
    if (r == 0 && w->t)
        r = record_transition(c, w->res, id, rec->version, w->t->name, NULL, &rec);
    else if (r == 0)
        r = change_publish(c, rec, w->kind);
    if (r == 0 && !w->t)
        r = tell_holders(c, rec, w->kind, NULL);
    if (r < 0)
        return r;
    record_key_args(&a, c, w->res, id);
    db_arg_str(&a, due);
    db_arg_str(&a, w->kind);
    db_arg_time(&a, c->now_us);
    return db_exec(c->tx, note, &a, NULL);
}

/* What cannot be done now (the plugin is off there, a condition does not hold) is looked at again next time. */
static int step(struct call *c, struct job *j, void *arg)
{
    struct watch *w = arg;
    struct db_call call;
    int r = find(c, w, &call);
    uint32_t told = 0;

    w->found = r == 0 ? db_rows_count(call.rows) : 0;
    for (int i = 0; i < w->found && r == 0; i++) {
        r = db_savepoint(c->tx, "reminder");
        if (r == 0)
            r = tell(c, w, db_get_uuid(call.rows, i, 0), db_get(call.rows, i, 1));
        if (r == -EINVAL) {
            memset(&c->fault, 0, sizeof(c->fault));
            r = db_savepoint_rollback(c->tx, "reminder");
        } else if (r == 0) {
            told++;
            r = db_savepoint_release(c->tx, "reminder");
        }
    }
    w->told = told;
    w->next = w->found ? db_get_uuid(call.rows, w->found - 1, 0) : w->after;
    j->stage = w->kind;
    return r;
}

static uint64_t open_states(const struct resource *res)
{
    uint64_t states = 0;

    for (uint32_t i = 0; i < res->state_count; i++)
        states |= res->states[i].is_final ? 0 : UINT64_C(1) << i;
    return states;
}

/* The days come from the snapshot's calendar, in a step of their own. */
struct days {
    int32_t today, soon, escalated[RESOURCE_TRANSITIONS_MAX];
    const struct resource *res;
};

static int find_days(struct call *c, struct job *j, void *arg)
{
    const struct calendar *calendar = tenant_calendar(c->tenant);
    struct days *d = arg;

    (void)j;
    d->today = calendar_today(c->now_us);
    d->soon = calendar_add(calendar, d->today, (int32_t)d->res->remind_before);
    for (uint32_t i = 0; i < d->res->transition_count;
         i++) /* due on this day, so many working days are over */
        d->escalated[i] =
            calendar_add(calendar, d->today, -(int32_t)d->res->transitions[i].auto_overdue_days - 1);
    return 0;
}

static int run_watch(struct job *j, struct watch *w, uint32_t *total)
{
    int r;

    do {
        r = job_step(j, step, w);
        if (r < 0)
            return r;
        w->after = w->next;
        *total += w->told;
    } while (w->found == BATCH);
    return 0;
}

static int run_resource(struct job *j, const struct resource *res, uint32_t *total)
{
    struct watch told = {.res = res, .states = open_states(res)};
    struct days d = {.res = res};
    int r = job_step(j, find_days, &d);

    if (r == 0 && res->remind_before) {
        told.kind = NOTICE_DUE_SOON;
        told.from = d.today;
        told.to = d.soon;
        r = run_watch(j, &told, total);
    }
    if (r == 0 && res->remind_overdue) {
        told = (struct watch){
            .res = res, .kind = NOTICE_OVERDUE, .states = told.states, .from = LONG_AGO, .to = d.today - 1};
        r = run_watch(j, &told, total);
    }
    for (uint32_t i = 0; i < res->transition_count && r == 0; i++) {
        const struct transition *t = &res->transitions[i];
        struct watch late = {
            .res = res, .t = t, .kind = t->name, .states = t->from, .from = LONG_AGO, .to = d.escalated[i]};

        if (t->auto_overdue_days)
            r = run_watch(j, &late, total);
    }
    return r;
}

static int run(struct job *j)
{
    uint32_t total = 0;
    int r = 0;

    for (uint32_t i = 0; i < resource_count() && r == 0; i++)
        if (resource_watches_deadlines(resource_at(i)))
            r = run_resource(j, resource_at(i), &total);
    if (total)
        log_event(LOG_INFO, "deadlines.told", LF_INT("tenant", j->tenant), LF_INT("count", total));
    return r;
}

const struct job_kind remind_kind = {
    .name = "resource.deadlines",
    .label_zh = "期限提醒与逾期处理",
    .label_en = "Reminders of deadlines, and what is overdue",
    .as = JOB_AS_SYSTEM,
    .every_s = EVERY_S,
    .run = run,
};
