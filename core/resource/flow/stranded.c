/* Units first, from memory; then the records at those units are counted. */
#include "resource/flow/stranded.h"

#include "db/pgarray.h"
#include "plugin/outlook/outlook_people.h"
#include "resource/declare/resource.h"

#define WORDS (PERMISSIONS_MAX / 64)

/* What staff do to a record by the rights they have at its unit: change it, or take a transition that is neither the
 * submitter's nor a department's nor time's. */
static void acting_permissions(const struct resource *res, uint64_t *bits)
{
    uint32_t update = res->permissions[ACTION_UPDATE];

    memset(bits, 0, WORDS * sizeof(*bits));
    bits[update / 64] |= UINT64_C(1) << (update % 64);
    for (uint32_t i = 0; i < res->transition_count; i++) {
        const struct transition *t = &res->transitions[i];

        if (!t->by_submitter && !t->holder && !t->auto_days)
            bits[t->permission_id / 64] |= UINT64_C(1) << (t->permission_id % 64);
    }
}

/* Units at which the plugin ceases to run, and those at which it runs on without anybody. */
struct places {
    struct uuid *frozen, *unattended;
    uint32_t frozen_count, unattended_count;
};

static void find_places(
    struct call *c, const struct outlook *o, const struct resource *res, uint32_t set, struct places *ret)
{
    bool *before = arena_array(c->arena, o->touched_count + 1, sizeof(bool)),
         *after = arena_array(c->arena, o->touched_count + 1, sizeof(bool));
    uint64_t acting[WORDS];

    acting_permissions(res, acting);
    outlook_attended(o, OUTLOOK_BEFORE, acting, before);
    outlook_attended(o, OUTLOOK_AFTER, acting, after);
    *ret = (struct places){.frozen = arena_array(c->arena, o->touched_count + 1, sizeof(struct uuid)),
        .unattended = arena_array(c->arena, o->touched_count + 1, sizeof(struct uuid))};
    for (uint32_t i = 0; i < o->touched_count; i++) {
        uint32_t unit = o->touched[i];
        struct uuid id = tree_unit(c->tenant->tree, unit).id;

        if (!outlook_is_on(o, OUTLOOK_BEFORE, set, unit))
            continue;
        if (!outlook_is_on(o, OUTLOOK_AFTER, set, unit))
            ret->frozen[ret->frozen_count++] = id;
        else if (before[i] && !after[i])
            ret->unattended[ret->unattended_count++] = id;
    }
}

static const char *final_states(struct call *c, const struct resource *res)
{
    struct text *names = arena_array(c->arena, res->state_count + 1, sizeof(*names));
    size_t n = 0;

    for (uint32_t i = 0; i < res->state_count; i++)
        if (res->states[i].is_final)
            names[n++] = text_of(res->states[i].name);
    return pgarray_of_texts(c->arena, names, n);
}

int stranded_count_open(
    struct call *c, const struct resource *res, const struct uuid *units, uint32_t count, int64_t *ret)
{
    struct db_rows *rows CLEANUP(db_rows_freep) = NULL;
    struct db_args args;
    struct db_tx *tx = NULL;
    int r;

    *ret = 0;
    if (count == 0)
        return 0;
    db_args_reset(&args);
    db_arg_int(&args, c->tenant->id);
    db_arg_str(&args, pgarray_of_uuids(c->arena, units, count));
    db_arg_str(&args, final_states(c, res));
    r = db_begin(c->db, c->tenant->id, DB_READ_SLOW, NULL, &tx, NULL);
    if (r < 0)
        return r;
    r = db_exec(tx,
        db_stmt_built(
            c->arena, arena_printf(c->arena,
                          "SELECT count(*) FROM %s r WHERE r.tenant_id = $1 AND r.unit_id = ANY($2::uuid[])"
                          " AND r.deleted_at IS NULL AND r.state <> ALL($3::text[])",
                          res->table)),
        &args, &rows);
    db_rollback(tx);
    if (r == 0)
        *ret = db_get_int(rows, 0, 0);
    return r;
}

int stranded_by(struct call *c, const struct outlook *o, const struct stranded **ret, uint32_t *ret_count)
{
    struct stranded *list = arena_array(c->arena, resource_count() + 1, sizeof(*list));
    uint32_t n = 0;
    int r = 0;

    for (uint32_t i = 0; i < resource_count() && o->touched_count > 0 && r == 0; i++) {
        const struct resource *res = resource_at(i);
        uint32_t set = outlook_set_of(o, res->plugin);
        struct places p;

        if (set == UINT32_MAX)
            continue;
        find_places(c, o, res, set, &p);
        list[n].res = res;
        r = stranded_count_open(c, res, p.frozen, p.frozen_count, &list[n].frozen);
        if (r == 0)
            r = stranded_count_open(c, res, p.unattended, p.unattended_count, &list[n].unattended);
        n += r == 0 && list[n].frozen + list[n].unattended > 0;
    }
    *ret = list;
    *ret_count = n;
    return r;
}
