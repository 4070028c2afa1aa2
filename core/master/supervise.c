/* Supervision: who should run, who died and why, who must go. */
#include <signal.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "base/log.h"
#include "master/internal.h"
#include "master/schema.h"
#include "master/worker.h"
#include "plugin/package/quarantine.h"

#define BACKOFF_MAX_MS 10000
#define DATABASE_WAIT_MAX_MS 2000 /* between two looks whether it is there */
#define SETTLED_MS 5000           /* a worker that lived this long started well */
#define DRAIN_EXTRA_MS 5000

static bool has_child(const struct master *m, enum child_kind kind)
{
    for (uint32_t i = 0; i < m->child_count; i++)
        if (m->children[i].kind == kind)
            return true;
    return false;
}

static void drain(struct master *m, struct child *c, int64_t now_ms)
{
    if (c->is_draining)
        return;
    c->is_draining = true;
    c->kill_at_ms = now_ms + m->config->limits.drain_ms + DRAIN_EXTRA_MS;
    kill(c->pid, SIGTERM);
}

/* A fatal signal, an abort by the watchdog, or exit() called from inside a plugin: the plugin's doing. kill -9 from
 * outside is not. */
static bool is_attributable(const struct child *c, int status, const struct slot *slot)
{
    if (c->watch.verdict)
        return true;
    if (WIFEXITED(status))
        return slot->state != SLOT_ENDED;
    switch (WTERMSIG(status)) {
    case SIGSEGV:
    case SIGBUS:
    case SIGFPE:
    case SIGILL:
    case SIGABRT:
    case SIGTRAP:
    case SIGSYS:
    case SIGXCPU:
        return true;
    default:
        return false;
    }
}

/* Whose doing it was, or that nobody is named: "unattributed", with the plugin it was in (a kill -9 from outside, which
 * also is how the kernel takes back memory) or without (the server's own fault). */
static void log_exit(
    const struct child *c, int status, const struct slot_call *call, bool is_attributed, bool expected)
{
    log_event(expected ? LOG_INFO : LOG_ERROR, expected ? "worker.ended" : "worker.died",
        LF_INT("worker", c->index), LF_INT("worker_pid", c->pid), LF_INT("generation", c->generation),
        LF_INT("signal", WIFSIGNALED(status) ? WTERMSIG(status) : 0),
        LF_INT("exit_code", WIFEXITED(status) ? WEXITSTATUS(status) : -1),
        LF_STR("cause", expected        ? "drained"
                        : is_attributed ? "plugin"
                                        : "unattributed"),
        LF_STR("plugin", is_attributed ? call->plugin : NULL),
        LF_STR("hook", is_attributed ? call->hook : NULL),
        LF_STR("unit", is_attributed ? uuid_format(call->unit).s : NULL),
        LF_STR("inside_request", is_attributed ? call->request_id : NULL),
        LF_INT("tenant", is_attributed ? call->tenant : 0),
        LF_STR("was_in", !is_attributed && call->plugin[0] ? call->plugin : NULL));
}

/* Notes the crash; 0 when it counts towards the plugin's quarantine. */
static int blame(struct master *m, const struct slot_call *call, const char *what)
{
    bool is_quarantined = false;
    int r = quarantine_note(
        m->quarantine_file, &call->digest, call->plugin, what, clock_wall_us(), &is_quarantined);

    log_event(LOG_ERROR, "plugin.crashed", LF_STR("plugin", call->plugin), LF_STR("hook", call->hook),
        LF_STR("what", what));
    if (r < 0)
        log_event(LOG_ERROR, "plugin.crash_not_noted", LF_STR("file", m->quarantine_file), LF_ERR(r));
    if (is_quarantined)
        log_event(LOG_ERROR, "plugin.quarantined", LF_STR("plugin", call->plugin),
            LF_INT("crashes", QUARANTINE_CRASHES),
            LF_STR("hint", "juxinctl plugin quarantine shows and lifts it"));
    m->needs_fresh_workers |= is_quarantined; /* the other workers still run it */
    return r;
}

