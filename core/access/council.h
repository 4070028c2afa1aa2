/* Councils and their terms. A term ends for all posts of the council at once and the next begins: the rollover. It is planned
 * first; what is then done is the plan whose version the caller has seen, or nothing. */
#pragma once

#include "access/access.h"
#include "access/call.h"

MUSTCHECK int council_create(struct call *c, uint32_t unit, const char *name, struct uuid *ret_id);

struct rollover_seat {
    struct uuid post, account;
};

struct rollover_input {
    struct uuid council;
    const char *name;    /* of the new term */
    int64_t from, until; /* wall µs, where days begin; INT64_MAX for no end */
    struct rollover_seat *seats;
    uint32_t seat_count; /* at most ROLLOVER_SEATS_MAX */
};
#define ROLLOVER_SEATS_MAX 500

/* A role that comes with a post. is_kept: its holder has the very same by the other half of the rollover, too. */
struct rollover_right {
    const struct access_grant *grant;
    bool is_kept;
};

struct rollover_tenure {
    struct uuid id, post, account; /* id nil: one that begins */
    const char *title, *account_name;
    int64_t from, until; /* as it is before the rollover */
    struct rollover_right *rights;
    uint32_t right_count;
};

struct rollover {
    uint32_t unit;
    const char *council_name;
    int64_t number, council_version;
    const struct rollover_input *in;
    struct rollover_tenure *ends, *begins;
    uint32_t end_count, begin_count;
    int64_t version; /* over all of the above: another plan has another one */
};

/* Faults where it cannot be done, those of post_hold among them. Changes nothing; suspends. In the arena. */
MUSTCHECK int rollover_plan(struct call *c, const struct rollover_input *in, struct rollover *ret);
/* Plans again in the unit of work, under the epoch; -ESTALE when that is not the plan of `version`. */
MUSTCHECK int rollover_do(struct call *c, const struct rollover_input *in, int64_t version,
    struct rollover *ret, struct uuid *ret_term);
