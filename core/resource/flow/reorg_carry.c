/* Open records follow: the job behind a merge or a split. A step takes some of one resource at one retired unit: place,
 * version, history, the old unit as one that takes part, the note for statistics and the event, all in one unit of work. What a
 * step has moved is not at the old unit any more: a job that is broken off finds what is left, and nothing twice. */
#include <errno.h>

#include "access/job.h"
#include "base/json.h"
#include "db/pgarray.h"
#include "resource/declare/resource.h"
#include "resource/flow/reorganise.h"
#include "resource/flow/stranded.h"
#include "resource/record/change.h"

#define BATCH 500

static const struct db_stmt list_retired = {"reorg.retired",
    "SELECT unit_id, into_id FROM juxin.unit_successor WHERE tenant_id = $1 AND event_id = "
    "$2 ORDER BY unit_id"};
static const struct db_stmt find_successor = {
    "reorg.find_successor", "SELECT into_id FROM juxin.unit_successor WHERE tenant_id = $1 AND unit_id = $2"};
static const struct db_stmt lock_unit = {"reorg.lock_unit",
    "SELECT id FROM juxin.unit WHERE tenant_id = $1 AND id = $2 AND closed_at IS NULL FOR KEY SHARE"};
static const struct db_stmt add_history = {"reorg.history",
    "INSERT INTO juxin.history (tenant_id, resource, record_id, version, id, at, actor_kind, kind, unit_id, "
    "basis) SELECT $1, "
    "$2, x.record_id, x.version, x.id, $3, $4, 'move', $5, $6 FROM unnest($7::uuid[], $8::bigint[], "
    "$9::uuid[]) AS "
    "x(record_id, version, id) RETURNING id"};
static const struct db_stmt add_origin = {"reorg.origin",
    "INSERT INTO juxin.participant (tenant_id, resource, record_id, holder, role, created_at) SELECT $1, $2, "
    "x.id, $3, "
    "'origin', $4 FROM unnest($5::uuid[]) AS x(id) ON CONFLICT (tenant_id, holder, resource, record_id, "
    "role) DO NOTHING"};
static const struct db_stmt add_carried = {"reorg.carried",
    "INSERT INTO juxin.unit_carried (tenant_id, record_id, event_id, resource, from_id, into_id, at) SELECT "
    "$1, x.id, $2, "
    "$3, $4, $5, $6 FROM unnest($7::uuid[]) AS x(id) ON CONFLICT (tenant_id, record_id, event_id) DO "
    "NOTHING"};
static const struct db_stmt count_carried = {"reorg.count",
    "UPDATE juxin.unit_event SET carried = carried + $3 WHERE tenant_id = $1 AND id = $2 AND "
    "state = 'carrying'"};
static const struct db_stmt finish_event = {"reorg.finish",
    "UPDATE juxin.unit_event SET state = 'done', done_at = $3, left_behind = $4, version = version + 1 WHERE "
    "tenant_id = $1 AND id = $2 AND "
    "state = 'carrying'"};

struct carry {
    struct uuid event, retired[REORG_FROM_MAX], into[REORG_FROM_MAX];
    uint32_t count;
    /* Of a step. */
    const struct resource *res;
    uint32_t at; /* which of the retired */
    uint32_t found;
};

static int find_retired(struct call *c, struct job *j, void *arg)
{
    struct carry *k = arg;
    struct db_args *a = arena_alloc(c->arena, sizeof(*a));
    struct db_call call = {.stmt = list_retired, .args = a};
    int r;

    db_args_reset(a);
    db_arg_int(a, c->tenant->id);
    db_arg_uuid(a, k->event);
    r = call_read(c, &call, 1);
    if (r < 0)
        return r;
    k->count = MIN((uint32_t)db_rows_count(call.rows), REORG_FROM_MAX);
    for (uint32_t i = 0; i < k->count; i++) {
        k->retired[i] = db_get_uuid(call.rows, (int)i, 0);
        k->into[i] = db_get_uuid(call.rows, (int)i, 1);
    }
    j->stage = "carrying";
    return 0;
}

/* Where it goes may have been retired itself since. */
static int find_open(struct call *c, struct uuid *into)
{
    for (int i = 0; i < 100; i++) {
        struct db_rows *open CLEANUP(db_rows_freep) = NULL, *next CLEANUP(db_rows_freep) = NULL;
        struct db_args a;
        int r;

        db_args_reset(&a);
        db_arg_int(&a, c->tenant->id);
        db_arg_uuid(&a, *into);
        r = db_exec(c->tx, lock_unit, &a, &open);
        if (r < 0 || db_rows_count(open) == 1)
            return r;
        r = db_exec(c->tx, find_successor, &a, &next);
        if (r < 0)
            return r;
        if (db_rows_count(next) == 0)
            break;
        *into = db_get_uuid(next, 0, 0);
    }
    return call_fail(c, 409, "nowhere_to_go", "The unit that takes over is closed.", "承接机构已关闭。");
}

