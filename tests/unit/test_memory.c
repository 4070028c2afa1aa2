/* Every allocation fails once, in turn: each scenario runs again and again in a process of its own, with its n-th
 * allocation failing, until there is no n-th. What may come of it: an error and nothing lost, the right result all the
 * same, or the end the server has for it (give_up: a message and a status). Anything else is a defect.
 *
 *   test_memory SCENARIO N    runs one with its N-th allocation failing, for a debugger */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h wants those above before it */
#include <cmocka.h>

#include <errno.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "failing.h"
#include "memory_scenarios.h"

/* How a run ends; give_up's own status is its own. */
enum { END_SAME = 10, END_ERROR, END_WRONG, END_LEAK, END_PAST };

struct shared {
    uint64_t points; /* of the undisturbed run */
    struct sha256 result;
};

static struct shared *shared;
static int messages = -1; /* what the runs write to standard error */

static struct sha256 digest(const struct buf *out)
{
    return sha256_of(buf_text(out));
}

/* In a process of its own. */
static int run_failing(const struct scenario *s, uint64_t n)
{
    struct buf out = BUF_INIT;
    struct sha256 d;
    uint64_t points;
    int r;

    failing_arm(n);
    r = s->run(&out);
    points = failing_disarm();
    d = digest(&out);
    buf_done(&out);
    if (n == 0) {
        shared->points = points;
        shared->result = d;
    }
    if (r >= 0 && memcmp(&d, &shared->result, sizeof(d)) != 0)
        return END_WRONG;
    if (failing_leaks())
        return END_LEAK;
    return n > points ? END_PAST : r < 0 ? END_ERROR : END_SAME;
}

/* The exit status, or 1000 and the signal. */
static int end_of(const struct scenario *s, uint64_t n)
{
    static const int fatal[] = {SIGABRT, SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGSYS};
    pid_t pid;
    int status;

    assert_int_equal(ftruncate(messages, 0), 0);
    assert_int_equal(lseek(messages, 0, SEEK_SET), 0);
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        dup2(messages, STDERR_FILENO);
        for (size_t i = 0; i < ARRAY_LEN(fatal); i++)
            signal(fatal[i], SIG_DFL); /* cmocka goes on with the next test after these */
        alarm(60);
        _exit(run_failing(s, n));
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

static bool said(const char *words)
{
    char text[16384];
    ssize_t n = pread(messages, text, sizeof(text) - 1, 0);

    text[n > 0 ? n : 0] = '\0';
    return strstr(text, words) != NULL;
}

static void tell(const struct scenario *s, uint64_t n, const char *what, int end)
{
    char text[4000];
    ssize_t len = pread(messages, text, sizeof(text) - 1, 0);

    text[len > 0 ? len : 0] = '\0';
    print_error("%s, allocation %llu of %llu: %s (%d)\n%s\n", s->name, (unsigned long long)n,
        (unsigned long long)shared->points, what, end, text);
}

static uint64_t step_of(const struct scenario *s)
{
    bool all = s->which == EACH || (s->which == EACH_WHEN_PLAIN && !failing_can_tell_leaks());

    return all || getenv("JUXIN_MEMORY_ALL") ? 1 : 17;
}

static void sweep(const struct scenario *s)
{
    uint32_t errors = 0, same = 0, given_up = 0, bad = 0;
    uint64_t step = step_of(s), n = 1 + (uint64_t)getpid() % step;
    int64_t began = clock_mono_ms();
    int end = end_of(s, 0);

    if (end != END_PAST && end != END_SAME) {
        tell(s, 0, "it does not run at all", end);
        fail();
    }
    assert_true(shared->points > 0);
    for (;; n += step) {
        end = end_of(s, n);
        if (end == END_PAST)
            break;
        errors += end == END_ERROR;
        same += end == END_SAME;
        given_up += end == GIVE_UP_STATUS;
        if (end == END_ERROR || end == END_SAME || (end == GIVE_UP_STATUS && said("process.gives_up")))
            continue;
        if (bad++ < 5)
            tell(s, n,
                end == END_WRONG  ? "a wrong result"
                : end == END_LEAK ? "a leak"
                                  : "no clean end",
                end);
        if (bad == 50)
            break;
    }
    print_message("  %-13s %4llu of %4llu allocations: %u errors, %u without effect, %u given up; %lld ms\n",
        s->name, (unsigned long long)errors + same + given_up + bad, (unsigned long long)shared->points,
        errors, same, given_up, (long long)(clock_mono_ms() - began));
    if (bad)
        fail_msg("%s: %u ended badly", s->name, bad);
}

static void test_scenario(void **state)
{
    sweep(*state);
}

/* The harness itself: a lost block, a wrong result and a crash are told from each other. */
static void __attribute__((noinline)) forget(void)
{
    for (int i = 0; i < 32; i++) { /* one may be left in a register */
        volatile char *p = malloc(100);

        if (p)
            *p = 1;
    }
}

static int lose(struct buf *out)
{
    forget();
    buf_adds(out, "x");
    return 0;
}

static int lie(struct buf *out)
{
    char *p = malloc(10);

    buf_adds(out, p ? "right" : "wrong");
    free(p);
    return 0;
}

static int crash(struct buf *out)
{
    volatile char *p = malloc(10);

    *p = 1;
    free((void *)p);
    buf_adds(out, "x");
    return 0;
}

static void test_harness(void **state)
{
    struct scenario bad[] = {{"lose", lose, EACH}, {"lie", lie, EACH}, {"crash", crash, EACH}};
    int end;

    (void)state;
    assert_int_equal(end_of(&bad[0], 0), failing_can_tell_leaks() ? END_LEAK : END_SAME);
    assert_int_equal(end_of(&bad[1], 0), END_SAME);
    assert_int_equal(end_of(&bad[1], 1), END_WRONG);
    assert_int_equal(end_of(&bad[2], 0), END_SAME);
    end = end_of(&bad[2], 1);
    assert_true((end < END_SAME || end > END_PAST) && end != GIVE_UP_STATUS);
    assert_int_equal(end_of(&bad[2], 100), END_PAST);
}

int main(int argc, char **argv)
{
    struct CMUnitTest tests[SCENARIOS_MAX + 1] = {cmocka_unit_test(test_harness)};
    size_t count = 1;

    shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    messages = memfd_create("messages", MFD_CLOEXEC);
    if (shared == MAP_FAILED || messages < 0 || scenarios_begin() < 0)
        return 1;
    for (const struct scenario *s = scenarios; s->name; s++) {
        if (argc == 3 && strcmp(s->name, argv[1]) == 0)
            return run_failing(s, strtoull(argv[2], NULL, 10));
        tests[count++] = (struct CMUnitTest){
            .name = s->name, .test_func = test_scenario, .initial_state = (void *)(uintptr_t)s};
    }
    count = argc == 1 ? (size_t)_cmocka_run_group_tests("memory", tests, count, NULL, NULL) : 2;
    scenarios_end();
    return (int)count;
}
