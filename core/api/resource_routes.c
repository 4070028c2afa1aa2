/* Routes from templates. */
#include "api/resource_routes.h"

#include "base/mem.h"
#include "resource/declare/edition.h"

struct api_route *resource_routes(
    const struct resource *res, const char *under, const struct api_route *templates, size_t count)
{
    struct api_route *routes = mem_dup(templates, count * sizeof(*templates));

    for (size_t k = 0; k < count; k++) {
        routes[k].path = str_printf("/%s/%s%s%s", res->plugin, res->name, under, templates[k].path);
        routes[k].summary_en = str_printf("%s: %s", res->label.en, templates[k].summary_en);
        routes[k].summary_zh = str_printf("%s：%s", res->label.zh, templates[k].summary_zh);
        routes[k].extra = res;
    }
    return routes;
}

const struct resource *api_resource(const struct call *c, const struct request *r)
{
    return edition_of(c->tenant, api_route_of(r)->extra);
}
