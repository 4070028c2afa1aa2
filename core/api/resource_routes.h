/* Routes of declared resources, made from templates that leave out whose they are. */
#pragma once

#include "api/dispatch.h"
#include "resource/declare/declaration.h"

/* The templates with their paths under the resource's, or under a record of it ("/{id}"), and its label before their
 * summaries; `extra` is the resource. As long as the process. */
struct api_route *resource_routes(
    const struct resource *res, const char *under, const struct api_route *templates, size_t count);

/* The resource whose route it is, in the edition of the caller's tenant. */
const struct resource *api_resource(const struct call *c, const struct request *r);
