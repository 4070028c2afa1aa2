/* The crash marker. One writer (the worker's only thread), readers in other processes: a sequence lock. */
#include "loop/slot.h"

static struct slot own;
static struct slot *self = &own;

struct slot *slot_self(void)
{
    return self;
}

void slot_set_self(struct slot *s)
{
    self = s ? s : &own;
}

void slot_enter(const struct slot_call *call)
{
    uint32_t n = atomic_load_explicit(&self->sequence, memory_order_relaxed);

    atomic_store_explicit(&self->sequence, n + 1, memory_order_relaxed);
    atomic_thread_fence(memory_order_release);
    if (call)
        self->current = *call;
    else
        self->current.plugin[0] = '\0';
    atomic_store_explicit(&self->sequence, n + 2, memory_order_release);
}

void slot_begin(const struct slot_call *call)
{
    uint32_t at = atomic_load_explicit(&self->history_at, memory_order_relaxed);

    self->history[at % SLOT_HISTORY] = *call;
    atomic_store_explicit(&self->history_at, at + 1, memory_order_release);
    slot_metric_add(METRIC_PLUGIN_CALLS, 1);
    slot_enter(call);
}

bool slot_read(const struct slot *s, struct slot_call *ret, uint32_t *ret_sequence)
{
    for (int attempt = 0; attempt < 100; attempt++) {
        uint32_t before = atomic_load_explicit(&s->sequence, memory_order_acquire);
        struct slot_call copy = s->current;

        atomic_thread_fence(memory_order_acquire);
        if (!(before & 1) && atomic_load_explicit(&s->sequence, memory_order_relaxed) == before) {
            copy.plugin[sizeof(copy.plugin) - 1] = '\0';
            copy.hook[sizeof(copy.hook) - 1] = '\0';
            copy.request_id[sizeof(copy.request_id) - 1] = '\0';
            *ret = copy;
            *ret_sequence = before;
            return true;
        }
    }
    return false;
}

void slot_metric_set(enum slot_metric m, int64_t value)
{
    atomic_store_explicit(&self->metrics[m], value, memory_order_relaxed);
}

void slot_metric_add(enum slot_metric m, int64_t delta)
{
    atomic_fetch_add_explicit(&self->metrics[m], delta, memory_order_relaxed);
}
