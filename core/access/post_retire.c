/* The posts of a unit that is no more: held by nobody any longer, granted nothing. */
#include "access/post.h"

static const struct db_stmt end_tenures = {"post.retire_tenures",
    "UPDATE juxin.tenure SET valid_until = greatest(valid_from, now()), ended_at = now(), ended_by = $3 "
    "WHERE tenant_id "
    "= $1 AND post_id IN (SELECT p.id FROM juxin.post p WHERE p.tenant_id = $1 AND p.unit_id = $2) AND "
    "(valid_until IS "
    "NULL OR valid_until > greatest(valid_from, now()))"};
static const struct db_stmt end_grants = {"post.retire_grants",
    "UPDATE juxin.access_grant SET valid_until = greatest(valid_from, now()), ended_by = $3 WHERE tenant_id "
    "= $1 AND "
    "post_id IN (SELECT p.id FROM juxin.post p WHERE p.tenant_id = $1 AND p.unit_id = $2) AND (valid_until "
    "IS NULL OR "
    "valid_until > now())"};
static const struct db_stmt close_posts = {"post.retire",
    "UPDATE juxin.post SET closed_at = now(), updated_at = now(), version = version + 1 WHERE tenant_id = $1 "
    "AND unit_id "
    "= $2 AND closed_at IS NULL"};

int post_retire_unit(struct call *c, uint32_t unit)
{
    struct db_args a;
    int r;

    db_args_reset(&a);
    db_arg_int(&a, c->tenant->id);
    db_arg_uuid(&a, tree_unit(c->tenant->tree, unit).id);
    db_arg_uuid_or_null(&a, c->who->account);
    r = db_exec(c->tx, end_tenures, &a, NULL);
    if (r == 0)
        r = db_exec(c->tx, end_grants, &a, NULL);
    a.count = 2;
    return r < 0 ? r : db_exec(c->tx, close_posts, &a, NULL);
}
