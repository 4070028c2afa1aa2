/* The watchdog over plugin code: a worker's slot says which plugin it is in, its CPU clock says for how long. Wall time
 * counts only for code that blocks, and only in ticks of the master's own, so that a paused machine blames nobody. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "base/text.h"
#include "master/internal.h"

#define LOG_NS (INT64_C(50) * 1000000)
#define EVENT_NS (INT64_C(500) * 1000000)
#define ABORT_NS (INT64_C(2000) * 1000000)
#define BLOCKED_TICKS (10 * 1000 / MASTER_TICK_MS)
#define STUCK_TICKS (30 * 1000 / MASTER_TICK_MS)

/* CPU time of the worker's main thread: plugins run there, and hashing helpers must not count. Where the kernel does
 * not tell, the whole process's. */
static int64_t cpu_ns(pid_t pid)
{
    char path[64], line[128];
    struct timespec at;
    clockid_t clock;
    int64_t ns = -1;
    int fd;

    snprintf(path, sizeof(path), "/proc/%d/task/%d/schedstat", (int)pid, (int)pid);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd >= 0) {
        ssize_t n = read(fd, line, sizeof(line) - 1);
        struct text rest = {line, n > 0 ? (size_t)n : 0};

        close(fd);
        if (text_to_i64(text_split(&rest, ' '), 0, INT64_MAX, &ns) == 0 && ns > 0)
            return ns;
    }
    if (clock_getcpuclockid(pid, &clock) != 0 || clock_gettime(clock, &at) < 0)
        return -1;
    return (int64_t)at.tv_sec * 1000000000 + at.tv_nsec;
}

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
    uint32_t sequence;
    int64_t used;

    if (c->watch.verdict || !slot_read(&m->slots->slot[c->slot], &call, &sequence))
        return;
    if (!call.plugin[0] || sequence != c->watch.sequence) {
        c->watch.sequence = sequence;
        c->watch.ticks = 0;
        c->watch.level = 0;
        c->watch.cpu_ns = call.plugin[0] ? cpu_ns(c->pid) : -1;
        look_at_beat(c, &m->slots->slot[c->slot], now_ms);
        return;
    }
    c->watch.ticks++;
    used = c->watch.cpu_ns < 0 ? 0 : cpu_ns(c->pid) - c->watch.cpu_ns;
    if (used >= ABORT_NS) {
        end(m, c, &call, "plugin.ran_too_long", used, now_ms);
    } else if (c->watch.ticks >= BLOCKED_TICKS) {
        end(m, c, &call, "plugin.blocked_too_long", used, now_ms);
    } else if (used >= EVENT_NS && c->watch.level < 2) {
        c->watch.level = 2;
        tell(c, &call, LOG_WARN, "plugin.very_slow", used);
    } else if (used >= LOG_NS && c->watch.level < 1) {
        c->watch.level = 1;
        tell(c, &call, LOG_INFO, "plugin.slow", used);
    }
}
