/* Exports of own data as rows: asked for, listed, taken. own_export_job.c makes them; those of lists expire with them. */
#include "resource/own/own_export.h"

#include <errno.h>

#include "base/clock.h"
#include "resource/own/own.h"
#include "resource/own/own_export_job.h"

#define HOURS 24
#define OPEN_MAX 5

#define OWN_EXPORT_COLUMNS                                                                                   \
    "e.id, e.job_id, e.format, e.language, e.created_at, e.expires_at, e.rows, e.size, e.sha256, j.state, "  \
    "j.done, j.error_code, j.error_en, j.error_zh"
#define FROM_OWN_EXPORT                                                                                      \
    " FROM juxin.export e LEFT JOIN juxin.job j ON j.tenant_id = e.tenant_id AND j.id = e.job_id"            \
    " WHERE e.tenant_id = $1 AND e.resource = 'core.own_data' AND e.created_by = $2 AND e.expires_at > $3"   \
    " AND ($4::uuid IS NULL OR e.id = $4)"

static const struct db_stmt list = {
    "own_export.list", "SELECT " OWN_EXPORT_COLUMNS FROM_OWN_EXPORT " ORDER BY e.id DESC LIMIT 100"};
static const struct db_stmt count_open = {"own_export.open",
    "SELECT count(*)" FROM_OWN_EXPORT " AND e.sha256 IS NULL AND j.state IN ('waiting', 'running')"};
static const struct db_stmt insert = {"own_export.insert",
    "INSERT INTO juxin.export (tenant_id, id, resource, format, language, query, fields, job_id, created_at, "
    "created_by, "
    "expires_at) VALUES ($1, $2, '" OWN_EXPORT_RESOURCE "', $3, $4, '[]', '', $5, $6, $7, $8)"};

static int read_rows(struct call *c, struct db_stmt stmt, struct uuid id, struct db_rows **ret)
{
    struct db_args *a = arena_alloc(c->arena, sizeof(*a));
    struct db_call call = {.stmt = stmt, .args = a};
    int r;

    db_args_reset(a);
    db_arg_int(a, c->tenant->id);
    db_arg_uuid(a, c->who->account);
    db_arg_time(a, c->now_us);
    db_arg_uuid_or_null(a, id);
    r = call_read(c, &call, 1);
    *ret = call.rows;
    return r;
}

int own_export_create(struct call *c, bool is_json, bool is_english, struct uuid *ret_id)
{
    struct uuid id = uuid_new(), job;
    struct job_input in = {.kind = own_export_job.name,
        .json = arena_printf(c->arena, "{\"export\":\"%s\"}", uuid_format(id).s)};
    struct db_rows *rows;
    struct db_args a;
    int r = read_rows(c, count_open, UUID_NIL, &rows);

    if (r == 0 && db_get_int(rows, 0, 0) >= OPEN_MAX)
        r = call_fail(c, 409, "exports_open", "Five are being made already.", "已有五份正在生成。");
    if (r == 0)
        r = job_add(c, &in, &job);
    if (r < 0)
        return r;
    db_args_reset(&a);
    db_arg_int(&a, c->tenant->id);
    db_arg_uuid(&a, id);
    db_arg_str(&a, is_json ? "json" : "xlsx");
    db_arg_str(&a, is_english ? "en" : "zh-CN");
    db_arg_uuid(&a, job);
    db_arg_time(&a, c->now_us);
    db_arg_uuid(&a, c->who->account);
    db_arg_time(&a, c->now_us + HOURS * INT64_C(3600) * 1000000);
    r = db_exec(c->tx, insert, &a, NULL);
    if (r == 0)
        r = call_audit(c, "own_data.export", "export", id, UUID_NIL, NULL);
    *ret_id = id;
    c->result_status = 201;
    c->result_id = id;
    return r;
}

static const char *state_of(const struct db_rows *rows, int i)
{
    const char *job = db_get(rows, i, 9);

    if (db_get(rows, i, 8))
        return "done";
    return !job || strcmp(job, "dead") == 0 ? "failed" : job;
}

static const char *name_of(struct call *c, const struct db_rows *rows, int i)
{
    const char *at = clock_format(db_get_time(rows, i, 4) + INT64_C(480) * 60 * 1000000).s;
    bool is_english = strcmp(db_get(rows, i, 3), "en") == 0;

    return arena_printf(c->arena, "%s %.10s %.2s%.2s.%s", is_english ? "My data" : "本人信息", at, at + 11,
        at + 14, db_get(rows, i, 2));
}

static void write_row(struct call *c, struct jsonw *w, const struct db_rows *rows, int i)
{
    jsonw_object(w);
    jsonw_kstr(w, "id", db_get(rows, i, 0));
    jsonw_kstr(w, "job", db_get(rows, i, 1));
    jsonw_kstr(w, "state", state_of(rows, i));
    jsonw_kstr(w, "format", db_get(rows, i, 2));
    jsonw_kstr(w, "name", name_of(c, rows, i));
    jsonw_kint(w, "done", db_get_int(rows, i, 10));
    jsonw_key(w, "size");
    if (db_get(rows, i, 7))
        jsonw_int(w, db_get_int(rows, i, 7));
    else
        jsonw_null(w);
    jsonw_kstr(w, "created_at", clock_format(db_get_time(rows, i, 4)).s);
    jsonw_kstr(w, "expires_at", clock_format(db_get_time(rows, i, 5)).s);
    jsonw_kstr(w, "error_code", db_get(rows, i, 11));
    jsonw_kstr(w, "error_en", db_get(rows, i, 12));
    jsonw_kstr(w, "error_zh", db_get(rows, i, 13));
    jsonw_object_end(w);
}

int own_export_list_write(struct call *c, struct jsonw *w)
{
    struct db_rows *rows;
    int r = read_rows(c, list, UUID_NIL, &rows);

    if (r < 0)
        return r;
    jsonw_object(w);
    jsonw_key(w, "items");
    jsonw_array(w);
    for (int i = 0; i < db_rows_count(rows); i++)
        write_row(c, w, rows, i);
    jsonw_array_end(w);
    jsonw_object_end(w);
    return 0;
}

int own_export_write(struct call *c, struct uuid id, struct jsonw *w)
{
    struct db_rows *rows;
    int r = read_rows(c, list, id, &rows);

    if (r == 0 && db_rows_count(rows) == 0)
        r = call_not_found(c);
    if (r == 0)
        write_row(c, w, rows, 0);
    return r;
}

int own_export_take(struct call *c, struct uuid id, struct own_file *ret)
{
    struct db_rows *rows;
    int r = read_rows(c, list, id, &rows);

    if (r == 0 && db_rows_count(rows) == 0)
        r = call_not_found(c);
    if (r == 0 && !db_get(rows, 0, 8))
        r = call_fail(c, 409, "not_ready", "The export is not ready yet.", "导出尚未完成。");
    if (r < 0)
        return r;
    *ret = (struct own_file){.name = name_of(c, rows, 0),
        .is_json = strcmp(db_get(rows, 0, 2), "json") == 0,
        .size = (uint64_t)db_get_int(rows, 0, 7)};
    if (hex_parse(db_get_text(rows, 0, 8), ret->digest.b, SHA256_LEN) < 0)
        return -EIO;
    return call_audit(c, "own_data.export_download", "export", id, UUID_NIL, NULL);
}

void own_export_register(void)
{
    job_kind_register(&own_export_job);
}
