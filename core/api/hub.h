/* Event streams of this worker: who listens to what, and a fiber that hands on what the tenants' sequences bring. It runs, and
 * looks into the database, only while somebody listens. What a listener is shown is decided by the rights it has at that
 * moment; its stream ends with the session or token it was opened with. */
#pragma once

#include "access/call.h"
#include "base/digest.h"
#include "http/push.h"

struct resource;

enum hub_topic { HUB_JOB = 1, HUB_RECORD = 2, HUB_NOTICE = 4, HUB_REPORT = 8 };

struct hub_config {
    struct db *db;
    struct db_config dispatch; /* opened with the first stream; conninfo NULL: there are no streams */
    uint32_t streams_max;
};
void hub_init(const struct hub_config *config); /* the database is borrowed, conninfo outlives the hub */
void hub_stop(void);                            /* at drain: no new streams, the fiber ends */
bool hub_is_running(void);
void hub_done(void); /* when every connection is closed */

#define HUB_ACCOUNT_STREAMS_MAX 20 /* in one worker */
/* A client further back than this reads its lists again. */
#define HUB_BEHIND_MAX 5000

struct hub_listener {
    int32_t tenant;
    struct uuid account;
    struct sha256 credential; /* of the token */
    bool is_bearer;
    int64_t epoch;              /* of the tenant when the credential was good */
    uint32_t topics;            /* enum hub_topic */
    const struct resource *res; /* NULL for all */
    struct uuid unit;           /* only its subtree; nil for all */
    int64_t after;              /* the last event the client has seen */
    bool is_lost;               /* … is too long ago, or never was */
};
/* A stream for the listener. 0: give `hub_open` and *ret_arg to response_push. -EBUSY; -EDQUOT: too many of the account. */
MUSTCHECK int hub_listen(const struct hub_listener *l, void **ret_arg);
void hub_open(struct push *p, void *arg);
