/* Batches as their maker reads them. */
#include <errno.h>

#include "base/clock.h"
#include "resource/batch/store.h"
#include "resource/declare/edition.h"
#include "resource/declare/resource.h"
#include "resource/record/gate.h"
#include "sheet/writer.h"

#define BATCH_COLUMNS                                                                                        \
    "b.id, b.job_id, b.transition, b.from_account, b.to_account, b.state, b.total, b.left_out, "             \
    "b.created_at,"                                                                                          \
    " b.started_at, b.ended_at, b.expires_at, j.state, j.error_code, j.error_en, j.error_zh,"                \
    " coalesce(x.done, 0), coalesce(x.refused, 0), coalesce(x.open, 0)"
enum column_of {
    COL_BATCH,
    COL_JOB,
    COL_TRANSITION,
    COL_FROM,
    COL_TO,
    COL_BATCH_STATE,
    COL_TOTAL,
    COL_LEFT_OUT,
    COL_AT,
    COL_STARTED,
    COL_ENDED,
    COL_EXPIRES,
    COL_JOB_STATE,
    COL_ERROR,
    COL_ERROR_EN,
    COL_ERROR_ZH,
    COL_DONE,
    COL_REFUSED,
    COL_OPEN
};
#define FROM_BATCH                                                                                           \
    " FROM juxin.batch b LEFT JOIN juxin.job j ON j.tenant_id = b.tenant_id AND j.id = b.job_id"             \
    " LEFT JOIN LATERAL (SELECT count(*) FILTER (WHERE i.status = 200) AS done,"                             \
    " count(*) FILTER (WHERE i.status <> 200) AS refused, count(*) FILTER (WHERE i.status IS NULL) AS open"  \
    " FROM juxin.batch_item i WHERE i.tenant_id = $1 AND i.batch_id = b.id) x ON true"                       \
    " WHERE b.tenant_id = $1 AND b.created_by = $2 AND b.kind = $3 AND b.resource = $4 AND b.expires_at > "  \
    "$5"

static const struct db_stmt list = {
    "batch.list", "SELECT " BATCH_COLUMNS FROM_BATCH " ORDER BY b.id DESC LIMIT 50"};
static const struct db_stmt one = {"batch.one", "SELECT " BATCH_COLUMNS FROM_BATCH " AND b.id = $6"};
/* What it is made of, by sort: how many, and of how many it is known before that they will be refused. */
static const struct db_stmt sorts = {"batch.sorts",
    "SELECT i.kind, i.resource, i.part, count(*), count(*) FILTER (WHERE i.status IS NULL AND i.code IS NOT "
    "NULL) FROM juxin.batch_item i WHERE i.tenant_id = $1 AND i.batch_id = $2 GROUP BY i.kind, i.resource,"
    " i.part ORDER BY i.kind, i.resource, i.part"};
#define ITEMS                                                                                                \
    "SELECT i.n, i.kind, i.resource, i.record_id, i.part, i.number, i.version, i.status, i.code, "           \
    "i.detail_en, i.detail_zh, i.new_version, i.new_state, i.unit_id FROM juxin.batch_item i WHERE "         \
    "i.tenant_id = $1 "                                                                                      \
    "AND i.batch_id = $2 AND i.n > $3 AND ($4::int = 0 OR ($4 = 1 AND i.status = 200) OR ($4 = 2 AND "       \
    "i.status <> 200) OR ($4 = 3 AND i.status IS NULL))"
#define ITEMS_END " ORDER BY i.n LIMIT $5"
static const struct db_stmt items = {"batch.items", ITEMS ITEMS_END};

/* Of records where the plugin does not run nothing is told meanwhile. */
static struct db_stmt items_but(struct arena *a, const struct resource *res)
{
    return db_stmt_built(a, arena_printf(a,
                                ITEMS " AND NOT EXISTS (SELECT 1 FROM %s r WHERE r.tenant_id = $1 AND r.id = "
                                      "i.record_id AND r.unit_id = ANY($6::uuid[]))" ITEMS_END,
                                res->table));
}

static void own_args(struct db_args *a, const struct call *c, const char *kind, const char *resource)
{
    db_args_reset(a);
    db_arg_int(a, c->tenant->id);
    db_arg_uuid(a, c->who->account);
    db_arg_str(a, kind);
    db_arg_str(a, resource);
    db_arg_time(a, c->now_us);
}

