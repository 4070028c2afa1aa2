/* Fibers: order, waits, cancellation, limits, helpers. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <event2/event.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/wait.h>
#include <unistd.h>
/* cmocka.h wants those above before it */
#include <cmocka.h>

#include "base/clock.h"
#include "loop/fiber.h"
#include "loop/helper.h"
#include "loop/loop.h"
#include "loop/stack.h"

static int setup(void **state)
{
    (void)state;
    if (loop_init() < 0)
        return -1;
    fiber_system_init((struct fiber_limits){64, 8});
    return helper_init((struct helper_limits){{1, 2}, {2, 8}});
}

static int teardown(void **state)
{
    (void)state;
    helper_done();
    fiber_system_done();
    loop_done();
    return 0;
}

static void stop_when_alone(void *arg)
{
    (void)arg;
    if (fiber_count() == 0)
        loop_stop();
}

static void run_until_idle(void)
{
    struct loop_timer *t = loop_timer_new(1, 1, stop_when_alone, NULL);

    loop_run();
    loop_timer_free(t);
}

static int ready_fds[2];
static char trace[16];
static size_t traced;

static void reader(void *arg)
{
    char c;

    (void)arg;
    assert_int_equal(fiber_wait_fd(ready_fds[0], EV_READ, INT64_MAX), EV_READ);
    assert_int_equal(read(ready_fds[0], &c, 1), 1);
    trace[traced++] = c;
    assert_int_equal(fiber_wait_fd(ready_fds[0], EV_READ, clock_mono_ms() + 5), -ETIMEDOUT);
    trace[traced++] = 't';
}

static void writer(void *arg)
{
    (void)arg;
    assert_int_equal(fiber_yield(), 0);
    trace[traced++] = 'w';
    assert_int_equal(write(ready_fds[1], "r", 1), 1);
}

static void waits_for_descriptors(void **state)
{
    (void)state;
    traced = 0;
    assert_int_equal(pipe2(ready_fds, O_NONBLOCK), 0);
    assert_int_equal(fiber_spawn(reader, NULL, "reader", NULL), 0);
    assert_int_equal(fiber_spawn(writer, NULL, "writer", NULL), 0);
    run_until_idle();
    assert_memory_equal(trace, "wrt", 3);
    close(ready_fds[0]);
    close(ready_fds[1]);
}

static int results[3];

static void sleeper(void *arg)
{
    struct fiber_wait w = FIBER_WAIT_INIT;

    (void)arg;
    results[0] = fiber_park(&w, INT64_MAX);
    results[1] = fiber_sleep(1000);
    fiber_shield(true);
    results[2] = fiber_sleep(1);
    fiber_shield(false);
}

static void canceller(void *arg)
{
    fiber_cancel(arg);
}

static void cancellation_reaches_every_wait(void **state)
{
    struct fiber *f = NULL;

    (void)state;
    assert_int_equal(fiber_spawn(sleeper, NULL, "sleeper", &f), 0);
    assert_int_equal(fiber_spawn(canceller, f, "canceller", NULL), 0);
    run_until_idle();
    assert_int_equal(results[0], -ECANCELED);
    assert_int_equal(results[1], -ECANCELED);
    assert_int_equal(results[2], 0);
}

static void nothing(void *arg)
{
    (void)arg;
}

static void spawning_is_bounded(void **state)
{
    int started = 0;

    (void)state;
    while (fiber_spawn(nothing, NULL, "nothing", NULL) == 0)
        started++;
    assert_int_equal(started, 64);
    run_until_idle();
    assert_int_equal(fiber_spawn(nothing, NULL, "nothing", NULL), 0);
    run_until_idle();
}

static void add_one(void *arg)
{
    ++*(int *)arg;
}

static int helped;

static void asks_for_help(void *arg)
{
    int n = 0;

    (void)arg;
    for (int i = 0; i < 50; i++)
        assert_int_equal(helper_run(HELPER_FILE, add_one, &n), 0);
    helped += n;
}

static void helpers_do_the_work(void **state)
{
    (void)state;
    helped = 0;
    for (int i = 0; i < 6; i++)
        assert_int_equal(fiber_spawn(asks_for_help, NULL, "asks", NULL), 0);
    run_until_idle();
    assert_int_equal(helped, 300);
}

static struct fiber_wait early = {0};
static int early_result = -1;

static void parks_late(void *arg)
{
    (void)arg;
    fiber_wake(&early);
    early_result = fiber_park(&early, INT64_MAX);
}

static void an_early_wake_is_remembered(void **state)
{
    (void)state;
    assert_int_equal(fiber_spawn(parks_late, NULL, "late", NULL), 0);
    run_until_idle();
    assert_int_equal(early_result, 0);
}

static bool rang;

static void ring(void *arg)
{
    (void)arg;
    rang = true;
}

static void yields_until_it_rings(void *arg)
{
    (void)arg;
    while (!rang)
        assert_int_equal(fiber_yield(), 0);
}

static void a_yielding_fiber_starves_nobody(void **state)
{
    struct loop_timer *t = loop_timer_new(20, 0, ring, NULL);

    (void)state;
    rang = false;
    assert_int_equal(fiber_spawn(yields_until_it_rings, NULL, "yields", NULL), 0);
    run_until_idle();
    assert_true(rang);
    loop_timer_free(t);
}

/* How a process ends that writes one byte there. */
static int signal_of_writing(char *at)
{
    int status = 0;
    pid_t pid = fork();

    if (pid == 0) {
        for (int n = 1; n < 32; n++)
            signal(n, SIG_DFL); /* neither cmocka nor a sanitizer explains it */
        *(volatile char *)at = 1;
        _exit(0);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

/* Wherever a frame of up to a mebibyte ends below a stack, the first byte written there ends the process; the stacks lie
 * side by side, and none is reached from another. */
static void overflow_reaches_no_neighbour(void **state)
{
    static const size_t below[] = {1, 4096, 65536, 300 * 1024, 700 * 1024, 1024 * 1024};
    struct stack *stacks[6];

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(stacks); i++) {
        stacks[i] = stack_take();
        assert_non_null(stacks[i]);
        assert_int_equal(signal_of_writing(stacks[i]->low), 0);
        assert_int_equal(signal_of_writing(stacks[i]->low + FIBER_STACK_SIZE - 1), 0);
    }
    for (size_t i = 0; i < ARRAY_LEN(stacks); i++)
        for (size_t n = 0; n < ARRAY_LEN(below); n++)
            assert_int_equal(signal_of_writing(stacks[i]->low - below[n]), SIGSEGV);
    for (size_t i = 0; i < ARRAY_LEN(stacks); i++)
        stack_give(stacks[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(waits_for_descriptors, setup, teardown),
        cmocka_unit_test_setup_teardown(cancellation_reaches_every_wait, setup, teardown),
        cmocka_unit_test_setup_teardown(spawning_is_bounded, setup, teardown),
        cmocka_unit_test_setup_teardown(helpers_do_the_work, setup, teardown),
        cmocka_unit_test_setup_teardown(overflow_reaches_no_neighbour, setup, teardown),
        cmocka_unit_test_setup_teardown(an_early_wake_is_remembered, setup, teardown),
        cmocka_unit_test_setup_teardown(a_yielding_fiber_starves_nobody, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
