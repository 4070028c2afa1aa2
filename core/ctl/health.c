/* juxinctl health */
#include <errno.h>

#include "base/json.h"
#include "ctl/ask.h"
#include "ctl/commands.h"

static int run(struct ctl *c)
{
    CLEANUP(buf_done) struct buf body = BUF_INIT;
    json_t *root = NULL;
    int status, r = ask_server(c->config, "/readyz", &status, &body);

    if (r == -EDESTADDRREQ)
        return ctl_fail(c, CTL_USAGE, "the configuration has no /admin_listen to ask");
    if (r < 0)
        return ctl_fail(c, CTL_NOT_FOUND, "no server answers on %s port %d: %s", c->config->admin.address,
            (int)c->config->admin.port, strerror(-r));
    r = json_parse(buf_text(&body), JSON_LIMITS, &root, NULL);
    if (r < 0)
        return ctl_fail(c, CTL_FAILED, "the server's answer is not understood (status %d)", status);
    if (c->json)
        jsonw_value(&c->w, root);
    ctl_say(c, "%s: database %s, clock %s%s, generation %lld", json_str_or(root, "status", "?"),
        json_bool_or(root, "database", false) ? "answers" : "does not answer",
        json_bool_or(root, "clock", true) ? "right" : "too far from the database's",
        json_bool_or(root, "draining", false) ? ", draining" : "",
        (long long)json_int_or(root, "generation", 0));
    r = json_bool_or(root, "database", false);
    json_decref(root);
    return status == 200 ? CTL_OK : r ? CTL_FAILED : CTL_NO_DATABASE;
}

const struct ctl_command ctl_health = {
    .name = "health",
    .summary = "asks the running server how it is",
    .help = "Exit code 0 when it is ready, 3 when none runs, 5 when its database does not answer.\n  "
            "juxinctl health",
    .needs = CTL_CONFIG,
    .run = run,
};
