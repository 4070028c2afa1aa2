/* @NAME@: what resources/note.json cannot say by itself.
 *
 *   short_title     the title is no longer than the unit's setting allows
 *   stamp           publishing notes the date
 *   GET /count      how many notes of a unit are in each state */
#include <juxin/plugin.h>

#define NOTE "@NAME@.note"

static const struct jx_host *host;

static void short_title(
    struct jx_call *call, struct jx_record *const *records, uint32_t count, struct jx_result *result)
{
    for (uint32_t i = 0; i < count; i++) {
        struct jx_text limit = host->core->setting(call, host->record->unit(records[i]), "title_max");
        uint64_t max = 0;

        for (uint64_t k = 0; k < limit.len; k++)
            max = max * 10 + (uint64_t)(limit.ptr[k] - '0');
        if (host->record->get(records[i], "title").len > max) {
            host->http->veto_status(call, 422);
            jx_veto(result, "/title", "title_too_long", "The title is too long.", "标题过长。");
            return;
        }
    }
    jx_ok(result);
}

static void stamp(
    struct jx_call *call, struct jx_record *const *records, uint32_t count, struct jx_result *result)
{
    struct jx_text today = host->calendar->date_text(call, host->calendar->today(call));

    for (uint32_t i = 0; i < count; i++)
        if (host->record->set(call, records[i], "published_on", today) < 0)
            return; /* the result is still zero: an error, nothing is changed */
    jx_ok(result);
}

static const struct jx_filter filters[] = {
    {.point = JX_VALIDATE, .name = "short_title", .resource = NOTE, .fn = short_title},
    {.point = JX_BEFORE_TRANSITION, .name = "stamp", .resource = NOTE, .transition = "publish", .fn = stamp},
};

static void get_count(struct jx_call *call, jx_unit unit, struct jx_result *result)
{
    const struct jx_http_api *http = host->http;
    struct jx_text param = host->core->id_text(call, host->unit->id(call, unit));
    struct jx_rows *rows = NULL;
    struct jx_json *out;

    if (host->query->run(call, "count_by_state", &param, 1, &rows) < 0)
        return;
    out = http->respond(call, 200);
    http->json_object(out);
    for (uint32_t row = 0; row < host->query->count(rows); row++) {
        http->json_key(out, host->query->get(rows, row, 0).ptr);
        http->json_text(out, host->query->get(rows, row, 1));
    }
    http->json_object_end(out);
    jx_ok(result);
}

static const struct jx_route routes[] = {
    {.method = JX_GET,
        .path = "/count",
        .permission = "@NAME@.count.read",
        .summary_zh = "各状态的记录数量",
        .summary_en = "Number of notes by state",
        .fn = get_count},
};

static const struct jx_plugin plugin = {
    .size = sizeof(plugin),
    JX_FILTERS(filters),
    JX_ROUTES(routes),
};

static const struct jx_plugin *start(const struct jx_host *h)
{
    host = h;
    return &plugin;
}

JX_PLUGIN("@NAME@", "0.1.0", start)
