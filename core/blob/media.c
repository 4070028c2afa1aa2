/* Running juxin-media. */
#include "blob/media.h"

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "loop/fiber.h"
#include "loop/helper.h"

#define RUNNING_MAX 2 /* side by side, in a worker */
#define WAITING_MAX 64
#define ANSWER_MS 10000
#define CHUNK 65536

static char *program;
static uint32_t running, waiting;
static struct turn {
    struct turn *next;
    struct fiber_wait wait;
    bool has_come;
} * first_turn, **last_turn = &first_turn;

void media_set_program(const char *path)
{
    free(program);
    program = str_dup(path);
}

/* ---- whose turn it is ---- */

static void give_turn(void)
{
    struct turn *t = first_turn;

    if (!t) {
        running--;
        return;
    }
    first_turn = t->next;
    if (!first_turn)
        last_turn = &first_turn;
    t->has_come = true;
    fiber_wake(&t->wait);
}

static void leave_queue(struct turn *t)
{
    for (struct turn **at = &first_turn; *at; at = &(*at)->next) {
        if (*at != t)
            continue;
        *at = t->next;
        if (!*at)
            last_turn = at;
        return;
    }
}

static int take_turn(int64_t deadline_ms)
{
    struct turn t = {0};
    int r = 0;

    if (running < RUNNING_MAX) {
        running++;
        return 0;
    }
    if (waiting >= WAITING_MAX)
        return -EBUSY;
    *last_turn = &t;
    last_turn = &t.next;
    waiting++;
    while (r == 0 && !t.has_come)
        r = fiber_park(&t.wait, deadline_ms);
    waiting--;
    if (r < 0 && t.has_come)
        give_turn();
    else if (r < 0)
        leave_queue(&t);
    return r == -ETIMEDOUT ? -EBUSY : r;
}

/* ---- the process ---- */

struct child {
    const char *const *argv;
    int in, out[2]; /* the pipe it answers through */
    pid_t pid;
    int pid_fd;
    int result;
};

/* The sanitizers' own settings, for builds with them; nothing else of our environment is its business. */
static void pick_environment(char *out[4])
{
    static const char *const names[] = {"ASAN_OPTIONS", "UBSAN_OPTIONS", "LSAN_OPTIONS"};
    size_t n = 0;

    for (char **e = environ; *e; e++)
        for (size_t i = 0; i < ARRAY_LEN(names); i++)
            if (strncmp(*e, names[i], strlen(names[i])) == 0 && (*e)[strlen(names[i])] == '=' && n < 3)
                out[n++] = *e;
    out[n] = NULL;
}

static void do_spawn(void *arg)
{
    struct child *c = arg;
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    char *environment[4];
    sigset_t none, defaults;

    sigemptyset(&none);
    sigfillset(&defaults);
    pick_environment(environment);
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, c->in, STDIN_FILENO);
    posix_spawn_file_actions_adddup2(&actions, c->out[1], STDOUT_FILENO);
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setsigdefault(&attributes, &defaults);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    c->result =
        -posix_spawn(&c->pid, program, &actions, &attributes, (char **)(uintptr_t)c->argv, environment);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    if (c->result < 0)
        return;
    c->pid_fd = pidfd_open(c->pid, 0);
    if (c->pid_fd < 0)
        c->result = -errno;
}

/* All of it, up to `max` bytes. */
static int read_answer(struct child *c, struct buf *out, size_t max, int64_t deadline_ms)
{
    for (;;) {
        ssize_t n;
        int r = fiber_wait_fd(c->out[0], EV_READ, deadline_ms);

        if (r < 0)
            return r;
        buf_reserve(out, MIN(max + 1 - out->len, (size_t)CHUNK));
        n = read(c->out[0], out->data + out->len, MIN(max + 1 - out->len, (size_t)CHUNK));
        if (n == 0)
            return 0;
        if (n < 0 && errno != EAGAIN && errno != EINTR)
            return -errno;
        if (n > 0) {
            out->len += (size_t)n;
            out->data[out->len] = '\0'; /* as a buffer's bytes always are; there is room for it */
        }
        if (out->len > max)
            return -EFBIG;
    }
}

/* It is gone afterwards, whatever it was doing. */
static int reap(struct child *c, int result, int64_t deadline_ms)
{
    int status = 0;

    if (result == 0) {
        result = fiber_wait_fd(c->pid_fd, EV_READ, deadline_ms);
        result = MIN(result, 0);
    }
    if (result < 0) {
        (void)kill(c->pid, SIGKILL);
        fiber_shield(true);
        if (fiber_wait_fd(c->pid_fd, EV_READ, INT64_MAX) < 0)
            result = -EIO;
        fiber_shield(false);
    }
    while (waitpid(c->pid, &status, 0) < 0 && errno == EINTR)
        ;
    if (result == 0 && !(WIFEXITED(status) && WEXITSTATUS(status) == 0))
        result = WIFEXITED(status) && WEXITSTATUS(status) == 127 ? -EIO : -EILSEQ;
    return result;
}

static int ask(const char *const *argv, int fd, struct buf *out, size_t max)
{
    struct child c = {.argv = argv, .in = fd, .out = {-1, -1}, .pid = -1, .pid_fd = -1};
    int64_t deadline_ms = clock_mono_ms() + ANSWER_MS;
    int r = program ? take_turn(deadline_ms) : -ENOENT;

    if (r < 0)
        return r;
    if (pipe2(c.out, O_CLOEXEC) < 0 || fcntl(c.out[0], F_SETFL, O_NONBLOCK) < 0)
        r = -errno;
    if (r == 0)
        r = helper_run(HELPER_FILE, do_spawn, &c);
    if (r == 0)
        r = c.result;
    if (c.out[1] >= 0)
        close(c.out[1]);
    if (r == 0)
        r = read_answer(&c, out, max, deadline_ms);
    if (c.pid > 0 && c.pid_fd >= 0)
        r = reap(&c, r, deadline_ms);
    else if (c.pid > 0) {
        (void)kill(c.pid, SIGKILL);
        (void)waitpid(c.pid, NULL, 0);
    }
    if (c.pid_fd >= 0)
        close(c.pid_fd);
    if (c.out[0] >= 0)
        close(c.out[0]);
    give_turn();
    return r;
}

int media_type(int fd, char ret_type[MEDIA_TYPE_MAX])
{
    static const char *const argv[] = {"juxin-media", "type", NULL};
    CLEANUP(buf_done) struct buf out = BUF_INIT;
    int r = ask(argv, fd, &out, MEDIA_TYPE_MAX - 1);

    if (r == 0)
        snprintf(ret_type, MEDIA_TYPE_MAX, "%s", buf_str(&out));
    return r == -EFBIG ? -EILSEQ : r;
}

static const struct {
    const char *type, *kind;
} pictures[] = {{"image/jpeg", "jpeg"}, {"image/png", "png"}};

static const char *kind_of(const char *type)
{
    for (size_t i = 0; i < ARRAY_LEN(pictures); i++)
        if (strcmp(pictures[i].type, type) == 0)
            return pictures[i].kind;
    return NULL;
}

bool media_can_shrink(const char *type)
{
    return kind_of(type) != NULL;
}

int media_shrink(int fd, const char *type, struct buf *out)
{
    const char *const argv[] = {"juxin-media", "thumbnail", kind_of(type), NULL};
    int r = ask(argv, fd, out, THUMBNAIL_MAX);

    return r == 0 && out->len == 0 ? -EILSEQ : r;
}
