/* Who was affected by what an account did: from the audit trail, for when an account was somebody else's for a while. */
#pragma once

#include "access/call.h"
#include "base/jsonw.h"

struct breach_question {
    struct uuid account;
    int64_t from_us, until_us;
};
/* {"persons": […], "exports": […], "complete"}: of each person how many records the account touched, and how many of them it was
 * shown; what it took out as tables. Needs core.audit.read at the root, and leaves a row itself. In the call's unit of work. */
MUSTCHECK int breach_write(struct call *c, const struct breach_question *q, struct jsonw *w);
