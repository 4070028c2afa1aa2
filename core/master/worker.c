/* A worker: one event loop that serves requests until told to drain. */
#include "master/worker.h"

#include <errno.h>
#include <event2/event.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include "api/health.h"
#include "api/hub.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "blob/blob.h"
#include "blob/media.h"
#include "db/db.h"
#include "fetch/fetch.h"
#include "http/router.h"
#include "http/server.h"
#include "loop/fiber.h"
#include "loop/helper.h"
#include "loop/loop.h"
#include "loop/turn.h"
#include "loop/usage.h"
#include "master/assemble.h"
#include "master/setup.h"
#include "net/tls.h"
#include "plugin/host/frame.h"
#include "resource/transfer/scratch.h"

#define BEAT_MS 250
#define START_MS 5

struct worker {
    const struct worker_setup *setup;
    const struct config *config;
    struct tls *tls;
    struct router *router, *admin_router;
    struct http_server *server, *admin_server;
    struct db *db;
    struct health health;
    struct loop_signal *term, *interrupt;
    struct loop_timer *beat, *start, *end;
    struct fiber *life;
    bool is_draining, is_life_over;
    uint32_t servers_open;
    int64_t ready_by_ms;
};

int drop_privileges(const char *user)
{
    struct passwd *who;

    if (!user || geteuid() != 0)
        return 0;
    errno = 0;
    who = getpwnam(user);
    if (!who)
        return errno ? -errno : -ENOENT;
    if (initgroups(user, who->pw_gid) < 0 || setgid(who->pw_gid) < 0 || setuid(who->pw_uid) < 0)
        return -errno;
    return setuid(0) == 0 ? -EPERM : 0;
}

static void publish(struct worker *w)
{
    struct http_stats h = {0};
    struct db_stats d = {0};

    http_server_stats(w->server, &h);
    slot_metric_set(METRIC_ACCEPTED, (int64_t)h.accepted);
    slot_metric_set(METRIC_REQUESTS, (int64_t)h.requests);
    for (int i = 1; i <= 5; i++)
        slot_metric_set((enum slot_metric)(METRIC_RESPONSES_1XX + i - 1), (int64_t)h.responses_by_class[i]);
    slot_metric_set(METRIC_REFUSED, (int64_t)h.refused);
    slot_metric_set(METRIC_MALFORMED, (int64_t)h.malformed);
    slot_metric_set(METRIC_CONNECTIONS, h.connections);
    slot_metric_set(METRIC_IN_FLIGHT, h.in_flight);
    slot_metric_set(METRIC_FIBERS, fiber_count());
    slot_metric_set(METRIC_STREAMS, h.pushes);
    db_stats(w->db, &d);
    for (int lane = 0; lane < 2; lane++) {
        slot_metric_set((enum slot_metric)(METRIC_DB_FAST_UNITS + lane), (int64_t)d.units[lane]);
        slot_metric_set((enum slot_metric)(METRIC_DB_FAST_CONNECTED + lane), d.connected[lane]);
        slot_metric_set((enum slot_metric)(METRIC_DB_FAST_BUSY + lane), d.busy[lane]);
        slot_metric_set((enum slot_metric)(METRIC_DB_FAST_WAITING + lane), d.waiting[lane]);
    }
    duties_publish();
    slot_metric_set(METRIC_DB_ERRORS, (int64_t)d.errors);
    slot_metric_set(METRIC_DB_REFUSED, (int64_t)d.refused);
    slot_metric_set(METRIC_DB_RECONNECTS, (int64_t)d.reconnects);
}

/* Growth is put down to plugins while it may come to matter. */
static void look_at_memory(const struct worker *w)
{
    int64_t limit = w->config->limits.worker_memory_bytes, resident = usage_resident(getpid());

    slot_metric_set(METRIC_MEMORY, resident);
    if (resident > limit / 2)
        frame_measure(true);
    else if (resident < limit / 8 * 3)
        frame_measure(false);
}

static void beat(void *arg)
{
    struct worker *w = arg;
    struct slot *slot = w->setup->slot;

    slot->beat_ms = clock_mono_ms();
    slot->database_ready = db_is_ready(w->db);
    publish(w);
    look_at_memory(w);
}

