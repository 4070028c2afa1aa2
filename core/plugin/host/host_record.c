/* Records, through the engine above (plugin/host/engine.h). */
#include <errno.h>

#include "plugin/host/cross.h"

#define LIST_MAX 1000

static const struct engine_ops *ops;

void engine_ops_set(const struct engine_ops *o)
{
    ops = o;
}

const struct engine_ops *engine_ops(void)
{
    return ops;
}

static const struct record *in(const struct jx_record *rec)
{
    return (const struct record *)rec;
}

static const char *rec_resource(const struct jx_record *rec)
{
    return ops->resource(in(rec));
}

static struct jx_id rec_id(const struct jx_record *rec)
{
    return host_id(ops->id(in(rec)));
}

static jx_unit rec_unit(const struct jx_record *rec)
{
    return ops->unit(in(rec));
}

static struct jx_text rec_get(const struct jx_record *rec, const char *field)
{
    return host_text(ops->get(in(rec), field));
}

static struct jx_text rec_get_old(const struct jx_record *rec, const char *field)
{
    return host_text(ops->get_old(in(rec), field));
}

static bool rec_is_changed(const struct jx_record *rec, const char *field)
{
    return ops->is_changed(in(rec), field);
}

static int32_t rec_set(struct jx_call *call, struct jx_record *rec, const char *field, struct jx_text value)
{
    if (call->is_read_only)
        return JX_EACCES;
    return host_error(call, ops->set(call->c, (struct record *)rec, field, host_untext(value)));
}

static void rec_hide(struct jx_record *rec, const char *field)
{
    ops->hide((struct record *)rec, field);
}

static int32_t give(struct record *rec, struct jx_record **ret, int32_t r)
{
    if (r == 0 && ret)
        *ret = (struct jx_record *)rec;
    return r;
}

static int32_t rec_read(
    struct jx_call *call, uint32_t as, const char *resource, struct jx_id id, struct jx_record **ret)
{
    struct record *rec = NULL;
    struct crossing x;
    int r = host_cross(&x, call, as, resource, (struct text){NULL, 0});

    if (r < 0)
        return r;
    return give(rec, ret, host_back(&x, call, ops->read(call->c, x.resource, host_unid(id), &rec)));
}

static int32_t rec_list(struct jx_call *call, uint32_t as, const char *resource, const char *filter,
    uint32_t limit, struct jx_record ***ret, uint32_t *ret_count)
{
    struct record **list = NULL;
    struct crossing x;
    uint32_t count = 0;
    int32_t r = host_cross(&x, call, as, resource, text_of(filter ? filter : ""));

    if (r < 0)
        return r;
    r = host_back(&x, call, ops->list(call->c, x.resource, x.text.ptr, MIN(limit, LIST_MAX), &list, &count));
    if (r == 0) {
        *ret = (struct jx_record **)list;
        *ret_count = count;
    }
    return r;
}

static int32_t rec_create(
    struct jx_call *call, uint32_t as, const char *resource, struct jx_text json, struct jx_record **ret)
{
    struct record *rec = NULL;
    struct crossing x;
    int r = host_cross_to_write(&x, call, as, resource, host_untext(json));

    if (r < 0)
        return r;
    return give(rec, ret, host_back(&x, call, ops->create(call->c, x.resource, x.text, &rec)));
}

static int32_t rec_update(struct jx_call *call, uint32_t as, const char *resource, struct jx_id id,
    struct jx_text json, struct jx_record **ret)
{
    struct record *rec = NULL;
    struct crossing x;
    int r = host_cross_to_write(&x, call, as, resource, host_untext(json));

    if (r < 0)
        return r;
    return give(rec, ret, host_back(&x, call, ops->update(call->c, x.resource, host_unid(id), x.text, &rec)));
}

static int32_t rec_transition(struct jx_call *call, uint32_t as, const char *resource, struct jx_id id,
    const char *name, struct jx_text json, struct jx_record **ret)
{
    struct record *rec = NULL;
    struct crossing x;
    const char *transition = arena_dup(call->c->arena, name);
    int r = host_cross_to_write(&x, call, as, resource, host_untext(json));

    if (r < 0)
        return r;
    return give(rec, ret,
        host_back(&x, call, ops->transition(call->c, x.resource, host_unid(id), transition, x.text, &rec)));
}

const struct jx_record_api host_record = {
    .size = sizeof(host_record),
    .resource = rec_resource,
    .id = rec_id,
    .unit = rec_unit,
    .get = rec_get,
    .get_old = rec_get_old,
    .is_changed = rec_is_changed,
    .set = rec_set,
    .hide = rec_hide,
    .read = rec_read,
    .list = rec_list,
    .create = rec_create,
    .update = rec_update,
    .transition = rec_transition,
};
