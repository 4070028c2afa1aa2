/* Rows of batches. */
#include "resource/batch/store.h"

#include <errno.h>

#include "base/clock.h"
#include "db/pgarray.h"

static const struct db_stmt insert = {"batch.insert",
    "INSERT INTO juxin.batch (tenant_id, id, kind, resource, transition, input, query, from_account, "
    "to_account,"
    " state, job_id, created_at, created_by, expires_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9,"
    " 'freezing', $10, $11, $12, $13)"};
/* A job that was cancelled or failed is the batch's end, until it is begun again. */
#define FIND                                                                                                 \
    "SELECT b.id, b.job_id, b.from_account, b.to_account, b.transition, b.input, b.query,"                   \
    " CASE WHEN b.state NOT IN ('freezing', 'running') THEN b.state"                                         \
    " WHEN (SELECT j.state FROM juxin.job j WHERE j.tenant_id = $1 AND j.id = b.job_id) = 'cancelled' THEN " \
    "'cancelled'"                                                                                            \
    " WHEN (SELECT j.state FROM juxin.job j WHERE j.tenant_id = $1 AND j.id = b.job_id) IN ('failed', "      \
    "'dead') THEN 'failed' ELSE b.state END,"                                                                \
    " coalesce(b.total, -1) FROM juxin.batch b WHERE b.tenant_id = $1 AND b.created_by = $2 AND b.kind = $3" \
    " AND b.resource = $4 AND b.expires_at > $5 AND b.id = $6"
static const struct db_stmt find = {"batch.find", FIND},
                            find_locked = {"batch.find_locked", FIND " FOR UPDATE OF b"};
static const struct db_stmt begun = {"batch.begun",
    "UPDATE juxin.batch SET state = 'running', job_id = $3, started_at = coalesce(started_at, $4)"
    " WHERE tenant_id = $1 AND id = $2"};
static const struct db_stmt frozen = {"batch.frozen",
    "UPDATE juxin.batch SET state = 'ready', total = $3, left_out = $4 WHERE tenant_id = $1 AND id = $2"
    " AND state = 'freezing'"};
static const struct db_stmt ended = {"batch.ended",
    "UPDATE juxin.batch SET state = 'done', ended_at = $3, input = NULL, query = NULL WHERE tenant_id = $1"
    " AND id = $2 AND state = 'running'"};
static const struct db_stmt drop_items = {
    "batch.drop_items", "DELETE FROM juxin.batch_item WHERE tenant_id = $1 AND batch_id = $2"};
static const struct db_stmt drop = {"batch.drop", "DELETE FROM juxin.batch WHERE tenant_id = $1 AND id = $2"};
static const struct db_stmt expire_items = {"batch.expire_items",
    "DELETE FROM juxin.batch_item WHERE tenant_id = $1 AND batch_id IN (SELECT b.id FROM juxin.batch b WHERE"
    " b.tenant_id = $1 AND b.expires_at <= $2)"};
static const struct db_stmt expire = {
    "batch.expire", "DELETE FROM juxin.batch WHERE tenant_id = $1 AND expires_at <= $2"};

static const struct db_stmt add_items = {"batch.add_items",
    "INSERT INTO juxin.batch_item (tenant_id, batch_id, n, kind, resource, record_id, part, version, number,"
    " code, detail_en, detail_zh, unit_id) SELECT $1, $2, x.n, x.kind, x.resource, x.id, x.part, x.version,"
    " x.number, x.code, x.en, x.zh, x.unit FROM unnest($3::int[], $4::text[], $5::text[], $6::uuid[], "
    "$7::text[], $8::bigint[],"
    " $9::text[], $10::text[], $11::text[], $12::text[], $13::uuid[]) AS x(n, kind, resource, id, part,"
    " version, number, code, en, zh, unit) ON CONFLICT (tenant_id, batch_id, n) DO NOTHING"};
static const struct db_stmt next_items = {"batch.next_items",
    "SELECT i.n, i.kind, i.resource, i.record_id, i.part, i.version, i.number, i.unit_id FROM "
    "juxin.batch_item i"
    " WHERE i.tenant_id = $1 AND i.batch_id = $2 AND i.status IS NULL ORDER BY i.n LIMIT $3"};
static const struct db_stmt items_done = {"batch.items_done",
    "UPDATE juxin.batch_item AS i SET status = x.status, code = x.code, detail_en = x.en, detail_zh = x.zh,"
    " number = coalesce(x.number, i.number), new_version = NULLIF(x.version, 0), new_state = x.state"
    " FROM unnest($3::int[], $4::int[], $5::text[], $6::text[], $7::text[], $8::text[], $9::bigint[],"
    " $10::text[]) AS x(n, status, code, en, zh, number, version, state)"
    " WHERE i.tenant_id = $1 AND i.batch_id = $2 AND i.n = x.n"};
