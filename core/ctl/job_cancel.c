/* juxinctl job cancel, job retry */
#include "access/job.h"
#include "ctl/commands.h"

static int with_job(struct ctl *c, struct call *call, void *arg)
{
    int (*const *fn)(struct call * c, struct uuid id) = arg;
    struct uuid id;

    if (uuid_parse(text_of(c->argument[1]), &id) < 0)
        return call_fail(
            call, 422, "id", "the job's id is a UUID; `juxinctl job list` shows it", "编号不正确。");
    return (*fn)(call, id);
}

static int change(
    struct ctl *c, int (*fn)(struct call *c, struct uuid id), const char *what, const char *done)
{
    int code = ctl_in_tenant(c, c->argument[0], with_job, &fn, what);

    if (code == CTL_OK)
        ctl_say(c, "%s", done);
    return code;
}

static int run_cancel(struct ctl *c)
{
    return change(c, job_cancel, "cancelling the job", "ended, or ending within a few seconds");
}

static int run_retry(struct ctl *c)
{
    return change(c, job_retry, "retrying the job", "waiting again; it goes on behind its last step");
}

const struct ctl_command ctl_job_cancel = {
    .name = "job cancel",
    .arguments = "SLUG ID",
    .summary = "asks a job to end; what it has done so far stays",
    .help = "  juxinctl job cancel shangcheng 019abcde-0000-7000-8000-000000000000",
    .arguments_min = 2,
    .arguments_max = 2,
    .needs = CTL_DATABASE,
    .run = run_cancel,
};

const struct ctl_command ctl_job_retry = {
    .name = "job retry",
    .arguments = "SLUG ID",
    .summary = "begins a dead or failed job again",
    .help = "  juxinctl job retry shangcheng 019abcde-0000-7000-8000-000000000000",
    .arguments_min = 2,
    .arguments_max = 2,
    .needs = CTL_DATABASE,
    .run = run_retry,
};