/* The successor starts at once where a plugin is to blame: how often that can happen is bounded by the quarantine.
 * A worker that fails by itself is given more and more time: 0, 100 ms, 200 ms, … 10 s. */
static void make_room(struct master *m, const struct child *c, bool is_contained, int64_t now_ms)
{
    struct seat *seat = &m->seats[c->index];

    m->slots->restarts++;
    if (c->is_ready && (is_contained || now_ms - c->started_ms > SETTLED_MS))
        seat->failures = 0;
    else if (!is_contained)
        seat->failures++;
    seat->start_at_ms = is_contained || seat->failures < 2
                            ? now_ms
                            : now_ms + MIN(BACKOFF_MAX_MS, 100 << MIN(seat->failures - 2, 10));
}

static void worker_gone(struct master *m, struct child *c, int status, int64_t now_ms)
{
    struct slot *slot = &m->slots->slot[c->slot];
    bool expected =
        c->is_draining && WIFEXITED(status) && WEXITSTATUS(status) == 0 && slot->state == SLOT_ENDED;
    struct slot_call call = slot->current; /* nobody writes any more */
    bool is_attributed, is_contained = false;

    call.plugin[sizeof(call.plugin) - 1] = call.hook[sizeof(call.hook) - 1] = '\0';
    call.request_id[sizeof(call.request_id) - 1] = '\0';
    is_attributed = call.plugin[0] && is_attributable(c, status, slot);
    log_exit(c, status, &call, is_attributed, expected);
    if (is_attributed)
        is_contained = blame(m, &call,
                           c->watch.verdict    ? c->watch.verdict
                           : WIFEXITED(status) ? "exit"
                                               : strsignal(WTERMSIG(status))) == 0;
    slots_give_back(m->slots, slot);
    if (!c->is_draining && c->generation == m->generation)
        make_room(m, c, is_contained, now_ms);
}

static void migrator_gone(struct master *m, int status, int64_t now_ms)
{
    int code = WIFEXITED(status) ? WEXITSTATUS(status) : SCHEMA_FAILED;

    if (m->phase != PHASE_MIGRATING)
        return;
    if (code == SCHEMA_OK) {
        m->phase = PHASE_RUNNING;
    } else if (code == SCHEMA_NO_DATABASE) {
        m->migrate_at_ms = now_ms + MIN(DATABASE_WAIT_MAX_MS, 250 << MIN(m->migrator_failures++, 8));
        log_event(LOG_WARN, "migrate.waiting_for_database", LF_INT("next_try_ms", m->migrate_at_ms - now_ms));
    } else if (m->is_upgrade) {
        log_event(LOG_ERROR, "reload.migration_failed", LF_STR("effect", "the old generation keeps serving"));
        m->phase = PHASE_RUNNING;
        m->generation--; /* the children that are there are the ones that should be */
    } else {
        log_event(LOG_ERROR, "start.migration_failed");
        m->exit_code = 1;
        supervise_stop(m, now_ms);
    }
}

static void child_gone(struct master *m, struct child *c, int status, int64_t now_ms)
{
    struct child gone = *c;

    *c = m->children[--m->child_count];
    if (gone.kind == CHILD_WORKER) {
        worker_gone(m, &gone, status, now_ms);
    } else if (gone.kind == CHILD_MIGRATOR) {
        migrator_gone(m, status, now_ms);
    } else if (m->phase == PHASE_CHECKING) {
        m->phase = PHASE_RUNNING;
        if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
            upgrade_go(m);
        else
            log_event(LOG_ERROR, "reload.refused", LF_STR("effect", "the server keeps running as it was"),
                LF_INT("exit_code", WIFEXITED(status) ? WEXITSTATUS(status) : -1));
    }
}

void supervise_reap(struct master *m, int64_t now_ms)
{
    pid_t pid;
    int status;

    while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
        for (uint32_t i = 0; i < m->child_count; i++) {
            if (m->children[i].pid == pid) {
                child_gone(m, &m->children[i], status, now_ms);
                break;
            }
        }
    }
}

