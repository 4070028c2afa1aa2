/* The interface handed to plugins (core/include/juxin/plugin.h), host side. */
#pragma once

#include <juxin/plugin.h>

#include "access/call.h"
#include "base/json.h"
#include "plugin/host/frame.h"
#include "plugin/host/output.h"
#include "plugin/package/plugin.h"

struct request;

/* What a step of a plugin's job has said so far. */
struct host_job {
    int64_t done, total;
    const char *checkpoint, *result;
    bool has_moved, is_finished;
};

/* What a plugin's function gets as struct jx_call: lives on the stack of whoever calls the plugin. */
struct jx_call {
    struct call *c;
    const struct plugin *plugin;
    struct request *request; /* routes only */
    struct jx_json output;   /* what a route or a provider writes */
    bool has_answer;         /* a route has begun to write */
    const json_t *body;      /* routes only; NULL without one */
    int32_t veto_status;
    bool is_read_only;               /* providers and JX_SERIALISE */
    bool keeps_place, has_savepoint; /* filters: what one writes is taken back when it fails */
    int unwind;           /* -EREMCHG, -ECANCELED, -ETIMEDOUT: what ends the call, whatever the plugin says */
    uint32_t refusals;    /* functions asked for since */
    struct host_job *job; /* steps of jobs only */
    struct call_fault fault_before;
    struct plugin_frame frame;
};

const struct jx_host *plugin_host(void);

/* Enters and leaves the plugin around one call of a function of its. */
void host_enter(struct jx_call *j, struct call *c, const struct plugin *p, const char *hook, uint32_t unit);
/* Takes over what the plugin says, still in its frame: text of a bounded length, in UTF-8. Negative when the request has
 * to unwind whatever the plugin said. */
MUSTCHECK int host_leave(struct jx_call *j, struct jx_result *result);
/* The text, cut to `max` bytes, as UTF-8; NULL for NULL. */
const char *host_words(struct arena *a, const char *s, size_t max);
/* What runs without a request (actions, lifecycle) gets as long as a request may take, from now. */
void host_set_time_limit(int64_t ms);
void host_begin_deadline(struct call *c);
/* Before anything that may suspend: 0, or what the plugin has been told already, that its call is over. */
MUSTCHECK int host_go_on(struct jx_call *j);
/* Before a write, out of the plugin's frame: sets the filter's savepoint unless it has one. Suspends. */
#define HOST_SAVEPOINT "plugin_filter"
MUSTCHECK int host_keep_place(struct jx_call *j);
/* Forgets faults that the plugin met and dealt with. */
void host_forgive(struct jx_call *j);

/* The tables, one file each. */
extern const struct jx_core_api host_core;
extern const struct jx_record_api host_record;
extern const struct jx_query_api host_query;
extern const struct jx_http_api host_http;
extern const struct jx_subject_api host_subject;
extern const struct jx_unit_api host_unit;
extern const struct jx_policy_api host_policy;
extern const struct jx_calendar_api host_calendar;
extern const struct jx_fetch_api host_fetch;
extern const struct jx_notify_api host_notify;
extern const struct jx_job_api host_job;
extern const struct jx_file_api host_file;

/* Between the two worlds. */
static inline struct jx_text host_text(struct text t)
{
    return (struct jx_text){t.ptr, t.len};
}
static inline struct text host_untext(struct jx_text t)
{
    return (struct text){t.ptr, t.ptr ? t.len : 0};
}
static inline struct jx_id host_id(struct uuid id)
{
    struct jx_id out;

    memcpy(out.b, id.b, sizeof(out.b));
    return out;
}
static inline struct uuid host_unid(struct jx_id id)
{
    struct uuid out;

    memcpy(out.b, id.b, sizeof(out.b));
    return out;
}
/* What plugins are told for an errno of the floors below; notes what has to unwind. */
int32_t host_error(struct jx_call *j, int r);
bool host_has_unit(const struct jx_call *j, jx_unit unit);
