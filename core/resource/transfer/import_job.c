/* Checking an import, bringing it in, taking it back. A check begins anew when it was broken off; what is brought in or taken
 * back goes on behind its last step, and no row is done twice. */
#include "resource/transfer/import_job.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/json.h"
#include "base/mem.h"
#include "db/pgarray.h"
#include "loop/helper.h"
#include "resource/beside/file.h"
#include "resource/declare/resource.h"
#include "resource/record/search_build.h"
#include "resource/record/store.h"
#include "resource/transfer/import_batch.h"
#include "resource/transfer/import_sheet.h"

#define UNDO_BATCH 50

static const struct db_stmt forget_faults = {
    "import.forget_faults", "DELETE FROM juxin.import_fault WHERE tenant_id = $1 AND import_id = $2"};
static const struct db_stmt begin = {"import.begin",
    "UPDATE juxin.import SET good = 0, bad = 0, skipped = 0, updated = 0, errors_sha256 = NULL, errors_size "
    "= NULL WHERE "
    "tenant_id = $1 "
    "AND id = $2"};
static const struct db_stmt finish = {"import.finish",
    "UPDATE juxin.import SET state = $3, errors_sha256 = $4, errors_size = $5 WHERE tenant_id = $1 AND id = "
    "$2 RETURNING "
    "good, bad, skipped, undone, left_alone, updated"};
static const struct db_stmt rows_left = {"import.rows_left",
    "SELECT row, record_id, is_update FROM juxin.import_row WHERE tenant_id = $1 AND import_id = $2 "
    "AND row > $3 AND ($5::int[] IS NULL OR row = ANY ($5::int[])) ORDER BY row LIMIT $4"};
static const struct db_stmt forget_row = {
    "import.forget_row", "DELETE FROM juxin.import_row WHERE tenant_id = $1 AND import_id = $2 AND row = $3"};
static const struct db_stmt has_files = {"import.has_files",
    "SELECT 1 FROM juxin.attachment WHERE tenant_id = $1 AND resource = $2 AND record_id "
    "= $3 AND deleted_at IS NULL LIMIT 1"};
static const struct db_stmt left_fault = {"import.left_fault",
    "INSERT INTO juxin.import_fault (tenant_id, import_id, row, n, header, code, en, zh) VALUES ($1, $2, $3, "
    "0, '', $4, $5, "
    "$6) ON CONFLICT (tenant_id, import_id, row, n) DO NOTHING"};
static const struct db_stmt count_undone = {"import.count_undone",
    "UPDATE juxin.import SET undone = undone + $3, left_alone = left_alone + $4 WHERE "
    "tenant_id = $1 AND id = $2"};

struct work {
    struct arena *arena; /* the job's */
    struct import im;
    bool found, is_dry;
    uint32_t behind; /* rows up to this one are done */
    struct import_reader reader;
    struct import_batch batches[2]; /* one is read while the other is worked on */
    struct import_batch *batch;
    struct import_seen *seen;
    int64_t total;
    struct import_errors errors;
};

static void args_of(struct db_args *a, const struct call *c, const struct work *w)
{
    db_args_reset(a);
    db_arg_int(a, c->tenant->id);
    db_arg_uuid(a, w->im.id);
}

static const char *checkpoint(struct call *c, uint32_t row)
{
    return arena_printf(c->arena, "%u", row);
}

/* ---- beginning ---- */

/* Without all of the keys rows would be taken for new that are not. */
static int check_key(struct call *c, const struct import *im)
{
    bool is_built = true;
    int r = im->has_key ? search_is_built(c, resource_find(im->res->full_name), &is_built) : 0;

    if (r == 0 && !is_built)
        r = call_fail(c, 409, "key_not_ready",
            "What records are told again by is being built. Check again in some minutes.",
            "查重数据正在建立，请稍后重新检查。");
    return r;
}

static int take_input(struct call *c, struct job *j, void *arg)
{
    struct work *w = arg;
    struct db_args a;
    int r = import_load(c, w->arena, w->im.id, &w->im, &w->found);

    if (r == 0 && w->found)
        r = check_key(c, &w->im);
    if (r < 0 || !w->found)
        return r;
    if (j->checkpoint && !w->is_dry) {
        w->behind = (uint32_t)strtoul(j->checkpoint, NULL, 10);
        return 0;
    }
    args_of(&a, c, w);
    r = db_exec(c->tx, forget_faults, &a, NULL);
    if (r == 0)
        r = db_exec(c->tx, begin, &a, NULL);
    j->done = 0;
    j->stage = w->is_dry ? "checking" : "importing";
    j->checkpoint = w->is_dry ? NULL : "0";
    return r;
}

