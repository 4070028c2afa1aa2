/* Filters: gated by the records' unit, in order, each inside its plugin's frame. */
#include "plugin/hook/hook.h"

#include <errno.h>

#include "base/clock.h"
#include "base/log.h"
#include "plugin/hook/offer.h"
#include "plugin/hook/points.h"
#include "plugin/hook/trace.h"
#include "plugin/host/host.h"
#include "plugin/policy/policies.h"

const char *hook_point_name(enum hook_point p)
{
    return offer_point_name(points_of_hook(p));
}

uint32_t points_of_hook(enum hook_point p)
{
    static const uint32_t points[HOOK_POINTS] = {[HOOK_VALIDATE] = JX_VALIDATE,
        [HOOK_BEFORE_CREATE] = JX_BEFORE_CREATE,
        [HOOK_BEFORE_UPDATE] = JX_BEFORE_UPDATE,
        [HOOK_BEFORE_DELETE] = JX_BEFORE_DELETE,
        [HOOK_BEFORE_TRANSITION] = JX_BEFORE_TRANSITION,
        [HOOK_SERIALISE] = JX_SERIALISE,
        [HOOK_AFTER_CREATE] = JX_AFTER_CREATE,
        [HOOK_AFTER_UPDATE] = JX_AFTER_UPDATE,
        [HOOK_AFTER_DELETE] = JX_AFTER_DELETE,
        [HOOK_AFTER_TRANSITION] = JX_AFTER_TRANSITION};

    return points[p];
}

bool points_match(
    const char *resource, const char *transition, const char *wanted_resource, const char *wanted)
{
    return strcmp(resource, wanted_resource) == 0 &&
           (!transition || (wanted && strcmp(transition, wanted) == 0));
}

static int refuse_unavailable(struct call *c, const struct plugin *p)
{
    return call_fail(c, 503, "plugin_unavailable",
        arena_printf(c->arena, "%s has to check this and is out of order. Nothing was changed.",
            plugin_label_of(p->label, false)),
        arena_printf(
            c->arena, "须由“%s”检查，而该功能暂不可用；未作任何更改。", plugin_label_of(p->label, true)));
}

static bool guards(const struct plugin *p, const char *resource)
{
    size_t len = strlen(p->id);

    if (strncmp(resource, p->id, len) == 0 && resource[len] == '.')
        return true;
    for (const char *const *g = p->guards; *g; g++)
        if (strcmp(*g, resource) == 0)
            return true;
    return false;
}

/* A security-critical plugin that ought to run at the unit and cannot: what it guards is refused. */
static int check_guards(struct call *c, const char *resource, uint32_t unit)
{
    for (size_t i = 0; i < plugin_count(); i++) {
        const struct plugin *p = plugin_at(i);

        if (!p->is_security_critical || plugin_is_available(p) || !guards(p, resource))
            continue;
        if (policy_state_at(c, p->id, unit) == EFFECTIVE_UNAVAILABLE)
            return refuse_unavailable(c, p);
    }
    return 0;
}

static int report_veto(struct call *c, const struct jx_call *j, const struct jx_result *result)
{
    const struct plugin *p = j->plugin;
    const char *code = result->code ? result->code : "vetoed";
    const char *en = result->message_en ? result->message_en : "refused";
    const char *zh = result->message_zh ? result->message_zh : "未通过";

    call_fail(c, j->veto_status ? j->veto_status : 409, "vetoed",
        arena_printf(c->arena, "%s: %s", plugin_label_of(p->label, false), en),
        arena_printf(c->arena, "%s：%s", plugin_label_of(p->label, true), zh));
    return call_fail_at(
        c, result->pointer ? result->pointer : "", arena_printf(c->arena, "%s.%s", p->id, code), en, zh);
}

static int report_error(struct call *c, const struct jx_call *j)
{
    const struct plugin *p = j->plugin;

    /* What the plugin met below (a record it could not create) says more than that it failed. */
    if (c->fault.status != 0 && c->fault.status != j->fault_before.status)
        return -EINVAL;
    return call_fail(c, 500, "plugin_failed",
        arena_printf(
            c->arena, "%s could not check this. Nothing was changed.", plugin_label_of(p->label, false)),
        arena_printf(c->arena, "“%s”未能完成检查；未作任何更改。", plugin_label_of(p->label, true)));
}

