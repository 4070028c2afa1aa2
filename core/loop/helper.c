/* Helper threads. A job is its owner's memory; a thread takes it from its queue, runs it, and hands it back through an
 * eventfd that the loop watches. */
#include "loop/helper.h"

#include <errno.h>
#include <event2/event.h>
#include <pthread.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/mem.h"
#include "loop/fiber.h"
#include "loop/loop.h"

struct queue {
    struct helper_job *head, **tail;
    uint32_t waiting, max;
    pthread_t *threads;
    uint32_t thread_count;
    pthread_cond_t more;
    bool low_priority;
    void (*enter)(void);
    void (*leave)(void);
};

static struct {
    pthread_mutex_t lock;
    struct queue queues[HELPER_QUEUES];
    struct helper_job *finished;
    bool stopping;
    int notify;
    struct event *event;
} pool = {.lock = PTHREAD_MUTEX_INITIALIZER, .notify = -1};

static void *helper_main(void *arg)
{
    struct queue *q = arg;
    sigset_t all;

    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, NULL);
    if (q->low_priority)
        setpriority(PRIO_PROCESS, (id_t)syscall(SYS_gettid), 10);
    pthread_mutex_lock(&pool.lock);
    for (;;) {
        struct helper_job *job = q->head;
        uint64_t one = 1;

        if (!job) {
            if (pool.stopping)
                break;
            pthread_cond_wait(&q->more, &pool.lock);
            continue;
        }
        q->head = job->next;
        if (!q->head)
            q->tail = &q->head;
        q->waiting--;
        pthread_mutex_unlock(&pool.lock);
        if (q->enter)
            q->enter();
        job->fn(job->arg);
        if (q->leave)
            q->leave();
        pthread_mutex_lock(&pool.lock);
        job->next = pool.finished;
        pool.finished = job;
        if (write(pool.notify, &one, sizeof(one)) < 0 && errno != EAGAIN)
            abort();
    }
    pthread_mutex_unlock(&pool.lock);
    return NULL;
}

static void collect(evutil_socket_t fd, short what, void *arg)
{
    struct helper_job *list;
    uint64_t n;

    (void)what, (void)arg;
    if (read(fd, &n, sizeof(n)) < 0 && errno != EAGAIN)
        return;
    pthread_mutex_lock(&pool.lock);
    list = pool.finished;
    pool.finished = NULL;
    pthread_mutex_unlock(&pool.lock);
    while (list) {
        struct helper_job *job = list;

        list = job->next;
        job->done(job->arg);
    }
}

int helper_init(struct helper_limits limits)
{
    pool.stopping = false;
    pool.notify = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (pool.notify < 0)
        return -errno;
    pool.event = event_new(loop_base(), pool.notify, EV_READ | EV_PERSIST, collect, NULL);
    if (!pool.event || event_add(pool.event, NULL) < 0)
        return -ENOMEM;
    for (int i = 0; i < HELPER_QUEUES; i++) {
        struct queue *q = &pool.queues[i];

        *q = (struct queue){.max = limits.waiting[i],
            .low_priority = i == HELPER_HASH,
            .enter = limits.enter[i],
            .leave = limits.leave[i]};
        q->tail = &q->head;
        q->threads = mem_zarray(limits.threads[i], sizeof(*q->threads));
        pthread_cond_init(&q->more, NULL);
        for (; q->thread_count < limits.threads[i]; q->thread_count++) {
            int r = pthread_create(&q->threads[q->thread_count], NULL, helper_main, q);

            if (r) {
                helper_done();
                return -r;
            }
        }
    }
    return 0;
}

void helper_done(void)
{
    pthread_mutex_lock(&pool.lock);
    pool.stopping = true;
    for (int i = 0; i < HELPER_QUEUES; i++)
        if (pool.queues[i].threads)
            pthread_cond_broadcast(&pool.queues[i].more);
    pthread_mutex_unlock(&pool.lock);
    for (int i = 0; i < HELPER_QUEUES; i++) {
        struct queue *q = &pool.queues[i];

        for (uint32_t t = 0; t < q->thread_count; t++)
            pthread_join(q->threads[t], NULL);
        free(q->threads);
        *q = (struct queue){0};
    }
    if (pool.event)
        event_free(pool.event);
    if (pool.notify >= 0)
        close(pool.notify);
    pool.event = NULL;
    pool.notify = -1;
}

int helper_start(enum helper_queue queue, struct helper_job *job)
{
    struct queue *q = &pool.queues[queue];

    job->next = NULL;
    pthread_mutex_lock(&pool.lock);
    if (q->waiting >= q->max) {
        pthread_mutex_unlock(&pool.lock);
        return -EBUSY;
    }
    *q->tail = job;
    q->tail = &job->next;
    q->waiting++;
    pthread_cond_signal(&q->more);
    pthread_mutex_unlock(&pool.lock);
    return 0;
}

struct run {
    void (*fn)(void *arg);
    void *arg;
    struct fiber_wait wait;
    bool finished;
};

static void run_it(void *arg)
{
    struct run *run = arg;

    run->fn(run->arg);
}

static void run_is_done(void *arg)
{
    struct run *run = arg;

    run->finished = true;
    fiber_wake(&run->wait);
}

int helper_run(enum helper_queue queue, void (*fn)(void *arg), void *arg)
{
    struct run run = {.fn = fn, .arg = arg};
    struct helper_job job = {.fn = run_it, .done = run_is_done, .arg = &run};
    int r = helper_start(queue, &job);

    if (r < 0)
        return r;
    fiber_shield(true);
    while (!run.finished)
        r = fiber_park(&run.wait, INT64_MAX);
    fiber_shield(false);
    return r;
}
