/* Commands that need the database run in a fiber of a loop of their own, like a request does in a worker. */
#include "ctl/run.h"

#include <errno.h>
#include <pwd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "db/dbclock.h"
#include "loop/fiber.h"
#include "loop/helper.h"
#include "loop/loop.h"
#include "master/assemble.h"

#define CONNECT_MS 10000

struct run {
    struct ctl *ctl;
    int code;
};

/* Who does it, for the audit: the operating system's user, behind sudo too. */
static const char *operator_name(struct arena *a)
{
    const char *sudo = getenv("SUDO_USER");
    const struct passwd *who = getpwuid(getuid());

    return arena_dup(a, sudo && sudo[0] ? sudo : who ? who->pw_name : "unknown");
}

static int wait_for_database(struct ctl *c)
{
    int64_t deadline = clock_mono_ms() + CONNECT_MS;

    while (!db_is_ready(c->db)) {
        if (clock_mono_ms() >= deadline)
            return ctl_fail(c, CTL_NO_DATABASE,
                "the database does not answer; is it running, and is the connection string under /database "
                "right?");
        if (fiber_sleep(10) < 0)
            return CTL_FAILED;
    }
    return CTL_OK;
}

/* What a command writes is dated and sorted by time, like everything servers write. */
static int agree_on_time(struct ctl *c)
{
    int r = dbclock_look(c->db);

    if (r < 0)
        return ctl_fail_errno(c, r, "asking the database for its time");
    if (clock_is_far())
        return ctl_fail(c, CTL_REFUSED,
            "this machine's clock is %lld s off the database's; set it right first",
            (long long)(clock_off_us() / 1000000));
    return CTL_OK;
}

static void command_fiber(void *arg)
{
    struct run *run = arg;

    run->code = wait_for_database(run->ctl);
    if (run->code == CTL_OK)
        run->code = agree_on_time(run->ctl);
    if (run->code == CTL_OK)
        run->code = run->ctl->command->run(run->ctl);
    loop_stop();
}

static int open_database(struct ctl *c)
{
    enum ctl_needs as = c->command->needs;
    struct db_config config = {.conninfo = as == CTL_OWNER       ? c->config->database.owner
                                           : as == CTL_AGGREGATE ? c->config->database.aggregate
                                                                 : c->config->database.app,
        .fast_connections = 1,
        .fast_depth = 8,
        .slow_connections = 2,
        .queue_max = 64,
        .tenant_queue_max = 64,
        .fast_timeout_ms = 30000,
        .slow_timeout_ms = 3600000};

    if (!config.conninfo)
        return ctl_fail(c, CTL_USAGE, "%s has no /database/%s; `juxinctl database init` writes it",
            c->config_file,
            as == CTL_OWNER       ? "owner"
            : as == CTL_AGGREGATE ? "aggregate"
                                  : "app");
    return db_open(&config, &c->db) < 0 ? ctl_fail(c, CTL_NO_DATABASE, "the database cannot be opened")
                                        : CTL_OK;
}

/* Whoever may not read the keys may still look at things: what changes something fails for want of an audit. */
static int open_services(struct ctl *c)
{
    int r = assemble_keys(c->config, false);

    if (r < 0 && r != -EACCES && r != -ENOENT)
        return ctl_fail(c, CTL_FAILED, "%s: %s", c->config->keys_file,
            r == -EPERM ? "others may read or write it; chmod 0600" : strerror(-r));
    r = assemble_services(c->config, true);
    return r < 0 ? ctl_fail(c, CTL_FAILED, "%s: %s", c->config->plugins_directory, strerror(-r)) : CTL_OK;
}

static int run_in_fiber(struct ctl *c)
{
    struct run run = {c, CTL_FAILED};
    struct helper_limits helpers = {.threads = {1, 2}, .waiting = {32, 256}};
    struct fiber *fiber;

    if (loop_init() < 0)
        return ctl_fail(c, CTL_FAILED, "no event loop");
    fiber_system_init((struct fiber_limits){64, 8});
    if (helper_init(helpers) < 0)
        return ctl_fail(c, CTL_FAILED, "no helper threads");
    run.code = open_services(c);
    if (run.code == CTL_OK)
        run.code = open_database(c);
    if (run.code == CTL_OK) {
        if (fiber_spawn_system(command_fiber, &run, "command", &fiber) == 0)
            loop_run();
        db_close(c->db);
    }
    assemble_done();
    helper_done();
    fiber_system_done();
    loop_done();
    return run.code;
}

int run_command(struct ctl *c)
{
    c->who = (struct subject){.kind = SUBJECT_OPERATOR, .display_name = operator_name(c->arena)};
    if (c->command->needs >= CTL_DATABASE)
        return run_in_fiber(c);
    return c->command->run(c);
}