static const char *state_of(const struct db_rows *rows, int i)
{
    const char *state = db_get(rows, i, COL_BATCH_STATE), *job = db_get(rows, i, COL_JOB_STATE);

    if (!job || (strcmp(state, "freezing") != 0 && strcmp(state, "running") != 0))
        return state;
    return strcmp(job, "cancelled") == 0                            ? job
           : strcmp(job, "failed") == 0 || strcmp(job, "dead") == 0 ? "failed"
                                                                    : state;
}

static void write_time(struct jsonw *w, const char *key, const struct db_rows *rows, int i, int column)
{
    jsonw_kstr(w, key, db_get(rows, i, column) ? clock_format(db_get_time(rows, i, column)).s : NULL);
}

static void write_members(struct jsonw *w, const struct db_rows *rows, int i, bool is_handover)
{
    jsonw_kstr(w, "id", db_get(rows, i, COL_BATCH));
    jsonw_kstr(w, "state", state_of(rows, i));
    jsonw_kstr(w, "job", db_get(rows, i, COL_JOB));
    if (is_handover) {
        jsonw_kstr(w, "from", db_get(rows, i, COL_FROM));
        jsonw_kstr(w, "to", db_get(rows, i, COL_TO));
        jsonw_kint(w, "left_out", db_get_int(rows, i, COL_LEFT_OUT));
    } else {
        jsonw_kstr(w, "transition", db_get(rows, i, COL_TRANSITION));
    }
    jsonw_key(w, "total");
    if (db_get(rows, i, COL_TOTAL))
        jsonw_int(w, db_get_int(rows, i, COL_TOTAL));
    else
        jsonw_null(w);
    jsonw_kint(w, "done", db_get_int(rows, i, COL_DONE));
    jsonw_kint(w, "refused", db_get_int(rows, i, COL_REFUSED));
    jsonw_kint(w, "open", db_get_int(rows, i, COL_OPEN));
    write_time(w, "created_at", rows, i, COL_AT);
    write_time(w, "started_at", rows, i, COL_STARTED);
    write_time(w, "ended_at", rows, i, COL_ENDED);
    write_time(w, "expires_at", rows, i, COL_EXPIRES);
    jsonw_kstr(w, "error_code", db_get(rows, i, COL_ERROR));
    jsonw_kstr(w, "error_en", db_get(rows, i, COL_ERROR_EN));
    jsonw_kstr(w, "error_zh", db_get(rows, i, COL_ERROR_ZH));
}

int batch_list_write(struct call *c, const char *kind, const char *resource, struct jsonw *w)
{
    struct db_args a;
    struct db_call call = {.stmt = list, .args = &a};
    int r;

    own_args(&a, c, kind, resource);
    r = call_read(c, &call, 1);
    if (r < 0)
        return r;
    jsonw_object(w);
    jsonw_key(w, "items");
    jsonw_array(w);
    for (int i = 0; i < db_rows_count(call.rows); i++) {
        jsonw_object(w);
        write_members(w, call.rows, i, strcmp(kind, BATCH_HANDOVER) == 0);
        jsonw_object_end(w);
    }
    jsonw_array_end(w);
    jsonw_object_end(w);
    return 0;
}

static void write_sorts(struct jsonw *w, const struct db_rows *rows)
{
    jsonw_key(w, "items");
    jsonw_array(w);
    for (int i = 0; i < db_rows_count(rows); i++) {
        jsonw_object(w);
        jsonw_kstr(w, "kind", db_get(rows, i, 0));
        jsonw_kstr(w, "resource", db_get(rows, i, 1));
        jsonw_kstr(w, "part", db_get(rows, i, 2));
        jsonw_kint(w, "count", db_get_int(rows, i, 3));
        jsonw_kint(w, "not_possible", db_get_int(rows, i, 4));
        jsonw_object_end(w);
    }
    jsonw_array_end(w);
}

int batch_write(struct call *c, const char *kind, const char *resource, struct uuid id, struct jsonw *w)
{
    struct db_args a, key;
    struct db_call calls[2] = {{.stmt = one, .args = &a}, {.stmt = sorts, .args = &key}};
    int r;

    own_args(&a, c, kind, resource);
    db_arg_uuid(&a, id);
    db_args_reset(&key);
    db_arg_int(&key, c->tenant->id);
    db_arg_uuid(&key, id);
    r = call_read(c, calls, 2);
    if (r < 0)
        return r;
    if (db_rows_count(calls[0].rows) == 0)
        return call_not_found(c);
    jsonw_object(w);
    write_members(w, calls[0].rows, 0, strcmp(kind, BATCH_HANDOVER) == 0);
    write_sorts(w, calls[1].rows);
    jsonw_object_end(w);
    return 0;
}

/* ---- items ---- */

