/* Routes of plugins. */
#include "plugin/hook/route.h"

#include <errno.h>

#include "access/permission.h"
#include "base/clock.h"
#include "base/log.h"
#include "http/response.h"
#include "plugin/hook/trace.h"
#include "plugin/host/host.h"
#include "plugin/policy/policies.h"

#define MEMBERS_MAX 64

/* {unit} of the path, ?unit= as id or code, else the root. */
static int find_unit(struct call *c, struct request *r, uint32_t *ret)
{
    struct text name = request_param(r, "unit");

    if (!name.ptr)
        name = request_query(r, "unit");
    *ret = name.ptr ? tree_find_named(c->tenant->tree, name) : 0;
    return *ret >= tree_count(c->tenant->tree) ? call_not_found(c) : 0;
}

/* A unit outside the subject's reach must look as if it were not there; the policy is told only to those inside. */
static int admit(struct call *c, struct request *r, const struct offer_route *route, uint32_t *ret_unit)
{
    uint32_t permission = permission_find(text_of(route->r.permission));
    int e;

    if (permission == PERMISSION_NONE || !subject_may_anywhere(c->who, permission))
        return call_forbidden(c, route->r.permission);
    e = find_unit(c, r, ret_unit);
    if (e < 0)
        return e;
    if (!subject_may(c->who, c->tenant, permission, *ret_unit))
        return call_not_found(c);
    return policy_gate(c, route->plugin->id, *ret_unit);
}

static int read_body(struct call *c, struct request *r, const char *members, json_t **ret)
{
    const char *known[MEMBERS_MAX + 1];
    struct text rest = text_of(members);
    size_t n = 0;

    if (!members)
        return 0;
    while (rest.ptr && rest.len > 0 && n < MEMBERS_MAX) {
        struct text one = text_trim(text_split(&rest, ','), " ");

        known[n++] = arena_ndup(c->arena, one.ptr, one.len);
    }
    known[n] = NULL;
    return request_object(r, known, ret);
}

static int refuse(struct call *c, const struct jx_call *j, const struct jx_result *result)
{
    const struct plugin *p = j->plugin;
    const char *code = result->code ? result->code : "refused", *en, *zh;

    if (result->verdict != JX_VETO) {
        log_event(LOG_ERROR, "plugin.route_failed", LF_STR("plugin", p->id),
            LF_STR("hook", j->frame.call.hook), LF_INT("verdict", result->verdict));
        if (c->fault.status != 0)
            return -EINVAL;
        return call_fail(c, 500, "plugin_failed",
            arena_printf(
                c->arena, "%s could not answer. Nothing was changed.", plugin_label_of(p->label, false)),
            arena_printf(c->arena, "“%s”未能完成请求；未作任何更改。", plugin_label_of(p->label, true)));
    }
    en = result->message_en ? result->message_en : "refused";
    zh = result->message_zh ? result->message_zh : "未通过";
    call_fail(c, j->veto_status ? j->veto_status : 409, arena_printf(c->arena, "%s.%s", p->id, code), en, zh);
    return result->pointer ? call_fail_at(c, result->pointer, code, en, zh) : -EINVAL;
}

static int run(
    struct call *c, struct request *r, const struct offer_route *route, uint32_t unit, const json_t *body)
{
    const char *hook = arena_printf(c->arena, "%s %s", offer_method_name(route->r.method), route->r.path);
    struct jx_result result = {.size = sizeof(result)};
    int64_t began = clock_mono_us();
    struct jx_call j;
    int e;

    host_enter(&j, c, route->plugin, hook, unit);
    j.request = r;
    j.body = body;
    j.is_read_only = route->r.method == JX_GET;
    route->r.fn(&j, unit, &result);
    e = host_leave(&j, &result);
    if (result.verdict == JX_OK && j.has_answer && output_fault(&j.output)) {
        log_event(LOG_ERROR, "plugin.bad_output", LF_STR("plugin", route->plugin->id), LF_STR("hook", hook),
            LF_STR("what", output_fault(&j.output)));
        result.verdict = JX_ERROR;
    }
    trace_note(c, "route", route->plugin->id, hook,
        result.verdict == JX_OK     ? "ok"
        : result.verdict == JX_VETO ? "veto"
                                    : "error",
        clock_mono_us() - began, result.verdict == JX_OK ? NULL : result.code);
    if (e < 0)
        return e;
    if (result.verdict != JX_OK)
        return refuse(c, &j, &result);
    host_forgive(&j);
    if (r->response->status == 0)
        response_empty(r);
    c->result_status = r->response->status;
    return c->tx ? call_commit(c) : call_fence(c);
}

int plugin_route_serve(struct call *c, struct request *r, const struct offer_route *route)
{
    json_t *body = NULL;
    uint32_t unit = TREE_NONE;
    int e = admit(c, r, route, &unit);

    if (e == 0)
        e = read_body(c, r, route->r.members, &body);
    return e < 0 ? e : run(c, r, route, unit, body);
}
