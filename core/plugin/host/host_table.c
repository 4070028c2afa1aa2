/* All tables, as one plugin gets them. */
#include "juxin_version.h"
#include "plugin/host/host.h"

const struct jx_host *plugin_host(void)
{
    static const struct jx_host host = {
        .size = sizeof(host),
        .abi_major = JX_ABI_MAJOR,
        .abi_minor = JX_ABI_MINOR,
        .version = JUXIN_VERSION,
        .core = &host_core,
        .record = &host_record,
        .query = &host_query,
        .http = &host_http,
        .subject = &host_subject,
        .unit = &host_unit,
        .policy = &host_policy,
        .calendar = &host_calendar,
        .fetch = &host_fetch,
        .notify = &host_notify,
        .job = &host_job,
        .file = &host_file,
    };

    return &host;
}
