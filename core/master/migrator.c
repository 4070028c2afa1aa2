/* The migrator: the schema of the core and the tables of plugins, as the owner role, before workers start. */
#include <errno.h>

#include "base/log.h"
#include "db/admin.h"
#include "master/worker.h"

int migrator_main(const struct config *c)
{
    struct db_error error = {0};
    struct admin *admin;
    int r;

    log_set_process("migrator");
    r = drop_privileges(c->user);
    if (r < 0) {
        log_event(LOG_ERROR, "migrate.user", LF_STR("user", c->user), LF_ERR(r));
        return MIGRATOR_FAILED;
    }
    r = admin_open(c->database.owner, 5000, &admin, &error);
    if (r < 0) {
        log_event(LOG_ERROR, "migrate.no_database", LF_STR("message", error.message), LF_ERR(r));
        return MIGRATOR_NO_DATABASE;
    }
    admin_close(admin);
    return MIGRATOR_OK;
}
