/* Bulk transitions: a savepoint around each. */
#include "resource/flow/bulk.h"

#include <errno.h>

#include "resource/flow/merge.h"

static int by_id(const void *a, const void *b)
{
    const struct bulk_item *const *x = a, *const *y = b;

    return memcmp(&(*x)->id, &(*y)->id, sizeof((*x)->id));
}

static int take_one(
    struct call *c, const struct resource *res, const char *name, json_t *values, struct bulk_item *item)
{
    struct record *rec;
    int r = db_savepoint(c->tx, "bulk_item");

    if (r < 0)
        return r;
    r = record_transition(c, res, item->id, item->version, name, values, &rec);
    if (r == 0) {
        item->version = rec->version;
        item->state = res->states[rec->state].name;
        return db_savepoint_release(c->tx, "bulk_item");
    }
    if (r != -EINVAL || !c->fault.status)
        return r;
    item->fault = c->fault;
    memset(&c->fault, 0, sizeof(c->fault));
    return db_savepoint_rollback(c->tx, "bulk_item");
}

int record_transition_many(struct call *c, const struct resource *res, const char *name, json_t *values,
    struct bulk_item *items, uint32_t count)
{
    struct bulk_item **order = arena_array(c->arena, count + 1, sizeof(*order));
    struct uuid *ids = arena_array(c->arena, count + 1, sizeof(*ids));
    const struct transition *t = resource_transition(res, text_of(name));
    int r;

    if (!t)
        return call_not_found(c);
    r = call_begin(c);
    if (r < 0 || c->is_replay)
        return r;
    for (uint32_t i = 0; i < count; i++) {
        order[i] = &items[i];
        ids[i] = items[i].id;
    }
    qsort(order, count, sizeof(*order), by_id);
    r = merge_lock(c, res, t, ids, count, values); /* what all of them are merged into among them */
    for (uint32_t i = 0; i < count && r == 0; i++)
        r = take_one(c, res, name, values, order[i]);
    c->result_status = 200; /* of all: whoever repeats the request reads the records */
    c->result_id = UUID_NIL;
    c->result_version = 0;
    return r;
}