/* Ready for the master means: the predecessor may go. A database that does not answer must not keep it for ever. */
static void look_whether_ready(void *arg)
{
    struct worker *w = arg;

    if (!(db_is_ready(w->db) && clock_is_compared()) && clock_mono_ms() < w->ready_by_ms)
        return;
    if (w->setup->slot->state == SLOT_STARTING)
        w->setup->slot->state = SLOT_READY;
    loop_timer_free(w->start);
    w->start = NULL;
}

static void end_when_quiet(void *arg)
{
    struct worker *w = arg;

    if (w->servers_open || !w->is_life_over)
        return;
    if (duties_running() || hub_is_running())
        return;
    loop_stop();
}

static void server_drained(void *arg)
{
    struct worker *w = arg;

    if (--w->servers_open == 0) {
        duties_stop();
        if (!w->is_life_over)
            fiber_cancel(w->life);
    }
}

static void drain(void *arg)
{
    struct worker *w = arg;

    if (w->is_draining)
        return;
    w->is_draining = true;
    w->health.is_draining = true;
    w->setup->slot->state = SLOT_DRAINING;
    log_event(LOG_INFO, "worker.draining");
    setup_stop();
    w->end = loop_timer_new(0, 20, end_when_quiet, w);
    http_server_drain(w->server, w->config->limits.drain_ms, server_drained, w);
    if (w->admin_server)
        http_server_drain(w->admin_server, w->config->limits.drain_ms, server_drained, w);
}

static void ignore(void *arg)
{
    (void)arg; /* a Ctrl-C in a terminal reaches the whole group; the master decides */
}

static void watch_master(void *arg)
{
    struct worker *w = arg;
    int r = fiber_wait_fd(w->setup->life_fd, EV_READ, INT64_MAX);

    w->is_life_over = true;
    if (r != -ECANCELED) {
        log_event(LOG_ERROR, "worker.master_gone");
        drain(w);
    }
}

static int load_tls(struct worker *w)
{
    const char *why = NULL;
    struct text keys = {(const char *)w->setup->slots->ticket_keys, SLOTS_TICKET_KEYS};

    if (!w->config->tls_certificate)
        return 0;
    w->tls = tls_new(w->config->tls_certificate, w->config->tls_key, keys, &why);
    if (w->tls)
        return 0;
    log_event(
        LOG_ERROR, "worker.no_tls", LF_STR("certificate", w->config->tls_certificate), LF_STR("reason", why));
    return -EINVAL;
}

static int open_servers(struct worker *w)
{
    const struct config *c = w->config;
    struct http_server_config config = {.limits = config_http_limits(c),
        .router = w->router,
        .trusted_proxy = c->trusted_proxy,
        .access_log = c->access_log};
    uint32_t index = w->setup->index;
    int r = http_server_new(&config, &w->server);

    for (uint32_t i = 0; r == 0 && i < c->listen_count; i++) {
        int fd =
            listeners_find(w->setup->listeners, c->listen[i].address, (uint16_t)c->listen[i].port, index);

        r = http_server_listen(w->server, fd, c->listen[i].tls ? w->tls : NULL);
    }
    w->servers_open = 1;
    if (r < 0 || !c->admin.address)
        return r;
    config.router = w->admin_router;
    config.trusted_proxy = NULL;
    config.access_log = false;
    r = http_server_new(&config, &w->admin_server);
    if (r == 0)
        r = http_server_listen(w->admin_server,
            listeners_find(w->setup->listeners, c->admin.address, (uint16_t)c->admin.port, index), NULL);
    w->servers_open = 2;
    return r;
}

static int start_keys(struct worker *w)
{
    return assemble_keys(w->config, false);
}

static int start_user(struct worker *w)
{
    return drop_privileges(w->config->user);
}

/* While the master's rights last: the service's user owns what it keeps there. A directory that cannot be made now may be
 * there later (a disk that is not mounted yet): everything else is served without it. */
static int start_files(struct worker *w)
{
    const char *directory = w->config->files_directory;
    struct passwd *who = w->config->user && geteuid() == 0 ? getpwnam(w->config->user) : NULL;
    CLEANUP(mem_freep) char *media = str_printf("%s/lib/juxin/juxin-media", w->config->install_dir);

    if (mkdir(directory, 0700) == 0) {
        if (who && chown(directory, who->pw_uid, who->pw_gid) < 0)
            log_event(LOG_ERROR, "worker.no_files", LF_STR("directory", directory), LF_ERR(-errno));
    } else if (errno != EEXIST) {
        log_event(LOG_ERROR, "worker.no_files", LF_STR("directory", directory), LF_ERR(-errno));
    }
    disk_set_directory(directory);
    scratch_set_directory(directory);
    media_set_program(media);
    return 0;
}

