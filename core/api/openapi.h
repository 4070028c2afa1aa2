/* OpenAPI 3.1 of this server: the core's routes, the plugins', and those of declared resources. */
#pragma once

#include "api/dispatch.h"
#include "api/records.h"

MUSTCHECK int api_openapi_route(struct router *rt); /* GET /openapi.json */
/* The document; made anew by each call, so only after the last route was added. */
void openapi_write(struct jsonw *w);

/* ---- openapi_schema.c ---- */

/* Components of a resource, and what its operations take and answer. */
void openapi_resource_schemas(struct jsonw *w, const struct resource *res);
void openapi_record_operation(struct jsonw *w, enum record_route kind, const struct resource *res);
/* {name, in, required, description, schema: {type}} */
void openapi_parameter(struct jsonw *w, const char *name, const char *in, const char *type, const char *text);
void openapi_ref(
    struct jsonw *w, const char *key, const char *what, const char *name); /* "#/components/what/name" */
