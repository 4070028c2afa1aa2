/* A plugin that takes part wherever a plugin can, and says so in the log: "every.entered" with what was called and for
 * which unit. A test that finds no such line knows that its code was not entered. */
#include <juxin/plugin.h>
#include <string.h>

#define CASE "every.case"

static const struct jx_host *host;

static void enter(struct jx_call *call, const char *what, jx_unit unit)
{
    host->core->log(call, JX_LOG_INFO, "every.entered",
        host->core->format(call, "%s %s", what, host->unit->code(call, unit).ptr).ptr);
}

static bool begins(struct jx_text text, const char *with)
{
    return text.ptr && text.len >= strlen(with) && memcmp(text.ptr, with, strlen(with)) == 0;
}

/* ---- filters --------------------------------------------------------------------------------------------------- */

#define FILTER(name)                                                                                         \
    static void name(                                                                                        \
        struct jx_call *call, struct jx_record *const *records, uint32_t count, struct jx_result *result)    \
    {                                                                                                        \
        (void)count;                                                                                         \
        enter(call, #name, host->record->unit(records[0]));                                                  \
        jx_ok(result);                                                                                       \
    }

FILTER(validate)
FILTER(before_create)
FILTER(before_update)
FILTER(before_delete)
FILTER(before_transition)
FILTER(serialise)

static const struct jx_filter filters[] = {
    {.point = JX_VALIDATE, .name = "validate", .resource = CASE, .fn = validate},
    {.point = JX_BEFORE_CREATE, .name = "before_create", .resource = CASE, .fn = before_create},
    {.point = JX_BEFORE_UPDATE, .name = "before_update", .resource = CASE, .fn = before_update},
    {.point = JX_BEFORE_DELETE, .name = "before_delete", .resource = CASE, .fn = before_delete},
    {.point = JX_BEFORE_TRANSITION, .name = "before_transition", .resource = CASE, .fn = before_transition},
    {.point = JX_SERIALISE, .name = "serialise", .resource = CASE, .fn = serialise},
};

/* ---- actions --------------------------------------------------------------------------------------------------- */

static void after_change(struct jx_call *call, const struct jx_event *event, struct jx_result *result)
{
    enter(call, "action", event->unit);
    jx_ok(result);
}

/* Of a case called "later…" it wants to hear again; of others it notes in the record that it was here. */
static void after_create(struct jx_call *call, const struct jx_event *event, struct jx_result *result)
{
    struct jx_text seen = JX_LITERAL("{\"seen\": 1}");
    struct jx_record *rec = NULL;

    enter(call, "action", event->unit);
    if (host->record->read(call, JX_AS_PLUGIN, CASE, event->id, &rec) < 0)
        return;
    if (begins(host->record->get(rec, "title"), "later"))
        result->verdict = JX_RETRY;
    else if (host->record->update(call, JX_AS_PLUGIN, CASE, event->id, seen, NULL) == 0)
        jx_ok(result);
}

static const struct jx_action actions[] = {
    {.point = JX_AFTER_CREATE, .name = "after_create", .resource = CASE, .fn = after_create},
    {.point = JX_AFTER_UPDATE, .name = "after_update", .resource = CASE, .fn = after_change},
    {.point = JX_AFTER_DELETE, .name = "after_delete", .resource = CASE, .fn = after_change},
    {.point = JX_AFTER_TRANSITION, .name = "after_transition", .resource = CASE, .fn = after_change},
};

/* ---- providers and routes: the titles of the unit's own cases ---------------------------------------------------- */

static void write_titles(struct jx_call *call, jx_unit unit, struct jx_json *out, struct jx_result *result)
{
    struct jx_text id = host->core->id_text(call, host->unit->id(call, unit));
    struct jx_rows *rows = NULL;

    if (host->query->run(call, "titles", &id, 1, &rows) < 0)
        return;
    host->http->json_array(out);
    for (uint32_t i = 0; i < host->query->count(rows); i++)
        host->http->json_text(out, host->query->get(rows, i, 0));
    host->http->json_array_end(out);
    jx_ok(result);
}

static void provide(struct jx_call *call, jx_unit unit, struct jx_json *out, struct jx_result *result)
{
    enter(call, "provider", unit);
    write_titles(call, unit, out, result);
}

#define PROVIDER(k)                                                                                          \
    {                                                                                                        \
        .kind = (k), .name = "titles", .label_zh = "标题", .label_en = "Titles", .permission = "every.use",  \
        .fn = provide                                                                                        \
    }

static const struct jx_provider providers[] = {PROVIDER(JX_STATISTICS), PROVIDER(JX_CARD), PROVIDER(JX_MENU),
    PROVIDER(JX_SEARCH), PROVIDER(JX_REPORT), PROVIDER(JX_HEALTH)};

static void titles(struct jx_call *call, jx_unit unit, struct jx_result *result)
{
    enter(call, "route", unit);
    write_titles(call, unit, host->http->respond(call, 200), result);
}

/* Every case that the engine lets the plugin itself see, whatever unit was asked about. */
static void all(struct jx_call *call, jx_unit unit, struct jx_result *result)
{
    struct jx_record **list = NULL;
    struct jx_json *out;
    uint32_t count = 0;

    enter(call, "route", unit);
    if (host->record->list(call, JX_AS_PLUGIN, CASE, "", 1000, &list, &count) < 0)
        return;
    out = host->http->respond(call, 200);
    host->http->json_array(out);
    for (uint32_t i = 0; i < count; i++)
        host->http->json_text(out, host->record->get(list[i], "title"));
    host->http->json_array_end(out);
    jx_ok(result);
}

#define ROUTE(m, p, f)                                                                                       \
    {                                                                                                        \
        .method = (m), .path = (p), .permission = "every.use", .summary_zh = "标题", .summary_en = "Titles", \
        .members = (m) == JX_GET || (m) == JX_DELETE ? NULL : "title", .fn = (f)                             \
    }

static const struct jx_route routes[] = {
    ROUTE(JX_GET, "/titles", titles),
    ROUTE(JX_GET, "/titles/{unit}", titles),
    ROUTE(JX_POST, "/titles", titles),
    ROUTE(JX_PUT, "/titles", titles),
    ROUTE(JX_PATCH, "/titles", titles),
    ROUTE(JX_DELETE, "/titles/{unit}", titles),
    ROUTE(JX_GET, "/all", all),
};

/* ---- lifecycle ------------------------------------------------------------------------------------------------- */

static void enabled(struct jx_call *call, jx_unit unit, struct jx_result *result)
{
    host->core->log(call, JX_LOG_INFO, "every.enabled", host->unit->code(call, unit).ptr);
    jx_ok(result);
}

static void disabled(struct jx_call *call, jx_unit unit, struct jx_result *result)
{
    host->core->log(call, JX_LOG_INFO, "every.disabled", host->unit->code(call, unit).ptr);
    jx_ok(result);
}

static const struct jx_lifecycle lifecycle[] = {
    {.event = JX_ENABLE_UNIT, .fn = enabled},
    {.event = JX_DISABLE_UNIT, .fn = disabled},
};

static const struct jx_plugin plugin = {
    .size = sizeof(plugin),
    JX_FILTERS(filters),
    JX_ACTIONS(actions),
    JX_PROVIDERS(providers),
    JX_ROUTES(routes),
    JX_LIFECYCLE(lifecycle),
};

static const struct jx_plugin *start(const struct jx_host *h)
{
    host = h;
    return &plugin;
}

JX_PLUGIN("every", "0.1.0", start)
