/* The interface handed to plugins (core/include/juxin/plugin.h), host side. */
#pragma once

#include <juxin/plugin.h>

#include "access/call.h"
#include "plugin/frame.h"
#include "plugin/plugin.h"

struct request;

/* What a plugin's function gets as struct jx_call: lives on the stack of whoever calls the plugin. */
struct jx_call {
    struct call *c;
    const struct plugin *plugin;
    struct request *request;          /* routes only */
    json_t *body;                     /* routes only; NULL without one */
    const char *pattern;              /* routes only: the plugin's path */
    int32_t veto_status;
    bool is_read_only;                /* providers and serialise filters */
    int unwind;                       /* -EREMCHG or -ECANCELED seen below: overrides the plugin's verdict */
    struct plugin_frame frame;
};

const struct jx_host *plugin_host(void);

/* Enters and leaves the plugin around one call of a function of its. */
void host_enter(struct jx_call *j, struct call *c, const struct plugin *p, const char *hook, uint32_t unit);
/* Negative when the request has to unwind whatever the plugin said. */
MUSTCHECK int host_leave(struct jx_call *j);

/* Working days, from the floor that keeps the calendars. NULL members answer JX_ENOTSUP. */
struct host_calendar {
    int32_t (*today)(struct call *c);
    int (*add_working_days)(struct call *c, int32_t from, int32_t count, int32_t *ret);
    int (*working_days_between)(struct call *c, int32_t from, int32_t to, int32_t *ret);
};
void host_set_calendar(const struct host_calendar *calendar);
