/* Opening streams. */
#include <errno.h>

#include "api/hub_parts.h"
#include "base/clock.h"
#include "base/digest.h"
#include "base/mem.h"
#include "loop/fiber.h"

static void gone(void *arg)
{
    hub_remove(arg);
}

static int begin(void)
{
    int r = 0;

    if (!hub.dispatch)
        r = db_open(&hub.config.dispatch, &hub.dispatch);
    if (r == 0 && !hub.fiber)
        r = fiber_spawn_system(hub_follow, NULL, "events", &hub.fiber);
    return r;
}

int hub_listen(const struct hub_listener *l, void **ret_arg)
{
    struct hub_channel *ch;
    struct hub_stream *s;
    uint32_t own = 0;

    if (hub.is_stopping || hub.count >= hub.config.streams_max || !hub.config.dispatch.conninfo)
        return -EBUSY;
    ch = hub_channel(l->tenant);
    for (s = ch->first; s; s = s->next)
        own += uuid_eq(s->l.account, l->account);
    if (own >= HUB_ACCOUNT_STREAMS_MAX)
        return -EDQUOT;
    s = mem_zalloc(sizeof(*s));
    s->l = *l;
    hub_add(ch, s);
    *ret_arg = s;
    return 0;
}

/* Where it begins, so that a client that is cut off before its first event knows where to go on; and when to come back,
 * so that those of a server that went away do so spread over a few seconds. */
static int greet(struct hub_stream *s)
{
    struct buf b CLEANUP(buf_done) = BUF_INIT;
    uint16_t jitter;

    random_bytes(&jitter, sizeof(jitter));
    buf_addf(&b, "retry: %u\nid: %lld\n\n", 1000u + jitter % 4000u, (long long)s->l.after);
    if (s->l.is_lost)
        buf_addf(&b, HUB_RESET, (long long)s->l.after);
    s->told = s->l.after;
    s->sent_ms = clock_mono_ms();
    return push_write(s->push, buf_text(&b));
}

void hub_open(struct push *p, void *arg)
{
    struct hub_stream *s = arg;

    if (!p) { /* it never came to that */
        hub_remove(s);
        return;
    }
    s->push = p;
    push_on_gone(p, gone, s);
    if (greet(s) < 0) {
        hub_remove(s);
        return;
    }
    if (hub.is_stopping || begin() < 0) {
        push_end(p);
        hub_remove(s);
    }
}
