/* Fibers: straight-line code that waits without blocking the loop. One request, one job or one background duty is one
 * fiber. A fiber runs until it waits; nothing else of the process runs meanwhile.
 *
 * Every wait may end with -ECANCELED: the fiber was cancelled (its client went away, the server drains), must run its
 * cleanups and return. Once cancelled, further waits return -ECANCELED at once, except under fiber_shield(). */
#pragma once

#include "base/base.h"

struct fiber;

#define FIBER_STACK_SIZE (256u * 1024u)
#define FIBER_GUARD_SIZE (1024u * 1024u)

struct fiber_limits {
    uint32_t max;  /* fibers alive at once; beyond that fiber_spawn answers -EAGAIN */
    uint32_t keep; /* stacks kept for reuse */
};

void fiber_system_init(struct fiber_limits limits); /* after loop_init */
void fiber_system_done(void);                       /* no fiber may be alive */

/* Starts fn(arg) from the loop, soon. `name` is a static string, seen in debuggers. 0, or -EAGAIN at the limit, -ENOMEM. */
MUSTCHECK int fiber_spawn(void (*fn)(void *arg), void *arg, const char *name, struct fiber **ret);
/* As fiber_spawn, not counted against the limit: the process's own duties. */
MUSTCHECK int fiber_spawn_system(void (*fn)(void *arg), void *arg, const char *name, struct fiber **ret);

struct fiber *fiber_self(void); /* NULL outside a fiber */
uint32_t fiber_count(void);

/* Asks a fiber to end: its current wait returns -ECANCELED. From the loop or another fiber. */
void fiber_cancel(struct fiber *f);
bool fiber_is_cancelled(void);

/* Between shield(true) and shield(false) waits ignore cancellation: a COMMIT that was sent must be awaited. */
void fiber_shield(bool on);

/* Waits until fd is readable (EV_READ) and/or writable (EV_WRITE). deadline_ms is on clock_mono_ms, INT64_MAX for none.
 * Returns the EV_ bits that are ready, or -ETIMEDOUT, -ECANCELED. */
MUSTCHECK int fiber_wait_fd(int fd, short what, int64_t deadline_ms);
/* 0 after the time, or -ECANCELED. */
MUSTCHECK int fiber_sleep(int64_t ms);
/* Lets everything else that is ready run first. */
MUSTCHECK int fiber_yield(void);

/* A place to wait for somebody else. fiber_park returns 0 when woken, -ETIMEDOUT or -ECANCELED; a wake that comes
 * before the park is remembered. The waker calls fiber_wake from the loop or another fiber; *w outlives both. */
struct fiber_wait {
    struct fiber *who;
    bool woken;
};
#define FIBER_WAIT_INIT ((struct fiber_wait){0})
MUSTCHECK int fiber_park(struct fiber_wait *w, int64_t deadline_ms);
void fiber_wake(struct fiber_wait *w);

/* One pointer each for higher floors, saved with the fiber: the current request's log context, the current call, the
 * plugin frame. */
enum fiber_slot { FIBER_LOG, FIBER_CALL, FIBER_PLUGIN, FIBER_SLOTS };
void *fiber_get(enum fiber_slot slot); /* NULL outside a fiber */
void fiber_set(enum fiber_slot slot, void *value);

/* Called at every switch with the fiber's FIBER_PLUGIN value (NULL on the loop itself): keeps the crash marker right. */
void fiber_set_switch_hook(void (*hook)(void *plugin_frame));
