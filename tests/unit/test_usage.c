/* What a process takes of the machine: running, waiting for a processor and sleeping are told apart; memory is seen. */
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "loop/usage.h"

#define MS INT64_C(1000000)

static int64_t now_ns(void)
{
    return clock_mono_us() * 1000;
}

static void spin(int64_t ms)
{
    int64_t end = clock_mono_ms() + ms;

    while (clock_mono_ms() < end)
        ;
}

/* From `before` until now. */
static int64_t blocked_since(const struct usage *before, int64_t began_ns, struct usage *ret)
{
    usage_read(getpid(), ret);
    return usage_blocked_ns(before, ret, now_ns() - began_ns);
}

static void sleeping_is_blocked(void **state)
{
    struct usage before, after;
    int64_t began = now_ns(), blocked;

    (void)state;
    usage_read(getpid(), &before);
    usleep(300000);
    blocked = blocked_since(&before, began, &after);
    assert_true(blocked > 200 * MS);
    assert_true(after.ran_ns - before.ran_ns < 100 * MS);
}

static pid_t start_hog(void)
{
    pid_t pid = fork();

    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        for (;;)
            ;
    }
    return pid;
}

/* On one processor with three others that want it: most of the time is spent waiting, none of it blocked. */
static void starving_is_not(void **state)
{
    cpu_set_t all, one;
    struct usage before, after;
    pid_t hogs[3];
    int64_t began, blocked;

    (void)state;
    assert_int_equal(sched_getaffinity(0, sizeof(all), &all), 0);
    CPU_ZERO(&one);
    for (int cpu = 0; cpu < CPU_SETSIZE && CPU_COUNT(&one) == 0; cpu++)
        if (CPU_ISSET(cpu, &all))
            CPU_SET(cpu, &one);
    assert_int_equal(sched_setaffinity(0, sizeof(one), &one), 0);
    for (int i = 0; i < 3; i++)
        hogs[i] = start_hog();
    began = now_ns();
    usage_read(getpid(), &before);
    spin(1000);
    blocked = blocked_since(&before, began, &after);
    for (int i = 0; i < 3; i++) {
        kill(hogs[i], SIGKILL);
        waitpid(hogs[i], NULL, 0);
    }
    sched_setaffinity(0, sizeof(all), &all);
    print_message("ran %lld ms, queued %lld ms, blocked %lld ms\n",
        (long long)((after.ran_ns - before.ran_ns) / MS),
        (long long)((after.queued_ns - before.queued_ns) / MS), (long long)(blocked / MS));
    assert_true(after.queued_ns - before.queued_ns > 200 * MS);
    assert_true(blocked < 200 * MS);
}

static void blocked_is_what_remains(void **state)
{
    static const struct {
        struct usage before, after;
        int64_t wall_ns, blocked_ns;
    } cases[] = {
        {{100, 10, 0}, {100, 10, 0}, 5000, 5000},
        {{100, 10, 0}, {1100, 10, 0}, 5000, 4000},
        {{100, 10, 0}, {100, 4010, 0}, 5000, 1000},
        {{100, 10, 0}, {2100, 2010, 0}, 5000, 1000},
        {{100, 10, 0}, {5100, 3010, 0}, 5000, 0}, /* the clocks are not read at one moment */
        {{-1, 0, 0}, {-1, 0, 0}, 5000, 5000},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_int_equal(
            usage_blocked_ns(&cases[i].before, &cases[i].after, cases[i].wall_ns), cases[i].blocked_ns);
}

static void memory_is_seen(void **state)
{
    const size_t size = 64u << 20;
    int64_t before = usage_resident(getpid()), after;
    char *memory = malloc(size);

    (void)state;
    assert_non_null(memory);
    memset(memory, 1, size);
    after = usage_resident(getpid());
    assert_true(before > 0);
    assert_true(after - before > (int64_t)size * 9 / 10);
    free(memory);
    assert_int_equal(usage_resident(-1), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sleeping_is_blocked),
        cmocka_unit_test(starving_is_not),
        cmocka_unit_test(blocked_is_what_remains),
        cmocka_unit_test(memory_is_seen),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
