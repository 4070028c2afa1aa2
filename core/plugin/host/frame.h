/* Which plugin's code runs right now: the mark by which a crash is attributed (loop/slot.h). The frame hangs on the
 * fiber, so that the mark is right again after every switch; frames nest, since a plugin's record operation may enter
 * another plugin. */
#pragma once

#include "base/base.h"
#include "base/uuid.h"
#include "loop/slot.h"
#include "plugin/package/plugin.h"

struct plugin_frame {
    struct slot_call call;
    const struct plugin *plugin;
    struct plugin_frame *outer;
};

void frame_init(void); /* once per process: follows fiber switches */
/* hook: "before_transition reopen_limit", "load", "GET /summary"; request_id may be NULL. f lives until frame_leave. */
void frame_enter(struct plugin_frame *f, const struct plugin *p, const char *hook, const char *request_id,
    int32_t tenant, struct uuid unit);
void frame_leave(struct plugin_frame *f);
/* Around what the host does on behalf of the plugin: its time and its faults are not the plugin's. */
struct plugin_frame *frame_pause(void);
void frame_resume(struct plugin_frame *paused);
/* Whether growth of the process is put down to plugins, stretch by stretch (loop/slot.h). */
void frame_measure(bool on);
const struct plugin_frame *frame_current(void); /* NULL: no plugin's code */
