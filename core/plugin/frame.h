/* Which plugin's code runs right now: the mark by which a crash is attributed. The frame hangs on the fiber, so that it
 * is right again after every switch; a sink (the master's shared-memory slot) is told of every change. */
#pragma once

#include "base/base.h"
#include "base/uuid.h"
#include "plugin/plugin.h"

struct plugin_frame {
    const struct plugin *plugin;
    const char *hook;                 /* "before_transition reopen_limit", "load", "route GET /summary" */
    struct uuid unit;                 /* nil when there is none */
    const char *request_id;           /* "" outside a request */
    int64_t since_us;                 /* clock_mono_us */
    struct plugin_frame *outer;       /* a plugin called from a plugin's record operation */
};

/* sink(NULL): no plugin code runs. Installs the hook at fiber switches. */
void frame_set_sink(void (*sink)(const struct plugin_frame *frame));
void frame_enter(struct plugin_frame *f);
void frame_leave(struct plugin_frame *f);
const struct plugin_frame *frame_current(void);