static int start(struct job *j, struct work *w)
{
    json_t *input = NULL;
    const char *id;
    int r = -EINVAL;

    if (json_parse(text_of(j->input), JSON_LIMITS, &input, NULL) == 0) {
        id = json_str(input, "import");
        r = id ? uuid_parse(text_of(id), &w->im.id) : -EINVAL;
        json_decref(input);
    }
    if (r < 0)
        return job_fail(j, "input", "The job's input is not one.", "任务输入无效。");
    w->arena = j->arena;
    w->reader.fd = -1;
    return job_step(j, take_input, w);
}

/* ---- rows ---- */

static int do_batch(struct call *c, struct job *j, void *arg)
{
    struct work *w = arg;
    int r = import_batch_do(c, &w->im, w->batch, w->seen, w->is_dry);

    if (r < 0)
        return r;
    j->done += w->batch->count;
    if (!w->is_dry && w->batch->count)
        j->checkpoint = checkpoint(c, w->batch->lines[w->batch->count - 1].number);
    return 0;
}

/* What is wrong with the file as a whole, and where. */
static int fail_file(struct job *j, const struct sheet_fault *f)
{
    if (!f->code)
        return job_fail(
            j, "file_unavailable", "The file cannot be read at the moment.", "暂时无法读取该文件。");
    if (!f->row)
        return job_fail(j, f->code, f->en, f->zh);
    return job_fail(j, f->code, arena_printf(j->arena, "Row %u: %s", f->row, f->en),
        arena_printf(j->arena, "第 %u 行：%s", f->row, f->zh));
}

static int file_error(struct job *j, const struct work *w, int r)
{
    return r == -EINVAL && w->reader.fault.code ? fail_file(j, &w->reader.fault) : r;
}

/* The first rows behind the given one are being read. */
static int open_reader(struct job *j, struct work *w, uint32_t behind)
{
    int r;

    import_reader_close(&w->reader);
    r = import_reader_open(&w->reader, j->tenant, &w->im.digest, behind);
    return r < 0 ? r : import_reader_begin(&w->reader, &w->batches[0]);
}

/* Waits for the rows that are being read, and lets the next ones be read meanwhile. */
static int next_batch(struct work *w)
{
    int r = import_reader_end(&w->reader);

    w->batch = w->reader.batch;
    if (r < 0 || w->batch->at_end)
        return r;
    return import_reader_begin(&w->reader, &w->batches[w->batch == &w->batches[0]]);
}

static int do_batches(struct job *j, struct work *w)
{
    int r = open_reader(j, w, w->behind);

    do {
        if (r == 0)
            r = next_batch(w);
        if (r < 0)
            return file_error(j, w, r);
        if (w->batch->count)
            r = job_step(j, do_batch, w);
    } while (r == 0 && !w->batch->at_end);
    return r;
}

/* All of it in one unit of work. Once it is committed the checkpoint says so. */
static int do_all(struct call *c, struct job *j, void *arg)
{
    struct work *w = arg;
    uint32_t bad = 0, last = 0;
    int64_t done = 0;
    int r = open_reader(j, w, 0);

    do {
        if (r == 0)
            r = next_batch(w);
        if (r < 0)
            break;
        r = import_batch_do(c, &w->im, w->batch, NULL, false);
        bad = w->batch->bad;
        done += w->batch->count;
        if (w->batch->count)
            last = w->batch->lines[w->batch->count - 1].number;
    } while (r == 0 && bad == 0 && !w->batch->at_end);
    if (r == 0 && bad)
        r = call_fail(c, 409, "rows_bad",
            "Rows that were good when they were checked are not any more. Nothing was brought in; check "
            "again.",
            "检查通过的部分行现已不合格，未导入任何数据，请重新检查。");
    j->done = done;
    j->checkpoint = checkpoint(c, last);
    return r;
}

/* ---- the end ---- */

static int finish_step(struct call *c, struct job *j, void *arg)
{
    struct work *w = arg;
    struct db_rows *rows CLEANUP(db_rows_freep) = NULL;
    bool has_errors = w->errors.blob != NULL;
    struct db_args a;
    int r = has_errors ? file_keep(c, w->errors.blob, &w->errors.digest, w->errors.size) : 0;

    if (r < 0)
        return r;
    args_of(&a, c, w);
    db_arg_str(&a, w->is_dry ? "checked" : "imported");
    db_arg_str(&a, has_errors ? file_hex(c->arena, &w->errors.digest) : NULL);
    if (has_errors)
        db_arg_int(&a, (int64_t)w->errors.size);
    else
        db_arg_str(&a, NULL);
    r = db_exec(c->tx, finish, &a, &rows);
    if (r < 0)
        return r;
    if (db_rows_count(rows) == 1)
        j->result =
            arena_printf(c->arena, "{\"import\":\"%s\",\"good\":%s,\"bad\":%s,\"skipped\":%s,\"updated\":%s}",
                uuid_format(w->im.id).s, db_get(rows, 0, 0), db_get(rows, 0, 1), db_get(rows, 0, 2),
                db_get(rows, 0, 5));
    j->stage = "done";
    j->total = j->done;
    return call_audit(c,
        arena_printf(c->arena, "%s.%s", w->im.res->full_name, w->is_dry ? "import_checked" : "imported"),
        "import", w->im.id, UUID_NIL, NULL);
}

