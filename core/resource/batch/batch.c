/* Batches asked for, begun, ended. */
#include "resource/batch/batch.h"

#include <errno.h>

#include "access/permission.h"
#include "base/json.h"
#include "resource/batch/batch_job.h"
#include "resource/batch/many.h"

#define OPEN_MAX 20

static const struct db_stmt count_open = {"batch.open",
    "SELECT count(*) FROM juxin.batch b JOIN juxin.job j ON j.tenant_id = b.tenant_id AND j.id = b.job_id"
    " WHERE b.tenant_id = $1 AND j.tenant_id = $1 AND b.created_by = $2 AND j.state IN ('waiting', "
    "'running')"};

int batch_check_open(struct call *c)
{
    struct db_args a;
    struct db_call call = {.stmt = count_open, .args = &a};
    int r;

    db_args_reset(&a);
    db_arg_int(&a, c->tenant->id);
    db_arg_uuid(&a, c->who->account);
    r = call_read(c, &call, 1);
    if (r == 0 && db_get_int(call.rows, 0, 0) >= OPEN_MAX)
        r = call_fail(c, 409, "batches_open", "Twenty of your batches are under way. Wait for one of them.",
            "您已有二十个批量任务未完成，请等待其完成。");
    return r;
}

static const char *input_of(struct call *c, const struct batch *b)
{
    return arena_printf(c->arena, "{\"batch\":\"%s\",\"kind\":\"%s\",\"resource\":\"%s\"}",
        uuid_format(b->id).s, b->kind, b->resource);
}

static const char *object_of(const struct batch *b)
{
    return strcmp(b->kind, BATCH_HANDOVER) == 0 ? "handover" : "batch";
}

int batch_queue(struct call *c, struct batch *b, const char *audited)
{
    struct job_input job = {.kind = batch_freeze_job.name, .json = input_of(c, b)};
    int r = job_add(c, &job, &b->job);

    if (r == 0)
        r = batch_insert(c, b);
    if (r == 0)
        r = call_audit(c, audited, object_of(b), b->id, UUID_NIL, b->transition);
    c->result_status = 201;
    c->result_id = b->id;
    return r;
}

static int by_id(const void *a, const void *b)
{
    return uuid_cmp(((const struct batch_item *)a)->id, ((const struct batch_item *)b)->id);
}

/* In the order of their ids, as everybody locks records. */
static int add_named(
    struct call *c, const struct resource *res, const struct batch *b, const struct batch_input *in)
{
    struct batch_item *items = arena_array(c->arena, in->count + 1, sizeof(*items));
    int r;

    for (uint32_t i = 0; i < in->count; i++)
        items[i] = (struct batch_item){
            .resource = res->full_name, .id = in->items[i].id, .version = in->items[i].version};
    qsort(items, in->count, sizeof(*items), by_id);
    for (uint32_t i = 1; i < in->count; i++)
        if (uuid_eq(items[i].id, items[i - 1].id))
            return call_fail_at(c, "/items", "twice", "Each record once.", "同一记录不能重复。");
    r = batch_items_add(c, b->id, items, in->count, 1);
    return r < 0 ? r : batch_frozen(c, b->id, in->count, 0);
}

/* Where all have the same values, what names another record of each makes no sense; what locks another one besides is for the
 * few that a request takes. */
static int check_transition(struct call *c, const struct transition *t)
{
    if (t->goal == GOAL_BACK || t->merges || t->goal == GOAL_UNMERGE)
        return call_fail_at(c, "/transition", "not_in_batches",
            "One that is the same for all: neither back to a step nor merging.",
            "应为对所有记录相同的操作，不支持退回环节和合并。");
    if (!subject_may_anywhere(c->who, t->permission_id))
        return call_forbidden(c, permission_info(t->permission_id)->name);
    return 0;
}

static int create_named(
    struct call *c, const struct resource *res, struct batch *b, const struct batch_input *in)
{
    int r = batch_insert(c, b);

