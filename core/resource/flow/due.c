/* Automatic transitions. Tenants are looked at one by one, each under its own row-level security. */
#include "resource/flow/due.h"

#include <errno.h>

#include "resource/declare/resource.h"
#include "resource/record/gate.h"
#include "resource/record/record.h"
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
    bool is_paused;
};

static struct db_stmt due_select(struct arena *a, const struct resource *res)
{
    return db_stmt_built(a,
        arena_printf(a,
            "SELECT r.id, r.state, r.version, r.state_since, r.unit_id FROM %s r WHERE r.tenant_id = $1 AND "
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

        if (t->auto_days && item->state < res->state_count && (t->from >> item->state & 1) &&
            calendar_add(calendar, item->since, (int32_t)t->auto_days) < today)
            return t;
    }
    return NULL;
}

/* One piece of work in the tenant as of a day; again with a fresh snapshot when the epoch moved. */
struct due_work {
    struct db *db;
    int32_t tenant;
    const struct resource *res;
    int64_t as_of_us;
};

static int in_tenant(
    const struct due_work *w, int (*fn)(struct call *c, const struct due_work *w, void *arg), void *arg)
{
    struct arena *arena = arena_new();
    struct call c;
    int r = -EREMCHG;

    for (int attempt = 0; attempt < 4 && (r == -EREMCHG || r == -EDEADLK); attempt++) {
        arena_reset(arena);
        call_init(&c, w->db, arena);
        c.who = &system_subject;
        c.now_us = w->as_of_us;
        r = tenant_get_by_id(w->db, w->tenant, &c.tenant);
        if (r < 0)
            break;
        r = fn(&c, w, arg);
        if (r == 0)
            r = call_commit(&c);
        call_done(&c);
        if (r == -EREMCHG) {
            struct tenant *fresh = NULL;

            if (tenant_refresh(w->db, w->tenant, c.seen_epoch, &fresh) == 0)
                tenant_unref(fresh);
        }
        tenant_unref(c.tenant);
    }
    arena_free(arena);
    return r;
}

/* The gate is asked again with the record locked: it may have moved since it was listed. */
static int take_one(struct call *c, const struct due_work *w, void *arg)
{
    struct due_item *item = arg;
    const struct transition *t = pick(w->res, tenant_calendar(c->tenant), item, calendar_today(w->as_of_us));
    struct record *rec;
    int r = t ? record_transition(c, w->res, item->id, item->version, t->name, NULL, &rec) : -ENOENT;

    item->is_paused = r == -EINVAL && gate_is_fault(c);
    return r;
}

struct batch {
    struct uuid after;
    struct due_item items[DUE_BATCH];
    int count;
};

/* The next batch of a tenant's records, those that wait for their plugin marked. */
static int list(struct call *c, const struct due_work *w, void *arg)
{
    struct batch *b = arg;
    struct db_args args;
    struct db_call call = {.stmt = due_select(c->arena, w->res), .args = &args};
    int r;

    db_args_reset(&args);
    db_arg_int(&args, w->tenant);
    db_arg_date(&args, calendar_today(w->as_of_us));
    db_arg_uuid(&args, b->after);
    r = call_read(c, &call, 1);
    b->count = r == 0 ? db_rows_count(call.rows) : 0;
    for (int i = 0; i < b->count; i++) {
        uint32_t unit = tree_find(c->tenant->tree, db_get_uuid(call.rows, i, 4));

        b->items[i] = (struct due_item){db_get_uuid(call.rows, i, 0),
            resource_state(w->res, db_get_text(call.rows, i, 1)), db_get_int(call.rows, i, 2),
            calendar_today(db_get_time(call.rows, i, 3)), !gate_is_on(c, w->res->plugin, unit)};
    }
    return r;
}

static int run_tenant(
    struct db *db, int32_t tenant, const struct resource *res, int64_t as_of_us, struct due_report *report)
{
    struct due_work w = {db, tenant, res, as_of_us};
    struct batch b = {.after = UUID_NIL};
    int r;

    do {
        r = in_tenant(&w, list, &b);
        for (int i = 0; r == 0 && i < b.count; i++) {
            int one = b.items[i].is_paused ? -EINVAL : in_tenant(&w, take_one, &b.items[i]);

            if (one == -ECANCELED || one == -ECONNRESET)
                return one;
            report->done += one == 0;
            report->paused += b.items[i].is_paused;
            report->failed += one < 0 && !b.items[i].is_paused;
            b.after = b.items[i].id;
        }
    } while (r == 0 && b.count == DUE_BATCH);
    return r;
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