static const char *final_states(struct call *c, const struct resource *res)
{
    struct text *names = arena_array(c->arena, res->state_count + 1, sizeof(*names));
    size_t n = 0;

    for (uint32_t i = 0; i < res->state_count; i++)
        if (res->states[i].is_final)
            names[n++] = text_of(res->states[i].name);
    return pgarray_of_texts(c->arena, names, n);
}

const char *reorg_conflict(struct arena *a, const struct resource *res, const char *unit)
{
    const char *s = NULL;

    for (uint32_t i = 0; i < res->column_count; i++)
        if (res->fields[i].unique == UNIQUE_UNIT)
            s = arena_printf(a,
                "%s%sEXISTS (SELECT 1 FROM %s o WHERE o.tenant_id = $1 AND o.unit_id = %s AND o.deleted_at "
                "IS NULL AND "
                "o.\"%s\" = r.\"%s\")",
                s ? s : "", s ? " OR " : "", res->table, unit, res->fields[i].name, res->fields[i].name);
    return s;
}

int reorg_count_conflicts(
    struct call *c, const struct resource *res, uint32_t unit, uint32_t into, int64_t *ret)
{
    const char *conflict = reorg_conflict(c->arena, res, "$4");
    struct db_args *a = arena_alloc(c->arena, sizeof(*a));
    struct db_call call = {.args = a};
    int r;

    *ret = 0;
    if (!conflict)
        return 0;
    db_args_reset(a);
    db_arg_int(a, c->tenant->id);
    db_arg_uuid(a, tree_unit(c->tenant->tree, unit).id);
    db_arg_str(a, final_states(c, res));
    db_arg_uuid(a, tree_unit(c->tenant->tree, into).id);
    call.stmt = db_stmt_built(c->arena, arena_printf(c->arena,
                                            "SELECT count(*) FROM %s r WHERE r.tenant_id = $1 AND r.unit_id "
                                            "= $2 AND r.deleted_at IS NULL AND r.state <> ALL "
                                            "($3::text[]) AND (%s)",
                                            res->table, conflict));
    r = call_read_slow(c, &call, 1);
    if (r == 0)
        *ret = db_get_int(call.rows, 0, 0);
    return r;
}

/* Whose value is taken where it would go is left where it is. */
static int lock_records(struct call *c, const struct carry *k, struct uuid into, struct db_rows **ret)
{
    const char *conflict = reorg_conflict(c->arena, k->res, "$4");
    struct db_args *a = arena_alloc(c->arena, sizeof(*a));

    db_args_reset(a);
    db_arg_int(a, c->tenant->id);
    db_arg_uuid(a, k->retired[k->at]);
    db_arg_str(a, final_states(c, k->res));
    if (conflict)
        db_arg_uuid(a, into);
    return db_exec(c->tx,
        db_stmt_built(c->arena,
            arena_printf(c->arena,
                "SELECT r.id, r.version, r.created_by FROM %s r WHERE r.tenant_id = $1 AND r.unit_id = $2 "
                "AND r.deleted_at "
                "IS NULL AND r.state <> ALL ($3::text[])%s%s%s ORDER BY r.id LIMIT %d FOR UPDATE OF r",
                k->res->table, conflict ? " AND NOT (" : "", conflict ? conflict : "", conflict ? ")" : "",
                BATCH)),
        a, ret);
}

static int place(struct call *c, const struct carry *k, struct uuid into, const char *ids, uint32_t count)
{
    struct db_args *a = arena_alloc(c->arena, sizeof(*a));

    db_args_reset(a);
    db_arg_int(a, c->tenant->id);
    db_arg_uuid(a, into);
    db_arg_str(a, ids);
    db_arg_time(a, c->now_us);
    return db_exec_expect(c->tx,
        db_stmt_built(c->arena, arena_printf(c->arena,
                                    "UPDATE %s AS r SET unit_id = u.id, a1 = u.a1, a2 = u.a2, a3 = u.a3, a4 "
                                    "= u.a4, version = r.version + 1, "
                                    "updated_at = $4::timestamptz FROM juxin.unit u WHERE r.tenant_id = $1 "
                                    "AND u.tenant_id = $1 AND u.id = $2 "
                                    "AND r.id = ANY ($3::uuid[])",
                                    k->res->table)),
        a, count);
}

static int note_down(
    struct call *c, const struct carry *k, struct uuid into, const struct db_rows *rows, const char *ids)
{
    struct pgarray versions = PGARRAY_INIT, fresh = PGARRAY_INIT;
    struct db_args a;
    int r;

