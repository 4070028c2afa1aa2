/* What the reference of a duplicate says. */
#include "resource/record/merged.h"

bool merged_into(const struct record *rec, struct uuid *ret)
{
    const struct merging *m = &rec->res->merging;
    const char *id = m->field && rec->state == m->state ? rec->values[m->field->index] : NULL;

    return id && uuid_parse(text_of(id), ret) == 0;
}

struct db_stmt merged_select(
    struct arena *a, const struct resource *res, const char *columns, struct text tail)
{
    return db_stmt_built(
        a, arena_printf(a,
               "SELECT %s FROM %s r WHERE r.tenant_id = $1 AND r.\"%s\" = $2::uuid AND r.state = $3"
               " AND r.deleted_at IS NULL%.*s",
               columns, res->table, res->merging.field->name, (int)tail.len, tail.ptr));
}

void merged_args(struct db_args *a, const struct call *c, const struct record *into)
{
    db_args_reset(a);
    db_arg_int(a, c->tenant->id);
    db_arg_uuid(a, into->id);
    db_arg_str(a, into->res->states[into->res->merging.state].name);
}

int merged_count(struct call *c, const struct record *rec, int64_t *ret)
{
    struct db_args *a = arena_alloc(c->arena, sizeof(*a));
    struct db_call call = {.args = a};
    int r;

    *ret = 0;
    if (!rec->res->merging.field)
        return 0;
    call.stmt = merged_select(c->arena, rec->res, "count(*)", TEXT(""));
    merged_args(a, c, rec);
    r = call_read(c, &call, 1);
    if (r == 0)
        *ret = db_get_int(call.rows, 0, 0);
    return r;
}
