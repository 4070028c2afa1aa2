/* What a record has been through, as its transitions ask: how often one was taken, when last and by whom, and which parts
 * are open. Read from the history and from the parts, in the call's unit of work. */
#pragma once

#include "resource/record/record.h"

struct db_call;
struct db_rows;

struct flow_taken {
    uint32_t times;
    int64_t version;   /* of the record after the last time; 0: never */
    struct uuid actor; /* of the last time */
};

struct flow {
    struct flow_taken *taken;    /* per transition of the resource */
    int64_t moved;               /* the last version at which it came into another state or to another unit */
    const struct db_rows *parts; /* role, holder, state */
};

/* Does the transition depend on any of it? */
bool flow_is_asked_for(const struct transition *t);
bool flow_is_asked_of(const struct resource *res); /* of any of its transitions */
/* The statements that a flow is made of, by the record's key, for record_fetch_along. */
#define FLOW_CALLS 2
void flow_calls(struct db_call ret[FLOW_CALLS]);
void flow_of_rows(
    struct call *c, const struct record *rec, const struct db_call calls[FLOW_CALLS], struct flow *ret);
MUSTCHECK int flow_read(struct call *c, const struct record *rec, struct flow *ret);
/* 0, or -EINVAL with a fault that says what is missing: 409. */
MUSTCHECK int flow_check(
    struct call *c, const struct record *rec, const struct transition *t, const struct flow *f);
bool flow_allows(
    const struct call *c, const struct record *rec, const struct transition *t, const struct flow *f);
/* Has the subject, or a department of the subject's, a part of that role? */
bool flow_has_part(const struct subject *who, const struct flow *f, const char *role);

/* An earlier step: where the record stood after one of its versions. */
struct flow_step {
    int64_t version;
    uint32_t state;
    struct uuid unit_id;
    const char *at;
};
/* Those that the transition may go back to, newest first, each state and unit once; never where the record is now. */
MUSTCHECK int flow_steps(struct call *c, const struct record *rec, const struct transition *t,
    struct flow_step **ret, uint32_t *ret_count);
/* Where the record was sent back from by its last move. has_days: it had a deadline, of so many working days still. */
struct flow_resume {
    uint32_t state;
    struct uuid unit_id;
    bool has_days;
    int32_t days;
};
MUSTCHECK int flow_resume(
    struct call *c, const struct record *rec, const struct flow *f, struct flow_resume *ret);
