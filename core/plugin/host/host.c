/* Entering and leaving plugins. */
#include "plugin/host/host.h"

#include <errno.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/log.h"
#include "loop/fiber.h"

/* So often a plugin may ask for something after it was told to return; then it never will. */
#define REFUSALS_MAX 1000

#define CODE_MAX 100
#define POINTER_MAX 500
#define MESSAGE_MAX 2000

static int64_t time_limit_ms = 30000;

void host_set_time_limit(int64_t ms)
{
    time_limit_ms = ms;
}

void host_begin_deadline(struct call *c)
{
    c->deadline_ms = clock_mono_ms() + time_limit_ms;
}

void host_enter(struct jx_call *j, struct call *c, const struct plugin *p, const char *hook, uint32_t unit)
{
    bool has_unit = c->tenant && unit < tree_count(c->tenant->tree);

    *j = (struct jx_call){.c = c, .plugin = p, .fault_before = c->fault};
    frame_enter(&j->frame, p, hook, c->request_id, c->tenant ? c->tenant->id : 0,
        has_unit ? tree_unit(c->tenant->tree, unit).id : UUID_NIL);
}

const char *host_words(struct arena *a, const char *s, size_t max)
{
    struct buf repaired = BUF_INIT;
    struct text t = {s, s ? strnlen(s, max) : 0};
    char *copy;

    if (!s)
        return NULL;
    /* What is cut is cut between characters. */
    while (t.len > 0 && max - t.len < 3 && ((unsigned char)s[t.len] & 0xc0) == 0x80)
        t.len--;
    buf_add_repaired(&repaired, t);
    copy = arena_ndup(a, buf_str(&repaired), repaired.len);
    buf_done(&repaired);
    return copy;
}

int host_leave(struct jx_call *j, struct jx_result *result)
{
    result->code = host_words(j->c->arena, result->code, CODE_MAX);
    result->pointer = host_words(j->c->arena, result->pointer, POINTER_MAX);
    result->message_en = host_words(j->c->arena, result->message_en, MESSAGE_MAX);
    result->message_zh = host_words(j->c->arena, result->message_zh, MESSAGE_MAX);
    frame_leave(&j->frame);
    if (j->unwind == 0 && fiber_self() && fiber_is_cancelled())
        return -ECANCELED;
    return j->unwind;
}

/* It would keep the loop to itself for ever, since nothing suspends any more: the worker ends here, in the plugin's frame,
 * so that it is the plugin's crash. */
static NORETURN void give_up(const struct jx_call *j)
{
    log_event(LOG_ERROR, "plugin.does_not_return", LF_STR("plugin", j->plugin->id),
        LF_STR("hook", j->frame.call.hook), LF_INT("refusals", j->refusals));
    abort();
}

int host_go_on(struct jx_call *j)
{
    if (j->unwind == 0 && fiber_self() && fiber_is_cancelled())
        j->unwind = -ECANCELED;
    else if (j->unwind == 0 && j->c->deadline_ms && clock_mono_ms() >= j->c->deadline_ms)
        j->unwind = -ETIMEDOUT;
    if (j->unwind != 0 && ++j->refusals > REFUSALS_MAX)
        give_up(j);
    return j->unwind == -ETIMEDOUT ? JX_ECANCELED : j->unwind;
}

int host_keep_place(struct jx_call *j)
{
    int r;

    if (!j->keeps_place || j->has_savepoint)
        return 0;
    r = call_begin(j->c);
    if (r == 0)
        r = db_savepoint(j->c->tx, HOST_SAVEPOINT);
    j->has_savepoint = r == 0;
    return r;
}

void host_forgive(struct jx_call *j)
{
    j->c->fault = j->fault_before;
}

int32_t host_error(struct jx_call *j, int r)
{
    if (r == -EREMCHG || r == -ECANCELED)
        j->unwind = r;
    if (r == -EINVAL && j->c->fault.status == 404)
        return JX_ENOENT;
    if (r == -EINVAL && (j->c->fault.status == 403 || j->c->fault.status == 401))
        return JX_EACCES;
    if (r == -EINVAL && j->c->fault.status == 412)
        return JX_ESTALE;
    return r;
}

bool host_has_unit(const struct jx_call *j, jx_unit unit)
{
    return j->c->tenant && unit < tree_count(j->c->tenant->tree);
}
