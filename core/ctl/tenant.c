/* A command's call in a tenant. */
#include <errno.h>

#include "base/clock.h"
#include "base/uuid.h"
#include "ctl/ctl.h"
#include "db/audit.h"

#define ATTEMPTS 8 /* against a tenant that keeps changing under us */

static int run_once(
    struct ctl *c, struct call *call, int (*fn)(struct ctl *c, struct call *call, void *arg), void *arg)
{
    int r = fn(c, call, arg);

    return r == 0 && call->tx ? call_commit(call) : r;
}

int ctl_in_tenant(struct ctl *c, const char *slug, int (*fn)(struct ctl *c, struct call *call, void *arg),
    void *arg, const char *what)
{
    struct tenant *t;
    struct call call;
    int r = tenant_get(c->db, text_of(slug), &t), code;

    if (r == -ENOENT)
        return ctl_fail(
            c, CTL_NOT_FOUND, "there is no tenant \"%s\"; `juxinctl tenant list` shows all", slug);
    if (r < 0)
        return ctl_fail_errno(c, r, what);
    call_init(&call, c->db, c->arena);
    call_use(&call, t);
    call.who = &c->who;
    call.now_us = clock_wall_us();
    call.request_id = arena_dup(c->arena, uuid_format(uuid_new()).s);
    for (int i = 0; i < ATTEMPTS; i++) {
        struct tenant *fresh;

        r = run_once(c, &call, fn, arg);
        if (r != -EREMCHG)
            break;
        call_rollback(&call);
        r = tenant_refresh(c->db, t->id, call.seen_epoch, &fresh);
        if (r < 0)
            break;
        tenant_unref(t);
        t = fresh;
        call_again(&call, t, &c->who);
    }
    code = r == 0 ? CTL_OK : ctl_fail_call(c, &call, r, what);
    call_done(&call);
    tenant_unref(t);
    return code;
}

int ctl_audit(
    struct ctl *c, struct db_tx *tx, const char *action, const char *object_kind, const char *fields)
{
    struct uuid_text request = uuid_format(uuid_new());
    struct audit_entry e = {.action = action,
        .object_kind = object_kind,
        .fields = fields,
        .actor_kind = subject_kind_name(c->who.kind),
        .actor = c->who.account,
        .request_id = request.s};

    return audit_add(tx, &e);
}
