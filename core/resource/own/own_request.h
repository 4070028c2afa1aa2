/* What people ask about their own data: that something be corrected, a record deleted, or everything and the account with it.
 * An officer with core.own.decide at the unit answers within fifteen working days; what is kept then is said, with the reason. */
#pragma once

#include "base/jsonw.h"
#include "resource/own/consent_ledger.h"
#include "resource/record/record.h"

#define OWN_WORKING_DAYS 15
#define OWN_REASON_MAX 500 /* characters */

/* The subject's own record: what its declaration lets the person correct directly is done at once, the rest becomes a request.
 * In the call's unit of work, begun here. */
struct own_corrected {
    const char *applied; /* names, comma-separated */
    struct uuid request; /* nil: nothing had to be asked */
};
MUSTCHECK int own_correct(struct call *c, const struct resource *res, struct uuid record, json_t *changes,
    const char *reason, struct own_corrected *ret);

/* That one record be deleted; without a resource: all that is held, and the account. */
MUSTCHECK int own_request_add(
    struct call *c, const struct resource *res, struct uuid record, const char *reason, struct uuid *ret_id);

/* What somebody asked on paper, recorded by who holds core.own.record at the account's unit. Nothing is done at once; the person is told.
 * In the call's unit of work. 403, 404, 422. */
struct own_on_behalf {
    struct uuid account;
    const struct resource *res; /* NULL: all */
    struct uuid record;
    json_t *changes; /* NULL: that it be deleted */
    const char *reason;
    struct consent_paper paper;
};
MUSTCHECK int own_request_record(struct call *c, const struct own_on_behalf *in, struct uuid *ret_id);
MUSTCHECK int own_request_cancel(struct call *c, struct uuid id);

struct own_decision {
    bool accept;
    const char *answer;
    const json_t *kept; /* [{"resource", "reason"}, …] of what a closing leaves; NULL */
};
MUSTCHECK int own_request_decide(struct call *c, struct uuid id, const struct own_decision *d);

struct own_filter {
    bool is_mine;      /* the subject's own; else those the subject may decide, or recorded */
    const char *state; /* NULL: any */
    bool is_overdue;
    struct uuid before; /* nil: from the newest */
    uint32_t limit;
};
/* {"items": […], "next"}, newest first. */
MUSTCHECK int own_requests_write(struct call *c, const struct own_filter *f, struct jsonw *w);
/* One: the subject's own, or one the subject may decide or recorded. 404. */
MUSTCHECK int own_request_write(struct call *c, struct uuid id, struct jsonw *w);
