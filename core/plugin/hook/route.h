/* Plugin routes and providers: permission and policy first, then the plugin's function in the request's fiber. */
#pragma once

#include "access/call.h"
#include "http/request.h"
#include "plugin/hook/offer.h"

/* Serves one request by a plugin's route; the response is complete on 0. Otherwise a fault, a problem in the response,
 * or an errno. What the plugin wrote is committed on 0 and only then. */
MUSTCHECK int plugin_route_serve(struct call *c, struct request *r, const struct offer_route *route);

/* Asks every provider of the kind that is effective at the unit and permitted there; writes
 * {"items": [{"plugin", "name", "label", "value"}], "failed": [{"plugin", "name"}]} as one JSON value. */
struct jsonw;
MUSTCHECK int plugin_provide(struct call *c, uint32_t kind, uint32_t unit, bool zh, struct jsonw *out);
/* enum jx_provider_kind by name; 0 when there is none. */
uint32_t plugin_provider_kind(struct text name);
