/* The answer under construction, and the one way to say what went wrong (RFC 9457). */
#pragma once

#include "base/base.h"
#include "base/buf.h"
#include "base/jsonw.h"
#include "base/text.h"

struct request;
struct source;
struct push;

struct response {
    int status;      /* 0 until decided */
    struct buf head; /* extra header lines, each ending in CRLF */
    struct buf body;
    struct text borrowed;     /* sent instead of body when its pointer is set; outlives the server */
    struct source *source;    /* sent instead of both when set; owned */
    const char *content_type; /* static; NULL for none */
    struct jsonw json;        /* writes to body */
    bool close;               /* close the connection after this answer */
    /* http/push.h: an answer without an end begins behind the head. */
    void (*push_open)(struct push *p, void *arg);
    void *push_arg;
    bool is_problem;
    uint32_t problem_errors; /* errors listed so far */
};

void response_reset(struct response *p); /* empty again, for a handler that decides anew */
void response_done(struct response *p);
void response_drop_push(struct response *p); /* tells whoever waits for it that it will not come to that */

/* Adds a header field; values with CR, LF or NUL are dropped with an assertion in debug builds. */
void response_header(struct response *p, const char *name, const char *format, ...) PRINTF_LIKE(3, 4);

/* Starts a JSON answer and returns its writer. */
struct jsonw *response_json(struct request *r, int status);
/* 204. */
void response_empty(struct request *r);
/* Raw bytes, copied. content_type is a static string. */
void response_bytes(struct request *r, int status, const char *content_type, struct text body);
/* Bytes that outlive the server, not copied. */
void response_borrowed(struct request *r, int status, const char *content_type, struct text body);
/* Bytes that are fetched while they are sent (loop/source.h). */
void response_source(struct request *r, int status, const char *content_type, struct source *take_source);
void response_drop_source(struct response *p); /* closes it, if there is one */
/* True when the response sets this header field itself. */
bool response_has_header(const struct response *p, const char *name);
const char *response_phrase(int status); /* "Not Found" */
const char *response_phrase_zh(int status);

/* One wrong thing in the input. */
struct problem_error {
    const char *pointer;   /* JSON Pointer into the body, or the name of a query parameter or header */
    const char *code;      /* stable, snake_case: required, type, too_long, unknown_field … */
    const char *detail_en; /* what is accepted */
    const char *detail_zh;
};

/* Makes the response a problem document: {type: "urn:juxin:problem:<code>", title, status, detail,
 * instance: request id, code, errors: […]}. The language of title and detail follows Accept-Language (zh is the
 * default); both texts are given by the caller. Replaces what the response held. Always returns -EINVAL so that a
 * handler can `return request_fail(…)`. */
int request_fail(struct request *r, int status, const char *code, const char *en, const char *zh);
/* Adds an error to the problem being built (after request_fail, or starts a 422 `invalid` itself). Strings copied. */
void request_fail_at(struct request *r, struct problem_error e);
/* The problem for an errno from below: -EAGAIN, -EBUSY and -ECONNRESET 503 + Retry-After, -ENOSPC 507 + Retry-After,
 * -ETIMEDOUT 504, -ENOENT 404, -EEXIST 409, -ESTALE 412, -EACCES 403, everything else 500 without detail; none for
 * -ECANCELED, whose reason the connection knows. Always negative. */
int request_fail_errno(struct request *r, int error);
/* The answer for what does not exist and for what may not be seen: one and the same. */
int request_not_found(struct request *r);
/* What the client reads best, from Accept-Language: true for Chinese, also when it does not say. */
bool request_prefers_chinese(const struct request *r);
