/* The crash marker. */
#include "plugin/frame.h"

#include "base/clock.h"
#include "loop/fiber.h"

static void (*sink)(const struct plugin_frame *frame);
static struct plugin_frame *outside;  /* the frame while no fiber runs: loading, draining */

static void on_switch(void *frame)
{
    if (sink)
        sink(frame);
}

void frame_set_sink(void (*fn)(const struct plugin_frame *frame))
{
    sink = fn;
    fiber_set_switch_hook(on_switch);
}

static void put(struct plugin_frame *f)
{
    if (fiber_self()) {
        fiber_set(FIBER_PLUGIN, f); /* tells the sink */
        return;
    }
    outside = f;
    on_switch(f);
}

void frame_enter(struct plugin_frame *f)
{
    f->outer = fiber_self() ? fiber_get(FIBER_PLUGIN) : outside;
    f->since_us = clock_mono_us();
    put(f);
}

void frame_leave(struct plugin_frame *f)
{
    put(f->outer);
}

const struct plugin_frame *frame_current(void)
{
    return fiber_self() ? fiber_get(FIBER_PLUGIN) : outside;
}
