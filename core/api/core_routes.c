/* All routes of the core. */
#include "api/core_routes.h"

int api_core_routes(struct router *rt)
{
    static int (*const tables[])(struct router *) = {api_session_routes, api_unit_routes,
        api_department_routes, api_account_routes, api_role_routes, api_grant_routes, api_post_routes,
        api_council_routes, api_token_routes, api_job_routes, api_event_routes, api_explain_routes,
        api_view_routes, api_notification_routes, api_custom_routes, api_endpoint_routes, api_channel_routes,
        api_contact_routes, api_me_routes, api_consent_routes, api_breach_routes};
    int result = 0;

    for (size_t i = 0; i < ARRAY_LEN(tables) && result == 0; i++)
        result = tables[i](rt);
    if (result == 0)
        result = api_indicator_routes(rt);
    if (result == 0)
        result = api_report_routes(rt);
    if (result == 0)
        result = api_phone_routes(rt);
    if (result == 0)
        result = api_invitation_routes(rt);
    if (result == 0)
        result = api_paper_routes(rt);
    if (result == 0)
        result = api_scan_routes(rt);
    if (result == 0)
        result = api_unit_event_routes(rt);
    return result;
}
