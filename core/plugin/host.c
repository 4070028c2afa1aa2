/* Entering and leaving plugins. */
#include "plugin/host.h"

#include <errno.h>

#include "loop/fiber.h"

void host_enter(struct jx_call *j, struct call *c, const struct plugin *p, const char *hook, uint32_t unit)
{
    bool has_unit = c->tenant && unit < tree_count(c->tenant->tree);

    *j = (struct jx_call){.c = c, .plugin = p, .fault_before = c->fault};
    frame_enter(&j->frame, p, hook, c->request_id, c->tenant ? c->tenant->id : 0,
        has_unit ? tree_unit(c->tenant->tree, unit).id : UUID_NIL);
}

int host_leave(struct jx_call *j)
{
    frame_leave(&j->frame);
    if (j->unwind == 0 && fiber_self() && fiber_is_cancelled())
        return -ECANCELED;
    return j->unwind;
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
