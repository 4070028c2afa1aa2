/* Fibers on ucontext. The loop's own stack is "the loop"; a fiber is entered from it and always returns to it, so there
 * is one direction of switching and no scheduler: who becomes ready is entered by the event that made it ready.
 *
 * States: queued (in loop_later) → running → waiting (parked on an event) → running … → done (stack given back by the
 * loop, since nobody can free the stack it stands on). */
#include "loop/fiber.h"

#include <errno.h>
#include <event2/event.h>
#include <event2/event_struct.h>
#include <ucontext.h>

#include "base/clock.h"
#include "base/mem.h"
#include "loop/loop.h"
#include "loop/stack.h"

#if defined(__SANITIZE_ADDRESS__)
#define WITH_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define WITH_ASAN 1
#endif
#endif
#ifdef WITH_ASAN
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif

struct fiber {
    ucontext_t context;
    struct stack *stack;
    void (*fn)(void *arg);
    void *arg;
    const char *name; /* for whoever looks with a debugger */
    void *slots[FIBER_SLOTS];
    int wake_result; /* what the current wait returns */
    bool waiting;    /* somebody may enter it with wake() */
    bool cancelled;
    bool counted;
    bool done;
    uint32_t shields;
#ifdef WITH_ASAN
    void *fake_stack;
#endif
};

static ucontext_t loop_context;
static struct fiber *current;
static struct fiber_limits limits;
static uint32_t alive, counted;
static void (*switch_hook)(void *plugin_frame);
#ifdef WITH_ASAN
static void *loop_fake_stack;
static const void *loop_stack_bottom;
static size_t loop_stack_size;
#endif

void fiber_system_init(struct fiber_limits l)
{
    limits = l;
    stack_pool_init(l.keep);
}

void fiber_system_done(void)
{
    stack_pool_done();
}

void fiber_set_switch_hook(void (*hook)(void *plugin_frame))
{
    switch_hook = hook;
}

static void destroy(struct fiber *f)
{
#ifdef WITH_ASAN
    ASAN_UNPOISON_MEMORY_REGION(f->stack->low, FIBER_STACK_SIZE);
#endif
    stack_give(f->stack);
    alive--;
    if (f->counted)
        counted--;
    free(f);
}

/* From the loop into the fiber; comes back when it waits or ends. */
static void enter(struct fiber *f)
{
    struct fiber *outer = current;

    /* A fiber never enters another: wake() defers to the loop. */
    if (outer)
        abort();
    current = f;
    if (switch_hook)
        switch_hook(f->slots[FIBER_PLUGIN]);
#ifdef WITH_ASAN
    __sanitizer_start_switch_fiber(&loop_fake_stack, f->stack->low, FIBER_STACK_SIZE);
#endif
    swapcontext(&loop_context, &f->context);
#ifdef WITH_ASAN
    __sanitizer_finish_switch_fiber(loop_fake_stack, NULL, NULL);
#endif
    current = NULL;
    if (switch_hook)
        switch_hook(NULL);
    if (f->done)
        destroy(f);
}

static void leave(struct fiber *f)
{
#ifdef WITH_ASAN
    __sanitizer_start_switch_fiber(f->done ? NULL : &f->fake_stack, loop_stack_bottom, loop_stack_size);
#endif
    swapcontext(&f->context, &loop_context);
#ifdef WITH_ASAN
    __sanitizer_finish_switch_fiber(f->fake_stack, &loop_stack_bottom, &loop_stack_size);
#endif
}

static void trampoline(unsigned int high, unsigned int low)
{
    struct fiber *f = (struct fiber *)((uintptr_t)high << 32 | low);

#ifdef WITH_ASAN
    __sanitizer_finish_switch_fiber(NULL, &loop_stack_bottom, &loop_stack_size);
#endif
    f->fn(f->arg);
    f->done = true;
    leave(f);
    abort(); /* nobody enters a fiber that is done */
}

static void start(void *arg)
{
    enter(arg);
}

static int spawn(void (*fn)(void *arg), void *arg, const char *name, bool count, struct fiber **ret)
{
    struct stack *stack;
    struct fiber *f;

    if (count && counted >= limits.max)
        return -EAGAIN;
    stack = stack_take();
    if (!stack)
        return -ENOMEM;
    f = mem_zalloc(sizeof(*f));
    f->stack = stack;
    f->fn = fn;
    f->arg = arg;
    f->name = name;
    f->counted = count;
    getcontext(&f->context);
    f->context.uc_stack.ss_sp = stack->low;
    f->context.uc_stack.ss_size = FIBER_STACK_SIZE;
    f->context.uc_link = NULL;
    makecontext(&f->context, (void (*)(void))trampoline, 2, (unsigned int)((uintptr_t)f >> 32),
        (unsigned int)(uintptr_t)f);
    alive++;
    counted += count;
    loop_later(start, f);
    if (ret)
        *ret = f;
    return 0;
}

