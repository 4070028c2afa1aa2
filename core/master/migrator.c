/* The migrator: a short-lived process, before workers start, that alone knows the owner role. */
#include "base/log.h"
#include "master/assemble.h"
#include "master/schema.h"
#include "master/worker.h"

static void progress(void *arg, const char *what)
{
    (void)arg;
    log_event(LOG_INFO, "migrate.step", LF_STR("what", what));
}

int migrator_main(const struct config *c)
{
    struct schema_result result = {0};
    int r;

    log_set_process("migrator");
    r = drop_privileges(c->user);
    if (r < 0) {
        log_event(LOG_ERROR, "migrate.user", LF_STR("user", c->user), LF_ERR(r));
        return SCHEMA_FAILED;
    }
    r = assemble_services(c, true);
    if (r < 0) {
        log_event(LOG_ERROR, "migrate.plugins", LF_STR("directory", c->plugins_directory), LF_ERR(r));
        return SCHEMA_FAILED;
    }
    r = schema_update(c, false, progress, NULL, &result);
    assemble_done();
    if (r != SCHEMA_OK)
        log_event(LOG_ERROR, "migrate.failed", LF_STR("problem", buf_str(&result.problem)));
    else
        log_event(LOG_INFO, "migrate.done", LF_INT("applied", result.applied));
    buf_done(&result.problem);
    return r;
}
