/* Imports as their maker sees them. */
#include <errno.h>

#include "base/clock.h"
#include "resource/record/gate.h"
#include "resource/transfer/import.h"
#include "resource/transfer/import_job.h"

#define IMPORT_COLUMNS                                                                                       \
    "i.id, i.name, i.state, i.headers, i.mapping, i.mode, i.duplicates, i.key, i.unit_id, i.good, i.bad, "   \
    "i.skipped, "                                                                                            \
    "i.undone, i.left_alone, i.errors_sha256, i.errors_size, i.created_at, i.expires_at, i.job_id, "         \
    "j.state, j.done, j.total, "                                                                             \
    "j.error_code, j.error_en, j.error_zh, i.size, i.updated"
enum column_of {
    COL_IMPORT,
    COL_NAME,
    COL_STATE_OF,
    COL_HEADERS,
    COL_MAPPING,
    COL_MODE,
    COL_DUPLICATES,
    COL_KEY,
    COL_FOR_UNIT,
    COL_GOOD,
    COL_BAD,
    COL_SKIPPED,
    COL_UNDONE,
    COL_LEFT,
    COL_ERRORS,
    COL_ERRORS_SIZE,
    COL_AT,
    COL_EXPIRES,
    COL_JOB,
    COL_JOB_STATE,
    COL_DONE,
    COL_TOTAL,
    COL_ERROR,
    COL_ERROR_EN,
    COL_ERROR_ZH,
    COL_SIZE,
    COL_UPDATED
};
#define FROM_IMPORT                                                                                          \
    " FROM juxin.import i LEFT JOIN juxin.job j ON j.tenant_id = i.tenant_id AND j.id = i.job_id"            \
    " WHERE i.tenant_id = $1 AND i.resource = $2 AND i.created_by = $3 AND i.expires_at > $4"

static const struct db_stmt list = {
    "import.list", "SELECT " IMPORT_COLUMNS FROM_IMPORT " ORDER BY i.id DESC LIMIT 100"};
static const struct db_stmt find = {"import.find", "SELECT " IMPORT_COLUMNS FROM_IMPORT " AND i.id = $5"};
/* Whole rows, so that the next page begins behind one. */
static const struct db_stmt faults = {"import.faults",
    "SELECT row, header, code, en, zh FROM juxin.import_fault WHERE tenant_id = $1 AND import_id = $2"
    " AND row > $3 AND row <= (SELECT max(x.row) FROM (SELECT f.row FROM juxin.import_fault f"
    " WHERE f.tenant_id = $1 AND f.import_id = $2 AND f.row > $3 ORDER BY f.row, f.n LIMIT $4) x)"
    " ORDER BY row, n"};
static const struct db_stmt expire_faults = {"import.expire_faults",
    "DELETE FROM juxin.import_fault WHERE tenant_id = $1 AND (import_id, row, n) IN (SELECT f.import_id, "
    "f.row, f.n"
    " FROM juxin.import_fault f JOIN juxin.import i ON i.tenant_id = $1 AND i.id = f.import_id"
    " WHERE f.tenant_id = $1 AND i.expires_at <= $2 LIMIT $3)"};
static const struct db_stmt expire_rows = {"import.expire_rows",
    "DELETE FROM juxin.import_row WHERE tenant_id = $1 AND (import_id, row) IN (SELECT f.import_id, f.row"
    " FROM juxin.import_row f JOIN juxin.import i ON i.tenant_id = $1 AND i.id = f.import_id"
    " WHERE f.tenant_id = $1 AND i.expires_at <= $2 LIMIT $3)"};
static const struct db_stmt expire = {"import.expire",
    "DELETE FROM juxin.import WHERE tenant_id = $1 AND id IN (SELECT i.id FROM juxin.import i WHERE"
    " i.tenant_id = $1 AND i.expires_at <= $2 LIMIT $3)"};

