/* The gate that consent is. */
#include "resource/record/consent.h"

#include "resource/record/person.h"

/* $1 tenant, $2 account, $3 purpose. */
static const struct db_stmt is_given = {"consent.is_given",
    "SELECT 1 FROM juxin.consent WHERE tenant_id = $1 AND account_id = $2 AND purpose = "
    "$3 AND ended_at IS NULL"};

/* Of a record that is referred to. */
static int whose(struct call *c, const struct record *rec, const char *id, const char **ret)
{
    struct db_stmt stmt = person_through(c->arena, rec->res);
    struct db_args *a = arena_alloc(c->arena, sizeof(*a));
    struct db_call call = {.stmt = stmt, .args = a};
    int r;

    db_args_reset(a);
    db_arg_int(a, c->tenant->id);
    db_arg_str(a, id);
    r = call_read(c, &call, 1);
    if (r == 0)
        *ret = db_rows_count(call.rows) ? db_get(call.rows, 0, 0) : NULL;
    return r;
}

static int refuse(struct call *c, const struct record *rec)
{
    const char *at = arena_printf(c->arena, "/%s", rec->res->person->name);

    if (!rec->is_new && !record_is_changed(rec, rec->res->person))
        return call_fail(c, 409, "consent_withdrawn",
            "The person does not agree any more that this be kept: it is not changed. Delete it, or ask for "
            "consent.",
            "本人已撤回同意，记录不能再修改；请删除记录或重新取得同意。");
    return call_fail_at(c, at, "no_consent", "Somebody who has agreed to the notice for this purpose.",
        "该人员尚未就此用途告知并同意。");
}

int consent_check(struct call *c, const struct record *rec)
{
    const struct resource *res = rec->res;
    const char *person;
    struct db_args a;
    struct db_call call = {.stmt = is_given, .args = &a};
    int r = 0;

    if (!res->consent || rec->is_own)
        return 0;
    person = rec->values[res->person->index];
    if (person && res->person->type == FIELD_REFERENCE)
        r = whose(c, rec, person, &person);
    if (r == 0 && !person)
        return refuse(c, rec);
    if (r < 0)
        return r;
    db_args_reset(&a);
    db_arg_int(&a, c->tenant->id);
    db_arg_str(&a, person);
    db_arg_str(&a, res->consent);
    r = call_read(c, &call, 1);
    return r < 0 ? r : db_rows_count(call.rows) ? 0 : refuse(c, rec);
}
