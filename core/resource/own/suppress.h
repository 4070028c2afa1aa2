/* Who withdrew, or had everything deleted, is not invited again: a keyed digest of their number, nothing else. Their own act lifts it. */
#pragma once

#include "access/call.h"

/* In the call's unit of work. purpose: of a notice; "" for all. Nothing where the account has no number. */
MUSTCHECK int suppress_account(struct call *c, struct uuid account, const char *purpose);
/* For that purpose, and what was for all. */
MUSTCHECK int suppress_lift(struct call *c, const char *phone_mac, const char *purpose);
MUSTCHECK int suppress_lift_account(struct call *c, struct uuid account, const char *purpose);
/* The moment from which the number is not invited for that purpose; 0: it may be. */
MUSTCHECK int suppress_since(struct call *c, const char *phone_mac, const char *purpose, int64_t *ret);
