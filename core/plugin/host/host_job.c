/* Jobs that plugins begin, and what a step of one leaves behind. */
#include <errno.h>

#include "access/job.h"
#include "base/json.h"
#include "plugin/host/host.h"

#define INPUT_MAX 16384
#define KEY_MAX 100
#define NAME_MAX_BYTES 60
#define WORDS_MAX 16384

static const char *kind_of(const struct jx_call *call, struct arena *a, const char *name)
{
    const char *kind = arena_printf(a, "%s.%s", call->plugin->id, name);

    return job_kind_find(kind) ? kind : NULL;
}

/* A JSON object in the arena; NULL for what is none. */
static const char *object_of(struct arena *a, struct text json)
{
    const char *text = NULL;
    json_t *value;

    if (!json.ptr)
        return "{}";
    if (json.len > INPUT_MAX || json_parse(json, JSON_LIMITS, &value, NULL) < 0)
        return NULL;
    if (json_is_object(value))
        text = arena_ndup(a, json.ptr, json.len);
    json_decref(value);
    return text;
}

static int add(struct call *c, const struct job_input *in, struct uuid *ret)
{
    struct call_fault before = c->fault;
    int r = call_begin(c);

    if (r == 0)
        r = job_add(c, in, ret);
    if (r == -EINVAL &&
        c->fault.status == 409) { /* one of the key is open: the plugin's to know, not the user's */
        c->fault = before;
        return JX_EEXIST;
    }
    return r;
}

static int32_t host_job_add(struct jx_call *call, const struct jx_job_input *input, struct jx_id *ret)
{
    struct arena *a = call->c->arena;
    struct job_input in = {.plugin = call->plugin->id, .run_at_us = input->run_at};
    struct plugin_frame *frame;
    struct uuid id = UUID_NIL;
    int r;

    if (input->size < sizeof(*input) || !input->name ||
        (input->unit != JX_UNIT_NONE && !host_has_unit(call, input->unit)))
        return JX_EINVAL;
    if (call->is_read_only)
        return JX_EACCES;
    in.kind = kind_of(call, a, host_words(a, input->name, NAME_MAX_BYTES));
    in.json = object_of(a, host_untext(input->input));
    in.key = input->key ? host_words(a, input->key, KEY_MAX) : NULL;
    in.unit = tree_unit(call->c->tenant->tree, input->unit == JX_UNIT_NONE ? 0 : input->unit).id;
    if (!in.kind)
        return JX_ENOENT;
    if (!in.json)
        return JX_EINVAL;
    r = host_go_on(call);
    if (r < 0)
        return r;
    frame = frame_pause();
    r = host_keep_place(call);
    if (r == 0)
        r = add(call->c, &in, &id);
    frame_resume(frame);
    if (r == 0 && ret)
        *ret = host_id(id);
    return host_error(call, r);
}

/* Of this plugin's jobs only; whose it is, is asked by job_cancel. */
static int cancel(struct call *c, const char *prefix, struct uuid id)
{
    static const struct db_stmt find = {
        "host_job.kind", "SELECT j.kind FROM juxin.job j WHERE j.tenant_id = $1 AND j.id = $2"};
    struct db_args *a = arena_alloc(c->arena, sizeof(*a));
    struct db_call call = {.stmt = find, .args = a};
    int r = call_begin(c);

    db_args_reset(a);
    db_arg_int(a, c->tenant->id);
    db_arg_uuid(a, id);
    if (r == 0)
        r = call_read(c, &call, 1);
    if (r < 0)
        return r;
    if (db_rows_count(call.rows) == 0 || !text_has_prefix(db_get_text(call.rows, 0, 0), prefix))
        return call_not_found(c);
    return job_cancel(c, id);
}

static int32_t host_job_cancel(struct jx_call *call, struct jx_id job)
{
    const char *prefix = arena_printf(call->c->arena, "%s.", call->plugin->id);
    struct plugin_frame *frame;
    int r = call->is_read_only ? JX_EACCES : host_go_on(call);

    if (r < 0)
        return r;
    frame = frame_pause();
    r = host_keep_place(call);
    if (r == 0)
        r = cancel(call->c, prefix, host_unid(job));
    frame_resume(frame);
    return host_error(call, r);
}

static int32_t host_job_progress(struct jx_call *call, int64_t done, int64_t total, struct jx_text checkpoint)
{
    struct text words = host_untext(checkpoint);

    if (!call->job)
        return JX_ENOTSUP;
    if (done < 0 || total < 0 || words.len > WORDS_MAX || (words.ptr && !text_is_utf8(words)))
        return JX_EINVAL;
    call->job->done = done;
    call->job->total = total;
    call->job->checkpoint = words.ptr ? arena_ndup(call->c->arena, words.ptr, words.len) : NULL;
    call->job->has_moved = true;
    return 0;
}

static int32_t host_job_finish(struct jx_call *call, struct jx_text result)
{
    const char *json = object_of(call->c->arena, host_untext(result));

    if (!call->job)
        return JX_ENOTSUP;
    if (!json)
        return JX_EINVAL;
    call->job->result = json;
    call->job->is_finished = true;
    return 0;
}

const struct jx_job_api host_job = {
    .size = sizeof(host_job),
    .add = host_job_add,
    .cancel = host_job_cancel,
    .progress = host_job_progress,
    .finish = host_job_finish,
};
