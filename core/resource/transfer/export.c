/* Exports as rows: asked for, listed, expired. */
#include "resource/transfer/export.h"

#include <errno.h>

#include "base/clock.h"
#include "resource/record/gate.h"
#include "resource/transfer/columns.h"
#include "resource/transfer/export_job.h"
#include "tenant/calendar.h"

#define OPEN_MAX 20
#define COLUMNS_OF                                                                                           \
    "e.id, e.job_id, e.resource, e.format, e.fields, e.created_at, e.expires_at, e.rows, e.left_out, "       \
    "e.size, "                                                                                               \
    "e.sha256, e.units, j.state, j.done, j.total, j.error_code, j.error_en, j.error_zh, e.language"
enum column_of {
    COL_EXPORT,
    COL_JOB,
    COL_RESOURCE,
    COL_FORMAT,
    COL_NAMES,
    COL_AT,
    COL_EXPIRES,
    COL_ROWS,
    COL_LEFT_OUT,
    COL_SIZE,
    COL_DIGEST,
    COL_UNITS,
    COL_JOB_STATE,
    COL_DONE,
    COL_TOTAL,
    COL_ERROR,
    COL_ERROR_EN,
    COL_ERROR_ZH,
    COL_LANGUAGE
};
#define FROM_EXPORT                                                                                          \
    " FROM juxin.export e LEFT JOIN juxin.job j ON j.tenant_id = e.tenant_id AND j.id = e.job_id"            \
    " WHERE e.tenant_id = $1 AND e.resource = $2 AND e.created_by = $3 AND e.expires_at > $4"

static const struct db_stmt list = {
    "export.list", "SELECT " COLUMNS_OF FROM_EXPORT " ORDER BY e.id DESC LIMIT 100"};
static const struct db_stmt find = {"export.find", "SELECT " COLUMNS_OF FROM_EXPORT " AND e.id = $5"};
static const struct db_stmt count_open = {"export.open",
    "SELECT count(*)" FROM_EXPORT " AND e.sha256 IS NULL AND j.state IN ('waiting', 'running')"};
static const struct db_stmt insert = {"export.insert",
    "INSERT INTO juxin.export (tenant_id, id, resource, format, language, query, fields, job_id, created_at, "
    "created_by, "
    "expires_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)"};
static const struct db_stmt drop = {"export.drop",
    "DELETE FROM juxin.export WHERE tenant_id = $1 AND resource = $2 AND created_by = $3 AND id = $4"};
static const struct db_stmt expire = {
    "export.expire", "DELETE FROM juxin.export WHERE tenant_id = $1 AND expires_at <= $2"};

/* ---- asking ---- */

static void write_params(struct jsonw *w, const struct export_input *in)
{
    static const char *const page[] = {"limit", "cursor", "count"};

    jsonw_array(w);
    for (size_t i = 0; i < in->param_count; i++) {
        bool is_page = false;

        for (size_t k = 0; k < ARRAY_LEN(page); k++)
            is_page |= text_is(in->params[i].name, page[k]);
        if (is_page)
            continue;
        jsonw_array(w);
        jsonw_text(w, in->params[i].name);
        jsonw_text(w, in->params[i].value);
        jsonw_array_end(w);
    }
    jsonw_array_end(w);
}

static const char *query_json(struct call *c, const struct export_input *in)
{
    struct buf b = BUF_INIT;
    struct jsonw w;
    char *s;

    jsonw_init(&w, &b);
    write_params(&w, in);
    s = arena_dup(c->arena, buf_str(&b));
    buf_done(&b);
    return s;
}

static int check_fields(struct call *c, const struct resource *res, const char *fields, const char **ret)
{
    struct column columns[COLUMNS_MAX];
    struct text rest = text_of(fields);
    uint32_t count = columns_of(res, columns), n = 0;
    const char *all = "";

    for (uint32_t i = 0; !fields && i < count; i++)
        all = arena_printf(c->arena, "%s%s%s", all, i ? "," : "", columns[i].name);
    *ret = fields ? fields : all;
    while (rest.ptr) {
        struct text name = text_split(&rest, ','), shown = text_cut(name, 60);

        if (column_find(res, name, &columns[0]) < 0 || ++n > COLUMNS_MAX)
            return call_fail_at(c, "/fields", "unknown_field",
                arena_printf(c->arena, "At most %d names of fields; \"%.*s\" is none.", COLUMNS_MAX,
                    (int)shown.len, shown.ptr),
                arena_printf(c->arena, "应为不超过 %d 个字段名称；“%.*s”不是字段。", COLUMNS_MAX,
                    (int)shown.len, shown.ptr));
    }
    return 0;
}

static void own_args(struct db_args *a, const struct call *c, const struct resource *res)
{
    db_args_reset(a);
    db_arg_int(a, c->tenant->id);
    db_arg_str(a, res->full_name);
    db_arg_uuid(a, c->who->account);
}

