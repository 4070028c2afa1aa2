/* Which handler answers which method and path. Filled before the first request, then read-only. */
#pragma once

#include "base/base.h"
#include "http/request.h"

/* A pattern is literal segments and {name} segments: "/t/{tenant}/api/v1/units/{unit}". Literal beats {name}. The last
 * segment may be {name*}: everything that is left, when nothing else matches. A path with '/' at its end matches only
 * patterns that have it too (or {name*}). Routes for HEAD are refused: GET serves them. */
struct http_route {
    enum http_method method; /* GET also serves HEAD */
    const char *pattern;
    /* Runs in the request's fiber. 0 when the response is complete; a negative errno becomes request_fail_errno()
     * unless the response already is a problem. */
    int (*handle)(struct request *r);
    const void *extra;   /* the owning floor's own description of the route */
    uint32_t body_max;   /* bytes; 0 takes the configured JSON limit (1 MB) */
    uint32_t timeout_ms; /* 0 takes the default (30 s) */
    bool streams;        /* the handler runs behind the head and takes the body itself: http/intake.h */
    bool quiet;          /* not in the access log: asked every few seconds by machines */
};

struct router;
struct router *router_new(void);
void router_free(struct router *rt);
/* The route is borrowed. -EEXIST when method and pattern are taken; -EINVAL for a malformed pattern. */
MUSTCHECK int router_add(struct router *rt, const struct http_route *route);
/* Finds the route and fills r->route and r->path_params. 0; -ENOENT; -ENOTSUP when the path exists with other methods
 * (written to *ret_allow as an Allow header's value, in the request's arena). */
MUSTCHECK int router_match(const struct router *rt, struct request *r, const char **ret_allow);
