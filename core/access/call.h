/* A call: one piece of work for one subject in one tenant, whether it came over HTTP, from juxinctl or from a job.
 * Services take a call, not a request; what is wrong with the input is collected in it as a fault, which the HTTP
 * floor turns into a problem document and juxinctl into lines on the terminal.
 *
 * Decisions are made from the cached snapshot before anything is written. call_read and call_begin compare its epoch
 * with the database's; -EREMCHG means: unwind to whoever made the call, which takes a fresh snapshot and runs the
 * handler again from the start. A handler therefore does nothing irreversible before its first call_begin. */
#pragma once

#include "access/subject.h"
#include "base/arena.h"
#include "base/base.h"
#include "db/db.h"
#include "tenant/tenant.h"

struct call_error {
    struct call_error *next;
    const char *pointer, *code, *en, *zh;
};

struct call_fault {
    int status; /* HTTP status; 0 while there is no fault */
    const char *code;
    const char *en, *zh;
    int64_t retry_after_s; /* 0: not said */
    struct call_error *errors, **tail;
    uint32_t count;
};

#define CALL_ERRORS_MAX 100 /* further ones are counted, not kept */

struct call {
    struct db *db;
    struct arena *arena;
    struct tenant *tenant; /* a reference of the caller's; NULL for deployment-level calls */
    const struct subject *who;
    const char *request_id;
    int64_t now_us;      /* wall clock of the call, see call_use; jobs may be asked "as of" */
    int64_t deadline_ms; /* clock_mono_ms by which plugins have to be done; 0: when the fiber is cancelled */
    struct db_tx *tx;    /* open between call_begin and call_commit */
    bool is_bumped;      /* the epoch row is ours until the commit */
    bool is_fenced;      /* some epoch was compared since the snapshot was taken */
    struct db_epoch seen_epoch; /* what the database said when -EREMCHG was returned */
    struct call_fault fault;
    /* Idempotency (design §8): set by the HTTP floor before the handler runs, taken up by call_begin. */
    const char *idempotency_key;
    struct sha256 *idempotency_hash;
    bool is_replay; /* call_begin found the key done: the handler stops with 0 at once */
    int replay_status;
    struct uuid replay_id;
    int64_t replay_version;
    /* What the finished call is remembered by; set by the handler before call_commit. */
    int result_status;
    struct uuid result_id;
    int64_t result_version;
    void *trace; /* plugin trace being recorded, or NULL */
};

void call_init(struct call *c, struct db *db, struct arena *a);
void call_done(struct call *c); /* rolls back what is open */
/* Takes the snapshot to decide from; its reference stays the caller's. What began or ended before it was read has done so
 * for this call, even where this server's clock is behind the database's. */
void call_use(struct call *c, struct tenant *t);

/* One round trip of reads, epoch-checked. Results are freed with the arena. 0, -EREMCHG or an error of db_read. */
MUSTCHECK int call_read(struct call *c, struct db_call *calls, size_t count);
/* Reads that may take long: not on the lane of the fast ones. Epoch-checked in the one snapshot that they read. */
MUSTCHECK int call_read_slow(struct call *c, struct db_call *calls, size_t count);
/* Opens the call's write unit of work (once; nested calls share it): epoch check, then the idempotency key.
 * 0; 0 with is_replay set; -EREMCHG; -EINVAL with a fault (key in use 409, other body 422). */
MUSTCHECK int call_begin(struct call *c);
/* Within call_begin … call_commit: takes the epoch row from the snapshot's epoch to the next, once per call. First of
 * whoever changes tree, policy, grants or ends a session. -EREMCHG when somebody else was faster. */
MUSTCHECK int call_bump(struct call *c);
/* Within call_begin … call_commit: waits until nobody else in the tenant holds what is named so, and holds it until the unit of
 * work ends; shared: beside others who share it. What is read afterwards nobody who takes it, too, changes meanwhile. */
MUSTCHECK int call_lock(struct call *c, const char *what, bool shared);
MUSTCHECK int call_commit(struct call *c);
void call_rollback(struct call *c);

/* Compares the epoch when no read or write of this call has done so: whoever answers from memory alone ends with it. */
MUSTCHECK int call_fence(struct call *c);
/* Makes the call as new for a second decision, keeping what came with the request. */
void call_again(struct call *c, struct tenant *fresh, const struct subject *who);

/* Faults. Texts are copied into the arena; both return -EINVAL. call_fail replaces, call_fail_at adds (a 422 "invalid"
 * is begun when there is none). */
int call_fail(struct call *c, int status, const char *code, const char *en, const char *zh);
int call_fail_at(struct call *c, const char *pointer, const char *code, const char *en, const char *zh);
int call_not_found(struct call *c);                         /* 404, the same for absent and invisible */
int call_forbidden(struct call *c, const char *permission); /* 403 naming what is missing */

/* The audit row of what the call does, in its unit of work. fields: comma-separated field names, never values. */
MUSTCHECK int call_audit(struct call *c, const char *action, const char *object_kind, struct uuid object,
    struct uuid unit, const char *fields);