static const struct db_stmt count_items = {"batch.count_items",
    "SELECT count(*) FILTER (WHERE i.status IS NOT NULL), count(*) FILTER (WHERE i.status <> 200)"
    " FROM juxin.batch_item i WHERE i.tenant_id = $1 AND i.batch_id = $2"};

static void id_args(struct db_args *a, const struct call *c, struct uuid id)
{
    db_args_reset(a);
    db_arg_int(a, c->tenant->id);
    db_arg_uuid(a, id);
}

int batch_insert(struct call *c, struct batch *b)
{
    struct db_args a;

    id_args(&a, c, b->id);
    db_arg_str(&a, b->kind);
    db_arg_str(&a, b->resource);
    db_arg_str(&a, b->transition);
    db_arg_str(&a, b->input);
    db_arg_str(&a, b->query);
    db_arg_uuid_or_null(&a, b->from);
    db_arg_uuid_or_null(&a, b->to);
    db_arg_uuid_or_null(&a, b->job);
    db_arg_time(&a, c->now_us);
    db_arg_uuid(&a, c->who->account);
    db_arg_time(&a, c->now_us + BATCH_DAYS * INT64_C(24) * 3600 * 1000000);
    return db_exec(c->tx, insert, &a, NULL);
}

int batch_find(
    struct call *c, const char *kind, const char *resource, struct uuid id, bool lock, struct batch *ret)
{
    struct db_args *a = arena_alloc(c->arena, sizeof(*a));
    struct db_call call = {.stmt = lock ? find_locked : find, .args = a};
    int r;

    db_args_reset(a);
    db_arg_int(a, c->tenant->id);
    db_arg_uuid(a, c->who->account);
    db_arg_str(a, kind);
    db_arg_str(a, resource);
    db_arg_time(a, c->now_us);
    db_arg_uuid(a, id);
    r = call_read(c, &call, 1);
    if (r < 0)
        return r;
    if (db_rows_count(call.rows) == 0)
        return call_not_found(c);
    *ret = (struct batch){.id = id,
        .job = db_get_uuid(call.rows, 0, 1),
        .created_by = c->who->account,
        .from = db_get_uuid(call.rows, 0, 2),
        .to = db_get_uuid(call.rows, 0, 3),
        .kind = kind,
        .resource = resource,
        .transition = db_get(call.rows, 0, 4),
        .input = db_get(call.rows, 0, 5),
        .query = db_get(call.rows, 0, 6),
        .state = db_get(call.rows, 0, 7),
        .total = db_get_int(call.rows, 0, 8)};
    return 0;
}

int batch_begun(struct call *c, const struct batch *b, struct uuid job)
{
    struct db_args a;

    id_args(&a, c, b->id);
    db_arg_uuid(&a, job);
    db_arg_time(&a, c->now_us);
    return db_exec_expect(c->tx, begun, &a, 1);
}

int batch_frozen(struct call *c, struct uuid id, int64_t total, int64_t left_out)
{
    struct db_args a;

    id_args(&a, c, id);
    db_arg_int(&a, total);
    db_arg_int(&a, left_out);
    return db_exec_expect(c->tx, frozen, &a, 1);
}

int batch_ended(struct call *c, struct uuid id)
{
    struct db_args a;

    id_args(&a, c, id);
    db_arg_time(&a, c->now_us);
    return db_exec_expect(c->tx, ended, &a, 1);
}

int batch_remove(struct call *c, const struct batch *b)
{
    struct db_args a;
    int r;

    if (strcmp(b->state, "freezing") == 0 || strcmp(b->state, "running") == 0)
        return call_fail(
            c, 409, "job_open", "Its job has not ended yet; cancel it first.", "任务尚未结束，请先取消。");
    id_args(&a, c, b->id);
    r = db_exec(c->tx, drop_items, &a, NULL);
    return r < 0 ? r : db_exec_expect(c->tx, drop, &a, 1);
}

int batch_expire(struct call *c)
{
    struct db_args a;
    int r;

    db_args_reset(&a);
    db_arg_int(&a, c->tenant->id);
    db_arg_time(&a, c->now_us);
    r = db_exec(c->tx, expire_items, &a, NULL);
    return r < 0 ? r : db_exec(c->tx, expire, &a, NULL);
}

/* ---- items ---- */

enum {
    ADD_N,
    ADD_KIND,
    ADD_RESOURCE,
    ADD_ID,
    ADD_PART,
    ADD_VERSION,
    ADD_NUMBER,
    ADD_CODE,
    ADD_EN,
    ADD_ZH,
    ADD_UNIT,
    ADDS
};

