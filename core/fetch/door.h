/* What all outgoing requests are held to, whichever protocol they speak: who may be connected to, certificates, no proxy, no kept
 * connections. For the files of this floor. */
#pragma once

#include <curl/curl.h>

#include "base/base.h"
#include "base/text.h"
#include "fetch/allow.h"

/* Once per process; the strings are copied. -EINVAL for a list that is none. */
MUSTCHECK int door_init(const char *allow, const char *ca_file);
void door_done(void);

/* One connection's. Lives as long as the handle. */
struct door {
    struct text host;
    bool is_plain;   /* without TLS: only where the host is allowed */
    bool is_refused; /* set when the address was not allowed */
};
/* May this host be asked, as far as that can be told before its name is resolved? 0, -EACCES. */
MUSTCHECK int door_check(struct text host, bool is_plain);
void door_prepare(CURL *e, struct door *d, int64_t timeout_ms);
/* The error of a transfer that ended so; 0 for CURLE_OK. */
int door_judge(const struct door *d, CURLcode code);