/* The worker of this generation on that seat; NULL when there is none. */
static struct child *seated(struct master *m, uint32_t index)
{
    for (uint32_t i = 0; i < m->child_count; i++) {
        struct child *c = &m->children[i];

        if (c->kind == CHILD_WORKER && c->index == index && c->generation == m->generation &&
            !c->is_draining && !c->is_outgrown)
            return c;
    }
    return NULL;
}

static void fill_seats(struct master *m, int64_t now_ms)
{
    for (uint32_t i = 0; i < m->config->workers; i++) {
        struct seat *seat = &m->seats[i];
        int r;

        if (seated(m, i) || now_ms < seat->start_at_ms)
            continue;
        r = spawn_worker(m, i);
        if (r < 0) {
            log_event(LOG_ERROR, "worker.cannot_start", LF_INT("worker", i), LF_ERR(r));
            seat->start_at_ms = now_ms + 1000;
        }
    }
}

/* Old generations go once their successor serves: nobody's connection meets a closed door. */
static void retire(struct master *m, int64_t now_ms)
{
    uint32_t ready = 0;

    for (uint32_t i = 0; i < m->config->workers; i++) {
        struct child *c = seated(m, i);

        ready += c && c->is_ready;
    }
    for (uint32_t i = 0; i < m->child_count; i++) {
        struct child *c = &m->children[i];
        struct child *next = c->index < m->config->workers ? seated(m, c->index) : NULL;

        if (c->kind != CHILD_WORKER || (c->generation == m->generation && !c->is_outgrown))
            continue;
        if ((next && next->is_ready) || (!next && ready == m->config->workers))
            drain(m, c, now_ms);
    }
}

/* Workers of the same binary and configuration take over from those that are there. Nothing on disk is asked whether it
 * will do: what has to go must not wait for that. */
static void begin_generation(struct master *m)
{
    m->needs_fresh_workers = false;
    m->slots->generation = ++m->generation;
    log_event(LOG_INFO, "master.fresh_workers", LF_INT("generation", m->generation));
}

static void look_after(struct master *m, struct child *c, int64_t now_ms)
{
    if (c->kind == CHILD_WORKER) {
        if (!c->is_ready && m->slots->slot[c->slot].state == SLOT_READY) {
            c->is_ready = true;
            log_event(LOG_INFO, "worker.ready", LF_INT("worker", c->index), LF_INT("worker_pid", c->pid),
                LF_INT("generation", c->generation), LF_INT("after_ms", now_ms - c->started_ms));
        }
        watchdog_look(m, c, now_ms);
        memory_look(m, c, now_ms);
    }
    if (c->kill_at_ms && now_ms >= c->kill_at_ms) {
        if (c->is_draining && !c->watch.verdict)
            log_event(
                LOG_WARN, "worker.drain_over", LF_INT("worker", c->index), LF_INT("worker_pid", c->pid));
        kill(c->pid, SIGKILL);
        c->kill_at_ms = 0;
    }
}

void supervise_tick(struct master *m, int64_t now_ms)
{
    for (uint32_t i = 0; i < m->child_count; i++)
        look_after(m, &m->children[i], now_ms);
    if (m->phase == PHASE_MIGRATING && !has_child(m, CHILD_MIGRATOR) && now_ms >= m->migrate_at_ms) {
        int r = m->config->database.owner ? spawn_migrator(m) : 0;

        if (r < 0)
            m->migrate_at_ms = now_ms + 1000;
        else if (!m->config->database.owner)
            m->phase = PHASE_RUNNING;
    }
    if (m->phase == PHASE_RUNNING || m->phase == PHASE_CHECKING) {
        if (m->needs_fresh_workers)
            begin_generation(m);
        fill_seats(m, now_ms);
        retire(m, now_ms);
    }
}

void supervise_stop(struct master *m, int64_t now_ms)
{
    if (m->phase == PHASE_STOPPING)
        return;
    m->phase = PHASE_STOPPING;
    log_event(LOG_INFO, "master.stopping", LF_INT("children", m->child_count));
    for (uint32_t i = 0; i < m->child_count; i++)
        drain(m, &m->children[i], now_ms);
}
