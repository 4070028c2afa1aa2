/* OpenAPI 3.1: written from the tables of routes and the declarations, once for each set of plugins that run. */
#include "api/openapi.h"

#include <errno.h>

#include "base/mem.h"
#include "plugin/package/plugin.h"
#include "plugin/policy/policies.h"
#include "resource/declare/edition.h"
#include "resource/declare/resource.h"

#ifndef JUXIN_VERSION
#define JUXIN_VERSION "0"
#endif

static const char *const method_keys[] = {[HTTP_GET] = "get",
    [HTTP_HEAD] = "head",
    [HTTP_POST] = "post",
    [HTTP_PUT] = "put",
    [HTTP_PATCH] = "patch",
    [HTTP_DELETE] = "delete",
    [HTTP_OPTIONS] = "options"};

/* Every {name} of the path, but those of a record's own operations, which know more about them. */
static void path_parameters(struct jsonw *w, const char *path)
{
    for (const char *p = strchr(path, '{'); p; p = strchr(p, '{')) {
        const char *end = strchr(++p, '}');
        char *name = str_ndup(p, (size_t)(end - p));

        openapi_parameter(w, name, "path", "string", NULL);
        free(name);
        p = end;
    }
}

static void query_parameters(struct jsonw *w, const char *names)
{
    struct text rest = text_of(names);

    while (rest.ptr && rest.len > 0) {
        struct text one = text_split(&rest, ',');
        char *name = str_ndup(one.ptr, one.len);

        openapi_parameter(w, name, "query", "string", NULL);
        free(name);
    }
}

/* units_unit_move_post: unique, since method and path are. */
static void operation_id(struct jsonw *w, const struct api_route *route)
{
    struct buf b = BUF_INIT;

    for (const char *p = route->path + 1; *p; p++)
        if (*p != '{' && *p != '}')
            buf_addc(&b, *p == '/' || *p == '.' || *p == '-' ? '_' : *p);
    buf_addf(&b, "_%s", method_keys[route->method]);
    jsonw_kstr(w, "operationId", buf_str(&b));
    buf_done(&b);
}

static void tags(struct jsonw *w, const struct api_route *route)
{
    struct text rest = text_of(route->path + 1);

    jsonw_key(w, "tags");
    jsonw_array(w);
    jsonw_text(w, text_split(&rest, '/'));
    jsonw_array_end(w);
}

static void plain_operation(struct jsonw *w, const struct api_route *route)
{
    bool writes = route->method == HTTP_POST || route->method == HTTP_PUT || route->method == HTTP_PATCH;

    jsonw_key(w, "parameters");
    jsonw_array(w);
    path_parameters(w, route->path);
    query_parameters(w, route->query);
    if (route->header)
        openapi_parameter(w, route->header, "header", "string", NULL);
    jsonw_array_end(w);
    if (writes && route->request_schema) {
        jsonw_key(w, "requestBody");
        jsonw_object(w);
        jsonw_key(w, "content");
        jsonw_object(w);
        jsonw_key(w, route->request_type           ? route->request_type
                     : route->method == HTTP_PATCH ? "application/merge-patch+json"
                                                   : "application/json");
        jsonw_object(w);
        jsonw_key(w, "schema");
        jsonw_raw(w, text_of(route->request_schema));
        jsonw_object_end(w);
        jsonw_object_end(w);
        jsonw_object_end(w);
    }
    jsonw_key(w, "responses");
    jsonw_object(w);
    jsonw_key(w, "2XX");
    jsonw_object(w);
    jsonw_kstr(w, "description", "Done");
    if (route->response_schema) {
        jsonw_key(w, "content");
        jsonw_object(w);
        jsonw_key(w, route->response_type ? route->response_type : "application/json");
        jsonw_object(w);
        jsonw_key(w, "schema");
        jsonw_raw(w, text_of(route->response_schema));
        jsonw_object_end(w);
        jsonw_object_end(w);
    }
    jsonw_object_end(w);
    openapi_ref(w, "4XX", "responses", "Problem");
    jsonw_object_end(w);
}

