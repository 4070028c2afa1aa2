/* The queue of jobs: kinds, adding, cancelling, showing. */
#include "access/job.h"

#include <errno.h>

#include "access/core_permissions.h"
#include "access/job_run.h"
#include "base/clock.h"
#include "base/jsonw.h"
#include "db/outbox.h"

static const struct job_kind *kinds[JOB_KINDS_MAX];
static uint32_t kind_count;

static const struct db_stmt insert = {"job.insert",
    "INSERT INTO juxin.job (tenant_id, id, kind, plugin, unit_id, key, input, attempts_max, run_at, "
    "created_by, "
    "created_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)"
    " ON CONFLICT (tenant_id, kind, key) WHERE key <> '' AND state IN ('waiting', 'running') DO NOTHING"};
static const struct db_stmt find = {"job.find",
    "SELECT state, created_by, kind, attempts, stage, done, total FROM juxin.job"
    " WHERE tenant_id = $1 AND id = $2 FOR UPDATE"};
static const struct db_stmt end_waiting = {"job.end_waiting",
    "UPDATE juxin.job SET state = 'cancelled', cancel_requested = true, ended_at = $3"
    " WHERE tenant_id = $1 AND id = $2"};
static const struct db_stmt ask_to_end = {
    "job.ask_to_end", "UPDATE juxin.job SET cancel_requested = true WHERE tenant_id = $1 AND id = $2"};
static const struct db_stmt begin_again = {"job.begin_again",
    "UPDATE juxin.job SET state = 'waiting', run_at = $3, attempts = 0, ended_at = NULL, error_code = NULL,"
    " error_en = NULL, error_zh = NULL, cancel_requested = false WHERE tenant_id = $1 AND id = $2"};

void job_kind_register(const struct job_kind *kind)
{
    if (kind_count == JOB_KINDS_MAX)
        abort();
    if (!job_kind_find(kind->name))
        kinds[kind_count++] = kind;
}

bool job_kind_has_room(void)
{
    return kind_count < JOB_KINDS_MAX;
}

const struct job_kind *job_kind_find(const char *name)
{
    for (uint32_t i = 0; i < kind_count; i++)
        if (strcmp(kinds[i]->name, name) == 0)
            return kinds[i];
    return NULL;
}

int job_tell(struct db_tx *tx, const struct job_news *n, int64_t attempt)
{
    struct buf b CLEANUP(buf_done) = BUF_INIT;
    struct jsonw w;

    jsonw_init(&w, &b);
    jsonw_object(&w);
    jsonw_kstr(&w, "id", uuid_format(n->id).s);
    jsonw_kstr(&w, "kind", n->kind);
    jsonw_kstr(&w, "state", n->state);
    jsonw_kstr(&w, "stage", n->stage);
    jsonw_kint(&w, "done", n->done);
    if (n->total)
        jsonw_kint(&w, "total", n->total);
    jsonw_kstr(&w, "created_by", uuid_is_nil(n->created_by) ? NULL : uuid_format(n->created_by).s);
    jsonw_object_end(&w);
    return event_publish(tx, "job", uuid_format(n->id).s, attempt, buf_str(&b));
}

static int insert_job(struct db_tx *tx, const struct job_input *in, struct uuid id, struct uuid creator,
    int64_t now_us, uint64_t *ret_count)
{
    const struct job_kind *kind = job_kind_find(in->kind);
    struct db_rows *rows CLEANUP(db_rows_freep) = NULL;
    struct db_args a;
    int r;

    db_args_reset(&a);
    db_arg_int(&a, db_tx_tenant(tx));
    db_arg_uuid(&a, id);
    db_arg_str(&a, in->kind);
    db_arg_str(&a, in->plugin ? in->plugin : "");
    db_arg_uuid_or_null(&a, in->unit);
    db_arg_str(&a, in->key ? in->key : "");
    db_arg_str(&a, in->json ? in->json : "{}");
    db_arg_int(&a, kind && kind->attempts_max ? kind->attempts_max : 5);
    db_arg_time(&a, in->run_at_us ? in->run_at_us : now_us);
    db_arg_uuid_or_null(&a, creator);
    db_arg_time(&a, now_us);
    r = db_exec(tx, insert, &a, &rows);
    if (r == 0)
        *ret_count = db_rows_affected(rows);
    return r;
}

int job_add(struct call *c, const struct job_input *in, struct uuid *ret_id)
{
    struct job_news news = {
        .id = uuid_new(), .created_by = c->who->account, .kind = in->kind, .state = "waiting"};
    struct uuid id = news.id;
    uint64_t count = 0;
    int r = insert_job(c->tx, in, id, c->who->account, c->now_us, &count);

    if (r < 0)
        return r;
    if (count == 0)
        return call_fail(c, 409, "job_open", "A job of this kind for the same thing has not ended yet.",
            "针对同一对象的同类任务尚未结束。");
    r = job_tell(c->tx, &news, 0);
    if (r < 0)
        return r;
    *ret_id = id;
    return call_audit(c, "job.add", "job", id, in->unit, "kind,input");
}

int job_add_unasked(struct db_tx *tx, const struct job_input *in, int64_t now_us)
{
    uint64_t count;

    return insert_job(tx, in, uuid_new(), UUID_NIL, now_us, &count);
}

int job_schedule(struct db_tx *tx, int32_t tenant, int64_t now_us)
{
    int r = 0;

    (void)tenant; /* the unit of work has entered it */
    for (uint32_t i = 0; i < kind_count && r == 0; i++) {
        struct job_input in = {.kind = kinds[i]->name, .key = "schedule"};
        uint64_t count;

        if (kinds[i]->every_s)
            r = insert_job(tx, &in, uuid_new(), UUID_NIL, now_us, &count);
    }
    return r;
}

