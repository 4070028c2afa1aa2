/* HTTP/1.1 requests from bytes (RFC 9112), strictly: there is one reading of where a message ends, and whatever leaves
 * room for a second one is refused with a status and a reason, after which the connection must be closed.
 *
 * Choices where the RFC leaves some:
 *  - one empty line before the request line is skipped, further ones are refused;
 *  - lines end in CRLF only; obs-fold, NUL, other control characters, blanks before ':' are refused;
 *  - Content-Length once, digits without sign, list or leading zero; Transfer-Encoding once, `chunked`, HTTP/1.1 only;
 *    never both;
 *  - GET, HEAD, DELETE and OPTIONS carry no content: a non-empty body is 400;
 *  - unknown methods are 501, TRACE and CONNECT 405; versions other than 1.0 and 1.1 are 505;
 *  - HTTP/1.0 is answered and closed; absolute-form must name the host that Host names;
 *  - chunk extensions and trailer fields are bounded, checked and dropped. */
#pragma once

#include "base/base.h"
#include "base/buf.h"
#include "http/limits.h"
#include "http/request.h"

/* Why a request is refused. Static. */
struct http_fault {
    int status;
    const char *code;
    const char *en;
    const char *zh;
};

enum http_parse { HTTP_PARSE_MORE, HTTP_PARSE_HEAD, HTTP_PARSE_DONE, HTTP_PARSE_FAULT };

enum http_parse_state {
    HTTP_STATE_HEAD,
    HTTP_STATE_BODY,
    HTTP_STATE_CHUNK_SIZE,
    HTTP_STATE_CHUNK_DATA,
    HTTP_STATE_CHUNK_END,
    HTTP_STATE_TRAILER,
    HTTP_STATE_DONE,
    HTTP_STATE_FAULT,
};

struct http_parser {
    struct request *request; /* filled; its texts live in its arena, the body in `body` */
    const struct http_limits *limits;
    uint32_t body_max; /* set it after HTTP_PARSE_HEAD; limits->body_bytes until then */
    enum http_parse_state state;
    const struct http_fault *fault; /* after HTTP_PARSE_FAULT */
    bool keep_alive;                /* what the request asks for */
    bool expect_continue;
    bool chunked;
    struct buf body;
    uint64_t
        taken; /* of a body that is taken as it comes: bytes that are gone from `body`, or never were in it */
    /* private */
    struct buf line; /* unfinished head, chunk size or trailer line */
    size_t scanned;
    size_t line_start;
    uint64_t left;     /* of the body, or of the chunk */
    uint32_t overhead; /* bytes of extensions and trailers so far */
    bool first_line_seen;
};

void http_parser_init(struct http_parser *p, struct request *r, const struct http_limits *limits);
void http_parser_done(struct http_parser *p);

/* Takes bytes from the front of `in`, *ret_used of them. Stops behind the head (HTTP_PARSE_HEAD: the caller looks at
 * the request and calls again, with no bytes if it has none) and behind the message (HTTP_PARSE_DONE: r->body is set;
 * the rest belongs to the next request). HTTP_PARSE_MORE has used everything. The outcome does not depend on how the
 * bytes are cut. */
MUSTCHECK enum http_parse http_parser_feed(struct http_parser *p, struct text in, size_t *ret_used);
/* A body that is taken as it comes. How many of the next bytes are content and may go past the parser, and that so many
 * did; what it has put into `body` its reader removes and adds to `taken`. */
size_t http_parser_passes(const struct http_parser *p);
void http_parser_passed(struct http_parser *p, size_t n);

/* The parts, for the parser itself. Each returns NULL or what is wrong. */
const struct http_fault *http_parse_head(
    struct http_parser *p, struct text head); /* lives as long as the arena */
const struct http_fault *http_parse_field(struct text line, struct http_field *ret);
const struct http_fault *http_parse_target(
    struct request *r, const struct http_limits *limits, struct text *ret_authority);