static void operation(struct jsonw *w, const struct openapi_scope *scope, const struct api_route *route)
{
    const struct resource *res;
    enum record_route kind = api_record_route(route, &res);

    jsonw_key(w, method_keys[route->method]);
    jsonw_object(w);
    operation_id(w, route);
    tags(w, route);
    jsonw_kstr(w, "summary", route->summary_en ? route->summary_en : route->path);
    if (route->summary_zh)
        jsonw_kstr(w, "description", route->summary_zh);
    if (route->flags & API_PUBLIC) {
        jsonw_key(w, "security");
        jsonw_array(w);
        jsonw_array_end(w);
    }
    if (kind == RECORD_ROUTES)
        plain_operation(w, route);
    else
        openapi_record_operation(w, kind, edition_of(scope->tenant, res));
    jsonw_object_end(w);
}

static bool has(const struct openapi_scope *scope, const char *plugin)
{
    return !plugin || !scope->has || scope->has(scope->arg, plugin);
}

/* Whose a path is: a plugin's begin with its id, which is the first word of none of the core's. */
static const char *owner_of(const char *path)
{
    struct text rest = text_of(path + 1), first = text_split(&rest, '/');

    for (size_t i = 0; i < plugin_count(); i++)
        if (text_is(first, plugin_at(i)->id))
            return plugin_at(i)->id;
    return NULL;
}

struct listing {
    const struct openapi_scope *scope;
    const struct api_route *routes[4096];
    size_t count;
};

static void collect(const struct api_route *route, void *arg)
{
    struct listing *l = arg;

    if (l->count < ARRAY_LEN(l->routes) && has(l->scope, owner_of(route->path)))
        l->routes[l->count++] = route;
}

/* A path stands once, with all its methods. */
static void paths(struct jsonw *w, const struct openapi_scope *scope)
{
    struct listing *l = mem_zalloc(sizeof(*l));

    l->scope = scope;
    api_each(collect, l);
    jsonw_key(w, "paths");
    jsonw_object(w);
    for (size_t i = 0; i < l->count; i++) {
        bool seen = false;

        for (size_t k = 0; k < i && !seen; k++)
            seen = strcmp(l->routes[k]->path, l->routes[i]->path) == 0;
        if (seen)
            continue;
        jsonw_key(w, l->routes[i]->path);
        jsonw_object(w);
        for (size_t k = i; k < l->count; k++)
            if (strcmp(l->routes[k]->path, l->routes[i]->path) == 0)
                operation(w, scope, l->routes[k]);
        jsonw_object_end(w);
    }
    jsonw_object_end(w);
    free(l);
}

#define PROBLEM_SCHEMA                                                                                       \
    "{\"type\":\"object\",\"description\":\"RFC "                                                            \
    "9457\",\"required\":[\"type\",\"title\",\"status\",\"code\"],\"properties\":{"                          \
    "\"type\":{\"type\":\"string\"},\"title\":{\"type\":\"string\"},\"status\":{\"type\":\"integer\"},"      \
    "\"detail\":{\"type\":\"string\"},\"instance\":{\"type\":\"string\"},\"code\":{\"type\":\"string\"},"    \
    "\"errors\":{\"type\":\"array\",\"items\":{\"type\":\"object\",\"required\":[\"pointer\",\"code\","      \
    "\"detail\"],"                                                                                           \
    "\"properties\":{\"pointer\":{\"type\":\"string\",\"description\":\"JSON Pointer, or the name of a "     \
    "parameter\"},"                                                                                          \
    "\"code\":{\"type\":\"string\"},\"detail\":{\"type\":\"string\"}}}}}}"

