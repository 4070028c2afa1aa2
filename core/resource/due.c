/* Automatic transitions. Tenants are looked at one by one, each under its own row-level security. */
#include "resource/due.h"

#include <errno.h>

#include "base/clock.h"
#include "resource/record.h"
#include "resource/resource.h"
#include "tenant/calendar.h"

#define DUE_BATCH 200

static const struct db_stmt active_tenants = {
    "due.tenants", "SELECT id FROM juxin.tenant WHERE is_active ORDER BY id"};

static const struct subject system_subject = {.kind = SUBJECT_SYSTEM};

struct due_item {
    struct uuid id;
    uint32_t state;
    int64_t version;
    int32_t since; /* the day the state began */
};

static struct db_stmt due_select(struct arena *a, const struct resource *res)
{
    return db_stmt_built(a,
        arena_printf(a,
            "SELECT r.id, r.state, r.version, r.state_since FROM %s r WHERE r.tenant_id = $1 AND "
            "r.deleted_at IS NULL"
            " AND r.auto_at IS NOT NULL AND r.auto_at < $2::date AND r.id > $3::uuid ORDER BY r.id LIMIT %d",
            res->table, DUE_BATCH));
}

static bool has_auto(const struct resource *res)
{
    for (uint32_t i = 0; i < res->transition_count; i++)
        if (res->transitions[i].auto_days)
            return true;
    return false;
}

/* The automatic transition of the state whose working days are over. */
static const struct transition *pick(
    const struct resource *res, const struct calendar *calendar, const struct due_item *item, int32_t today)
{
    for (uint32_t i = 0; i < res->transition_count; i++) {
        const struct transition *t = &res->transitions[i];

        if (t->auto_days && (t->from >> item->state & 1) &&
            calendar_add(calendar, item->since, (int32_t)t->auto_days) < today)
            return t;
    }
    return NULL;
}

/* One record in a unit of work of its own; again with a fresh snapshot when the epoch moved. */
static int take_one(
    struct db *db, int32_t tenant, const struct resource *res, const struct due_item *item, int64_t as_of_us)
{
    struct arena *arena = arena_new();
    const struct transition *t;
    struct record *rec;
    struct call c;
    int r = -EREMCHG;

    for (int attempt = 0; attempt < 4 && (r == -EREMCHG || r == -EDEADLK); attempt++) {
        arena_reset(arena);
        call_init(&c, db, arena);
        c.who = &system_subject;
        c.now_us = as_of_us;
        r = tenant_get_by_id(db, tenant, &c.tenant);
        if (r < 0)
            break;
        t = pick(res, tenant_calendar(c.tenant), item, calendar_today(as_of_us));
        r = t ? record_transition(&c, res, item->id, item->version, t->name, NULL, &rec) : -ENOENT;
        if (r == 0)
            r = call_commit(&c);
        call_done(&c);
        if (r == -EREMCHG) {
            struct tenant *fresh = NULL;

            if (tenant_refresh(db, tenant, c.seen_epoch, &fresh) == 0)
                tenant_unref(fresh);
        }
        tenant_unref(c.tenant);
    }
    arena_free(arena);
    return r;
}

static uint32_t state_of(const struct resource *res, const char *name)
{
    for (uint32_t i = 0; i < res->state_count; i++)
        if (strcmp(res->states[i].name, name) == 0)
            return i;
    return res->state_count;
}

/* The next batch of a tenant's records after *after; the number of them, or -errno. */
static int batch(struct db *db, int32_t tenant, const struct resource *res, int64_t as_of_us,
    struct uuid after, struct due_item *out)
{
    struct arena *arena = arena_new();
    struct db_args args;
    struct db_call call = {.stmt = due_select(arena, res), .args = &args};
    int n = 0, r;

    db_args_reset(&args);
    db_arg_int(&args, tenant);
    db_arg_date(&args, calendar_today(as_of_us));
    db_arg_uuid(&args, after);
    r = db_read(db, tenant, &call, 1, NULL, NULL);
    for (int i = 0; r == 0 && i < db_rows_count(call.rows); i++)
        out[n++] = (struct due_item){db_get_uuid(call.rows, i, 0), state_of(res, db_get(call.rows, i, 1)),
            db_get_int(call.rows, i, 2), calendar_today(db_get_time(call.rows, i, 3))};
    if (r == 0)
        db_calls_done(&call, 1);
    arena_free(arena);
    return r < 0 ? r : n;
}

static int run_tenant(
    struct db *db, int32_t tenant, const struct resource *res, int64_t as_of_us, struct due_report *report)
{
    struct due_item items[DUE_BATCH];
    struct uuid after = UUID_NIL;
    int n;

    do {
        n = batch(db, tenant, res, as_of_us, after, items);
        for (int i = 0; i < n; i++) {
            int r = take_one(db, tenant, res, &items[i], as_of_us);

            if (r == -ECANCELED || r == -ECONNRESET)
                return r;
            report->done += r == 0;
            report->failed += r < 0;
            after = items[i].id;
        }
    } while (n == DUE_BATCH);
    return n < 0 ? n : 0;
}

/* The database is gone or the process ends: nobody else's turn would go better. */
static bool ends_all(int r)
{
    return r == -ECANCELED || r == -ECONNRESET || r == -EAGAIN;
}

/* A tenant or a resource in trouble holds up no other; the first error is the answer. */
int resource_run_due(struct db *db, int64_t as_of_us, struct due_report *ret)
{
    struct due_report report = {0};
    struct db_call call = {.stmt = active_tenants};
    int r = db_read(db, 0, &call, 1, NULL, NULL), first = 0;

    if (r < 0)
        return r;
    for (int i = 0; i < db_rows_count(call.rows) && !ends_all(r); i++) {
        report.tenants++;
        for (uint32_t k = 0; k < resource_count() && !ends_all(r); k++) {
            if (!has_auto(resource_at(k)))
                continue;
            r = run_tenant(db, (int32_t)db_get_int(call.rows, i, 0), resource_at(k), as_of_us, &report);
            if (r < 0 && first == 0)
                first = r;
        }
    }
    db_calls_done(&call, 1);
    *ret = report;
    return ends_all(r) ? r : first;
}
