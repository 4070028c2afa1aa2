/* Hook dispatch: which plugin's functions take part at a point, in order, gated by the resource's unit. */
#pragma once

#include "access/call.h"
#include "base/base.h"
#include "plugin/host/engine.h"

enum hook_point {
    HOOK_VALIDATE,
    HOOK_BEFORE_CREATE,
    HOOK_BEFORE_UPDATE,
    HOOK_BEFORE_DELETE,
    HOOK_BEFORE_TRANSITION,
    HOOK_SERIALISE,
    HOOK_AFTER_CREATE,
    HOOK_AFTER_UPDATE,
    HOOK_AFTER_DELETE,
    HOOK_AFTER_TRANSITION,
    HOOK_POINTS
};
const char *hook_point_name(enum hook_point p); /* "before_create" … */

/* Runs the filters registered for (point, resource) by plugins effective at the records' unit, in order (phase, then
 * plugin id). All records are of one resource and one unit. `detail` is the transition's name for transition points.
 * May suspend. 0 when all agreed; -EINVAL with a fault: 409 `vetoed` (or the status that the plugin asked for) with plugin,
 * code and message, 500 plugin_failed on a closed failure, 503 plugin_unavailable where what guards it is out of order;
 * -EREMCHG, -ECANCELED, -ETIMEDOUT: the call is over, whatever the plugins said. */
MUSTCHECK int hook_filter(struct call *c, enum hook_point point, const char *resource, const char *detail,
    struct record *const *records, uint32_t count);

/* Whether any plugin's filter is registered there, effective or not. */
bool hook_is_filtered(enum hook_point point, const char *resource);

/* Writes the outbox rows of the actions registered for (point, resource), in the call's unit of work. Payload: ids,
 * unit, version, transition, changed field names; no values. Nothing is written when nobody listens. Suspends. */
MUSTCHECK int hook_actions(struct call *c, enum hook_point point, const char *resource, const char *detail,
    const struct record *rec, int64_t version, const char *changed);

/* Runs the action that a payload of hook_actions is about, as the plugin, in the call's unit of work; for deliver.c. May
 * suspend. Results as an outbox_deliver_fn's (db/outbox.h). */
MUSTCHECK int hook_deliver(struct call *c, const char *plugin, const char *payload);
