/* Deadlines that were counted across a year whose holidays were not known, counted anew once they are: by a job of the tenant's,
 * every hour and after a calendar was imported. */
#pragma once

#include "access/job.h"
#include "resource/flow/deadline.h"

/* Notes from where the deadline that a transition has set was counted, when that was provisional. old_due: what it was before. In
 * the call's unit of work, the record written. */
MUSTCHECK int recount_note(
    struct call *c, const struct record *rec, const char *old_due, const struct deadline *d);

extern const struct job_kind recount_kind;