static int work_through(struct job *j, struct work *w)
{
    bool is_all = !w->is_dry && w->im.is_all;
    int r = 0;

    if (!is_all)
        r = do_batches(j, w);
    else if (w->behind == 0)
        r = file_error(j, w, job_step(j, do_all, w));
    import_reader_close(&w->reader);
    if (r == 0)
        r = import_errors_make(j, &w->im, &w->errors);
    return r < 0 ? r : job_step(j, finish_step, w);
}

static int run(struct job *j, bool is_dry)
{
    struct work *w = mem_zalloc(sizeof(*w));
    int r;

    w->is_dry = is_dry;
    r = start(j, w);
    if (r == 0 && w->found) {
        w->seen = is_dry ? import_seen_new() : NULL;
        r = work_through(j, w);
    }
    import_reader_close(&w->reader);
    import_errors_done(&w->errors);
    import_seen_free(w->seen);
    arena_free(w->batches[0].arena);
    arena_free(w->batches[1].arena);
    free(w);
    return r;
}

static int run_check(struct job *j)
{
    return run(j, true);
}

static int run_import(struct job *j)
{
    return run(j, false);
}

/* ---- undo ---- */

struct undo {
    struct import im;
    bool found;
    const char *rows;             /* which, as an array; NULL: all */
    uint32_t behind, last, count; /* rows done before this step, and with it */
};

static int leave(struct call *c, const struct undo *u, const struct db_rows *rows, int i)
{
    struct db_args a;

    db_args_reset(&a);
    db_arg_int(&a, c->tenant->id);
    db_arg_uuid(&a, u->im.id);
    db_arg_int(&a, db_get_int(rows, i, 0));
    db_arg_str(&a, c->fault.code);
    db_arg_str(&a, c->fault.en);
    db_arg_str(&a, c->fault.zh);
    c->fault = (struct call_fault){0};
    return db_exec(c->tx, left_fault, &a, NULL);
}

/* What it was before is in its history; somebody may have read what it is now. */
static int refuse_update(struct call *c)
{
    return call_fail(c, 409, "updated",
        "This row changed a record that was there before; it is left as it is.",
        "该行更新的是原有记录，撤销不影响该记录。");
}

static int check_files(struct call *c, const struct undo *u, struct uuid id)
{
    struct db_args *a = arena_alloc(c->arena, sizeof(*a));
    struct db_call call = {.stmt = has_files, .args = a};
    int r;

    record_key_args(a, c, u->im.res, id);
    r = call_read(c, &call, 1);
    if (r == 0 && db_rows_count(call.rows) > 0)
        r = call_fail(
            c, 409, "has_files", "Somebody has attached files to the record.", "该记录已添加附件。");
    return r;
}

/* A record that somebody has changed since stays, and what filters wrote before one refused is taken back; a record that is
 * gone already is as it should be. */
static int undo_one(
    struct call *c, struct undo *u, const struct db_rows *rows, int i, uint32_t *undone, uint32_t *left)
{
    struct uuid id = db_get_uuid(rows, i, 1);
    struct db_args a;
    int r = db_get_bool(rows, i, 2) ? refuse_update(c) : check_files(c, u, id);

    if (r == 0)
        r = db_savepoint(c->tx, "undo_row");
    if (r == 0) {
        r = record_delete(c, u->im.res, id, 1);
        if (r == -EINVAL && c->fault.status && db_savepoint_rollback(c->tx, "undo_row") < 0)
            return -EIO;
        if (r == 0)
            r = db_savepoint_release(c->tx, "undo_row");
    }
    if (r == -EINVAL && c->fault.status == 404) {
        c->fault = (struct call_fault){0};
        r = 0;
    }
    if (r == -EINVAL && c->fault.status) {
        ++*left;
        return leave(c, u, rows, i);
    }
    if (r < 0)
        return r;
    ++*undone;
    db_args_reset(&a);
    db_arg_int(&a, c->tenant->id);
    db_arg_uuid(&a, u->im.id);
    db_arg_int(&a, db_get_int(rows, i, 0));
    return db_exec(c->tx, forget_row, &a, NULL);
}