static int read_items(struct call *c, const struct batch *b, enum batch_which which, int32_t after,
    uint32_t limit, struct db_rows **ret)
{
    struct db_args *a = arena_alloc(c->arena, sizeof(*a));
    struct db_call call = {.stmt = items, .args = a};
    const struct resource *res = edition_find(c->tenant, b->resource);
    const char *off = res ? gate_off_units(c, res->plugin) : NULL;
    int r;

    if (off)
        call.stmt = items_but(c->arena, res);
    db_args_reset(a);
    db_arg_int(a, c->tenant->id);
    db_arg_uuid(a, b->id);
    db_arg_int(a, after);
    db_arg_int(a, which);
    db_arg_int(a, limit);
    if (off)
        db_arg_str(a, off);
    r = call_read(c, &call, 1);
    *ret = call.rows;
    return r;
}

static void write_number(struct jsonw *w, const char *key, const struct db_rows *rows, int i, int column)
{
    jsonw_key(w, key);
    if (db_get(rows, i, column))
        jsonw_int(w, db_get_int(rows, i, column));
    else
        jsonw_null(w);
}

static bool is_shown(struct call *c, const struct db_rows *rows, int i)
{
    const struct resource *res = resource_find(db_get(rows, i, 2));

    return !db_get(rows, i, 13) || !res ||
           gate_is_on(c, res->plugin, tree_find(c->tenant->tree, db_get_uuid(rows, i, 13)));
}

static void write_item(struct jsonw *w, const struct db_rows *rows, int i)
{
    jsonw_object(w);
    write_number(w, "n", rows, i, 0);
    jsonw_kstr(w, "kind", db_get(rows, i, 1));
    jsonw_kstr(w, "resource", db_get(rows, i, 2));
    jsonw_kstr(w, "id", db_get(rows, i, 3));
    jsonw_kstr(w, "part", db_get(rows, i, 4));
    jsonw_kstr(w, "number", db_get(rows, i, 5));
    write_number(w, "version", rows, i, 6);
    write_number(w, "status", rows, i, 7);
    jsonw_kstr(w, "code", db_get(rows, i, 8));
    jsonw_kstr(w, "detail_en", db_get(rows, i, 9));
    jsonw_kstr(w, "detail_zh", db_get(rows, i, 10));
    write_number(w, "new_version", rows, i, 11);
    jsonw_kstr(w, "new_state", db_get(rows, i, 12));
    jsonw_object_end(w);
}

int batch_items_write(struct call *c, const struct batch *b, enum batch_which which, int32_t after,
    uint32_t limit, struct jsonw *w)
{
    struct db_rows *rows;
    int n, r = read_items(c, b, which, after, limit + 1, &rows);

    if (r < 0)
        return r;
    n = MIN(db_rows_count(rows), (int)limit);
    jsonw_object(w);
    jsonw_key(w, "items");
    jsonw_array(w);
    for (int i = 0; i < n; i++)
        if (is_shown(c, rows, i))
            write_item(w, rows, i);
    jsonw_array_end(w);
    jsonw_kstr(w, "next", db_rows_count(rows) > n ? db_get(rows, n - 1, 0) : NULL);
    jsonw_object_end(w);
    return 0;
}

/* ---- as a table ---- */

static void add_cell(struct buf *out, const char *s, bool is_last)
{
    bool active = s && sheet_is_active(text_of(s));

    buf_addc(out, '"');
    if (active)
        buf_addc(out, '\'');
    for (; s && *s; s++) {
        if (*s == '"')
            buf_addc(out, '"');
        buf_addc(out, *s);
    }
    buf_adds(out, is_last ? "\"\r\n" : "\",");
}

int batch_csv(struct call *c, const struct batch *b, struct buf *out)
{
    static const int columns[] = {0, 5, 2, 3, 4, 7, 8, 10, 9, 11, 12};
    struct db_rows *rows;
    int32_t after = 0;
    int r;

    buf_adds(
        out, "\xef\xbb\xbf序号,编号 number,resource,id,part,结果 status,code,说明,detail,version,state\r\n");
    do {
        r = read_items(c, b, BATCH_ALL, after, 1000, &rows);
        for (int i = 0; r == 0 && i < db_rows_count(rows); i++) {
            for (size_t k = 0; k < ARRAY_LEN(columns) && is_shown(c, rows, i); k++)
                add_cell(out, db_get(rows, i, columns[k]), k + 1 == ARRAY_LEN(columns));
            after = (int32_t)db_get_int(rows, i, 0);
        }
    } while (r == 0 && db_rows_count(rows) == 1000);
    return r;
}
