/* The master: opens what workers need, then waits for signals and ticks. */
#include "master/master.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "db/keyring.h"
#include "master/internal.h"
#include "plugin/package/quarantine.h"

/* Blocked before anything is forked and kept blocked across an exec, so that no signal is lost in between. */
static int open_signals(int *ret)
{
    sigset_t set;
    int fd;

    sigemptyset(&set);
    for (size_t i = 0; i < 5; i++)
        sigaddset(&set, (int[]){SIGTERM, SIGINT, SIGQUIT, SIGHUP, SIGCHLD}[i]);
    if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
        return -errno;
    signal(SIGPIPE, SIG_IGN);
    fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    if (fd < 0)
        return -errno;
    *ret = fd;
    return 0;
}

static void raise_descriptor_limit(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

static void write_pid_file(const struct master *m)
{
    CLEANUP(mem_freep) char *path = str_printf("%s/juxind.pid", m->config->state_dir);
    CLEANUP(mem_freep) char *text = str_printf("%d\n", (int)getpid());
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644);

    if (fd < 0 || write(fd, text, strlen(text)) < 0)
        log_event(LOG_WARN, "start.no_pid_file", LF_STR("file", path), LF_ERR(errno));
    if (fd >= 0)
        close(fd);
}

/* Made by whoever may write it, before the workers, who may not. */
static int make_keys(const struct config *c)
{
    struct keyring *keys;
    int r = keyring_load(c->keys_file, true, &keys);

    if (r < 0)
        log_event(LOG_ERROR, "start.no_keys", LF_STR("file", c->keys_file), LF_ERR(r));
    else
        keyring_free(keys);
    return r;
}

static int open_resources(struct master *m)
{
    CLEANUP(buf_done) struct buf why = BUF_INIT;
    int r;

    if (upgrade_is_resumed()) {
        r = upgrade_resume(m);
    } else {
        r = slots_create(&m->slots_fd, &m->slots);
        if (r == 0 && pipe2(m->life, O_CLOEXEC) < 0)
            r = -errno;
    }
    if (r < 0) {
        log_event(LOG_ERROR, "start.failed", LF_ERR(r));
        return r;
    }
    r = make_keys(m->config);
    if (r < 0)
        return r;
    m->quarantine_file = str_printf("%s/" QUARANTINE_NAME, m->config->state_dir);
    r = listeners_open(&m->listeners, m->config, &why);
    if (r < 0 && !m->is_upgrade) {
        log_event(LOG_ERROR, "start.cannot_listen", LF_STR("address", buf_str(&why)));
        return r;
    }
    if (r < 0)
        log_event(LOG_ERROR, "reload.cannot_listen", LF_STR("address", buf_str(&why)));
    m->slots->generation = ++m->generation;
    return 0;
}

static void on_signal(struct master *m, int signo, int64_t now_ms)
{
    switch (signo) {
    case SIGHUP:
        upgrade_begin(m);
        break;
    case SIGTERM:
    case SIGINT:
        supervise_stop(m, now_ms);
        break;
    case SIGQUIT: /* at once: no draining */
        supervise_stop(m, now_ms);
        for (uint32_t i = 0; i < m->child_count; i++)
            kill(m->children[i].pid, SIGKILL);
        break;
    default: /* SIGCHLD: reaped on every turn */
        break;
    }
}

static void serve(struct master *m)
{
    struct signalfd_siginfo info;

    while (m->phase != PHASE_STOPPING || m->child_count > 0) {
        struct pollfd p = {.fd = m->signals, .events = POLLIN};
        int64_t now;

        if (poll(&p, 1, MASTER_TICK_MS) < 0 && errno != EINTR)
            log_event(LOG_ERROR, "master.poll_failed", LF_ERR(errno));
        now = clock_mono_ms();
        while (read(m->signals, &info, sizeof(info)) == (ssize_t)sizeof(info))
            on_signal(m, (int)info.ssi_signo, now);
        supervise_reap(m, now);
        supervise_tick(m, now);
        log_flush();
    }
}

int master_main(const char *executable, const char *config_file)
{
    CLEANUP(buf_done) struct buf errors = BUF_INIT;
    struct master *m = mem_zalloc(sizeof(*m));
    int code = 2;

    *m = (struct master){.executable = executable,
        .config_file = config_file,
        .slots_fd = -1,
        .signals = -1,
        .life = {-1, -1},
        .phase = PHASE_MIGRATING};
    log_set_process("master");
    log_output_init();
    prctl(PR_SET_NAME, "juxind");
    if (config_load(config_file, &m->config, &errors) < 0) {
        fprintf(stderr, "juxind: the configuration is not accepted\n%s", buf_str(&errors));
        free(m);
        return code;
    }
    log_set_level((enum log_level)m->config->log_level);
    raise_descriptor_limit();
    code = 1;
    if (open_signals(&m->signals) == 0 && open_resources(m) == 0) {
        write_pid_file(m); /* after an upgrade too: there may have been no space for it before */
        log_event(LOG_INFO, "master.started", LF_INT("generation", m->generation),
            LF_INT("workers", m->config->workers), LF_STR("config", config_file));
        serve(m);
        log_event(LOG_INFO, "master.stopped", LF_INT("exit_code", m->exit_code));
        code = m->exit_code;
    }
    listeners_close(&m->listeners);
    slots_detach(m->slots);
    config_free(m->config);
    free(m->quarantine_file);
    free(m);
    return code;
}