static int undo_step(struct call *c, struct job *j, void *arg)
{
    struct undo *u = arg;
    struct db_args *a = arena_alloc(c->arena, sizeof(*a));
    struct db_call call = {.stmt = rows_left, .args = a};
    uint32_t undone = 0, left = 0;
    struct db_args counts;
    int r;

    db_args_reset(a);
    db_arg_int(a, c->tenant->id);
    db_arg_uuid(a, u->im.id);
    db_arg_int(a, u->behind);
    db_arg_int(a, UNDO_BATCH);
    db_arg_str(a, u->rows);
    r = call_read(c, &call, 1);
    u->last = u->behind; /* a step may run once more */
    u->count = r == 0 ? (uint32_t)db_rows_count(call.rows) : 0;
    for (uint32_t i = 0; i < u->count && r == 0; i++) {
        u->last = (uint32_t)db_get_int(call.rows, (int)i, 0);
        r = undo_one(c, u, call.rows, (int)i, &undone, &left);
    }
    if (r < 0)
        return r;
    db_args_reset(&counts);
    db_arg_int(&counts, c->tenant->id);
    db_arg_uuid(&counts, u->im.id);
    db_arg_int(&counts, undone);
    db_arg_int(&counts, left);
    j->done += u->count;
    j->stage = "undoing";
    j->checkpoint = checkpoint(c, u->last);
    return db_exec_expect(c->tx, count_undone, &counts, 1);
}

static int undo_input(struct call *c, struct job *j, void *arg)
{
    struct undo *u = arg;
    struct db_args a;
    int r = import_load(c, j->arena, u->im.id, &u->im, &u->found);

    if (r < 0 || !u->found || j->checkpoint)
        return r;
    db_args_reset(&a);
    db_arg_int(&a, c->tenant->id);
    db_arg_uuid(&a, u->im.id);
    j->checkpoint = "0";
    return u->rows ? 0 : db_exec(c->tx, forget_faults, &a, NULL); /* of some rows: the others' stay */
}

static int undo_end(struct call *c, struct job *j, void *arg)
{
    struct undo *u = arg;
    struct db_rows *rows CLEANUP(db_rows_freep) = NULL;
    struct db_args a;
    int r;

    db_args_reset(&a);
    db_arg_int(&a, c->tenant->id);
    db_arg_uuid(&a, u->im.id);
    db_arg_str(&a, u->rows ? "imported" : "undone");
    db_arg_str(&a, NULL);
    db_arg_str(&a, NULL);
    r = db_exec(c->tx, finish, &a, &rows);
    if (r < 0)
        return r;
    if (db_rows_count(rows) == 1)
        j->result = arena_printf(c->arena, "{\"import\":\"%s\",\"undone\":%s,\"left_alone\":%s}",
            uuid_format(u->im.id).s, db_get(rows, 0, 3), db_get(rows, 0, 4));
    j->stage = "done";
    return call_audit(c, arena_printf(c->arena, "%s.import_undone", u->im.res->full_name), "import", u->im.id,
        UUID_NIL, NULL);
}

static const char *rows_of(struct arena *a, const json_t *list)
{
    struct pgarray rows CLEANUP(pgarray_done) = PGARRAY_INIT;
    const json_t *v;
    size_t i;

    json_array_foreach(list, i, v) pgarray_int(&rows, json_integer_value(v));
    return list ? arena_dup(a, pgarray_end(&rows)) : NULL;
}

static int run_undo(struct job *j)
{
    struct undo u = {0};
    json_t *input = NULL;
    const char *id;
    int r = json_parse(text_of(j->input), JSON_LIMITS, &input, NULL);

    id = r == 0 ? json_str(input, "import") : NULL;
    r = id ? uuid_parse(text_of(id), &u.im.id) : -EINVAL;
    if (r == 0)
        u.rows = rows_of(j->arena, json_object_get(input, "rows"));
    json_decref(input);
    if (r < 0)
        return job_fail(j, "input", "The job's input is not one.", "任务输入无效。");
    if (j->checkpoint)
        u.behind = (uint32_t)strtoul(j->checkpoint, NULL, 10);
    r = job_step(j, undo_input, &u);
    if (r < 0 || !u.found)
        return r;
    do {
        r = job_step(j, undo_step, &u);
        u.behind = u.last;
    } while (r == 0 && u.count == UNDO_BATCH);
    return r < 0 ? r : job_step(j, undo_end, &u);
}

const struct job_kind import_check_job = {.name = "import.check",
    .label_zh = "检查导入",
    .label_en = "Check an import",
    .as = JOB_AS_CREATOR,
    .run = run_check};
const struct job_kind import_run_job = {
    .name = "import.run", .label_zh = "导入", .label_en = "Import", .as = JOB_AS_CREATOR, .run = run_import};
const struct job_kind import_undo_job = {.name = "import.undo",
    .label_zh = "撤销导入",
    .label_en = "Undo an import",
    .as = JOB_AS_CREATOR,
    .run = run_undo};