/* Each takes a place on a disk, and one of the few jobs that run side by side. */
static int check_open(struct call *c, const struct resource *res)
{
    struct db_args a;
    struct db_call call = {.stmt = count_open, .args = &a};
    int r;

    own_args(&a, c, res);
    db_arg_time(&a, c->now_us);
    r = call_read(c, &call, 1);
    if (r == 0 && db_get_int(call.rows, 0, 0) >= OPEN_MAX)
        r = call_fail(c, 409, "exports_open",
            "Twenty exports are still being made. Wait for one of them, or cancel it.",
            "已有二十个导出任务未完成，请等待其完成或取消。");
    return r;
}

static int store(struct call *c, const struct resource *res, const struct export_input *in,
    const char *fields, struct export *ret)
{
    const char *input = arena_printf(c->arena, "{\"export\":\"%s\"}", uuid_format(ret->id).s);
    struct job_input job = {.kind = export_job.name, .json = input};
    struct db_args a;
    int r = job_add(c, &job, &ret->job);

    if (r < 0)
        return r;
    db_args_reset(&a);
    db_arg_int(&a, c->tenant->id);
    db_arg_uuid(&a, ret->id);
    db_arg_str(&a, res->full_name);
    db_arg_str(&a, in->format == SHEET_CSV ? "csv" : "xlsx");
    db_arg_str(&a, in->is_english ? "en" : "zh-CN");
    db_arg_str(&a, query_json(c, in));
    db_arg_str(&a, fields);
    db_arg_uuid(&a, ret->job);
    db_arg_time(&a, c->now_us);
    db_arg_uuid(&a, c->who->account);
    db_arg_time(&a, c->now_us + EXPORT_HOURS * INT64_C(3600) * 1000000);
    return db_exec(c->tx, insert, &a, NULL);
}

int export_create(
    struct call *c, const struct resource *res, const struct export_input *in, struct export *ret)
{
    const char *fields = NULL;
    struct query q;
    int r;

    if (!subject_may_anywhere(c->who, res->permissions[ACTION_EXPORT]))
        return call_forbidden(c, arena_printf(c->arena, "%s.export", res->full_name));
    r = query_parse(c, res, in->params, in->param_count, &q);
    if (r == 0)
        r = query_check_unit(c, &q);
    if (r == 0)
        r = check_fields(c, res, in->fields, &fields);
    if (r == 0)
        r = check_open(c, res);
    if (r < 0)
        return r;
    *ret = (struct export){.id = uuid_new()};
    r = store(c, res, in, fields, ret);
    if (r == 0)
        r = call_audit(
            c, arena_printf(c->arena, "%s.export", res->full_name), "export", ret->id, UUID_NIL, fields);
    c->result_status = 201;
    c->result_id = ret->id;
    return r;
}

/* ---- finding ---- */

static int read_rows(struct call *c, const struct resource *res, struct uuid id, struct db_rows **ret)
{
    struct db_args *a = arena_alloc(c->arena, sizeof(*a));
    struct db_call call = {.stmt = uuid_is_nil(id) ? list : find, .args = a};
    int r = gate_require_somewhere(c, res->plugin);

    if (r < 0)
        return r;
    own_args(a, c, res);
    db_arg_time(a, c->now_us);
    if (!uuid_is_nil(id))
        db_arg_uuid(a, id);
    r = call_read(c, &call, 1);
    if (r == 0 && !uuid_is_nil(id) && db_rows_count(call.rows) == 0)
        r = call_not_found(c);
    *ret = call.rows;
    return r;
}

/* "建言献策 2026-11-25 0830.xlsx", as the clocks on the wall show it. */
static const char *name_of(struct call *c, const struct resource *res, const struct db_rows *rows, int i)
{
    struct clock_text at =
        clock_format(db_get_time(rows, i, COL_AT) + INT64_C(60000000) * CALENDAR_OFFSET_MINUTES);
    bool is_english = strcmp(db_get(rows, i, COL_LANGUAGE), "en") == 0;

    return arena_printf(c->arena, "%s %.10s %.2s%.2s.%s", is_english ? res->label.en : res->label.zh, at.s,
        at.s + 11, at.s + 14, db_get(rows, i, COL_FORMAT));
}

int export_find(struct call *c, const struct resource *res, struct uuid id, struct export *ret)
{
    struct db_rows *rows;
    int r = read_rows(c, res, id, &rows);

    if (r < 0)
        return r;
    *ret = (struct export){.id = id,
        .job = db_get_uuid(rows, 0, COL_JOB),
        .name = name_of(c, res, rows, 0),
        .size = (uint64_t)db_get_int(rows, 0, COL_SIZE),
        .units = db_get(rows, 0, COL_UNITS),
        .is_ready = db_get(rows, 0, COL_DIGEST) != NULL};
    if (ret->is_ready && hex_parse(db_get_text(rows, 0, COL_DIGEST), ret->digest.b, SHA256_LEN) < 0)
        r = -EIO;
    return r;
}

