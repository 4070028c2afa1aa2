/* Actions: an outbox row each in the change's own transaction, delivered to the plugin after the commit. */
#include <errno.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/jsonw.h"
#include "base/log.h"
#include "db/outbox.h"
#include "plugin/hook/hook.h"
#include "plugin/hook/offer.h"
#include "plugin/hook/points.h"
#include "plugin/hook/trace.h"
#include "plugin/host/host.h"
#include "plugin/policy/policies.h"

/* Ids and names only: the outbox outlives what is erased from records. */
static void write_payload(struct buf *out, const struct call *c, const struct offer_action *o,
    const struct record *rec, const char *detail, int64_t version, const char *changed)
{
    uint32_t unit = engine_ops()->unit(rec);
    struct jsonw w;

    jsonw_init(&w, out);
    jsonw_object(&w);
    jsonw_kstr(&w, "action", o->a.name);
    jsonw_kint(&w, "point", o->a.point);
    jsonw_kstr(&w, "resource", o->a.resource);
    if (detail)
        jsonw_kstr(&w, "transition", detail);
    jsonw_kstr(&w, "id", uuid_format(engine_ops()->id(rec)).s);
    if (unit < tree_count(c->tenant->tree))
        jsonw_kstr(&w, "unit", uuid_format(tree_unit(c->tenant->tree, unit).id).s);
    jsonw_kint(&w, "version", version);
    jsonw_kstr(&w, "changed", changed ? changed : "");
    jsonw_object_end(&w);
}

static int queue(struct call *c, const struct offer_action *o, const char *resource, const struct record *rec,
    const char *detail, int64_t version, const char *changed)
{
    struct buf payload = BUF_INIT;
    const char *key = arena_printf(c->arena, "%s/%s", resource, uuid_format(engine_ops()->id(rec)).s);
    int r;

    write_payload(&payload, c, o, rec, detail, version, changed);
    r = outbox_add(c->tx, "plugin.action", o->plugin->id, key, version, buf_str(&payload));
    buf_done(&payload);
    trace_note(c, offer_point_name(o->a.point), o->plugin->id, o->a.name, "queued", -1, NULL);
    return r;
}

int hook_actions(struct call *c, enum hook_point point, const char *resource, const char *detail,
    const struct record *rec, int64_t version, const char *changed)
{
    const struct offers *all = offers();
    uint32_t unit = engine_ops()->unit(rec), code = points_of_hook(point);
    int r = 0;

    for (size_t i = 0; i < all->action_count && r == 0; i++) {
        const struct offer_action *o = &all->actions[i];

        if (o->a.point != code || !points_match(o->a.resource, o->a.transition, resource, detail))
            continue;
        if (policy_is_on(c, o->plugin->id, unit))
            r = queue(c, o, resource, rec, detail, version, changed);
        else if (c->trace)
            trace_note(c, hook_point_name(point), o->plugin->id, o->a.name, "not_called", -1,
                policy_reason(c, o->plugin->id, unit).en);
    }
    return r;
}

static const struct offer_action *find_action(const char *plugin, const json_t *p)
{
    const struct offers *all = offers();
    const char *name = json_str_or(p, "action", ""), *resource = json_str_or(p, "resource", "");

    for (size_t i = 0; i < all->action_count; i++) {
        const struct offer_action *o = &all->actions[i];

        if (strcmp(o->plugin->id, plugin) == 0 && strcmp(o->a.name, name) == 0 &&
            o->a.point == (uint32_t)json_int_or(p, "point", 0) &&
            points_match(o->a.resource, o->a.transition, resource, json_str(p, "transition")))
            return o;
    }
    return NULL;
}

static int run_action(struct call *c, const struct offer_action *o, const struct jx_event *event)
{
    struct subject plugin = {.kind = SUBJECT_PLUGIN, .plugin = o->plugin->id};
    const struct subject *who = c->who;
    struct jx_result result = {.size = sizeof(result)};
    struct jx_call j;
    int r;

    c->who = &plugin;
    host_begin_deadline(c);
    host_enter(&j, c, o->plugin, arena_printf(c->arena, "%s %s", offer_point_name(o->a.point), o->a.name),
        event->unit);
    o->a.fn(&j, event, &result);
    r = host_leave(&j, &result);
    c->who = who;
    if (r < 0)
        return r;
    if (result.verdict == JX_OK) {
        host_forgive(&j);
        return 0;
    }
    log_event(LOG_WARN, "plugin.action_failed", LF_STR("plugin", o->plugin->id), LF_STR("hook", o->a.name),
        LF_INT("verdict", result.verdict), LF_STR("code", result.code));
    return result.verdict == JX_VETO ? -EPERM : -EAGAIN;
}

static struct text plugin_of(const char *resource)
{
    struct text rest = text_of(resource);

    return text_split(&rest, '.');
}

static bool is_available(struct text plugin)
{
    for (size_t i = 0; i < plugin_count(); i++)
        if (text_is(plugin, plugin_at(i)->id))
            return plugin_is_available(plugin_at(i));
    return false;
}

/* Where the record is handled by now; *unit stays as it was when there is no such record any more. OUTBOX_PAUSED
 * where the record's own plugin does not run: then it is frozen, for those who listen too. */
static int find_unit(struct call *c, const char *resource, struct uuid id, uint32_t *unit)
{
    struct call_fault before = c->fault;
    struct record *rec;
    int r = engine_ops()->read(c, resource, id, &rec);

    if (r == 0)
        *unit = engine_ops()->unit(rec);
    if (r != -EINVAL)
        return r;
    r = c->fault.status == 404 ? 0 : OUTBOX_PAUSED;
    c->fault = before;
    return r;
}

static int deliver(struct call *c, const char *plugin, const json_t *p)
{
    const struct offer_action *o = find_action(plugin, p);
    struct jx_event event = {.size = sizeof(event), .unit = JX_UNIT_NONE};
    uint32_t unit;
    struct uuid id;
    int r;

    if (!is_available(text_of(plugin)))
        return OUTBOX_PAUSED;
    if (!o) /* an older worker that does not know the action yet */
        return -EAGAIN;
    if (!is_available(plugin_of(o->a.resource)))
        return OUTBOX_PAUSED;
    if (uuid_parse(text_of(json_str(p, "unit")), &id) == 0)
        event.unit = tree_find(c->tenant->tree, id);
    if (uuid_parse(text_of(json_str(p, "id")), &id) < 0)
        return -EINVAL;
    event.id = host_id(id);
    event.point = o->a.point;
    event.resource = o->a.resource;
    event.transition = json_str(p, "transition");
    event.changed = json_str_or(p, "changed", "");
    event.version = json_int_or(p, "version", 0);
    unit = event.unit;
    r = find_unit(c, o->a.resource, id, &unit);
    if (r != 0)
        return r;
    /* Disabling freezes what is under way; it goes on when the plugin is effective there again. */
    if (unit != JX_UNIT_NONE && !policy_is_on(c, plugin, unit))
        return OUTBOX_PAUSED;
    return run_action(c, o, &event);
}

int hook_deliver(struct call *c, const char *plugin, const char *payload)
{
    struct json_fault fault;
    json_t *p;
    int r = json_parse(text_of(payload), JSON_LIMITS, &p, &fault);

    if (r < 0)
        return r;
    r = deliver(c, plugin, p);
    json_decref(p);
    return r;
}
