/* Helper threads for what would block the loop: password hashing and files. A helper's function may touch nothing but
 * its argument: no libpq, no plugin code, no logging, no fiber calls. */
#pragma once

#include "base/base.h"

enum helper_queue { HELPER_HASH, HELPER_FILE, HELPER_MAIL, HELPER_QUEUES };

struct helper_limits {
    uint32_t threads[HELPER_QUEUES]; /* hash: 1 by default, at lowest priority; file: 2; mail: 8 */
    uint32_t waiting[HELPER_QUEUES]; /* beyond that helper_run answers -EBUSY: hash 32, file 256, mail 32 */
    void (*enter[HELPER_QUEUES])(void); /* around each job, on its thread; NULL for none */
    void (*leave[HELPER_QUEUES])(void);
};

MUSTCHECK int helper_init(struct helper_limits limits); /* after loop_init; 0 or -errno */
void helper_done(void);                                 /* waits for what runs */

/* Runs fn(arg) on a thread of the queue and suspends the fiber until it is done. 0, -EBUSY when the queue is full.
 * Not cancellable: arg lives on the caller's stack. */
MUSTCHECK int helper_run(enum helper_queue queue, void (*fn)(void *arg), void *arg);

/* The same without a fiber: `done` is called from the loop afterwards. The job outlives that call. */
struct helper_job {
    struct helper_job *next;
    void (*fn)(void *arg);
    void (*done)(void *arg);
    void *arg;
};
MUSTCHECK int helper_start(enum helper_queue queue, struct helper_job *job);
