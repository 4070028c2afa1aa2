/* Once a day, in each tenant: values whose time is over are erased (erase.h), a page of records a step. What is erased is found by
 * no later page, so a job that was broken off goes on with what is left. */
#include "resource/own/retain.h"

#include <errno.h>

#include "base/log.h"
#include "resource/declare/edition.h"
#include "resource/declare/resource.h"
#include "resource/own/erase.h"
#include "resource/own/invitation.h"
#include "resource/own/own.h"

#define PAGE 50
#define EVERY_S (24 * 3600)

struct retaining {
    uint32_t resource, count; /* the one that is looked at, of so many */
    uint32_t step;            /* records the step under way has seen to */
    int64_t records;
};

static bool is_retained(const struct field *f)
{
    return f->retention && strcmp(f->sensitivity, "none") != 0;
}

/* From when a field's time counts: where records are closed, from then on, or from when they were deleted; else from the last
 * change, which deleting is, too. */
static const char *begins(struct arena *a, const struct resource *res)
{
    const char *states = "";

    for (uint32_t i = 0; i < res->state_count; i++)
        if (res->states[i].is_final)
            states = arena_printf(a, "%s%s'%s'", states, *states ? ", " : "", res->states[i].name);
    return *states ? arena_printf(
                         a, "least(CASE WHEN r.state IN (%s) THEN r.state_since END, r.deleted_at)", states)
                   : "r.updated_at";
}

/* Is the field's time over, as a column? Names and durations are checked by the declaration. */
static const char *is_over(struct arena *a, const struct field *f, const char *from)
{
    const char *held = f->is_custom ? arena_printf(a,
                                          "EXISTS (SELECT 1 FROM juxin.custom_value v WHERE v.tenant_id = $1 "
                                          "AND v.record_id = r.id AND "
                                          "v.field_id = '%s'::uuid)",
                                          uuid_format(f->id).s)
                                    : arena_printf(a, "r.\"%s\" IS NOT NULL", f->name);

    return arena_printf(a, "(%s AND %s < $2::timestamptz - '%s'::interval)", held, from, f->retention);
}

/* Deleted records too: theirs are the values nobody would find any more. Locked as they are found, so that what somebody changes
 * or deletes meanwhile is looked at as it is then. */
static struct db_stmt find(struct arena *a, const struct resource *res)
{
    const char *from = begins(a, res), *columns = "", *any = "";

    for (uint32_t i = 0; i < res->field_count; i++) {
        const char *over;

        if (!is_retained(&res->fields[i]))
            continue;
        over = is_over(a, &res->fields[i], from);
        columns = arena_printf(a, "%s, coalesce(%s, false)", columns, over);
        any = arena_printf(a, "%s%s%s", any, *any ? " OR " : "", over);
    }
    if (!*any)
        return (struct db_stmt){NULL, NULL};
    return db_stmt_built(a, arena_printf(a,
                                "SELECT r.id%s FROM %s r WHERE r.tenant_id = $1 AND "
                                "(%s) ORDER BY r.id LIMIT $3 FOR UPDATE OF r",
                                columns, res->table, any));
}

static int erase(struct call *c, const struct resource *res, const struct db_rows *rows, int row)
{
    bool *over = arena_array(c->arena, res->field_count, sizeof(*over));
    struct record *rec;
    bool is_deleted = false;
    int column = 1, r = own_find_held(c, res, UUID_NIL, db_get_uuid(rows, row, 0), &rec, &is_deleted);

    for (uint32_t i = 0; i < res->field_count; i++)
        if (is_retained(&res->fields[i]))
            over[i] = db_get_bool(rows, row, column++);
    return r < 0 ? r : erase_fields(c, rec, over, is_deleted);
}

static int step(struct call *c, struct job *j, void *arg)
{
    struct retaining *x = arg;
    const struct resource *res = edition_of(c->tenant, resource_at(x->resource));
    struct db_args a;
    struct db_call call = {.stmt = find(c->arena, res), .args = &a};
    int r;

    x->step = 0;
    if (!call.stmt.sql)
        return 0;
    db_args_reset(&a);
    db_arg_int(&a, c->tenant->id);
    db_arg_time(&a, c->now_us);
    db_arg_int(&a, PAGE);
    r = call_read(c, &call, 1);
    for (int i = 0; r == 0 && i < db_rows_count(call.rows); i++)
        r = erase(c, res, call.rows, i);
    x->step = r == 0 ? (uint32_t)db_rows_count(call.rows) : 0;
    j->stage = "erasing";
    j->done = x->records + x->step;
    j->result = arena_printf(j->arena, "{\"records\":%lld}", (long long)j->done);
    return r;
}

static int purge(struct call *c, struct job *j, void *arg)
{
    (void)j;
    return invitation_purge(c, arg);
}

/* Invitations that are over, and codes. */
static int purge_all(struct job *j)
{
    uint32_t count = 0;
    int r;

    do
        r = job_step(j, purge, &count);
    while (r == 0 && count > 0);
    return r;
}

static int run(struct job *j)
{
    struct retaining x = {.count = resource_count()};
    int r = purge_all(j);

    for (x.resource = 0; x.resource < x.count && r == 0; x.resource++) {
        do {
            r = job_step(j, step, &x);
            x.records += r == 0 ? x.step : 0;
        } while (r == 0 && x.step == PAGE);
    }
    if (x.records > 0)
        log_event(LOG_INFO, "retention.erased", LF_INT("tenant", j->tenant), LF_INT("records", x.records));
    return r;
}

const struct job_kind retain_job = {.name = "own.retain",
    .label_zh = "清除保存期满的个人信息",
    .label_en = "Erase personal values whose time is over",
    .as = JOB_AS_SYSTEM,
    .every_s = EVERY_S,
    .run = run};
