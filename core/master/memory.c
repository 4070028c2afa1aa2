/* Workers that grow: replaced, successor first, so that no request is lost. Who made them grow is named where it can be
 * told (plugin/host/frame.h), and that nobody is named where it cannot. */
#include "base/log.h"
#include "master/internal.h"

#define LOOK_EVERY_MS 1000
#define APART_MS 10000 /* a limit set too low must not keep the server busy with itself */

static void tell(const struct master *m, const struct child *c, int64_t resident)
{
    int64_t bytes = 0;
    const char *most = slot_growth_most(&m->slots->slot[c->slot], resident, &bytes);

    log_event(LOG_WARN, "worker.outgrown", LF_INT("worker", c->index), LF_INT("worker_pid", c->pid),
        LF_INT("resident_bytes", resident), LF_INT("when_ready_bytes", c->memory_when_ready),
        LF_INT("limit_bytes", m->config->limits.worker_memory_bytes),
        LF_STR("cause", most ? "plugin" : "unattributed"), LF_STR("plugin", most),
        LF_INT("grown_in_it_bytes", most ? bytes : 0));
}

void memory_look(struct master *m, struct child *c, int64_t now_ms)
{
    int64_t limit = m->config->limits.worker_memory_bytes, resident;
    struct seat *seat = &m->seats[c->index];

    if (!c->is_ready || c->is_draining || c->is_outgrown || c->generation != m->generation ||
        now_ms < c->memory_at_ms)
        return;
    c->memory_at_ms = now_ms + LOOK_EVERY_MS;
    resident = usage_resident(c->pid);
    if (!c->memory_when_ready) {
        c->memory_when_ready = resident;
        if (resident > limit) /* its successor would be as large */
            log_event(LOG_ERROR, "worker.memory_limit_too_low", LF_INT("resident_bytes", resident),
                LF_INT("limit_bytes", limit));
    }
    if (resident <= limit || c->memory_when_ready > limit ||
        (seat->outgrown_at_ms && now_ms < seat->outgrown_at_ms + APART_MS))
        return;
    seat->outgrown_at_ms = now_ms;
    c->is_outgrown = true;
    tell(m, c, resident);
}