static int read_rows(struct call *c, const struct resource *res, struct uuid id, struct db_rows **ret)
{
    struct db_args *a = arena_alloc(c->arena, sizeof(*a));
    struct db_call call = {.stmt = uuid_is_nil(id) ? list : find, .args = a};
    int r = gate_require_somewhere(c, res->plugin);

    if (r < 0)
        return r;
    db_args_reset(a);
    db_arg_int(a, c->tenant->id);
    db_arg_str(a, res->full_name);
    db_arg_uuid(a, c->who->account);
    db_arg_time(a, c->now_us);
    if (!uuid_is_nil(id))
        db_arg_uuid(a, id);
    r = call_read(c, &call, 1);
    if (r == 0 && !uuid_is_nil(id) && db_rows_count(call.rows) == 0)
        r = call_not_found(c);
    *ret = call.rows;
    return r;
}

/* What the job that works on it has come to: "checking" that failed is "failed", and what is "checked" by a job that is not over
 * yet is "checking": nothing else may be asked for before. */
static const char *state_of(const struct db_rows *rows, int i)
{
    static const struct {
        const char *doing, *done;
    } works[] = {{"checking", "checked"}, {"importing", "imported"}, {"undoing", "undone"}};
    const char *state = db_get(rows, i, COL_STATE_OF), *job = db_get(rows, i, COL_JOB_STATE);
    bool is_at_work = job && (strcmp(job, "waiting") == 0 || strcmp(job, "running") == 0);

    for (size_t k = 0; k < ARRAY_LEN(works); k++) {
        if (strcmp(state, works[k].done) == 0 && is_at_work)
            return works[k].doing;
        if (strcmp(state, works[k].doing) == 0 && !is_at_work)
            return job && strcmp(job, "cancelled") == 0 ? "cancelled" : "failed";
    }
    return state;
}

static void write_row(struct jsonw *w, const struct db_rows *rows, int i)
{
    static const struct {
        const char *key;
        int column;
    } counts[] = {{"good", COL_GOOD}, {"bad", COL_BAD}, {"skipped", COL_SKIPPED}, {"updated", COL_UPDATED},
        {"undone", COL_UNDONE}, {"left_alone", COL_LEFT}, {"done", COL_DONE}, {"size", COL_SIZE}};

    jsonw_object(w);
    jsonw_kstr(w, "id", db_get(rows, i, COL_IMPORT));
    jsonw_kstr(w, "name", db_get(rows, i, COL_NAME));
    jsonw_kstr(w, "state", state_of(rows, i));
    jsonw_key(w, "headers");
    jsonw_raw(w, db_get_text(rows, i, COL_HEADERS));
    jsonw_key(w, "columns"); /* where each goes, "" for nowhere */
    jsonw_raw(w, db_get_text(rows, i, COL_MAPPING));
    jsonw_kstr(w, "mode", db_get(rows, i, COL_MODE));
    jsonw_kstr(w, "duplicates", db_get(rows, i, COL_DUPLICATES));
    jsonw_kstr(w, "key", *db_get(rows, i, COL_KEY) ? db_get(rows, i, COL_KEY) : NULL);
    jsonw_kstr(w, "unit", db_get(rows, i, COL_FOR_UNIT));
    for (size_t k = 0; k < ARRAY_LEN(counts); k++)
        jsonw_kint(w, counts[k].key, db_get_int(rows, i, counts[k].column));
    jsonw_kbool(w, "has_errors_file", db_get(rows, i, COL_ERRORS) != NULL);
    jsonw_kstr(w, "job", db_get(rows, i, COL_JOB));
    jsonw_kstr(w, "created_at", clock_format(db_get_time(rows, i, COL_AT)).s);
    jsonw_kstr(w, "expires_at", clock_format(db_get_time(rows, i, COL_EXPIRES)).s);
    jsonw_kstr(w, "error_code", db_get(rows, i, COL_ERROR));
    jsonw_kstr(w, "error_en", db_get(rows, i, COL_ERROR_EN));
    jsonw_kstr(w, "error_zh", db_get(rows, i, COL_ERROR_ZH));
    jsonw_object_end(w);
}

int import_list_write(struct call *c, const struct resource *res, struct jsonw *w)
{
    struct db_rows *rows;
    int r = read_rows(c, res, UUID_NIL, &rows);

    if (r < 0)
        return r;
    jsonw_object(w);
    jsonw_key(w, "items");
    jsonw_array(w);
    for (int i = 0; i < db_rows_count(rows); i++)
        write_row(w, rows, i);
    jsonw_array_end(w);
    jsonw_object_end(w);
    return 0;
}