static void id_args(struct call *c, struct db_args *a, struct uuid id)
{
    db_args_reset(a);
    db_arg_int(a, c->tenant->id);
    db_arg_uuid(a, id);
}

/* Locks the job for its maker or a manager of jobs; everybody else learns nothing of it. */
static int lock(struct call *c, struct uuid id, const struct db_rows **ret)
{
    struct db_args *a = arena_alloc(c->arena, sizeof(*a));
    struct db_call call = {.stmt = find, .args = a};
    int r = call_begin(c);

    if (r < 0 || c->is_replay)
        return r;
    id_args(c, a, id);
    r = call_read(c, &call, 1);
    if (r < 0)
        return r;
    if (db_rows_count(call.rows) == 0 || (!uuid_eq(db_get_uuid(call.rows, 0, 1), c->who->account) &&
                                             !subject_may_anywhere(c->who, core_permission(CORE_JOB_MANAGE))))
        return call_not_found(c);
    *ret = call.rows;
    return 0;
}

/* The locked job is in another state now. */
static int tell(struct call *c, struct uuid id, const struct db_rows *job, const char *state)
{
    struct job_news n = {id, db_get_uuid(job, 0, 1), db_get(job, 0, 2), state, db_get(job, 0, 4),
        db_get_int(job, 0, 5), db_get_int(job, 0, 6)};

    return job_tell(c->tx, &n, db_get_int(job, 0, 3));
}

int job_cancel(struct call *c, struct uuid id)
{
    const struct db_rows *job = NULL;
    const char *state;
    struct db_args a;
    int r = lock(c, id, &job);

    if (r < 0 || c->is_replay)
        return r;
    state = db_get(job, 0, 0);
    id_args(c, &a, id);
    if (strcmp(state, "waiting") == 0) {
        db_arg_time(&a, c->now_us);
        r = db_exec_expect(c->tx, end_waiting, &a, 1);
        if (r == 0)
            r = tell(c, id, job, "cancelled");
    } else if (strcmp(state, "running") == 0) {
        r = db_exec_expect(c->tx, ask_to_end, &a, 1);
    } else {
        r = call_fail(c, 409, "job_ended", "The job has ended.", "该任务已结束。");
    }
    return r < 0 ? r : call_audit(c, "job.cancel", "job", id, UUID_NIL, "state");
}

int job_retry(struct call *c, struct uuid id)
{
    const struct db_rows *job = NULL;
    const char *state;
    struct db_args a;
    int r = lock(c, id, &job);

    if (r < 0 || c->is_replay)
        return r;
    state = db_get(job, 0, 0);
    if (strcmp(state, "dead") != 0 && strcmp(state, "failed") != 0)
        return call_fail(
            c, 409, "job_not_failed", "Only a job that failed can be begun again.", "仅可重试失败的任务。");
    id_args(c, &a, id);
    db_arg_time(&a, c->now_us);
    r = db_exec_expect(c->tx, begin_again, &a, 1);
    if (r == -EEXIST)
        return call_fail(c, 409, "job_open", "A job of this kind for the same thing has not ended yet.",
            "针对同一对象的同类任务尚未结束。");
    if (r == 0)
        r = tell(c, id, job, "waiting");
    return r < 0 ? r : call_audit(c, "job.retry", "job", id, UUID_NIL, "state");
}

static void write_time(struct jsonw *w, const char *key, const struct db_rows *rows, int row, int column)
{
    if (db_get(rows, row, column))
        jsonw_kstr(w, key, clock_format(db_get_time(rows, row, column)).s);
}

void job_write(struct jsonw *w, const struct db_rows *rows, int row)
{
    const struct job_kind *kind = job_kind_find(db_get(rows, row, 1));

    jsonw_object(w);
    jsonw_kstr(w, "id", db_get(rows, row, 0));
    jsonw_kstr(w, "kind", db_get(rows, row, 1));
    if (kind) {
        jsonw_key(w, "label");
        jsonw_object(w);
        jsonw_kstr(w, "zh-CN", kind->label_zh);
        jsonw_kstr(w, "en", kind->label_en);
        jsonw_object_end(w);
    }
    jsonw_kstr(w, "unit", db_get(rows, row, 2));
    jsonw_kstr(w, "state", db_get(rows, row, 3));
    jsonw_kstr(w, "stage", db_get(rows, row, 4));
    jsonw_kint(w, "done", db_get_int(rows, row, 5));
    if (db_get(rows, row, 6))
        jsonw_kint(w, "total", db_get_int(rows, row, 6));
    jsonw_kint(w, "attempts", db_get_int(rows, row, 7));
    write_time(w, "run_at", rows, row, 8);
    jsonw_kstr(w, "created_by", db_get(rows, row, 9));
    write_time(w, "created_at", rows, row, 10);
    write_time(w, "started_at", rows, row, 11);
    write_time(w, "ended_at", rows, row, 12);
    if (db_get(rows, row, 13)) {
        jsonw_key(w, "result");
        jsonw_raw(w, db_get_text(rows, row, 13));
    }
    if (db_get(rows, row, 14)) {
        jsonw_key(w, "error");
        jsonw_object(w);
        jsonw_kstr(w, "code", db_get(rows, row, 14));
        jsonw_kstr(w, "en", db_get(rows, row, 15));
        jsonw_kstr(w, "zh-CN", db_get(rows, row, 16));
        jsonw_object_end(w);
    }
    jsonw_kbool(w, "cancelling", db_get_bool(rows, row, 17) && strcmp(db_get(rows, row, 3), "running") == 0);
    jsonw_object_end(w);
}
