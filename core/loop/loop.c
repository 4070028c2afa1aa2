/* The event loop: a thin owner around one libevent base. */
#include "loop/loop.h"

#include <errno.h>
#include <event2/event.h>

#include "base/mem.h"

struct later {
    struct later *next;
    void (*fn)(void *arg);
    void *arg;
};

static struct event_base *base;
static struct event *later_event;
static struct later *later_head, **later_tail = &later_head;

static void run_later(evutil_socket_t fd, short what, void *arg)
{
    struct later *list = later_head;

    (void)fd, (void)what, (void)arg;
    later_head = NULL;
    later_tail = &later_head;
    while (list) {
        struct later *l = list;

        list = l->next;
        l->fn(l->arg);
        free(l);
    }
}

static void *resize(void *ptr, size_t size)
{
    return mem_resize(ptr, size, 1);
}

int loop_init(void)
{
    struct event_config *config;

    /* Its allocations are small and ours from now on: they do not fail. */
    event_set_mem_functions(mem_alloc, resize, free);
    config = event_config_new();
    if (!config)
        return -ENOMEM;
    event_config_set_flag(config, EVENT_BASE_FLAG_EPOLL_USE_CHANGELIST);
    base = event_base_new_with_config(config);
    event_config_free(config);
    if (!base)
        return -ENOMEM;
    later_event = event_new(base, -1, 0, run_later, NULL);
    if (!later_event) {
        loop_done();
        return -ENOMEM;
    }
    return 0;
}

void loop_done(void)
{
    while (later_head) {
        struct later *l = later_head;

        later_head = l->next;
        free(l);
    }
    later_tail = &later_head;
    if (later_event)
        event_free(later_event);
    if (base)
        event_base_free(base);
    later_event = NULL;
    base = NULL;
}

void loop_run(void)
{
    /* EVLOOP_NO_EXIT_ON_EMPTY: a process that waits for nothing but helpers is not done. */
    event_base_loop(base, EVLOOP_NO_EXIT_ON_EMPTY);
}

void loop_stop(void)
{
    event_base_loopbreak(base);
}

struct event_base *loop_base(void)
{
    return base;
}

void loop_later(void (*fn)(void *arg), void *arg)
{
    struct later *l = mem_alloc(sizeof(*l));
    bool was_empty = !later_head;

    l->next = NULL;
    l->fn = fn;
    l->arg = arg;
    *later_tail = l;
    later_tail = &l->next;
    if (was_empty)
        event_active(later_event, EV_TIMEOUT, 0);
}

struct loop_timer {
    struct event *event;
    struct timeval interval;
    void (*fn)(void *arg);
    void *arg;
};

static struct timeval timeval_of(int64_t ms)
{
    return (struct timeval){.tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000};
}

static void timer_fired(evutil_socket_t fd, short what, void *arg)
{
    struct loop_timer *t = arg;

    (void)fd, (void)what;
    if (t->interval.tv_sec || t->interval.tv_usec)
        event_add(t->event, &t->interval);
    t->fn(t->arg); /* last: it may free the timer */
}

struct loop_timer *loop_timer_new(int64_t first_ms, int64_t interval_ms, void (*fn)(void *arg), void *arg)
{
    struct loop_timer *t = mem_zalloc(sizeof(*t));
    struct timeval first = timeval_of(first_ms);

    t->interval = timeval_of(interval_ms);
    t->fn = fn;
    t->arg = arg;
    t->event = event_new(base, -1, 0, timer_fired, t);
    if (!t->event || event_add(t->event, &first) < 0)
        give_up("no timer");
    return t;
}

void loop_timer_free(struct loop_timer *t)
{
    if (!t)
        return;
    event_free(t->event);
    free(t);
}

struct loop_signal {
    struct event *event;
    void (*fn)(void *arg);
    void *arg;
};

static void signal_fired(evutil_socket_t fd, short what, void *arg)
{
    struct loop_signal *s = arg;

    (void)fd, (void)what;
    s->fn(s->arg);
}

struct loop_signal *loop_signal_new(int signo, void (*fn)(void *arg), void *arg)
{
    struct loop_signal *s = mem_zalloc(sizeof(*s));

    s->fn = fn;
    s->arg = arg;
    s->event = evsignal_new(base, signo, signal_fired, s);
    if (!s->event || event_add(s->event, NULL) < 0)
        give_up("no signal can be watched");
    return s;
}

void loop_signal_free(struct loop_signal *s)
{
    if (!s)
        return;
    event_free(s->event);
    free(s);
}
