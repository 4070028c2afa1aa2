/* Provisional deadlines. */
#include "resource/flow/recount.h"

#include <errno.h>

#include "base/clock.h"
#include "base/log.h"
#include "plugin/hook/hook.h"
#include "resource/declare/edition.h"
#include "resource/declare/resource.h"
#include "resource/record/change.h"
#include "resource/record/gate.h"
#include "resource/record/reader.h"
#include "resource/record/store.h"
#include "tenant/calendar.h"

#define PAGE 50
#define EVERY_S 3600

static const struct db_stmt put_off = {"recount.put_off",
    "UPDATE juxin.provisional SET due_at = $5::date, days = days + $6 WHERE tenant_id = $1 AND resource = $2"
    " AND record_id = $3 AND due_at = $4::date"};
static const struct db_stmt note = {"recount.note",
    "INSERT INTO juxin.provisional (tenant_id, resource, record_id, due_at, from_day, days)"
    " VALUES ($1, $2, $3, $4::date, $5::date, $6) ON CONFLICT (tenant_id, resource, record_id) DO UPDATE SET"
    " due_at = EXCLUDED.due_at, from_day = EXCLUDED.from_day, days = EXCLUDED.days"};
static const struct db_stmt forget = {"recount.forget",
    "DELETE FROM juxin.provisional WHERE tenant_id = $1 AND resource = $2 AND record_id = $3"};
static const struct db_stmt next = {"recount.next",
    "SELECT p.resource, p.record_id, p.due_at, p.from_day, p.days FROM juxin.provisional p WHERE p.tenant_id "
    "= "
    "$1 AND (p.resource, p.record_id) > ($2::text, $3::uuid) ORDER BY p.resource, p.record_id LIMIT $4"};

/* Is any year of it not published? */
static bool is_provisional(const struct calendar *calendar, int32_t from, int32_t to)
{
    for (int32_t day = from + 1; day < to; day += 300)
        if (!calendar_covers(calendar, day))
            return true;
    return !calendar_covers(calendar, to);
}

static int drop(struct call *c, const struct resource *res, struct uuid id)
{
    struct db_args a;

    record_key_args(&a, c, res, id);
    return db_exec(c->tx, forget, &a, NULL);
}

static int keep(
    struct call *c, const struct resource *res, struct uuid id, int32_t due, int32_t from, int32_t days)
{
    struct db_args a;

    record_key_args(&a, c, res, id);
    db_arg_date(&a, due);
    db_arg_date(&a, from);
    db_arg_int(&a, days);
    return db_exec(c->tx, note, &a, NULL);
}

/* What was put off is counted from where it was counted before: so many days more. */
static int extend(
    struct call *c, const struct record *rec, const char *old_due, const struct deadline *d, bool *ret)
{
    struct db_rows *rows CLEANUP(db_rows_freep) = NULL;
    struct db_args a;
    int r;

    record_key_args(&a, c, rec->res, rec->id);
    db_arg_str(&a, old_due);
    db_arg_str(&a, rec->due);
    db_arg_int(&a, d->days);
    r = db_exec(c->tx, put_off, &a, &rows);
    *ret = r == 0 && db_rows_affected(rows) == 1;
    return r;
}

int recount_note(struct call *c, const struct record *rec, const char *old_due, const struct deadline *d)
{
    bool is_done = false;
    int32_t due = 0;
    int r = 0;

    if (rec->due == old_due || (rec->due && old_due && strcmp(rec->due, old_due) == 0))
        return 0;
    if (rec->due && date_parse(text_of(rec->due), &due) < 0)
        return -EIO;
    if (rec->due && d->extends && old_due)
        r = extend(c, rec, old_due, d, &is_done);
    if (r < 0 || is_done)
        return r;
    if (rec->due && d->is_counted && is_provisional(tenant_calendar(c->tenant), d->from, due))
        return keep(c, rec->res, rec->id, due, d->from, d->days);
    return old_due ? drop(c, rec->res, rec->id) : 0;
}

/* ---- the job ---- */

struct recounting {
    const char *resource; /* those up to here have been looked at; the job's */
    struct uuid record;
    const char *next_resource;
    struct uuid next_record;
    int found;
    uint32_t changed, all;
};

