/* To the engine and back. */
#include "plugin/host/cross.h"

#include <errno.h>

int host_cross(struct crossing *x, struct jx_call *call, uint32_t as, const char *resource, struct text text)
{
    int r = host_go_on(call);

    if (r < 0)
        return r;
    x->resource = arena_dup(call->c->arena, resource);
    x->text = (struct text){text.ptr ? arena_ndup(call->c->arena, text.ptr, text.len) : NULL, text.len};
    x->who = call->c->who;
    x->frame = frame_pause();
    if (as != JX_AS_PLUGIN)
        return 0;
    x->plugin = (struct subject){.kind = SUBJECT_PLUGIN, .plugin = call->plugin->id};
    call->c->who = &x->plugin;
    return 0;
}

int32_t host_back(struct crossing *x, struct jx_call *call, int r)
{
    call->c->who = x->who;
    frame_resume(x->frame);
    return host_error(call, r);
}

int host_cross_to_write(
    struct crossing *x, struct jx_call *call, uint32_t as, const char *resource, struct text json)
{
    int r = call->is_read_only ? JX_EACCES : host_cross(x, call, as, resource, json);

    if (r < 0)
        return r;
    r = host_keep_place(call);
    return r < 0 ? host_back(x, call, r) : 0;
}
