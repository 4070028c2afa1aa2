/* The boundary between the server and its plugins at start: here is logged what the loader found. */
#include "plugin/start.h"

#include <errno.h>
#include <limits.h>

#include "access/notice.h"
#include "access/permission.h"
#include "access/role.h"
#include "base/log.h"
#include "plugin/hook/job.h"
#include "plugin/hook/offer.h"
#include "plugin/host/frame.h"
#include "plugin/host/host.h"
#include "plugin/load.h"
#include "plugin/package/quarantine.h"
#include "plugin/package/registry.h"
#include "plugin/policy/policies.h"

static int declare(const struct plugin *p)
{
    int r = 0;

    for (size_t i = 0; i < p->permission_count && r == 0; i++)
        if (permission_declare(p->permissions[i].name, p->permissions[i].label.zh,
                p->permissions[i].label.en) == PERMISSION_NONE)
            r = -ENOSPC;
    for (size_t i = 0; i < p->role_count && r == 0; i++) {
        r = role_declare(p->roles[i].id, p->roles[i].label.zh, p->roles[i].label.en);
        for (const char *const *name = p->roles[i].permissions; *name && r == 0; name++)
            r = role_declare_permission(p->roles[i].id, *name);
    }
    for (size_t i = 0; i < p->notice_count && r == 0; i++) {
        const struct plugin_notice *n = &p->notices[i];
        struct notice_kind kind = {arena_printf(p->arena, "%s.%s", p->id, n->name), n->label.zh, n->label.en,
            n->text.zh, n->text.en, n->is_urgent};

        r = notice_kind_declare(&kind) ? 0 : -ENOSPC;
    }
    return r;
}

/* In the order of their ids; what a server has no room for does not keep it from starting. */
static void declare_all(void)
{
    char why[160];

    snprintf(why, sizeof(why),
        "its permissions, roles or notices find no room: a server has at most %d, %d and 512, all plugins' "
        "together",
        PERMISSIONS_MAX, ROLES_MAX);
    for (size_t i = 0; i < plugin_count(); i++)
        if (declare(plugin_at(i)) < 0)
            plugin_reject(plugin_at(i)->id, "invalid", why);
}

static void report(const struct plugin *p)
{
    if (plugin_is_available(p))
        log_event(LOG_INFO, "plugin.loaded", LF_STR("plugin", p->id), LF_STR("version", p->version),
            LF_STR("code", p->code ? "yes" : "none"));
    else
        log_event(LOG_ERROR, "plugin.unavailable", LF_STR("plugin", p->id),
            LF_STR("reason", p->policy.unavailable), LF_STR("detail", p->unavailable_detail),
            LF_INT("security_critical", p->is_security_critical));
}

static void on_lifecycle_error(const struct plugin *p, const char *why)
{
    log_event(LOG_ERROR, "plugin.lifecycle_failed", LF_STR("plugin", p->id), LF_STR("code", why));
}

int plugins_start(const struct config *c, bool with_code)
{
    char quarantine[PATH_MAX];
    struct plugin_load_config load = {.directory = c->plugins_directory,
        .trust_file = c->plugins_trust,
        .is_development = c->plugins_development != 0,
        .without_code = !with_code};
    int r;

    if (c->state_dir) {
        snprintf(quarantine, sizeof(quarantine), "%s/" QUARANTINE_NAME, c->state_dir);
        load.quarantine_file = quarantine;
    }
    frame_init();
    host_set_time_limit(c->limits.request_ms);
    if (load.is_development && with_code)
        log_event(LOG_WARN, "plugin.development_mode",
            LF_STR("meaning", "any plugin in the directory is loaded, trusted or not; not for production"));
    r = plugin_load_all(&load);
    if (r < 0) {
        log_event(
            LOG_ERROR, "plugin.directory_unreadable", LF_STR("directory", c->plugins_directory), LF_ERR(r));
        return r;
    }
    declare_all();
    policies_init();
    if (!with_code)
        return 0;
    plugin_jobs_register();
    plugin_tell_all(JX_WORKER_START, on_lifecycle_error);
    for (size_t i = 0; i < plugin_count(); i++)
        report(plugin_at(i));
    return 0;
}

void plugins_drain(void)
{
    plugin_tell_all(JX_DRAIN, on_lifecycle_error);
}

void plugins_end(void)
{
    offers_clear();
    registry_clear();
}