struct found {
    const struct resource *res;
    struct uuid id;
    const char *due;
    int32_t old_due, from, days;
};

static int write_due(struct call *c, struct record *rec, const struct found *f, int32_t due)
{
    struct history_entry entry = {
        .action = "deadline", .redirected_from = TREE_NONE, .old_due = f->due, .new_due = NULL};
    struct change_extra extra = {.set = ", due_at = $6::date", .count = 1};
    const char *verb = arena_printf(c->arena, "%s.deadline", rec->res->full_name);
    int r;

    rec->due = entry.new_due = extra.values[0] = arena_dup(c->arena, date_format(due).s);
    r = change_write(c, rec, &extra);
    if (r == 0)
        r = history_add(c, rec, &entry);
    if (r == 0)
        r = call_audit(c, verb, rec->res->full_name, rec->id, rec->unit_id, "due_at");
    if (r == 0)
        r = hook_actions(c, HOOK_AFTER_UPDATE, rec->res->full_name, NULL, rec, rec->version, "due_at");
    return r < 0 ? r : change_publish(c, rec, "deadline");
}

/* Where the plugin is off it waits. */
static int recount(struct call *c, const struct found *f, bool *ret_changed)
{
    const struct calendar *calendar = tenant_calendar(c->tenant);
    int32_t due = calendar_add(calendar, f->from, f->days);
    bool still = is_provisional(calendar, f->from, due);
    struct record *rec;
    int r;

    if (still && due == f->old_due)
        return 0;
    r = record_find_any(c, f->res, f->id, &rec);
    if (r < 0)
        return r;
    if (!rec || !rec->due || strcmp(rec->due, f->due) != 0 || f->res->states[rec->state].is_final)
        return drop(c, f->res, f->id);
    if (!gate_is_on(c, f->res->plugin, rec->unit))
        return 0;
    if (due != f->old_due) {
        r = write_due(c, rec, f, due);
        *ret_changed = true;
    }
    if (r < 0)
        return r;
    return still ? keep(c, f->res, f->id, due, f->from, f->days) : drop(c, f->res, f->id);
}

static int step(struct call *c, struct job *j, void *arg)
{
    struct recounting *x = arg;
    struct db_args a;
    struct db_call call = {.stmt = next, .args = &a};
    int r;

    x->changed = 0;
    db_args_reset(&a);
    db_arg_int(&a, c->tenant->id);
    db_arg_str(&a, x->resource);
    db_arg_uuid(&a, x->record);
    db_arg_int(&a, PAGE);
    r = call_read(c, &call, 1);
    x->found = r == 0 ? db_rows_count(call.rows) : 0;
    for (int i = 0; r == 0 && i < x->found; i++) {
        struct found f = {.res = edition_find(c->tenant, db_get(call.rows, i, 0)),
            .id = db_get_uuid(call.rows, i, 1),
            .due = db_get(call.rows, i, 2),
            .days = (int32_t)db_get_int(call.rows, i, 4)};
        bool changed = false;

        x->next_resource = arena_dup(j->arena, db_get(call.rows, i, 0));
        x->next_record = f.id;
        if (!f.res)
            continue; /* the plugin is gone for a while */
        if (date_parse(db_get_text(call.rows, i, 2), &f.old_due) < 0 ||
            date_parse(db_get_text(call.rows, i, 3), &f.from) < 0)
            return -EIO;
        r = recount(c, &f, &changed);
        x->changed += changed;
    }
    return r;
}

static int run(struct job *j)
{
    struct recounting x = {.resource = "", .record = UUID_NIL};
    int r;

    do {
        r = job_step(j, step, &x);
        if (r < 0)
            return r;
        x.resource = x.next_resource;
        x.record = x.next_record;
        x.all += x.changed;
    } while (x.found == PAGE);
    if (x.all)
        log_event(LOG_INFO, "deadlines.recounted", LF_INT("tenant", j->tenant), LF_INT("count", x.all));
    return 0;
}

const struct job_kind recount_kind = {
    .name = "resource.calendar",
    .label_zh = "按新公布的节假日重新计算期限",
    .label_en = "Count deadlines anew by holidays that were published",
    .as = JOB_AS_SYSTEM,
    .every_s = EVERY_S,
    .run = run,
};
