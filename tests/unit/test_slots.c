/* Shared memory of the server: slots, counters that survive their worker, the crash marker, flood limits. */
#include <errno.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "loop/slots.h"

static struct slots *slots;
static int fd;

static int make(void **state)
{
    return slots_create(&fd, &slots);
}

static int unmake(void **state)
{
    slots_detach(slots);
    close(fd);
    return 0;
}

static void taking_and_giving_back(void **state)
{
    struct slot *all[SLOTS_MAX], *again;

    for (uint32_t i = 0; i < SLOTS_MAX; i++) {
        all[i] = slots_take(slots, i, 7);
        assert_non_null(all[i]);
        assert_int_equal(all[i]->index, i);
        assert_int_equal(all[i]->generation, 7);
        assert_int_equal(all[i]->state, SLOT_STARTING);
    }
    assert_null(slots_take(slots, 0, 7));
    assert_int_equal(slots_in_state(slots, SLOT_STARTING), SLOTS_MAX);
    slots_give_back(slots, all[3]);
    again = slots_take(slots, 99, 8);
    assert_ptr_equal(again, all[3]);
    assert_int_equal(again->index, 99);
    for (uint32_t i = 0; i < SLOTS_MAX; i++)
        slots_give_back(slots, all[i]);
    assert_int_equal(slots_in_state(slots, SLOT_FREE), SLOTS_MAX);
}

/* What a dead worker counted stays counted; what it was at (gauges) does not. */
static void counters_survive(void **state)
{
    struct slot *a = slots_take(slots, 0, 1), *b = slots_take(slots, 1, 1);

    slot_set_self(a);
    slot_metric_add(METRIC_REQUESTS, 5);
    slot_metric_set(METRIC_CONNECTIONS, 3);
    slot_set_self(b);
    slot_metric_set(METRIC_REQUESTS, 7);
    slot_metric_set(METRIC_CONNECTIONS, 1);
    assert_int_equal(slots_sum(slots, METRIC_REQUESTS), 12);
    assert_int_equal(slots_sum(slots, METRIC_CONNECTIONS), 4);
    slots_give_back(slots, a);
    assert_int_equal(slots_sum(slots, METRIC_REQUESTS), 12);
    assert_int_equal(slots_sum(slots, METRIC_CONNECTIONS), 1);
    slots_give_back(slots, b);
    slot_set_self(NULL);
}

static void attaching(void **state)
{
    struct slots *other;

    assert_int_equal(slots_attach(fd, &other), 0);
    assert_memory_equal(other->ticket_keys, slots->ticket_keys, SLOTS_TICKET_KEYS);
    slots_detach(other);
    slots->layout++;
    assert_int_equal(slots_attach(fd, &other), -EINVAL);
    slots->layout--;
    assert_int_equal(ftruncate(fd, sizeof(*slots) + 1), 0);
    assert_int_equal(slots_attach(fd, &other), -EINVAL);
    assert_int_equal(ftruncate(fd, sizeof(*slots)), 0);
}