static int start_loop(struct worker *w)
{
    struct fiber_limits fibers = {(uint32_t)w->config->limits.in_flight + 16, 64};
    struct helper_limits helpers = {.threads = {[HELPER_HASH] = 1, [HELPER_FILE] = 2, [HELPER_MAIL] = 8},
        .waiting = {[HELPER_HASH] = (uint32_t)w->config->limits.hash_waiting,
            [HELPER_FILE] = 256,
            [HELPER_MAIL] = 32},
        .enter = {[HELPER_HASH] = turn_take},
        .leave = {[HELPER_HASH] = turn_give}};
    int r = loop_init();

    if (r < 0)
        return r;
    turn_init(w->setup->slots_fd, (uint32_t)w->config->limits.hash_threads, w->setup->index);
    fiber_system_init(fibers);
    return helper_init(helpers);
}

/* The list of what may be reached is part of the configuration's check, so it is right here. */
static int start_outgoing(struct worker *w)
{
    struct fetch_config config = {.allow = w->config->outgoing.allow,
        .ca_file = w->config->outgoing.ca_file,
        .side_by_side = (uint32_t)w->config->outgoing.side_by_side};

    return fetch_init(&config);
}

static int start_services(struct worker *w)
{
    return assemble_services(w->config, false);
}

static int start_database(struct worker *w)
{
    return setup_database(w->config, &w->db);
}

static int start_routes(struct worker *w)
{
    int r = setup_routes(w->config, w->db, w->router);

    return r == 0 ? health_routes(w->admin_router, true) : r;
}

static int start_duties(struct worker *w)
{
    int r = fiber_spawn_system(watch_master, w, "master", &w->life);

    return r == 0 ? duties_start(w->config, w->db, w->setup->index) : r;
}

/* What only root may read comes before the change of user. */
static const struct step {
    const char *name;
    int (*run)(struct worker *w);
} steps[] = {{"tls", load_tls}, {"keys", start_keys}, {"files", start_files}, {"user", start_user},
    {"loop", start_loop}, {"outgoing", start_outgoing}, {"services", start_services},
    {"database", start_database}, {"routes", start_routes}, {"listeners", open_servers},
    {"duties", start_duties}};

static int start(struct worker *w)
{
    for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
        int r = steps[i].run(w);

        if (r == 0)
            continue;
        log_event(LOG_ERROR, "worker.start_failed", LF_STR("step", steps[i].name), LF_ERR(r));
        return r;
    }
    return 0;
}

static void finish(struct worker *w)
{
    loop_timer_free(w->beat);
    loop_timer_free(w->start);
    loop_timer_free(w->end);
    loop_signal_free(w->term);
    loop_signal_free(w->interrupt);
    http_server_free(w->server);
    http_server_free(w->admin_server);
    tls_free(w->tls);
    duties_done();
    setup_done(w->db);
    router_free(w->router);
    router_free(w->admin_router);
    fetch_done();
    helper_done();
    fiber_system_done();
    loop_done();
}

int worker_main(const struct worker_setup *setup)
{
    struct worker w = {.setup = setup, .config = setup->config, .ready_by_ms = clock_mono_ms() + 5000};
    CLEANUP(mem_freep) char *name = str_printf("worker %u", setup->index);
    int r;

    log_set_process(name);
    slot_set_self(setup->slot);
    flood_set_table(&setup->slots->flood);
    flood_set_limit((uint32_t)setup->config->limits.sign_ins_per_minute);
    w.router = router_new();
    w.admin_router = router_new();
    w.health = (struct health){.slots = setup->slots};
    health_set(&w.health);
    r = start(&w);
    if (r < 0) {
        setup->slot->state = SLOT_ENDED;
        _exit(WORKER_BAD_START);
    }
    w.health.db = w.db;
    w.term = loop_signal_new(SIGTERM, drain, &w);
    w.interrupt = loop_signal_new(SIGINT, ignore, &w);
    w.beat = loop_timer_new(0, BEAT_MS, beat, &w);
    w.start = loop_timer_new(1, START_MS, look_whether_ready, &w);
    loop_run();
    publish(&w);
    finish(&w);
    log_flush();
    return WORKER_OK;
}
