/* /jobs: background work, one's own and, with the permission, everybody's. */
#include <errno.h>

#include "access/core_permissions.h"
#include "access/job.h"
#include "api/core_routes.h"

static const struct db_stmt list_jobs = {"api.jobs",
    "SELECT " JOB_COLUMNS " FROM juxin.job WHERE tenant_id = $1 AND ($2::uuid IS NULL OR created_by = $2)"
    " AND ($3::text IS NULL OR state = $3) AND ($4::uuid IS NULL OR id < $4) ORDER BY id DESC LIMIT $5"};
static const struct db_stmt read_job = {
    "api.job", "SELECT " JOB_COLUMNS " FROM juxin.job WHERE tenant_id = $1 AND id = $2"};

static const char *const states[] = {"waiting", "running", "done", "failed", "cancelled", "dead"};

static bool may_manage(const struct call *c)
{
    return subject_may_anywhere(c->who, core_permission(CORE_JOB_MANAGE));
}

static int take_filters(struct call *c, const struct request *r, struct db_args *a, uint32_t *ret_limit)
{
    struct text mine = request_query(r, "mine"), state = request_query(r, "state");
    bool known = !state.ptr;
    struct uuid before;
    int e = api_limit(c, r, 20, 200, ret_limit);

    for (size_t i = 0; i < ARRAY_LEN(states); i++)
        known |= text_is(state, states[i]);
    if (!known)
        e = call_fail_at(c, "state", "not_one_of", "waiting, running, done, failed, cancelled or dead.",
            "应为 waiting、running、done、failed、cancelled 或 dead。");
    if (api_cursor(c, r, &before) < 0 || e < 0)
        return -EINVAL;
    db_args_reset(a);
    db_arg_int(a, c->tenant->id);
    db_arg_uuid_or_null(a, text_is(mine, "false") && may_manage(c) ? UUID_NIL : c->who->account);
    db_arg_str(a, state.ptr ? arena_ndup(c->arena, state.ptr, state.len) : NULL);
    db_arg_uuid_or_null(a, before);
    db_arg_int(a, *ret_limit + 1);
    return 0;
}

static int jobs_list(struct call *c, struct request *r)
{
    struct db_args a;
    struct db_call call = {.stmt = list_jobs, .args = &a};
    uint32_t limit;
    int result = take_filters(c, r, &a, &limit);

    if (result == 0)
        result = call_read(c, &call, 1);
    if (result == 0)
        api_page(r, call.rows, limit, job_write);
    return result;
}

/* The answer of what is not there, for a job that is somebody else's. */
static int read_one(struct call *c, struct uuid id, struct db_call *call)
{
    struct db_args *a = arena_alloc(c->arena, sizeof(*a));
    int r;

    *call = (struct db_call){.stmt = read_job, .args = a};
    db_args_reset(a);
    db_arg_int(a, c->tenant->id);
    db_arg_uuid(a, id);
    r = call_read(c, call, 1);
    if (r < 0)
        return r;
    if (db_rows_count(call->rows) == 0 ||
        (!uuid_eq(db_get_uuid(call->rows, 0, 9), c->who->account) && !may_manage(c)))
        return call_not_found(c);
    return 0;
}

static int jobs_read(struct call *c, struct request *r)
{
    struct db_call call;
    struct uuid id;
    int result = api_id(c, r, "job", &id);

    if (result == 0)
        result = read_one(c, id, &call);
    if (result == 0)
        job_write(response_json(r, 200), call.rows, 0);
    return result;
}

static int change(struct call *c, struct request *r, int (*fn)(struct call *c, struct uuid id))
{
    struct uuid id;
    int result = api_id(c, r, "job", &id);

    if (result == 0)
        result = fn(c, id);
    return result < 0 || c->is_replay ? result : api_done(c, r);
}

static int jobs_cancel(struct call *c, struct request *r)
{
    return change(c, r, job_cancel);
}

static int jobs_retry(struct call *c, struct request *r)
{
    return change(c, r, job_retry);
}

static const struct api_route job_routes[] = {
    {.method = HTTP_GET,
        .path = "/jobs",
        .query = "mine,state,limit,cursor",
        .handle = jobs_list,
        .summary_en = "One's own jobs, newest first; mine=false with core.job.manage for everybody's",
        .summary_zh = "本人的后台任务；有 core.job.manage 时可用 mine=false 查看全部"},
    {.method = HTTP_GET,
        .path = "/jobs/{job}",
        .handle = jobs_read,
        .summary_en = "A job: state, progress, result or what went wrong",
        .summary_zh = "后台任务的状态、进度、结果或失败原因"},
    {.method = HTTP_POST,
        .path = "/jobs/{job}/cancel",
        .handle = jobs_cancel,
        .summary_en = "Ask a job to end; what it has done so far stays",
        .summary_zh = "取消后台任务，已完成的部分保留"},
    {.method = HTTP_POST,
        .path = "/jobs/{job}/retry",
        .handle = jobs_retry,
        .summary_en = "Begin a failed job again behind its last step",
        .summary_zh = "从上次完成处重试失败的任务"},
};

int api_job_routes(struct router *rt)
{
    return api_add_all(rt, job_routes, ARRAY_LEN(job_routes));
}