int fiber_spawn(void (*fn)(void *arg), void *arg, const char *name, struct fiber **ret)
{
    return spawn(fn, arg, name, true, ret);
}

int fiber_spawn_system(void (*fn)(void *arg), void *arg, const char *name, struct fiber **ret)
{
    return spawn(fn, arg, name, false, ret);
}

struct fiber *fiber_self(void)
{
    return current;
}

uint32_t fiber_count(void)
{
    return alive;
}

bool fiber_is_cancelled(void)
{
    return current && current->cancelled && !current->shields;
}

void fiber_shield(bool on)
{
    if (!current)
        return;
    current->shields += on ? 1 : -1;
}

void *fiber_get(enum fiber_slot slot)
{
    return current ? current->slots[slot] : NULL;
}

void fiber_set(enum fiber_slot slot, void *value)
{
    if (!current)
        return;
    current->slots[slot] = value;
    if (slot == FIBER_PLUGIN && switch_hook)
        switch_hook(value);
}

static void resume(void *arg)
{
    enter(arg);
}

/* Makes a waiting fiber ready once; later wakes of the same wait are dropped. */
static void wake(struct fiber *f, int result)
{
    if (!f->waiting)
        return;
    f->waiting = false;
    f->wake_result = result;
    loop_later(resume, f);
}

/* Waits until wake(); the caller has arranged for somebody to call it. */
static int suspend(struct fiber *f)
{
    f->waiting = true;
    leave(f);
    return f->wake_result;
}

void fiber_cancel(struct fiber *f)
{
    if (f->cancelled)
        return;
    f->cancelled = true;
    if (!f->shields)
        wake(f, -ECANCELED);
}

static struct fiber *waiter(void)
{
    if (!current)
        abort(); /* waiting outside a fiber would block the loop: a programmer's error */
    return current;
}

static struct timeval *until(int64_t deadline_ms, struct timeval *tv)
{
    int64_t left;

    if (deadline_ms == INT64_MAX)
        return NULL;
    left = MAX(deadline_ms - clock_mono_ms(), (int64_t)0);
    *tv = (struct timeval){.tv_sec = left / 1000, .tv_usec = left % 1000 * 1000};
    return tv;
}

static void event_fired(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    wake(arg, what & (EV_READ | EV_WRITE) ? what & (EV_READ | EV_WRITE) : -ETIMEDOUT);
}

int fiber_wait_fd(int fd, short what, int64_t deadline_ms)
{
    struct fiber *f = waiter();
    struct timeval tv;
    struct event event;
    int r;

    if (fiber_is_cancelled())
        return -ECANCELED;
    if (event_assign(&event, loop_base(), fd, what, event_fired, f) < 0 ||
        event_add(&event, until(deadline_ms, &tv)) < 0)
        return -EBADF;
    r = suspend(f);
    event_del(&event);
    return r;
}

int fiber_park(struct fiber_wait *w, int64_t deadline_ms)
{
    struct fiber *f = waiter();
    struct timeval tv;
    struct event event;
    bool timed = deadline_ms != INT64_MAX;
    int r;

    if (fiber_is_cancelled())
        return -ECANCELED;
    if (w->woken) {
        w->woken = false;
        return 0;
    }
    w->who = f;
    if (timed && (event_assign(&event, loop_base(), -1, 0, event_fired, f) < 0 ||
                     event_add(&event, until(deadline_ms, &tv)) < 0))
        give_up("no timer");
    r = suspend(f);
    if (timed)
        event_del(&event);
    w->who = NULL;
    /* A wake that came while a time-out or cancellation was on its way still counts: nothing is lost. */
    if (w->woken) {
        w->woken = false;
        r = 0;
    }
    return r;
}

void fiber_wake(struct fiber_wait *w)
{
    w->woken = true;
    if (w->who)
        wake(w->who, 0);
}

int fiber_sleep(int64_t ms)
{
    struct fiber_wait w = FIBER_WAIT_INIT;
    int r = fiber_park(&w, clock_mono_ms() + ms);

    return r == -ETIMEDOUT ? 0 : r;
}

/* Through a timer: an event made active at once would be served before the loop looks at sockets and clocks again, so a
 * fiber that yields until something happens would keep it from happening. */
int fiber_yield(void)
{
    return fiber_sleep(0);
}
