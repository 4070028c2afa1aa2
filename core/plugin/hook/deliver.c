/* Delivering one outbox row. */
#include "plugin/hook/deliver.h"

#include <errno.h>

#include "access/call.h"
#include "plugin/hook/hook.h"

#define ATTEMPTS 4 /* against a tenant that keeps changing; then the outbox's own retry */

static int deliver_in(struct call *c, const struct outbox_row *row)
{
    int r = hook_deliver(c, row->plugin, row->payload);

    return r == 0 && c->tx ? call_commit(c) : r;
}

int plugin_deliver(void *arg, const struct outbox_row *row)
{
    static const struct subject system = {.kind = SUBJECT_SYSTEM};
    struct arena *arena;
    struct tenant *t;
    struct call c;
    int r = tenant_get_by_id(arg, row->tenant, &t);

    if (r < 0)
        return r == -ENOENT ? r : -EAGAIN;
    arena = arena_new();
    call_init(&c, arg, arena);
    call_use(&c, t);
    c.who = &system;
    c.request_id = arena_dup(arena, uuid_format(row->id).s);
    for (int i = 0; i < ATTEMPTS; i++) {
        struct tenant *fresh;

        r = deliver_in(&c, row);
        if (r != -EREMCHG)
            break;
        call_rollback(&c);
        if (tenant_refresh(arg, t->id, c.seen_epoch, &fresh) < 0)
            break;
        tenant_unref(t);
        t = fresh;
        call_again(&c, t, &system);
    }
    call_done(&c);
    arena_free(arena);
    tenant_unref(t);
    return r == -EREMCHG ? -EAGAIN : r;
}
