/* From a request to a call: the tenant out of the path, who asks, CSRF, must-change-password, idempotency, the handler,
 * again with a fresh snapshot when the epoch moved, and the fault as a problem document.
 *
 * A handler takes the call and the request, opens the unit of work through the services (or call_begin), sets
 * c->result_*, commits with call_commit, then writes the response. It returns 0, or a negative errno with a fault, a
 * problem already in the response, or neither. A request with an Idempotency-Key has begun its unit of work before the
 * handler; one that was done before is answered without it. */
#pragma once

#include "access/call.h"
#include "http/request.h"
#include "http/response.h"
#include "http/router.h"

#define API_PREFIX "/t/{tenant}/api/v1"

enum api_flag {
    API_PUBLIC = 1,  /* answers without a session too */
    API_NO_CSRF = 2, /* sign-in: there is no session to take the token from; Origin is still checked */
    API_ALLOW_MUST_CHANGE = 4, /* answers while a new password is due */
    API_NO_REPLAY = 8,         /* Idempotency-Key is not taken up: the answer holds a secret */
    /* The handler takes the body as it comes (http/intake.h), then the key with api_key: no unit of work is open while a
     * client sends. It may be run again for a new decision; what it has taken by then it keeps in r->kept, until `end`. */
    API_STREAMS = 16
};

struct api_route {
    enum http_method method;
    const char *path;       /* below API_PREFIX: "/units/{unit}" */
    const char *permission; /* must be held somewhere in the tree, else 403; NULL: the handler decides */
    unsigned flags;
    int (*handle)(struct call *c, struct request *r);
    const char *query; /* names of the query parameters it reads, comma-separated; NULL: none */
    const char *summary_en, *summary_zh;
    const char *request_schema, *response_schema; /* JSON text for OpenAPI, or NULL */
    const char *request_type, *response_type;     /* media types; NULL: JSON */
    const char *header;             /* a request header field it reads, for OpenAPI; NULL: none of its own */
    uint32_t body_max;              /* 0: the default */
    void (*end)(struct request *r); /* in the fiber, when the answer is decided; NULL for none */
    const void *extra;              /* the owning floor's */
};

/* Once per process, before routes are added; the database is borrowed. */
void api_init(struct db *db);
/* The route is borrowed and must outlive the router. */
MUSTCHECK int api_add(struct router *rt, const struct api_route *route);
MUSTCHECK int api_add_all(struct router *rt, const struct api_route *routes, size_t count);
void api_each(void (*fn)(const struct api_route *route, void *arg), void *arg); /* in order of api_add */
const struct api_route *api_route_of(const struct request *r);

/* Told before each handler (again when it decides anew) and when the answer is complete, for plugin traces; NULL for
 * none. */
struct api_observer {
    void (*begin)(struct call *c, const struct request *r);
    void (*end)(struct call *c, const struct request *r);
};
void api_observe(const struct api_observer *o);

/* The core's own routes: session, account, units, departments, accounts, roles, grants, tokens, explain. */
MUSTCHECK int api_core_routes(struct router *rt);

/* ---- for handlers ---- */

/* For API_STREAMS, before call_begin: takes up the Idempotency-Key; `content` stands for the body. */
MUSTCHECK int api_key(struct call *c, const struct request *r, struct text content);

/* The token the request is authenticated by, of an Authorization or of the tenant's cookie; empty when there is none. */
struct text api_token(const struct call *c, const struct request *r, bool *ret_is_bearer);
/* The version in If-Match: 0; 428 without the header, 400 for what is no tag, 412 for a tag not ours (as faults). */
MUSTCHECK int api_if_match(struct call *c, const struct request *r, int64_t *ret_version);
void api_etag(struct request *r, int64_t version);
/* A UUID path parameter; an ill-formed one is a 404 fault. */
MUSTCHECK int api_id(struct call *c, const struct request *r, const char *name, struct uuid *ret);
/* The unit a UUID names, if the subject may `permission` there; else a 404 fault. */
MUSTCHECK int api_unit(
    struct call *c, const struct request *r, const char *name, uint32_t permission, uint32_t *ret);
/* The unit of ?unit= (id or code; the root without it), if the subject may see it; else a 404 fault. */
MUSTCHECK int api_query_unit(struct call *c, const struct request *r, uint32_t *ret);
/* limit=: 1 to max; a fault otherwise. */
MUSTCHECK int api_limit(
    struct call *c, const struct request *r, uint32_t fallback, uint32_t max, uint32_t *ret);

/* cursor=: what the last page gave as `next`; nil without one, a fault for what is none. */
MUSTCHECK int api_cursor(struct call *c, const struct request *r, struct uuid *ret);

/* 200 with {"items", "next"}: of the rows, of which one more than `limit` was asked for, each as `write` writes it. Their first
 * column is the cursor. */
void api_page(struct request *r, const struct db_rows *rows, uint32_t limit,
    void (*write)(struct jsonw *w, const struct db_rows *rows, int row));

/* Link: the request's own query with the cursor of the next page. */
void api_link_next(struct request *r, const char *cursor);

/* Members of a body. A fault names "/key": required, type. *ret is NULL when absent and not required. */
MUSTCHECK int api_str(struct call *c, const json_t *body, const char *key, bool required, const char **ret);
MUSTCHECK int api_uuid(
    struct call *c, const json_t *body, const char *key, bool required, struct uuid *ret); /* nil */
MUSTCHECK int api_bool(struct call *c, const json_t *body, const char *key, bool *ret_present, bool *ret);
MUSTCHECK int api_time(struct call *c, const json_t *body, const char *key, int64_t fallback, int64_t *ret);
/* A unit named by id in the body, where the subject may `permission`; TREE_NONE when absent. */
MUSTCHECK int api_body_unit(
    struct call *c, const json_t *body, const char *key, bool required, uint32_t permission, uint32_t *ret);

/* 201 with Location (under the request's path, or `under` + "/" + id), ETag and {"id", "version"}; commits first. */
MUSTCHECK int api_created(struct call *c, struct request *r, struct uuid id, int64_t version);
/* Commits, then 200 {"id", "version"} with ETag. */
MUSTCHECK int api_changed(struct call *c, struct request *r, struct uuid id, int64_t version);
/* Commits, then 204. */
MUSTCHECK int api_done(struct call *c, struct request *r);
void jsonw_kuuid(struct jsonw *w, const char *key, struct uuid id); /* nil is null */
void jsonw_ktime(struct jsonw *w, const char *key, int64_t wall_us);
