/* Providers: each writes its own value; one that fails is named and left out. */

#include "access/permission.h"
#include "base/clock.h"
#include "base/jsonw.h"
#include "base/log.h"
#include "plugin/hook/route.h"
#include "plugin/hook/trace.h"
#include "plugin/host/host.h"
#include "plugin/policy/policies.h"

uint32_t plugin_provider_kind(struct text name)
{
    for (uint32_t kind = JX_STATISTICS; kind <= JX_HEALTH; kind++)
        if (offer_provider_name(kind) && text_is(name, offer_provider_name(kind)))
            return kind;
    return 0;
}

static bool is_admitted(struct call *c, const struct offer_provider *o, uint32_t unit)
{
    uint32_t permission;

    if (!policy_is_on(c, o->plugin->id, unit))
        return false;
    if (!o->p.permission)
        return c->who->kind != SUBJECT_ANONYMOUS;
    permission = permission_find(text_of(o->p.permission));
    return permission != PERMISSION_NONE && subject_may(c->who, c->tenant, permission, unit);
}

/* The value is taken only when it is whole: a plugin that gave up halfway must not break the answer. */
static int run(struct call *c, const struct offer_provider *o, uint32_t unit, struct buf *value, bool *ret_ok)
{
    struct jx_result result = {.size = sizeof(result)};
    int64_t began = clock_mono_us();
    const char *fault;
    struct jx_call j;
    struct jsonw w;
    int r;

    jsonw_init(&w, value);
    host_enter(
        &j, c, o->plugin, arena_printf(c->arena, "%s %s", offer_provider_name(o->p.kind), o->p.name), unit);
    j.is_read_only = true;
    output_init(&j.output, &w);
    o->p.fn(&j, unit, &j.output, &result);
    r = host_leave(&j, &result);
    host_forgive(&j);
    if (r < 0)
        return r;
    fault = output_fault(&j.output);
    *ret_ok = result.verdict == JX_OK && !fault;
    trace_note(c, offer_provider_name(o->p.kind), o->plugin->id, o->p.name, *ret_ok ? "ok" : "error",
        clock_mono_us() - began, NULL);
    if (!*ret_ok)
        log_event(LOG_ERROR, "plugin.provider_failed", LF_STR("plugin", o->plugin->id),
            LF_STR("hook", o->p.name), LF_INT("verdict", result.verdict), LF_STR("what", fault));
    return 0;
}

static void write_item(struct jsonw *out, const struct offer_provider *o, bool zh, const struct buf *value)
{
    struct plugin_label label = {o->p.label_zh, o->p.label_en};

    jsonw_object(out);
    jsonw_kstr(out, "plugin", o->plugin->id);
    jsonw_kstr(out, "name", o->p.name);
    if (value) {
        jsonw_kstr(out, "label", plugin_label_of(label, zh));
        jsonw_key(out, "value");
        jsonw_raw(out, buf_text(value));
    }
    jsonw_object_end(out);
}

int plugin_provide(struct call *c, uint32_t kind, uint32_t unit, bool zh, struct jsonw *out)
{
    const struct offers *all = offers();
    const struct offer_provider **failed = arena_array(c->arena, all->provider_count + 1, sizeof(*failed));
    size_t failures = 0;

    jsonw_object(out);
    jsonw_key(out, "items");
    jsonw_array(out);
    for (size_t i = 0; i < all->provider_count; i++) {
        const struct offer_provider *o = &all->providers[i];
        struct buf value = BUF_INIT;
        bool ok = false;
        int r;

        if (o->p.kind != kind || !is_admitted(c, o, unit))
            continue;
        r = run(c, o, unit, &value, &ok);
        if (r == 0 && ok)
            write_item(out, o, zh, &value);
        else
            failed[failures++] = o;
        buf_done(&value);
        if (r < 0)
            return r;
    }
    jsonw_array_end(out);
    jsonw_key(out, "failed");
    jsonw_array(out);
    for (size_t i = 0; i < failures; i++)
        write_item(out, failed[i], zh, NULL);
    jsonw_array_end(out);
    jsonw_object_end(out);
    return 0;
}
