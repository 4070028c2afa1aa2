/* plugin.h is enough for a plugin in strict C11. */
#include <juxin/plugin.h>

static const struct jx_host *host;

static void check(
    struct jx_call *call, struct jx_record *const *records, uint32_t count, struct jx_result *result)
{
    (void)call;
    if (count > 0 && JX_HAS(host->record, get) && host->record->get(records[0], "title").len == 0)
        jx_veto(result, "/title", "empty", "A title is needed.", "标题不能为空。");
    else
        jx_ok(result);
}

static const struct jx_filter filters[] = {
    {.point = JX_VALIDATE, .phase = JX_EARLY, .name = "check", .resource = "demo.note", .fn = check}};

static const struct jx_plugin plugin = {.size = sizeof(plugin), JX_FILTERS(filters)};

static const struct jx_plugin *start(const struct jx_host *h)
{
    host = h;
    return h->abi_major == JX_ABI_MAJOR ? &plugin : NULL;
}

JX_PLUGIN("demo", "0.1.0", start)
