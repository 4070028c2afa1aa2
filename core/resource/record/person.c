/* Whose record it is. The field holds the account, or a record of another resource that holds it. */
#include "resource/record/person.h"

#include "resource/declare/resource.h"

/* The resource that the field refers to, when its own records say whose they are. */
static const struct resource *through(const struct resource *res)
{
    const struct resource *to =
        res->person && res->person->type == FIELD_REFERENCE ? resource_find(res->person->reference) : NULL;

    return to && to->person && to->person->type == FIELD_ACCOUNT ? to : NULL;
}

bool person_is_known(const struct resource *res)
{
    return res->person && (res->person->type == FIELD_ACCOUNT || through(res));
}

const char *person_condition(
    struct arena *a, const struct resource *res, const char *parameter, bool with_deleted)
{
    const struct resource *to = through(res);

    if (!person_is_known(res))
        return NULL;
    if (!to)
        return arena_printf(a, "r.\"%s\" = %s", res->person->name, parameter);
    return arena_printf(a, "r.\"%s\" IN (SELECT p.id FROM %s p WHERE p.tenant_id = $1 AND p.\"%s\" = %s%s)",
        res->person->name, to->table, to->person->name, parameter,
        with_deleted ? "" : " AND p.deleted_at IS NULL");
}

struct db_stmt person_query(struct arena *a, const struct resource *res)
{
    const struct resource *to = through(res);

    if (!to)
        return db_stmt_built(
            a, arena_printf(a, "SELECT r.\"%s\" FROM %s r WHERE r.tenant_id = $1 AND r.id = $2",
                   res->person->name, res->table));
    return db_stmt_built(
        a, arena_printf(a,
               "SELECT p.\"%s\" FROM %s r JOIN %s p ON p.tenant_id = r.tenant_id AND p.id = r.\"%s\" AND "
               "p.deleted_at IS NULL WHERE r.tenant_id = $1 AND r.id = $2",
               to->person->name, res->table, to->table, res->person->name));
}

const char *person_value(struct arena *a, const struct resource *res)
{
    const struct resource *to = through(res);

    return to ? arena_printf(a, "p.\"%s\"", to->person->name)
              : arena_printf(a, "r.\"%s\"", res->person->name);
}

const char *person_join(struct arena *a, const struct resource *res)
{
    const struct resource *to = through(res);

    return to ? arena_printf(
                    a, " JOIN %s p ON p.tenant_id = $1 AND p.id = r.\"%s\"", to->table, res->person->name)
              : "";
}

struct db_stmt person_through(struct arena *a, const struct resource *res)
{
    const struct resource *to = through(res);

    if (!to)
        return db_stmt_built(a, "SELECT NULL::uuid WHERE $1::int IS NULL AND $2::uuid IS NULL");
    return db_stmt_built(
        a, arena_printf(a,
               "SELECT p.\"%s\" FROM %s p WHERE p.tenant_id = $1 AND p.id = $2 AND p.deleted_at IS NULL",
               to->person->name, to->table));
}

int person_find(struct call *c, const struct record *rec, struct uuid *ret)
{
    struct db_args a;
    struct db_call call = {.args = &a};
    int r;

    *ret = UUID_NIL;
    if (!person_is_known(rec->res))
        return 0;
    call.stmt = person_query(c->arena, rec->res);
    db_args_reset(&a);
    db_arg_int(&a, c->tenant->id);
    db_arg_uuid(&a, rec->id);
    r = call_read(c, &call, 1);
    if (r == 0 && db_rows_count(call.rows) == 1)
        *ret = db_get_uuid(call.rows, 0, 0);
    return r;
}
