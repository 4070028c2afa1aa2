/* Telling people about a record, by a notice to each: the kind, the record's number, the transition, the day on which it is
 * due. Nobody is told of what they may not see, nor of what they do themselves. */
#pragma once

#include "access/notice.h"
#include "resource/record/record.h"

/* In the call's unit of work, the record as it is now. holders: accounts and departments; t: NULL for none. */
MUSTCHECK int tell_people(struct call *c, const struct record *rec, const char *kind,
    const struct transition *t, const struct uuid *holders, uint32_t count);
/* Those who take part in it, but for the submitter as such. */
MUSTCHECK int tell_holders(
    struct call *c, const struct record *rec, const char *kind, const struct transition *t);
