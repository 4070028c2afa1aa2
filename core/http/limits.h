/* What one client may ask of a worker. Every limit is configurable; times are absolute, not per read. */
#pragma once

#include "base/base.h"

/* Bodies too large for body_ms or write_ms: how long those last grows with what has gone over the connection, at this
 * many bytes a second. Who is slower than that on the whole is cut. */
#define HTTP_RATE_MIN 16384

struct http_limits {
    uint32_t header_bytes;   /* 16 KiB: request line and fields */
    uint32_t header_fields;  /* 100 */
    uint32_t url_bytes;      /* 8 KiB */
    uint32_t body_bytes;     /* 1 MiB for JSON; routes may set their own */
    uint32_t header_ms;      /* 10 s, absolute, from the first byte (or the accept) */
    uint32_t body_ms;        /* 60 s, absolute */
    uint32_t write_ms;       /* 60 s, absolute, for one response */
    uint32_t keepalive_ms;   /* 75 s idle */
    uint32_t request_ms;     /* 30 s for the handler */
    uint32_t connections;    /* 12000 per worker */
    uint32_t in_flight;      /* 512 requests at once; then 503 + Retry-After */
    uint32_t buffered_bytes; /* 128 MiB of bodies held at once, all connections: coming in, then 503;
                              * waiting for slow readers, then those are cut */
    uint32_t drain_idle_ms;  /* 2 s: while draining, an idle connection may still send one request */
};
#define HTTP_LIMITS_DEFAULT                                                                                  \
    ((struct http_limits){                                                                                   \
        16384, 100, 8192, 1048576, 10000, 60000, 60000, 75000, 30000, 12000, 512, 134217728, 2000})
