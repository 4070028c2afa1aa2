/* The plugins' own routes, what they provide, and the trace of a request. */
#include "api/plugins.h"

#include "access/core_permissions.h"
#include "api/dispatch.h"
#include "base/mem.h"
#include "plugin/hook/offer.h"
#include "plugin/hook/route.h"
#include "plugin/hook/trace.h"
#include "plugin/package/plugin.h"
#include "plugin/policy/policies.h"

/* GET /provided/{kind}?unit= */
static int provided(struct call *c, struct request *r)
{
    uint32_t kind = plugin_provider_kind(request_param(r, "kind")), unit;
    int e = api_query_unit(c, r, &unit);

    if (e < 0)
        return e;
    if (kind == 0)
        return call_not_found(c);
    e = plugin_provide(c, kind, unit, request_prefers_chinese(r), response_json(r, 200));
    return e < 0 ? e : call_fence(c);
}

static int plugin_route(struct call *c, struct request *r)
{
    const struct api_route *route = api_route_of(r);

    return plugin_route_serve(c, r, route->extra);
}

static enum http_method method_of(uint32_t method)
{
    static const enum http_method methods[] = {[JX_GET] = HTTP_GET,
        [JX_POST] = HTTP_POST,
        [JX_PUT] = HTTP_PUT,
        [JX_PATCH] = HTTP_PATCH,
        [JX_DELETE] = HTTP_DELETE};

    return methods[method];
}

/* The members a plugin's route accepts, as the schema of its body; NULL: it takes none. */
static const char *members_schema(const char *members)
{
    struct buf out = BUF_INIT;
    struct text rest = text_of(members);
    struct jsonw w;
    char *s;

    if (!members)
        return NULL;
    jsonw_init(&w, &out);
    jsonw_object(&w);
    jsonw_kstr(&w, "type", "object");
    jsonw_kbool(&w, "additionalProperties", false);
    jsonw_key(&w, "properties");
    jsonw_object(&w);
    while (rest.ptr && rest.len > 0) {
        struct text one = text_trim(text_split(&rest, ','), " ");
        char *name = str_ndup(one.ptr, one.len);

        jsonw_key(&w, name);
        jsonw_object(&w);
        jsonw_object_end(&w);
        free(name);
    }
    jsonw_object_end(&w);
    jsonw_object_end(&w);
    s = str_dup(buf_str(&out));
    buf_done(&out);
    return s;
}

/* Lives as long as the router: for the life of the process. */
static int add_own_routes(struct router *rt)
{
    const struct offers *all = offers();
    struct api_route *routes;

    if (all->route_count == 0)
        return 0;
    routes = mem_zarray(all->route_count, sizeof(*routes));
    for (size_t i = 0; i < all->route_count; i++) {
        const struct offer_route *o = &all->routes[i];
        int e;

        routes[i] = (struct api_route){.method = method_of(o->r.method),
            .path = str_printf("/%s%s", o->plugin->id, o->r.path),
            .handle = plugin_route,
            .query = "unit",
            .request_schema = members_schema(o->r.members),
            .summary_en = o->r.summary_en ? o->r.summary_en : o->plugin->id,
            .summary_zh = o->r.summary_zh ? o->r.summary_zh : o->plugin->id,
            .extra = o};
        e = api_add(rt, &routes[i]);
        /* A path the core or a resource has already: the plugin is at fault, the server goes on without the route. */
        if (e < 0)
            plugin_reject(o->plugin->id, "load_failed", str_printf("route %s is taken", routes[i].path));
    }
    return 0;
}

/* In place of all paths of a plugin that cannot be used: out of order where it would run, not there elsewhere. */
static int out_of_order(struct call *c, struct request *r)
{
    const struct plugin *p = api_route_of(r)->extra;

    for (uint32_t unit = 0; unit < tree_count(c->tenant->tree); unit++)
        if (policy_state_at(c, p->id, unit) == EFFECTIVE_UNAVAILABLE)
            return policy_gate(c, p->id, unit);
    return call_not_found(c);
}

static int add_out_of_order(struct router *rt, const struct plugin *p)
{
    static const enum http_method methods[] = {HTTP_GET, HTTP_POST, HTTP_PUT, HTTP_PATCH, HTTP_DELETE};
    static const char *const depths[] = {"/{a}", "/{a}/{b}", "/{a}/{b}/{c}", "/{a}/{b}/{c}/{d}"};
    struct api_route *list = mem_zarray(ARRAY_LEN(methods) * ARRAY_LEN(depths), sizeof(*list));
    size_t n = 0;

    for (size_t d = 0; d < ARRAY_LEN(depths); d++)
        for (size_t m = 0; m < ARRAY_LEN(methods); m++)
            list[n++] = (struct api_route){.method = methods[m],
                .path = str_printf("/%s%s", p->id, depths[d]),
                .handle = out_of_order,
                .summary_en = "Out of order",
                .summary_zh = "暂不可用",
                .extra = p};
    return api_add_all(rt, list, n);
}

static void begin(struct call *c, const struct request *r)
{
    if (text_is(request_header(r, "X-Juxin-Trace"), "1") && c->tenant &&
        subject_may_anywhere(c->who, core_permission(CORE_TRACE)))
        trace_begin(c);
}

static void end(struct call *c, const struct request *r)
{
    const char *text = trace_text(c);

    if (text)
        response_header(r->response, "Juxin-Trace", "%s", text);
}

static const struct api_route routes[] = {
    {.method = HTTP_GET,
        .path = "/provided/{kind}",
        .query = "unit",
        .handle = provided,
        .summary_en = "What plugins provide at a unit: statistics, card, menu, search, report, health",
        .summary_zh = "插件在某组织机构提供的内容：统计、卡片、菜单、搜索、报表、健康状况"},
};

int api_plugin_routes(struct router *rt)
{
    static const struct api_observer observer = {begin, end};
    int r = api_add_all(rt, routes, ARRAY_LEN(routes));

    if (r == 0)
        r = add_own_routes(rt);
    for (size_t i = 0; i < plugin_count() && r == 0; i++)
        if (!plugin_is_available(plugin_at(i)))
            r = add_out_of_order(rt, plugin_at(i));
    api_observe(&observer);
    return r;
}
