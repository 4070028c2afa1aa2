/* The master's children: workers, the migrator, the check of an upgrade. */
#include <errno.h>
#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "master/internal.h"
#include "master/worker.h"

static int fork_child(struct master *m, enum child_kind kind, struct child **ret)
{
    struct child *c = &m->children[m->child_count];
    sigset_t none;
    pid_t pid;

    if (m->child_count == CHILDREN_MAX)
        return -EAGAIN;
    pid = fork();
    if (pid < 0)
        return -errno;
    if (pid == 0) {
        sigemptyset(&none);
        sigprocmask(SIG_SETMASK, &none, NULL);
        close(m->signals);
        *ret = NULL;
        return 0;
    }
    *c = (struct child){.pid = pid, .kind = kind, .generation = m->generation, .started_ms = clock_mono_ms()};
    m->child_count++;
    *ret = c;
    return 0;
}

static NORETURN void become_worker(struct master *m, uint32_t index, struct slot *slot)
{
    CLEANUP(mem_freep) char *name = str_printf("juxind: %u", index);
    struct worker_setup setup = {
        m->config, index, m->generation, m->life[0], &m->listeners, m->slots, m->slots_fd, slot};
    int status;

    prctl(PR_SET_NAME, name);
    close(m->life[1]);
    listeners_keep_only(&m->listeners, index);
    slot->pid = getpid();
    status = worker_main(&setup);
    slot->state = SLOT_ENDED;
    config_free(m->config);
    mem_freep(&name);
    slots_detach(m->slots);
    exit(status);
}

int spawn_worker(struct master *m, uint32_t index)
{
    struct slot *slot = slots_take(m->slots, index, m->generation);
    struct child *c;
    int r;

    if (!slot)
        return -EAGAIN;
    r = fork_child(m, CHILD_WORKER, &c);
    if (r < 0) {
        slots_give_back(m->slots, slot);
        return r;
    }
    if (!c)
        become_worker(m, index, slot);
    c->index = index;
    c->slot = (uint32_t)(slot - m->slots->slot);
    return 0;
}

static void close_for_helper(struct master *m)
{
    close(m->life[0]);
    close(m->life[1]);
    close(m->slots_fd);
    listeners_close(&m->listeners);
    slots_detach(m->slots);
}

int spawn_migrator(struct master *m)
{
    struct child *c;
    int r = fork_child(m, CHILD_MIGRATOR, &c);

    if (r == 0 && !c) {
        prctl(PR_SET_NAME, "juxind: migrate");
        prctl(PR_SET_PDEATHSIG, SIGTERM);
        close_for_helper(m);
        r = migrator_main(m->config);
        config_free(m->config);
        exit(r);
    }
    return r;
}

int spawn_check(struct master *m)
{
    struct child *c;
    int r = fork_child(m, CHILD_CHECK, &c);

    if (r == 0 && !c) {
        /* The descriptors are closed on exec; what is checked is the binary as it stands on disk now. */
        execl(m->executable, m->executable, "--config", m->config_file, "--check", (char *)NULL);
        log_event(LOG_ERROR, "reload.cannot_execute", LF_STR("file", m->executable), LF_ERR(errno));
        _exit(127);
    }
    return r;
}
