/* One step after the other, each a call of the plugin's function. */
#include "plugin/hook/job.h"

#include <errno.h>

#include "access/job.h"
#include "base/log.h"
#include "base/mem.h"
#include "plugin/hook/offer.h"
#include "plugin/host/host.h"
#include "plugin/package/registry.h"

#define ATTEMPTS 5

struct stepping {
    const struct offer_job *offer;
    bool is_over;
};

static const struct offer_job *find(const char *name)
{
    for (size_t i = 0; i < offers()->job_count; i++)
        if (strcmp(offers()->jobs[i].kind, name) == 0)
            return &offers()->jobs[i];
    return NULL;
}

/* What is said with the verdict, as the reason for people. */
static int refuse(struct call *c, const struct offer_job *o, const struct jx_result *result)
{
    return call_fail(c, 422,
        arena_printf(c->arena, "%s.%s", o->plugin->id, result->code ? result->code : "refused"),
        result->message_en ? result->message_en : "refused",
        result->message_zh ? result->message_zh : "未通过");
}

static int judge(
    struct call *c, const struct offer_job *o, const struct jx_call *j, const struct jx_result *result)
{
    if (result->verdict == JX_OK)
        return 0;
    log_event(LOG_WARN, "plugin.job_failed", LF_STR("plugin", o->plugin->id), LF_STR("job", o->j.name),
        LF_INT("verdict", result->verdict), LF_STR("code", result->code));
    c->fault = j->fault_before; /* what the plugin met on the way is no reason of its own */
    if (result->verdict == JX_VETO)
        return refuse(c, o, result);
    return result->verdict == JX_RETRY ? -EAGAIN : -EIO;
}

static struct jx_job_step step_of(struct call *c, const struct job *job)
{
    return (struct jx_job_step){.size = sizeof(struct jx_job_step),
        .attempt = job->attempt,
        .job = host_id(job->id),
        .unit = uuid_is_nil(job->unit) ? JX_UNIT_NONE : tree_find(c->tenant->tree, job->unit),
        .input = host_text(text_of(job->input)),
        .checkpoint = host_text(text_of(job->checkpoint)),
        .done = job->done,
        .total = job->total};
}

/* Whoever added it, with what they may do now; what nobody did, an action of the plugin's, is the plugin's. */
static int step(struct call *c, struct job *job, void *arg)
{
    struct subject plugin = {.kind = SUBJECT_PLUGIN};
    struct stepping *stepping = arg;
    const struct offer_job *o = stepping->offer;
    struct jx_result result = {.size = sizeof(result)};
    struct host_job state = {.done = job->done, .total = job->total, .checkpoint = job->checkpoint};
    struct jx_job_step s = step_of(c, job);
    const struct subject *who = c->who;
    struct jx_call j;
    int r;

    plugin.plugin = o->plugin->id;
    if (c->who->kind == SUBJECT_SYSTEM)
        c->who = &plugin;
    host_begin_deadline(c);
    host_enter(&j, c, o->plugin, arena_printf(c->arena, "job %s", o->j.name), s.unit);
    j.job = &state;
    o->j.fn(&j, &s, &result);
    r = host_leave(&j, &result);
    c->who = who;
    if (r == 0)
        r = judge(c, o, &j, &result);
    if (r < 0)
        return r;
    host_forgive(&j);
    job->done = state.done;
    job->total = state.total;
    job->checkpoint = state.checkpoint;
    stepping->is_over = state.is_finished || !state.has_moved;
    job->result = state.result;
    return 0;
}

static int run(struct job *job)
{
    struct stepping s = {.offer = find(job->kind->name)};
    int r = 0;

    if (!s.offer || !plugin_is_available(s.offer->plugin))
        return -EAGAIN;
    while (r == 0 && !s.is_over)
        r = job_step(job, step, &s);
    return r;
}

void plugin_jobs_register(void)
{
    for (size_t i = 0; i < offers()->job_count; i++) {
        struct offer_job *o = &offers()->jobs[i];

        if (job_kind_find(o->kind))
            continue;
        o->server = (struct job_kind){.name = o->kind,
            .label_zh = o->j.label_zh ? o->j.label_zh : o->kind,
            .label_en = o->j.label_en ? o->j.label_en : o->kind,
            .as = JOB_AS_CREATOR,
            .attempts_max = ATTEMPTS,
            .run = run};
        if (job_kind_has_room())
            job_kind_register(&o->server);
        else
            log_event(LOG_ERROR, "plugin.no_room_for_job", LF_STR("plugin", o->plugin->id),
                LF_STR("job", o->j.name));
    }
}
