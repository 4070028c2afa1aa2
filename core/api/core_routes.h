/* The core's route tables, one function per file. */
#pragma once

#include "api/dispatch.h"

MUSTCHECK int api_indicator_routes(struct router *rt);
MUSTCHECK int api_report_routes(struct router *rt);
MUSTCHECK int api_session_routes(struct router *rt);
MUSTCHECK int api_unit_routes(struct router *rt);
MUSTCHECK int api_department_routes(struct router *rt);
MUSTCHECK int api_account_routes(struct router *rt);
MUSTCHECK int api_role_routes(struct router *rt);
MUSTCHECK int api_grant_routes(struct router *rt);
MUSTCHECK int api_post_routes(struct router *rt);
MUSTCHECK int api_unit_event_routes(struct router *rt);
MUSTCHECK int api_council_routes(struct router *rt);
MUSTCHECK int api_token_routes(struct router *rt);
MUSTCHECK int api_event_routes(struct router *rt);
MUSTCHECK int api_job_routes(struct router *rt);
MUSTCHECK int api_explain_routes(struct router *rt);
MUSTCHECK int api_view_routes(struct router *rt);
MUSTCHECK int api_notification_routes(struct router *rt);
MUSTCHECK int api_custom_routes(struct router *rt);
MUSTCHECK int api_endpoint_routes(struct router *rt);
MUSTCHECK int api_channel_routes(struct router *rt);
MUSTCHECK int api_contact_routes(struct router *rt);
MUSTCHECK int api_me_routes(struct router *rt);
MUSTCHECK int api_consent_routes(struct router *rt);
MUSTCHECK int api_breach_routes(struct router *rt);
MUSTCHECK int api_phone_routes(struct router *rt);
MUSTCHECK int api_invitation_routes(struct router *rt);
MUSTCHECK int api_paper_routes(struct router *rt);
MUSTCHECK int api_scan_routes(struct router *rt);
