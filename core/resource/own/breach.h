/* Who was affected by what an account did: from the audit trail, for when an account was somebody else's for a while. */
#pragma once

#include "access/call.h"
#include "base/jsonw.h"

struct breach_question {
    struct uuid account;
    int64_t from_us, until_us;
};
/* Both lists as rows, freed with the arena: persons (account, name, records, shown), exports (at, action, export, fields). */
struct breach_answer {
    const struct db_rows *persons, *exports;
    int person_count, export_count;
    bool is_complete;
};
/* Needs core.audit.read at the root, and leaves a row itself. In the call's unit of work. */
MUSTCHECK int breach_read(struct call *c, const struct breach_question *q, struct breach_answer *ret);
/* {"persons": […], "exports": […], "complete"}: of each person how many records the account touched, and how many of them it was
 * shown; what it took out as tables. As breach_read. */
MUSTCHECK int breach_write(struct call *c, const struct breach_question *q, struct jsonw *w);