int batch_items_add(
    struct call *c, struct uuid batch, struct batch_item *items, uint32_t count, int32_t first)
{
    struct pgarray lists[ADDS];
    struct db_args a;
    int r;

    if (count == 0)
        return 0;
    for (int i = 0; i < ADDS; i++)
        lists[i] = PGARRAY_INIT;
    for (uint32_t i = 0; i < count; i++) {
        items[i].n = first + (int32_t)i;
        pgarray_int(&lists[ADD_N], items[i].n);
        pgarray_str(&lists[ADD_KIND], items[i].is_member ? "member" : "record");
        pgarray_str(&lists[ADD_RESOURCE], items[i].resource);
        pgarray_uuid(&lists[ADD_ID], items[i].id);
        pgarray_str(&lists[ADD_PART], items[i].part ? items[i].part : "");
        pgarray_int(&lists[ADD_VERSION], items[i].version);
        pgarray_str(&lists[ADD_NUMBER], items[i].number);
        pgarray_str(&lists[ADD_CODE], items[i].code);
        pgarray_str(&lists[ADD_EN], items[i].en);
        pgarray_str(&lists[ADD_ZH], items[i].zh);
        pgarray_uuid(&lists[ADD_UNIT], items[i].unit);
    }
    id_args(&a, c, batch);
    for (int i = 0; i < ADDS; i++)
        db_arg_str(&a, pgarray_end(&lists[i]));
    r = db_exec(c->tx, add_items, &a, NULL);
    for (int i = 0; i < ADDS; i++)
        pgarray_done(&lists[i]);
    return r;
}

int batch_items_next(
    struct call *c, struct uuid batch, uint32_t limit, struct batch_item **ret, uint32_t *ret_count)
{
    struct batch_item *items = arena_array(c->arena, limit + 1, sizeof(*items));
    struct db_args *a = arena_alloc(c->arena, sizeof(*a));
    struct db_call call = {.stmt = next_items, .args = a};
    uint32_t n = 0;
    int r;

    id_args(a, c, batch);
    db_arg_int(a, limit);
    r = call_read(c, &call, 1);
    for (int i = 0; r == 0 && i < db_rows_count(call.rows); i++) {
        struct batch_item item = {.n = (int32_t)db_get_int(call.rows, i, 0),
            .is_member = strcmp(db_get(call.rows, i, 1), "member") == 0,
            .resource = db_get(call.rows, i, 2),
            .id = db_get_uuid(call.rows, i, 3),
            .part = db_get(call.rows, i, 4),
            .version = db_get_int(call.rows, i, 5),
            .number = db_get(call.rows, i, 6),
            .unit = db_get_uuid(call.rows, i, 7)};

        if (n && item.is_member != items[0].is_member)
            break;
        items[n++] = item;
    }
    *ret = items;
    *ret_count = n;
    return r;
}

enum { DONE_N, DONE_STATUS, DONE_CODE, DONE_EN, DONE_ZH, DONE_NUMBER, DONE_VERSION, DONE_STATE, DONES };

int batch_items_done(struct call *c, struct uuid batch, const struct batch_item *items, uint32_t count)
{
    struct pgarray lists[DONES];
    struct db_args a;
    int r;

    for (int i = 0; i < DONES; i++)
        lists[i] = PGARRAY_INIT;
    for (uint32_t i = 0; i < count; i++) {
        pgarray_int(&lists[DONE_N], items[i].n);
        pgarray_int(&lists[DONE_STATUS], items[i].status);
        pgarray_str(&lists[DONE_CODE], items[i].code);
        pgarray_str(&lists[DONE_EN], items[i].en);
        pgarray_str(&lists[DONE_ZH], items[i].zh);
        pgarray_str(&lists[DONE_NUMBER], items[i].number);
        pgarray_int(&lists[DONE_VERSION], items[i].new_version);
        pgarray_str(&lists[DONE_STATE], items[i].new_state);
    }
    id_args(&a, c, batch);
    for (int i = 0; i < DONES; i++)
        db_arg_str(&a, pgarray_end(&lists[i]));
    r = db_exec_expect(c->tx, items_done, &a, count);
    for (int i = 0; i < DONES; i++)
        pgarray_done(&lists[i]);
    return r;
}

int batch_count(struct call *c, struct uuid batch, int64_t *ret_tried, int64_t *ret_refused)
{
    struct db_args *a = arena_alloc(c->arena, sizeof(*a));
    struct db_call call = {.stmt = count_items, .args = a};
    int r;

    id_args(a, c, batch);
    r = call_read(c, &call, 1);
    *ret_tried = r == 0 ? db_get_int(call.rows, 0, 0) : 0;
    *ret_refused = r == 0 ? db_get_int(call.rows, 0, 1) : 0;
    return r;
}
