// plugin.h serves C++11 too.
#include <juxin/plugin.h>

static const struct jx_plugin plugin = {};

static const struct jx_plugin *start(const struct jx_host *host)
{
    return JX_HAS(host->core, log) ? &plugin : nullptr;
}

JX_PLUGIN("demo", "0.1.0", start)
