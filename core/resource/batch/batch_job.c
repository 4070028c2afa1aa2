/* What a batch is made of is written down in one step; then so many items a step are done, with their results in the same unit of
 * work: a job that was broken off goes on with those that have none. */
#include "resource/batch/batch_job.h"

#include <errno.h>

#include "base/json.h"
#include "resource/batch/handover.h"
#include "resource/batch/many.h"

#define STEP 50

struct doing {
    const char *kind, *resource; /* the job's */
    struct uuid id;
    uint32_t count; /* of the last step */
};

static int take_input(struct job *j, struct doing *d)
{
    json_t *input = NULL;
    const char *id;
    int r = -EINVAL;

    if (json_parse(text_of(j->input), JSON_LIMITS, &input, NULL) == 0) {
        id = json_str(input, "batch");
        r = id ? uuid_parse(text_of(id), &d->id) : -EINVAL;
        d->kind = arena_dup(j->arena, json_str_or(input, "kind", ""));
        d->resource = arena_dup(j->arena, json_str_or(input, "resource", ""));
        json_decref(input);
    }
    return r < 0 ? job_fail(j, "input", "The job's input is not one.", "任务输入无效。") : 0;
}

static int freeze(struct call *c, struct job *j, void *arg)
{
    struct doing *d = arg;
    int64_t count = 0, left_out = 0;
    struct batch b;
    int r = batch_find(c, d->kind, d->resource, d->id, true, &b);

    j->stage = "freezing";
    if (r < 0 || strcmp(b.state, "freezing") != 0)
        return r;
    r = strcmp(d->kind, BATCH_HANDOVER) == 0 ? handover_freeze(c, &b, &count, &left_out)
                                             : many_freeze(c, &b, &count);
    j->done = j->total = count;
    return r < 0 ? r : batch_frozen(c, d->id, count, left_out);
}

static int run_freeze(struct job *j)
{
    struct doing d;
    int r = take_input(j, &d);

    return r < 0 ? r : job_step(j, freeze, &d);
}

static int step(struct call *c, struct job *j, void *arg)
{
    struct doing *d = arg;
    struct batch_item *items;
    int64_t tried, refused;
    struct batch b;
    int r = batch_find(c, d->kind, d->resource, d->id, false, &b);

    j->stage = "doing";
    d->count = 0;
    if (r == 0)
        r = batch_items_next(c, d->id, STEP, &items, &d->count);
    if (r == 0 && d->count)
        r = strcmp(d->kind, BATCH_HANDOVER) == 0 ? handover_take(c, &b, items, d->count)
                                                 : many_take(c, &b, items, d->count);
    if (r == 0 && d->count)
        r = batch_items_done(c, d->id, items, d->count);
    if (r == 0)
        r = batch_count(c, d->id, &tried, &refused);
    if (r < 0)
        return r;
    j->done = tried;
    j->total = b.total;
    j->result = arena_printf(c->arena, "{\"batch\":\"%s\",\"done\":%lld,\"refused\":%lld}",
        uuid_format(d->id).s, (long long)(tried - refused), (long long)refused);
    if (d->count)
        return 0;
    r = strcmp(d->kind, BATCH_HANDOVER) == 0 ? handover_done(c, &b, tried - refused, refused) : 0;
    return r < 0 ? r : batch_ended(c, d->id);
}

static int run(struct job *j)
{
    struct doing d = {.count = 1};
    int r = take_input(j, &d);

    while (r == 0 && d.count)
        r = job_step(j, step, &d);
    return r;
}

const struct job_kind batch_freeze_job = {.name = "resource.freeze",
    .label_zh = "批量办理：确定范围",
    .label_en = "Work on many records: which ones",
    .as = JOB_AS_CREATOR,
    .run = run_freeze};
const struct job_kind batch_job = {.name = "resource.batch",
    .label_zh = "批量办理",
    .label_en = "Work on many records",
    .as = JOB_AS_CREATOR,
    .run = run};
