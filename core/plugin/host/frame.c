/* The crash marker. */
#include "plugin/host/frame.h"

#include <unistd.h>

#include "base/clock.h"
#include "base/text.h"
#include "loop/fiber.h"
#include "loop/usage.h"

static struct plugin_frame *outside; /* the frame while no fiber runs: loading, draining */

static struct plugin_frame *running; /* whose code runs this moment */
static bool is_measuring = true;     /* from the start: constructors and load events are measured too */
static int64_t resident_before;

/* Exact to what the kernel counts, and only while it matters: two small reads for each stretch of plugin code. */
static void account(struct plugin_frame *next)
{
    int64_t now;

    if (!running && !next)
        return;
    now = usage_resident(getpid());
    if (running)
        slot_growth_add(running->call.plugin, now - resident_before);
    resident_before = now;
}

void frame_measure(bool on)
{
    if (on && !is_measuring)
        slot_growth_begin(usage_resident(getpid()));
    is_measuring = on;
}

static void on_switch(void *frame)
{
    if (is_measuring)
        account(frame);
    running = frame;
    slot_enter(frame ? &((struct plugin_frame *)frame)->call : NULL);
}

void frame_init(void)
{
    fiber_set_switch_hook(on_switch);
    slot_growth_begin(usage_resident(getpid()));
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

/* Cut between characters, up to the first byte that is none's; the structure was zeroed: it stays terminated. */
static void fill(char *out, size_t size, const char *s)
{
    memcpy(out, s, text_utf8_prefix((struct text){s, strnlen(s, size - 1)}));
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
