/* One HTTP request as handlers see it: parsed, bounded, borrowed from its arena until the response is sent. */
#pragma once

#include <jansson.h>

#include "base/arena.h"
#include "base/base.h"
#include "base/log.h"
#include "base/text.h"

struct http_route;

enum http_method { HTTP_GET, HTTP_HEAD, HTTP_POST, HTTP_PUT, HTTP_PATCH, HTTP_DELETE, HTTP_OPTIONS };

struct http_field {
    struct text name;  /* as sent; compare without case */
    struct text value; /* trimmed */
};

struct http_param {
    struct text name;
    struct text value; /* percent-decoded UTF-8 */
};

#define HTTP_PATH_PARAMS_MAX 8

struct request {
    struct arena *arena;
    enum http_method method;
    struct text target; /* as sent */
    struct text path;   /* percent-decoded, no dot segments, empty segment only at the end */
    struct http_param *query;
    size_t query_count;
    struct http_field *fields;
    size_t field_count;
    struct text body; /* whole; within the route's limit; empty for a route that streams */
    struct text host; /* lower case, without port; empty for HTTP/1.0 without Host */
    bool tls;
    char peer[46]; /* address text of the client (or of what a trusted proxy says) */

    const struct http_route *route;
    struct text path_params[HTTP_PATH_PARAMS_MAX]; /* in the pattern's order */
    struct log_context log;                        /* request id, trace id */
    char traceparent[56];                          /* W3C Trace Context, ours as parent for what we call */
    int64_t deadline_ms;                           /* clock_mono_ms; the handler is cancelled then */
    int64_t started_us;

    struct response *response;
    void *kept; /* what a handler that decides anew keeps from its first decision; its own */
};

const char *http_method_name(enum http_method m);
/* The value of a header field; an empty text with NULL pointer when absent. First one of several. */
struct text request_header(const struct request *r, const char *name);
/* The value of a query parameter; NULL pointer when absent. */
struct text request_query(const struct request *r, const char *name);
/* A cookie's value (RFC 6265 §4.2); NULL pointer when absent or when it occurs twice. */
struct text request_cookie(const struct request *r, const char *name);
/* The path parameter {name} of the matched pattern; NULL pointer when the pattern has none of that name. */
struct text request_param(const struct request *r, const char *name);

/* Parses the body as JSON; requires Content-Type application/json (or application/merge-patch+json). On failure the
 * response already holds the problem and -EINVAL is returned. *ret belongs to the request. */
MUSTCHECK int request_json(struct request *r, json_t **ret);
/* As request_json, and the value must be an object with no member outside `known` (NULL-terminated); others are
 * reported with their JSON Pointer. */
MUSTCHECK int request_object(struct request *r, const char *const *known, json_t **ret);
