/* hello: the smallest plugin with a route. GET /t/{tenant}/api/v1/hello/greeting?unit=CODE */
#include <juxin/plugin.h>

static const struct jx_host *host;

static void greeting(struct jx_call *call, jx_unit unit, struct jx_result *result)
{
    struct jx_json *out = host->http->respond(call, 200);

    host->http->json_object(out);
    host->http->json_key(out, "hello");
    host->http->json_text(out, host->unit->name(call, unit));
    host->http->json_object_end(out);
    jx_ok(result);
}

static const struct jx_route routes[] = {
    {.method = JX_GET,
        .path = "/greeting",
        .permission = "hello.greeting.read",
        .summary_zh = "问候一个组织机构",
        .summary_en = "Greets a unit",
        .fn = greeting},
};

static const struct jx_plugin plugin = {.size = sizeof(plugin), JX_ROUTES(routes)};

static const struct jx_plugin *start(const struct jx_host *h)
{
    host = h;
    return &plugin;
}

JX_PLUGIN("hello", "0.1.0", start)
