/* The watchdog over plugin code: a worker's slot says which plugin it is in, its CPU clock says for how long. Wall time
 * counts only for code that blocks, and only in ticks of the master's own, so that a paused or overloaded machine blames
 * nobody. */
#include <signal.h>

#include "base/log.h"
#include "master/internal.h"

#define TICK_NS ((int64_t)MASTER_TICK_MS * 1000000)
#define LOG_NS (INT64_C(50) * 1000000)
#define EVENT_NS (INT64_C(500) * 1000000)
#define ABORT_NS (INT64_C(2000) * 1000000)
#define BLOCKED_NS (INT64_C(10) * 1000000000) /* neither running nor waiting for a processor */
#define STUCK_TICKS (30 * 1000 / MASTER_TICK_MS)

static void tell(const struct child *c, const struct slot_call *call, enum log_level level, const char *event,
    int64_t used_ns)
{
    log_event(level, event, LF_STR("plugin", call->plugin), LF_STR("hook", call->hook),
        LF_INT("tenant", call->tenant), LF_STR("unit", uuid_format(call->unit).s),
        LF_STR("request_id", call->request_id), LF_INT("worker_pid", c->pid),
        LF_INT("cpu_ms", used_ns / 1000000), LF_INT("wall_ms", (int64_t)c->watch.ticks * MASTER_TICK_MS));
}

static void end(struct master *m, struct child *c, const struct slot_call *call, const char *verdict,
    int64_t used_ns, int64_t now_ms)
{
    c->watch.verdict = verdict;
    tell(c, call, LOG_ERROR, verdict, used_ns);
    m->slots->plugin_aborts++;
    kill(c->pid, SIGABRT);
    c->kill_at_ms = now_ms + 500; /* a handler may have been installed */
}

/* A loop that stands still outside of plugins is our own fault; its requests are lost either way. */
static void look_at_beat(struct child *c, const struct slot *slot, int64_t now_ms)
{
    int64_t beat = slot->beat_ms;

    if (!beat || beat != c->watch.beat_ms) {
        c->watch.beat_ms = beat;
        c->watch.beat_ticks = 0;
        return;
    }
    if (++c->watch.beat_ticks < STUCK_TICKS)
        return;
    c->watch.verdict = "worker.stuck";
    log_event(LOG_ERROR, "worker.stuck", LF_INT("worker", c->index), LF_INT("worker_pid", c->pid),
        LF_INT("wall_ms", (int64_t)c->watch.beat_ticks * MASTER_TICK_MS));
    kill(c->pid, SIGABRT);
    c->kill_at_ms = now_ms + 500;
}

void watchdog_look(struct master *m, struct child *c, int64_t now_ms)
{
    struct slot_call call;
    struct usage now;
    uint32_t sequence;
    int64_t ran;

    if (c->watch.verdict || !slot_read(&m->slots->slot[c->slot], &call, &sequence))
        return;
    if (!call.plugin[0] || sequence != c->watch.sequence) {
        c->watch.sequence = sequence;
        c->watch.ticks = 0;
        c->watch.level = 0;
        if (call.plugin[0])
            usage_read(c->pid, &c->watch.before);
        look_at_beat(c, &m->slots->slot[c->slot], now_ms);
        return;
    }
    c->watch.ticks++;
    usage_read(c->pid, &now);
    ran = now.ran_ns < 0 || c->watch.before.ran_ns < 0 ? 0 : now.ran_ns - c->watch.before.ran_ns;
    if (now.resident_bytes - c->watch.before.resident_bytes > m->config->limits.worker_memory_bytes) {
        end(m, c, &call, "plugin.used_too_much_memory", ran, now_ms);
    } else if (ran >= ABORT_NS) {
        end(m, c, &call, "plugin.ran_too_long", ran, now_ms);
    } else if (usage_blocked_ns(&c->watch.before, &now, (int64_t)c->watch.ticks * TICK_NS) >= BLOCKED_NS) {
        end(m, c, &call, "plugin.blocked_too_long", ran, now_ms);
    } else if (ran >= EVENT_NS && c->watch.level < 2) {
        c->watch.level = 2;
        tell(c, &call, LOG_WARN, "plugin.very_slow", ran);
    } else if (ran >= LOG_NS && c->watch.level < 1) {
        c->watch.level = 1;
        tell(c, &call, LOG_INFO, "plugin.slow", ran);
    }
}