    for (int i = 0; i < db_rows_count(rows); i++) {
        pgarray_int(&versions, db_get_int(rows, i, 1) + 1);
        pgarray_uuid(&fresh, uuid_new());
    }
    db_args_reset(&a);
    db_arg_int(&a, c->tenant->id);
    db_arg_str(&a, k->res->full_name);
    db_arg_time(&a, c->now_us);
    db_arg_str(&a, subject_kind_name(c->who->kind));
    db_arg_uuid(&a, into);
    db_arg_str(&a, arena_printf(c->arena, "{\"from_unit_id\":\"%s\"}", uuid_format(k->retired[k->at]).s));
    db_arg_str(&a, ids);
    db_arg_str(&a, pgarray_end(&versions));
    db_arg_str(&a, pgarray_end(&fresh));
    r = db_exec(c->tx, add_history, &a, NULL);
    pgarray_done(&versions);
    pgarray_done(&fresh);
    if (r < 0)
        return r;
    db_args_reset(&a);
    db_arg_int(&a, c->tenant->id);
    db_arg_str(&a, k->res->full_name);
    db_arg_uuid(&a, k->retired[k->at]);
    db_arg_time(&a, c->now_us);
    db_arg_str(&a, ids);
    r = db_exec(c->tx, add_origin, &a, NULL);
    if (r < 0)
        return r;
    db_args_reset(&a);
    db_arg_int(&a, c->tenant->id);
    db_arg_uuid(&a, k->event);
    db_arg_str(&a, k->res->full_name);
    db_arg_uuid(&a, k->retired[k->at]);
    db_arg_uuid(&a, into);
    db_arg_time(&a, c->now_us);
    db_arg_str(&a, ids);
    return db_exec(c->tx, add_carried, &a, NULL);
}

static int publish(struct call *c, const struct carry *k, struct uuid into, const struct db_rows *rows)
{
    int r = 0;

    for (int i = 0; i < db_rows_count(rows) && r == 0; i++) {
        struct record rec = {.res = k->res,
            .id = db_get_uuid(rows, i, 0),
            .unit_id = into,
            .version = db_get_int(rows, i, 1) + 1,
            .created_by = db_get_uuid(rows, i, 2)};

        r = change_publish(c, &rec, "move");
    }
    return r;
}

static int count_in(struct call *c, const struct carry *k, struct uuid into)
{
    struct db_args a;
    int r;

    db_args_reset(&a);
    db_arg_int(&a, c->tenant->id);
    db_arg_uuid(&a, k->event);
    db_arg_int(&a, k->found);
    r = db_exec_expect(c->tx, count_carried, &a, 1);
    return r < 0 ? r
                 : call_audit(c, arena_printf(c->arena, "%s.move", k->res->full_name), "unit_event", k->event,
                       into, "unit");
}

static int step(struct call *c, struct job *j, void *arg)
{
    struct db_rows *rows CLEANUP(db_rows_freep) = NULL;
    struct carry *k = arg;
    struct uuid into = k->into[k->at], ids[BATCH];
    const char *list;
    int r = find_open(c, &into);

    if (r == 0)
        r = lock_records(c, k, into, &rows);
    if (r < 0)
        return r;
    k->found = (uint32_t)db_rows_count(rows);
    if (k->found == 0)
        return 0;
    for (uint32_t i = 0; i < k->found; i++)
        ids[i] = db_get_uuid(rows, (int)i, 0);
    list = pgarray_of_uuids(c->arena, ids, k->found);
    r = place(c, k, into, list, k->found);
    if (r == 0)
        r = note_down(c, k, into, rows, list);
    if (r == 0)
        r = publish(c, k, into, rows);
    if (r == 0)
        r = count_in(c, k, into);
    j->done += k->found;
    return r;
}

static int finish(struct call *c, struct job *j, void *arg)
{
    const struct carry *k = arg;
    int64_t left = 0, n;
    struct db_args a;
    int r = 0;

    for (uint32_t i = 0; i < resource_count() && r == 0; i++) {
        r = stranded_count_open(c, resource_at(i), k->retired, k->count, &n);
        left += n;
    }
    if (r < 0)
        return r;
    j->stage = NULL;
    db_args_reset(&a);
    db_arg_int(&a, c->tenant->id);
    db_arg_uuid(&a, k->event);
    db_arg_time(&a, c->now_us);
    db_arg_int(&a, left);
    return db_exec(c->tx, finish_event, &a, NULL);
}

static int run(struct job *j)
{
    json_t *input = NULL;
    struct carry k = {.count = 0};
    int r = json_parse(text_of(j->input), JSON_LIMITS, &input, NULL);
    const char *event = r == 0 ? json_str(input, "event") : NULL;

    if (!event || uuid_parse(text_of(event), &k.event) < 0)
        r = job_fail(j, "input", "No event is named.", "未指明事件。");
    json_decref(input);
    if (r == 0)
        r = job_step(j, find_retired, &k);
    for (uint32_t i = 0; i < resource_count() && r == 0; i++) {
        k.res = resource_at(i);
        for (k.at = 0; k.at < k.count && r == 0; k.at++)
            do
                r = job_step(j, step, &k);
            while (r == 0 && k.found == BATCH);
    }
    return r < 0 ? r : job_step(j, finish, &k);
}

const struct job_kind reorg_carry_job = {
    .name = "unit.carry",
    .label_zh = "机构撤并后结转在办事项",
    .label_en = "Open records follow a merge or a split",
    .as = JOB_AS_SYSTEM,
    .attempts_max = 20,
    .run = run,
};
