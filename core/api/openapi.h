/* OpenAPI 3.1 of a tenant: the core's routes, and those of plugins and their resources that run somewhere in it. */
#pragma once

#include "api/dispatch.h"
#include "api/records.h"

MUSTCHECK int api_openapi_route(struct router *rt); /* GET /openapi.json */
/* The document, with what belongs to plugins that are in it; only after the last route was added. */
struct openapi_scope {
    bool (*has)(void *arg, const char *plugin); /* NULL: every plugin is */
    void *arg;
    const struct tenant *tenant; /* whose labels and fields resources have; NULL: as declared */
};
void openapi_write(struct jsonw *w, const struct openapi_scope *scope);

/* ---- openapi_schema.c ---- */

/* Components of a resource, and what its operations take and answer. */
void openapi_resource_schemas(struct jsonw *w, const struct resource *res);
void openapi_record_operation(struct jsonw *w, enum record_route kind, const struct resource *res);
/* {name, in, required, description, schema: {type}} */
void openapi_parameter(struct jsonw *w, const char *name, const char *in, const char *type, const char *text);
void openapi_ref(
    struct jsonw *w, const char *key, const char *what, const char *name); /* "#/components/what/name" */
