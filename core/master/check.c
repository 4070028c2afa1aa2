/* juxind --check: tries what a start would need, without serving. */
#include <errno.h>
#include <unistd.h>

#include "base/log.h"
#include "db/admin.h"
#include "fetch/allow.h"
#include "master/assemble.h"
#include "master/setup.h"
#include "master/worker.h"
#include "net/tls.h"
#include "plugin/package/plugin.h"

static int check_tls(const struct config *c)
{
    const char *why = NULL;
    struct tls *tls;

    if (!c->tls_certificate)
        return 0;
    tls = tls_new(c->tls_certificate, c->tls_key, (struct text){NULL, 0}, &why);
    if (!tls) {
        fprintf(stderr, "/tls: %s and %s: %s\n", c->tls_certificate, c->tls_key, why ? why : "not accepted");
        return -EINVAL;
    }
    tls_free(tls);
    return 0;
}

static int check_outgoing(const struct config *c)
{
    CLEANUP(buf_done) struct buf fault = BUF_INIT;
    struct allow_list *list = NULL;
    int r = allow_parse(c->outgoing.allow, &list, &fault);

    if (r < 0)
        fprintf(
            stderr, "/outgoing/allow: \"%s\" is neither a name nor a range of addresses\n", buf_str(&fault));
    allow_free(list);
    if (r == 0 && c->outgoing.ca_file && access(c->outgoing.ca_file, R_OK) < 0) {
        fprintf(stderr, "/outgoing/ca_file: %s: %s\n", c->outgoing.ca_file, strerror(errno));
        r = -EINVAL;
    }
    return r;
}

static int check_database(const char *key, const char *conninfo)
{
    struct db_error error = {0};
    struct admin *admin = NULL;
    int r;

    if (!conninfo) {
        fprintf(stderr, "%s: missing; `juxinctl database init` writes it\n", key);
        return -EINVAL;
    }
    r = admin_open(conninfo, 3000, &admin, &error);
    if (r < 0)
        fprintf(stderr, "%s: no connection: %s\n", key, error.message[0] ? error.message : strerror(-r));
    else
        admin_close(admin);
    return r;
}

/* Plugins that cannot be used do not keep a server from starting; they are named. */
static int check_services(const struct config *c)
{
    int r = assemble_services(c, true);

    if (r < 0)
        fprintf(stderr, "/plugins/directory: %s: %s\n", c->plugins_directory, strerror(-r));
    for (size_t i = 0; i < plugin_count(); i++) {
        const struct plugin *p = plugin_at(i);

        if (!plugin_is_available(p))
            fprintf(stderr, "/plugins: %s will not run: %s: %s\n", p->id, p->policy.unavailable,
                p->unavailable_detail ? p->unavailable_detail : "");
    }
    assemble_done();
    return r;
}

int check_main(const char *config_file)
{
    CLEANUP(buf_done) struct buf errors = BUF_INIT;
    struct config *c;
    int faults = 0;

    log_set_process("check");
    log_set_level(LOG_WARN);
    if (config_load(config_file, &c, &errors) < 0) {
        fprintf(stderr, "juxind: the configuration is not accepted\n%s", buf_str(&errors));
        return 1;
    }
    faults += check_tls(c) < 0;
    faults += check_outgoing(c) < 0;
    faults += check_services(c) < 0;
    faults += check_database("/database/app", c->database.app) < 0;
    if (c->database.owner)
        faults += check_database("/database/owner", c->database.owner) < 0;
    config_free(c);
    if (!faults)
        fprintf(stderr, "%s: a server can be started with this\n", config_file);
    return faults ? 1 : 0;
}
