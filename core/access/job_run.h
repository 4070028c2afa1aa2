/* Between job_run.c, which chooses and watches jobs, job_step.c, which writes their rows, and job.c, the queue. */
#pragma once

#include "access/job.h"

/* For whoever watches, in the unit of work that makes it so. Numbered by the attempt: within one, one worker tells, whose
 * ids are in order. */
struct job_news {
    struct uuid id, created_by;
    const char *kind, *state, *stage;
    int64_t done, total;
};
MUSTCHECK int job_tell(struct db_tx *tx, const struct job_news *n, int64_t attempt);

/* A runner that died is followed after this long. */
#define JOB_LEASE_MS 30000

struct job_outcome {
    const char *state;
    int64_t run_at_us; /* of one that waits again */
    uint32_t attempts; /* to count on from: without this one when it was broken off by us, not by the job */
    bool is_anew;      /* from the start, not behind the last step */
    const char *code, *en, *zh;
};
MUSTCHECK int job_settle(
    struct job *j, const struct job_outcome *o); /* -ESTALE: the lease is somebody else's */

/* What names a lease; by value, since the job may end while its lease is renewed. */
struct job_claim {
    int32_t tenant;
    struct uuid id;
    const char *holder;
    uint32_t attempt;
};
/* 0; -ESTALE when the lease went to somebody else. */
MUSTCHECK int job_renew(struct db *db, const struct job_claim *claim, bool *ret_cancelled);