static const char *state_of(const struct db_rows *rows, int i)
{
    const char *job = db_get(rows, i, COL_JOB_STATE);

    if (db_get(rows, i, COL_DIGEST))
        return "done";
    return !job ? "failed" : strcmp(job, "dead") == 0 ? "failed" : job;
}

static void write_count(struct jsonw *w, const char *key, const struct db_rows *rows, int i, int column)
{
    jsonw_key(w, key);
    if (db_get(rows, i, column))
        jsonw_int(w, db_get_int(rows, i, column));
    else
        jsonw_null(w);
}

static void write_row(
    struct call *c, const struct resource *res, struct jsonw *w, const struct db_rows *rows, int i)
{
    struct text rest = db_get_text(rows, i, COL_NAMES);

    jsonw_object(w);
    jsonw_kstr(w, "id", db_get(rows, i, COL_EXPORT));
    jsonw_kstr(w, "job", db_get(rows, i, COL_JOB));
    jsonw_kstr(w, "state", state_of(rows, i));
    jsonw_kstr(w, "format", db_get(rows, i, COL_FORMAT));
    jsonw_kstr(w, "name", name_of(c, res, rows, i));
    jsonw_key(w, "fields");
    jsonw_array(w);
    while (rest.ptr)
        jsonw_text(w, text_split(&rest, ','));
    jsonw_array_end(w);
    jsonw_kint(w, "done", db_get_int(rows, i, COL_DONE));
    write_count(w, "rows", rows, i, COL_ROWS);
    write_count(w, "left_out", rows, i, COL_LEFT_OUT);
    write_count(w, "size", rows, i, COL_SIZE);
    jsonw_kstr(w, "created_at", clock_format(db_get_time(rows, i, COL_AT)).s);
    jsonw_kstr(w, "expires_at", clock_format(db_get_time(rows, i, COL_EXPIRES)).s);
    jsonw_kstr(w, "error_code", db_get(rows, i, COL_ERROR));
    jsonw_kstr(w, "error_en", db_get(rows, i, COL_ERROR_EN));
    jsonw_kstr(w, "error_zh", db_get(rows, i, COL_ERROR_ZH));
    jsonw_object_end(w);
}

int export_list_write(struct call *c, const struct resource *res, struct jsonw *w)
{
    struct db_rows *rows;
    int r = read_rows(c, res, UUID_NIL, &rows);

    if (r < 0)
        return r;
    jsonw_object(w);
    jsonw_key(w, "items");
    jsonw_array(w);
    for (int i = 0; i < db_rows_count(rows); i++)
        write_row(c, res, w, rows, i);
    jsonw_array_end(w);
    jsonw_object_end(w);
    return 0;
}

int export_write(struct call *c, const struct resource *res, struct uuid id, struct jsonw *w)
{
    struct db_rows *rows;
    int r = read_rows(c, res, id, &rows);

    if (r == 0)
        write_row(c, res, w, rows, 0);
    return r;
}

/* ---- ending ---- */

int export_remove(struct call *c, const struct resource *res, struct uuid id)
{
    struct db_args a;
    int r = gate_require_somewhere(c, res->plugin);

    if (r < 0)
        return r;
    own_args(&a, c, res);
    db_arg_uuid(&a, id);
    r = db_exec_expect(c->tx, drop, &a, 1);
    if (r == -ESTALE)
        return call_not_found(c);
    if (r == 0)
        r = call_audit(
            c, arena_printf(c->arena, "%s.export_delete", res->full_name), "export", id, UUID_NIL, NULL);
    c->result_status = 204;
    c->result_id = id;
    return r;
}

int export_check_units(struct call *c, const struct resource *res, const struct export *e)
{
    struct text rest = text_of(e->units && *e->units ? e->units : NULL);
    int r = 0;

    while (rest.ptr && r == 0) {
        struct uuid id;
        uint32_t unit =
            uuid_parse(text_split(&rest, ','), &id) == 0 ? tree_find(c->tenant->tree, id) : TREE_NONE;

        if (unit != TREE_NONE)
            r = gate_require(c, res->plugin, unit);
    }
    return r;
}

int export_note_download(struct call *c, const struct resource *res, const struct export *e)
{
    return call_audit(
        c, arena_printf(c->arena, "%s.export_download", res->full_name), "export", e->id, UUID_NIL, NULL);
}

static int expire_all(struct call *c, struct job *j, void *arg)
{
    struct db_args a;

    (void)j, (void)arg;
    db_args_reset(&a);
    db_arg_int(&a, c->tenant->id);
    db_arg_time(&a, c->now_us);
    return db_exec(c->tx, expire, &a, NULL);
}

static int run_expiry(struct job *j)
{
    return job_step(j, expire_all, NULL);
}

static const struct job_kind expiry = {.name = "export.expire",
    .label_zh = "清理过期的导出文件",
    .label_en = "Drop exports that have expired",
    .as = JOB_AS_SYSTEM,
    .every_s = 3600,
    .run = run_expiry};

void export_register(void)
{
    job_kind_register(&export_job);
    job_kind_register(&expiry);
}
