/* Outgoing requests: a fiber asks, and waits, while libcurl works from the loop. Certificates are verified; nothing but public
 * addresses is connected to unless the operator allows it (fetch/allow.h); each request has a deadline and a limit to what it
 * takes. Connections are not kept: a request that has gone out is never sent again by itself. */
#pragma once

#include "base/arena.h"
#include "base/base.h"
#include "base/text.h"

struct fetch_config {
    const char *allow;   /* list as in fetch/allow.h; NULL */
    const char *ca_file; /* PEM, instead of the system's; NULL */
    uint32_t side_by_side;
};
/* Once per process, after loop_init. -EINVAL for a list that is none; -ENOMEM. */
MUSTCHECK int fetch_init(const struct fetch_config *config);
void fetch_done(void); /* no request may be under way */

#define FETCH_HEADERS_MAX 32
#define FETCH_URL_MAX 2048

struct fetch {
    const char *method; /* GET, HEAD, POST, PUT, PATCH or DELETE */
    const char
        *url; /* https, or http where the host is allowed by name or range; no user and no password in it */
    const char *const *headers; /* "Name: value"; up to NULL, which may be the pointer itself */
    struct text body;
    int64_t timeout_ms; /* from now to the last byte */
    size_t answer_max;  /* bytes of the answer's body */
    uint32_t
        redirects_max; /* GET only; each is judged like the first; headers go to the same host and port only */
    /* May this host be asked at all? Also of every redirect. NULL: any. */
    bool (*may_reach)(const void *arg, struct text host);
    const void *arg;
};

struct fetch_answer {
    int status;
    struct text body;         /* in the arena, followed by a NUL */
    const char *content_type; /* NULL */
    int64_t retry_after_s;    /* 0: not said */
    /* Whether the other side may have got the request, or part of it. */
    bool is_sent;
    const char *why; /* after an error: one line for logs, without the URL; static */
};

/* In a fiber. 0 with any status of the other side's. -EINVAL: no such request can be made (URL, headers). -EACCES: the host or
 * its address is not allowed. -EHOSTUNREACH: no such name, or nobody answers there. -EKEYREJECTED: the certificate. -EMSGSIZE:
 * too large an answer. -ETIMEDOUT, -ECANCELED. -EPROTO: what came is no answer; -ECONNRESET. -EBUSY: too many at once. */
MUSTCHECK int fetch_run(struct arena *a, const struct fetch *f, struct fetch_answer *ret);

/* A URL that fetch_run would take, as far as that can be told without asking anybody; the host in it. -EINVAL, -EACCES. */
MUSTCHECK int fetch_check_url(struct arena *a, const char *url, struct text *ret_host);
