/* The crash marker. */
#include "plugin/frame.h"

#include "base/clock.h"
#include "loop/fiber.h"

static struct plugin_frame *outside; /* the frame while no fiber runs: loading, draining */

static void on_switch(void *frame)
{
    slot_enter(frame ? &((struct plugin_frame *)frame)->call : NULL);
}

void frame_init(void)
{
    fiber_set_switch_hook(on_switch);
}

/* In a fiber the switch hook is what tells the slot. */
static void put(struct plugin_frame *f)
{
    if (fiber_self()) {
        fiber_set(FIBER_PLUGIN, f);
    } else {
        outside = f;
        on_switch(f);
    }
}

/* The structure was zeroed: what is cut stays terminated. */
static void fill(char *out, size_t size, const char *s)
{
    memcpy(out, s, strnlen(s, size - 1));
}

void frame_enter(struct plugin_frame *f, const struct plugin *p, const char *hook, const char *request_id,
    int32_t tenant, struct uuid unit)
{
    *f = (struct plugin_frame){.plugin = p, .outer = (struct plugin_frame *)frame_current()};
    fill(f->call.plugin, sizeof(f->call.plugin), p->id);
    fill(f->call.hook, sizeof(f->call.hook), hook);
    fill(f->call.request_id, sizeof(f->call.request_id), request_id ? request_id : "");
    f->call.digest = p->digest;
    f->call.unit = unit;
    f->call.tenant = tenant;
    f->call.since_us = clock_wall_us();
    f->started_us = clock_mono_us();
    slot_begin(&f->call);
    put(f);
}

void frame_leave(struct plugin_frame *f)
{
    put(f->outer);
}

struct plugin_frame *frame_pause(void)
{
    struct plugin_frame *f = (struct plugin_frame *)frame_current();

    put(NULL);
    return f;
}

void frame_resume(struct plugin_frame *paused)
{
    put(paused);
}

const struct plugin_frame *frame_current(void)
{
    return fiber_self() ? fiber_get(FIBER_PLUGIN) : outside;
}