/* A process that dies inside a plugin leaves what it was in. */
static void marker_outlives_the_process(void **state)
{
    struct slot *s = slots_take(slots, 0, 1);
    struct slot_call call = {.plugin = "suggestions", .hook = "validate", .request_id = "r-1", .tenant = 4},
                     seen;
    uint32_t sequence;
    int status;
    pid_t pid = fork();

    if (pid == 0) {
        slot_set_self(s);
        slot_begin(&call);
        slot_enter(NULL);
        slot_begin(&call);
        _exit(0);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(slot_read(s, &seen, &sequence));
    assert_string_equal(seen.plugin, "suggestions");
    assert_string_equal(seen.hook, "validate");
    assert_string_equal(seen.request_id, "r-1");
    assert_int_equal(seen.tenant, 4);
    assert_int_equal(s->history_at, 2);
    assert_int_equal(slots_sum(slots, METRIC_PLUGIN_CALLS), 2);
    s->sequence = 5; /* died while writing */
    assert_false(slot_read(s, &seen, &sequence));
    slots_give_back(slots, s);
}

/* A reader never sees half of one call and half of another. */
static void marker_is_never_torn(void **state)
{
    struct slot *s = slots_take(slots, 0, 1);
    struct slot_call seen;
    uint32_t sequence, last = 0, copies = 0;
    pid_t pid = fork();
    int status;

    if (pid == 0) {
        struct slot_call calls[2] = {{.plugin = "aaaa", .hook = "aaaa"}, {.plugin = "bbbb", .hook = "bbbb"}};

        prctl(PR_SET_PDEATHSIG, SIGKILL); /* also where the reader fails */
        slot_set_self(s);
        for (int i = 0;; i++) {
            slot_enter(&calls[i % 2]);
            if (i % 256 == 0) /* or the reader hardly ever finds a moment between two */
                sched_yield();
        }
    }
    while (copies < 500) { /* of different calls, however the two processes get their turns */
        if (!slot_read(s, &seen, &sequence) || sequence == last)
            continue;
        assert_string_equal(seen.plugin, seen.hook);
        last = sequence;
        copies++;
    }
    kill(pid, SIGKILL);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    slots_give_back(slots, s);
}

static void flood_limits(void **state)
{
    struct flood *f = &slots->flood;

    for (int i = 0; i < 5; i++)
        assert_true(flood_allow(f, "login", "192.0.2.1", 5, 1000, 10000));
    assert_false(flood_allow(f, "login", "192.0.2.1", 5, 1000, 10999));
    assert_true(flood_allow(f, "login", "192.0.2.2", 5, 1000, 10999));
    assert_true(flood_allow(f, "import", "192.0.2.1", 5, 1000, 10999));
    assert_true(flood_allow(f, "login", "192.0.2.1", 5, 1000, 11000));
    /* More addresses than cells: old ones are forgotten, none is refused wrongly at its first event. */
    for (int i = 0; i < 3 * FLOOD_CELLS; i++) {
        char address[32];

        snprintf(address, sizeof(address), "198.51.100.%d", i);
        assert_true(flood_allow(f, "login", address, 1000, 1000, 20000 + i));
    }
}

/* More than half of what a worker grew by, or nobody. */
static void growth_is_put_down_to_who_caused_it(void **state)
{
    struct slot *a = slots_take(slots, 0, 1);
    int64_t bytes = 0;

    slot_set_self(a);
    slot_growth_begin(1000);
    assert_null(slot_growth_most(a, 1000, &bytes));
    slot_growth_add("one", 600);
    slot_growth_add("two", 300);
    slot_growth_add("one", 200);
    assert_string_equal(slot_growth_most(a, 2200, &bytes), "one");
    assert_int_equal(bytes, 800);
    assert_null(slot_growth_most(a, 5000, &bytes)); /* the most of it came from elsewhere */
    slot_growth_add("one", -700);                   /* given back */
    assert_null(slot_growth_most(a, 2200, &bytes));
    slot_growth_begin(2200);
    for (int i = 0; i < SLOT_GROWTHS + 5; i++) {
        char name[8];

        snprintf(name, sizeof(name), "p%d", i);
        slot_growth_add(name, 10);
    }
    assert_null(slot_growth_most(a, 2400, &bytes));
    slot_growth_add("p3", 1000);
    assert_string_equal(slot_growth_most(a, 3400, &bytes), "p3");
    memset(
        a->growth[3].plugin, 'x', sizeof(a->growth[3].plugin)); /* what a worker wrote is not to be trusted */
    assert_int_equal(strlen(slot_growth_most(a, 3400, &bytes)), sizeof(a->growth[3].plugin) - 1);
    slot_set_self(NULL);
    slots_give_back(slots, a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(taking_and_giving_back),
        cmocka_unit_test(counters_survive),
        cmocka_unit_test(attaching),
        cmocka_unit_test(marker_outlives_the_process),
        cmocka_unit_test(marker_is_never_torn),
        cmocka_unit_test(growth_is_put_down_to_who_caused_it),
        cmocka_unit_test(flood_limits),
    };

    return cmocka_run_group_tests(tests, make, unmake);
}