/* Ends the savepoint of a filter that has written. */
static int end_savepoint(struct call *c, const struct jx_call *j, bool keep)
{
    if (!j->has_savepoint)
        return 0;
    return keep ? db_savepoint_release(c->tx, HOST_SAVEPOINT) : db_savepoint_rollback(c->tx, HOST_SAVEPOINT);
}

static int run_filter(struct call *c, const struct offer_filter *o, const char *point, uint32_t unit,
    struct record *const *records, uint32_t count)
{
    bool is_open = (o->f.flags & JX_FAIL_OPEN) && o->f.point != JX_VALIDATE;
    struct jx_result result = {.size = sizeof(result)};
    struct jx_call j;
    int64_t began, took;
    bool has_savepoint =
        (o->f.flags & JX_WRITES) && c->tx; /* also for a read that fails; others get theirs when they write */
    int r = has_savepoint ? db_savepoint(c->tx, HOST_SAVEPOINT) : 0;

    if (r < 0)
        return r;
    began = clock_mono_us();
    host_enter(&j, c, o->plugin, o->mark, unit);
    j.is_read_only = o->f.point == JX_SERIALISE;
    j.keeps_place = true;
    j.has_savepoint = has_savepoint;
    o->f.fn(&j, (struct jx_record *const *)records, count, &result);
    r = host_leave(&j, &result);
    took = clock_mono_us() - began;
    if (r < 0)
        return r;
    if (result.verdict == JX_OK) {
        host_forgive(&j);
        trace_note(c, point, o->plugin->id, o->f.name, "ok", took, NULL);
        return end_savepoint(c, &j, true);
    }
    if (end_savepoint(c, &j, false) < 0)
        return -EIO;
    if (result.verdict == JX_VETO) {
        trace_note(c, point, o->plugin->id, o->f.name, "veto", took, result.code);
        return report_veto(c, &j, &result);
    }
    trace_note(
        c, point, o->plugin->id, o->f.name, "error", took, is_open ? "passed over: it fails open" : NULL);
    log_event(LOG_ERROR, "plugin.filter_failed", LF_STR("plugin", o->plugin->id), LF_STR("point", point),
        LF_STR("hook", o->f.name), LF_INT("verdict", result.verdict),
        LF_STR("fails", is_open ? "open" : "closed"));
    if (!is_open)
        return report_error(c, &j);
    host_forgive(&j);
    return 0;
}

static void note_not_called(struct call *c, const struct offer_filter *o, const char *point, uint32_t unit)
{
    if (c->trace)
        trace_note(
            c, point, o->plugin->id, o->f.name, "not_called", -1, policy_reason(c, o->plugin->id, unit).en);
}

int hook_filter(struct call *c, enum hook_point point, const char *resource, const char *detail,
    struct record *const *records, uint32_t count)
{
    const struct offers *all = offers();
    uint32_t code = points_of_hook(point), unit;
    int r;

    if (count == 0)
        return 0;
    unit = engine_ops()->unit(records[0]);
    r = check_guards(c, resource, unit);
    for (size_t i = 0; i < all->filter_count && r == 0; i++) {
        const struct offer_filter *o = &all->filters[i];

        if (o->f.point != code || !points_match(o->f.resource, o->f.transition, resource, detail))
            continue;
        if (policy_is_on(c, o->plugin->id, unit))
            r = run_filter(c, o, hook_point_name(point), unit, records, count);
        else
            note_not_called(c, o, hook_point_name(point), unit);
    }
    return r;
}

bool hook_is_filtered(enum hook_point point, const char *resource)
{
    const struct offers *all = offers();

    for (size_t i = 0; i < all->filter_count; i++)
        if (all->filters[i].f.point == points_of_hook(point) &&
            strcmp(all->filters[i].f.resource, resource) == 0)
            return true;
    return false;
}