    if (r == 0)
        r = add_named(c, res, b, in);
    if (r == 0)
        r = call_audit(
            c, arena_printf(c->arena, "%s.batch", res->full_name), "batch", b->id, UUID_NIL, b->transition);
    c->result_status = 201;
    c->result_id = b->id;
    return r;
}

int batch_create(
    struct call *c, const struct resource *res, const struct batch_input *in, struct uuid *ret_id)
{
    const struct transition *t = resource_transition(res, text_of(in->transition));
    char *values = in->values ? json_dumps(in->values, JSON_COMPACT) : NULL;
    struct batch b = {.id = uuid_new(),
        .kind = BATCH_TRANSITION,
        .resource = res->full_name,
        .transition = in->transition,
        .input = arena_dup(c->arena, values)};
    struct query q;
    int r;

    free(values);
    *ret_id = b.id;
    if (!t)
        return call_fail_at(
            c, "/transition", "unknown_transition", "One of the resource's.", "应为该资源的操作之一。");
    r = check_transition(c, t);
    if (r == 0 && !in->items)
        r = query_parse(c, res, in->params, in->param_count, &q);
    if (r == 0 && !in->items)
        r = query_check_unit(c, &q);
    if (r == 0)
        r = batch_check_open(c);
    if (r < 0)
        return r;
    if (in->items)
        return create_named(c, res, &b, in);
    b.query = many_query(c->arena, in->params, in->param_count);
    return batch_queue(c, &b, arena_printf(c->arena, "%s.batch", res->full_name));
}

int batch_start(struct call *c, const char *kind, const char *resource, struct uuid id)
{
    const char *key = arena_dup(c->arena, uuid_format(id).s);
    struct job_input job = {.kind = batch_job.name, .key = key};
    struct uuid made;
    struct batch b;
    int r = batch_find(c, kind, resource, id, true, &b);

    if (r == 0 && (strcmp(b.state, "freezing") == 0 || b.total < 0))
        r = call_fail(c, 409, "not_frozen", "What it is made of is not known yet.", "范围尚未确定。");
    else if (r == 0 && (strcmp(b.state, "running") == 0 || strcmp(b.state, "done") == 0))
        r = call_fail(c, 409, "begun_already", "It has been begun already.", "该批量任务已开始办理。");
    else if (r == 0 && strcmp(kind, BATCH_HANDOVER) == 0 && uuid_is_nil(b.to))
        r = call_fail(c, 409, "no_receiver", "It names nobody to take over.", "未指明接收人。");
    if (r < 0)
        return r;
    job.json = input_of(c, &b);
    r = job_add(c, &job, &made);
    if (r == 0)
        r = batch_begun(c, &b, made);
    if (r == 0)
        r = call_audit(
            c, arena_printf(c->arena, "%s.start", object_of(&b)), object_of(&b), id, UUID_NIL, b.transition);
    c->result_status = 200;
    c->result_id = id;
    return r;
}

int batch_delete(struct call *c, const char *kind, const char *resource, struct uuid id)
{
    struct batch b;
    int r = batch_find(c, kind, resource, id, true, &b);

    if (r == 0)
        r = batch_remove(c, &b);
    if (r == 0)
        r = call_audit(
            c, arena_printf(c->arena, "%s.delete", object_of(&b)), object_of(&b), id, UUID_NIL, NULL);
    c->result_status = 204;
    c->result_id = id;
    return r;
}

static int expire(struct call *c, struct job *j, void *arg)
{
    (void)j, (void)arg;
    return batch_expire(c);
}

static int run_expiry(struct job *j)
{
    return job_step(j, expire, NULL);
}

static const struct job_kind expiry = {.name = "batch.expire",
    .label_zh = "清理过期的批量办理结果",
    .label_en = "Drop results of batches that have expired",
    .as = JOB_AS_SYSTEM,
    .every_s = 24 * 3600,
    .run = run_expiry};

void batch_register(void)
{
    job_kind_register(&batch_freeze_job);
    job_kind_register(&batch_job);
    job_kind_register(&expiry);
}