static void components(struct jsonw *w, const struct openapi_scope *scope)
{
    jsonw_key(w, "components");
    jsonw_object(w);
    jsonw_key(w, "securitySchemes");
    jsonw_raw(w,
        TEXT("{\"bearer\":{\"type\":\"http\",\"scheme\":\"bearer\",\"description\":\"An API token\"},"
             "\"session\":{\"type\":\"apiKey\",\"in\":\"cookie\",\"name\":\"__Host-jx-TENANT\","
             "\"description\":\"From POST /session; changes also send its csrf_token as X-CSRF-Token\"}}"));
    jsonw_key(w, "responses");
    jsonw_raw(
        w, TEXT("{\"Problem\":{\"description\":\"What is wrong\",\"content\":{\"application/problem+json\":"
                "{\"schema\":{\"$ref\":\"#/components/schemas/Problem\"}}}}}"));
    jsonw_key(w, "schemas");
    jsonw_object(w);
    jsonw_key(w, "Problem");
    jsonw_raw(w, TEXT(PROBLEM_SCHEMA));
    for (uint32_t i = 0; i < resource_count(); i++)
        if (has(scope, resource_at(i)->plugin))
            openapi_resource_schemas(w, edition_of(scope->tenant, resource_at(i)));
    jsonw_object_end(w);
    jsonw_object_end(w);
}

void openapi_write(struct jsonw *w, const struct openapi_scope *scope)
{
    jsonw_object(w);
    jsonw_kstr(w, "openapi", "3.1.0");
    jsonw_key(w, "info");
    jsonw_raw(
        w, TEXT("{\"title\":\"Juxin\",\"version\":\"" JUXIN_VERSION "\",\"summary\":\"One district's API\","
                "\"license\":{\"name\":\"Apache-2.0\",\"identifier\":\"Apache-2.0\"}}"));
    jsonw_key(w, "servers");
    jsonw_raw(w, TEXT("[{\"url\":\"/t/{tenant}/api/v1\",\"variables\":{\"tenant\":{\"default\":\"tenant\","
                      "\"description\":\"The district's short name\"}}}]"));
    jsonw_key(w, "security");
    jsonw_raw(w, TEXT("[{\"bearer\":[]},{\"session\":[]}]"));
    paths(w, scope);
    components(w, scope);
    jsonw_object_end(w);
}

static bool runs(void *arg, const char *plugin)
{
    return policy_runs_somewhere(arg, plugin);
}

/* Documents are kept by the plugins that are in them: tenants differ in few ways, and change seldom. One with labels or fields
 * of its own has a document of its own, until its epoch moves. */
#define EDITIONS_MAX 16

struct edition {
    char *plugins; /* '1' or '0' for each of the registry; behind them whose it is */
    struct buf document;
};

static const char *plugins_of(struct call *c)
{
    char *key = arena_alloc(c->arena, plugin_count() + 1);

    for (size_t i = 0; i < plugin_count(); i++)
        key[i] = policy_runs_somewhere(c, plugin_at(i)->id) ? '1' : '0';
    if (!edition_is_own(c->tenant))
        return key;
    return arena_printf(c->arena, "%s/%d/%lld/%lld", key, c->tenant->id, (long long)c->tenant->epoch.tenant,
        (long long)c->tenant->epoch.deployment);
}

static const struct buf *find_edition(struct call *c)
{
    static struct edition editions[EDITIONS_MAX];
    static size_t next;
    const char *plugins = plugins_of(c);
    struct openapi_scope scope = {runs, c, c->tenant};
    struct edition *e;
    struct jsonw w;

    for (size_t i = 0; i < EDITIONS_MAX && editions[i].plugins; i++)
        if (strcmp(editions[i].plugins, plugins) == 0)
            return &editions[i].document;
    e = &editions[next++ % EDITIONS_MAX];
    free(e->plugins);
    e->plugins = str_dup(plugins);
    buf_clear(&e->document);
    jsonw_init(&w, &e->document);
    openapi_write(&w, &scope);
    return &e->document;
}

static int serve(struct call *c, struct request *r)
{
    response_bytes(r, 200, "application/json", buf_text(find_edition(c)));
    return 0;
}

int api_openapi_route(struct router *rt)
{
    static const struct api_route route = {.method = HTTP_GET,
        .path = "/openapi.json",
        .handle = serve,
        .summary_en = "This document",
        .summary_zh = "接口说明"};

    return api_add(rt, &route);
}