int import_write(struct call *c, const struct resource *res, struct uuid id, struct jsonw *w)
{
    struct db_rows *rows;
    int r = read_rows(c, res, id, &rows);

    if (r == 0)
        write_row(w, rows, 0);
    return r;
}

int import_faults_write(struct call *c, const struct resource *res, struct uuid id, int64_t behind,
    uint32_t limit, struct jsonw *w)
{
    static const char *const keys[] = {NULL, "header", "code", "en", "zh"};
    struct db_args *a = arena_alloc(c->arena, sizeof(*a));
    struct db_call call = {.stmt = faults, .args = a};
    struct db_rows *rows;
    int r = read_rows(c, res, id, &rows), n;

    if (r < 0)
        return r;
    db_args_reset(a);
    db_arg_int(a, c->tenant->id);
    db_arg_uuid(a, id);
    db_arg_int(a, behind);
    db_arg_int(a, limit);
    r = call_read(c, &call, 1);
    if (r < 0)
        return r;
    n = db_rows_count(call.rows);
    jsonw_object(w);
    jsonw_key(w, "items");
    jsonw_array(w);
    for (int i = 0; i < n; i++) {
        jsonw_object(w);
        jsonw_kint(w, "row", db_get_int(call.rows, i, 0));
        for (int k = 1; k < 5; k++)
            jsonw_kstr(w, keys[k], db_get(call.rows, i, k));
        jsonw_object_end(w);
    }
    jsonw_array_end(w);
    jsonw_key(w, "next");
    if (n >= (int)limit)
        jsonw_int(w, db_get_int(call.rows, n - 1, 0));
    else
        jsonw_null(w);
    jsonw_object_end(w);
    return 0;
}

int import_errors(struct call *c, const struct resource *res, struct uuid id, struct sha256 *ret_digest,
    uint64_t *ret_size, const char **ret_name)
{
    struct db_rows *rows;
    int r = read_rows(c, res, id, &rows);

    if (r == 0 && !db_get(rows, 0, COL_ERRORS))
        return call_not_found(c);
    if (r < 0)
        return r;
    *ret_size = (uint64_t)db_get_int(rows, 0, COL_ERRORS_SIZE);
    *ret_name = arena_printf(c->arena, "%s 错误.xlsx", db_get(rows, 0, COL_NAME));
    return hex_parse(db_get_text(rows, 0, COL_ERRORS), ret_digest->b, SHA256_LEN) < 0 ? -EIO : 0;
}

/* ---- expiry ---- */

#define EXPIRE_BATCH 5000

struct expiring {
    const struct db_stmt *stmt;
    int64_t before_us; /* of all steps, so that no import expires between its rows and itself */
    uint64_t dropped;
};

static int expire_some(struct call *c, struct job *j, void *arg)
{
    struct expiring *x = arg;
    struct db_rows *rows CLEANUP(db_rows_freep) = NULL;
    struct db_args a;
    int r;

    (void)j;
    db_args_reset(&a);
    db_arg_int(&a, c->tenant->id);
    db_arg_time(&a, x->before_us);
    db_arg_int(&a, EXPIRE_BATCH);
    r = db_exec(c->tx, *x->stmt, &a, &rows);
    x->dropped = r == 0 ? db_rows_affected(rows) : 0;
    return r;
}

/* An import has up to a million rows: some of them a step. */
static int run_expiry(struct job *j)
{
    static const struct db_stmt *const all[] = {&expire_faults, &expire_rows, &expire};
    struct expiring x = {.before_us = clock_agreed_us()};
    int r = 0;

    for (size_t i = 0; i < ARRAY_LEN(all) && r == 0; i++) {
        x.stmt = all[i];
        do
            r = job_step(j, expire_some, &x);
        while (r == 0 && x.dropped == EXPIRE_BATCH);
    }
    return r;
}

static const struct job_kind import_expiry = {
    .name = "import.expire",
    .label_zh = "清理过期的导入",
    .label_en = "Drop imports that have expired",
    .as = JOB_AS_SYSTEM,
    .every_s = 3600,
    .run = run_expiry,
};

void import_register(void)
{
    job_kind_register(&import_check_job);
    job_kind_register(&import_run_job);
    job_kind_register(&import_undo_job);
    job_kind_register(&import_expiry);
}
