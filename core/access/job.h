/* Jobs: what is done later, or takes longer than a request may. A job is a row; one of the deployment's workers at a time
 * holds its lease and runs the function of its kind in a fiber.
 *
 * The function works in steps. A step is one unit of work that also writes the job's progress and checkpoint, and counts
 * only while the lease is still the runner's: a job that is broken off (kill, reload, lost database) goes on behind its
 * last step, and none is done twice. */
#pragma once

#include "access/call.h"
#include "base/jsonw.h"

#define JOB_KINDS_MAX 256

struct job;

/* Who the job's calls are made for. */
enum job_as {
    JOB_AS_CREATOR, /* with the rights its maker has at that moment; fails once the account is disabled */
    JOB_AS_SYSTEM
};

struct job_kind {
    const char *name; /* "resource.import" */
    const char *label_zh, *label_en;
    enum job_as as;
    uint32_t attempts_max; /* 0: 5 */
    uint32_t
        every_s; /* 0: only when asked for; else each tenant has one, begun anew this long after its end */
    /* 0 with j->result set or NULL. -EINVAL after job_fail: never again. -ECANCELED: as the waits inside say. What
     * passes (-EAGAIN, -ETIMEDOUT, -ECONNRESET …): again later. Anything else: again, as often as the kind allows. */
    int (*run)(struct job *j);
};
/* At start, before the first job runs. The table is borrowed. */
void job_kind_register(const struct job_kind *kind);
bool job_kind_has_room(void);
const struct job_kind *job_kind_find(const char *name); /* NULL */

struct job_input {
    const char *kind;
    const char *plugin; /* whose policy at the unit lets the job run; NULL: always */
    struct uuid unit;   /* nil: the tenant's */
    const char *key;    /* at most one open job of the kind has it; NULL: any number */
    const char *json;   /* for the function; NULL: {} */
    int64_t run_at_us;  /* 0: at once */
};
/* Adds a job in the call's unit of work. -EINVAL with the fault 409 job_open when one of the key is open. */
MUSTCHECK int job_add(struct call *c, const struct job_input *in, struct uuid *ret_id);
/* Adds one that nobody asked for, in the tenant's unit of work; where one of the key is open, that is all. */
MUSTCHECK int job_add_unasked(struct db_tx *tx, const struct job_input *in, int64_t now_us);
/* Asks a job to end. A waiting one ends at once, a running one at its next wait. Fault 404, or 409 when it has ended. Whose
 * job is asked: the subject's own, or any with core.job.manage. */
MUSTCHECK int job_cancel(struct call *c, struct uuid id);
/* Begins a dead or failed job again behind its last step. Faults as job_cancel. */
MUSTCHECK int job_retry(struct call *c, struct uuid id);

/* ---- for the function of a kind ---- */

struct job {
    struct db *db;
    struct arena *arena; /* for as long as this attempt */
    int32_t tenant;
    struct uuid id, unit, created_by;
    const struct job_kind *kind;
    const char *plugin; /* "" for none */
    const char *input;
    uint32_t attempt; /* from 1 */
    /* Set by a step before it returns, stored with it. */
    const char *checkpoint;  /* as the last step left it; NULL at first */
    const char *stage;       /* a word for people: "checking"; NULL */
    int64_t done, total;     /* total 0: not known */
    const char *result;      /* JSON, stored at the end */
    struct call_fault fault; /* why it failed for good */
    /* The runner's. */
    const char *holder;
    struct fiber *fiber;
    bool is_cancelled, is_lost;
    int64_t told_ms;
    struct job *next;
};

/* One step: fn in a call of the job's subject on a fresh snapshot, then progress and checkpoint in the same unit of work,
 * then the commit. fn may be run again from the start when somebody changed the tenant meanwhile: it sets, it does not
 * add. 0; -ECANCELED when the job was cancelled; -ESTALE when the lease went to somebody else; fn's errors. */
MUSTCHECK int job_step(struct job *j, int (*fn)(struct call *c, struct job *j, void *arg), void *arg);
/* Progress of a job that only reads: at most twice a second it is written. -ECANCELED, -ESTALE as above. */
MUSTCHECK int job_tick(struct job *j);
/* The reason why there is no use in trying again; returns -EINVAL. Texts are copied. */
int job_fail(struct job *j, const char *code, const char *en, const char *zh);

/* ---- for the worker ---- */

struct job_runner {
    struct db *db;
    struct db *dispatch; /* finds tenants with work; borrowed */
    const char *holder;  /* unique to the process */
    uint32_t side_by_side;
    /* May the job run at its unit now? The plugin floor's, which is above. NULL: always. */
    int (*gate)(struct call *c, const char *plugin, struct uuid unit, bool *ret_open);
    uint32_t running; /* read by the worker's drain */
    uint64_t done, failed, retried, dead;
    struct job *jobs;
    int32_t last_tenant;
};
/* The fiber's body, until cancelled; then every job under way is asked to end, put back and awaited. arg is a struct
 * job_runner that outlives it. */
void job_run_all(void *arg);
/* The tenant gets the jobs that come back by themselves, those it does not have yet. In the tenant's unit of work; a
 * tenant_created_fn. */
MUSTCHECK int job_schedule(struct db_tx *tx, int32_t tenant, int64_t now_us);

/* A job as rows have it: for the API and juxinctl. */
#define JOB_COLUMNS                                                                                          \
    "id, kind, unit_id, state, stage, done, total, attempts, run_at, created_by, created_at, started_at, "   \
    "ended_at, result, error_code, error_en, error_zh, cancel_requested, plugin"
void job_write(struct jsonw *w, const struct db_rows *rows, int row);
