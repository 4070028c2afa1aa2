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

void slot_growth_begin(int64_t resident_bytes)
{
    memset(self->growth, 0, sizeof(self->growth));
    self->grown_from = resident_bytes;
}

void slot_growth_add(const char *plugin, int64_t bytes)
{
    for (size_t i = 0; bytes != 0 && i < SLOT_GROWTHS; i++) {
        struct slot_growth *g = &self->growth[i];

        if (g->plugin[0] == '\0')
            memcpy(g->plugin, plugin, strnlen(plugin, sizeof(g->plugin) - 1));
        if (strncmp(g->plugin, plugin, sizeof(g->plugin) - 1) == 0) {
            atomic_fetch_add_explicit(&g->bytes, bytes, memory_order_relaxed);
            return;
        }
    }
}

const char *slot_growth_most(struct slot *s, int64_t resident_bytes, int64_t *ret_bytes)
{
    struct slot_growth *most = &s->growth[0];

    for (size_t i = 1; i < SLOT_GROWTHS; i++)
        if (s->growth[i].bytes > most->bytes)
            most = &s->growth[i];
    most->plugin[sizeof(most->plugin) - 1] = '\0';
    *ret_bytes = most->bytes;
    return most->plugin[0] && most->bytes > 0 && most->bytes > (resident_bytes - s->grown_from) / 2
               ? most->plugin
               : NULL;
}

void slot_metric_set(enum slot_metric m, int64_t value)
{
    atomic_store_explicit(&self->metrics[m], value, memory_order_relaxed);
}

void slot_metric_add(enum slot_metric m, int64_t delta)
{
    atomic_fetch_add_explicit(&self->metrics[m], delta, memory_order_relaxed);
}
