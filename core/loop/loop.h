/* The event loop of a process: the only owner of the event_base. One thread runs it; everything here belongs to that
 * thread unless it says otherwise. */
#pragma once

#include "base/base.h"

struct event_base;

MUSTCHECK int loop_init(void); /* once per process, after fork; 0 or -errno */
void loop_done(void);
void loop_run(void); /* until loop_stop() */
void loop_stop(void);
struct event_base *loop_base(void);

/* Calls fn(arg) once from the loop, after the current callback or fiber has yielded. */
void loop_later(void (*fn)(void *arg), void *arg);

/* Timers and signals live until freed. interval_ms 0 fires once. */
struct loop_timer;
struct loop_timer *loop_timer_new(int64_t first_ms, int64_t interval_ms, void (*fn)(void *arg), void *arg);
void loop_timer_free(struct loop_timer *t);
struct loop_signal;
struct loop_signal *loop_signal_new(int signo, void (*fn)(void *arg), void *arg);
void loop_signal_free(struct loop_signal *s);
