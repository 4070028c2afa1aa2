/* A unit whose work another one takes over: it is closed and keeps its name, its code and its place. */
#include "db/pgarray.h"
#include "tenant/units.h"

/* Whoever adds a record at the unit holds a lock that waits for this one, and then finds it closed. */
static const struct db_stmt lock_units = {"retire.lock",
    "SELECT id FROM juxin.unit WHERE tenant_id = $1 AND id = ANY ($2::uuid[]) ORDER BY "
    "tenant_id, id FOR UPDATE"};
static const struct db_stmt close_unit = {"retire.close",
    "UPDATE juxin.unit SET closed_at = $3, version = version + 1, updated_at = $3 WHERE tenant_id = $1 AND "
    "id = $2 "
    "AND closed_at IS NULL"};
static const struct db_stmt move_departments = {"retire.departments",
    "UPDATE juxin.department SET unit_id = $3, version = version + 1, updated_at = $4 WHERE tenant_id = $1 "
    "AND unit_id "
    "= $2 AND closed_at IS NULL"};
static const struct db_stmt move_accounts = {"retire.accounts",
    "UPDATE juxin.account SET unit_id = $3, version = version + 1, updated_at = $4 WHERE "
    "tenant_id = $1 AND unit_id = $2"};

int unit_retire_check(struct tenant_change *c, uint32_t unit, uint32_t into)
{
    const struct tree *t = c->t->tree;

    if (tree_parent(t, unit) == TREE_NONE)
        return change_fail(c, 409, "root", "The root cannot be merged or split.", "根机构不能合并或拆分。");
    if (tree_unit(t, unit).is_closed)
        return change_fail_at(c, "/from", "closed", "The unit is closed already.", "该机构已关闭。");
    if (tree_unit(t, into).is_closed)
        return change_fail_at(c, "/into", "closed", "The unit is closed.", "该机构已关闭。");
    if (tree_contains(into, unit, tree_end(t, unit)))
        return change_fail_at(c, "/into", "cycle",
            "A unit is not taken over by itself or by what is below it.", "不能并入自身或其下级。");
    if (tree_level(t, unit) != tree_level(t, into))
        return change_fail_at(c, "/into", "level", "A unit of the same level.", "应为同一级别的机构。");
    return 0;
}

static int run(struct tenant_change *c, struct db_stmt stmt, struct uuid unit, struct uuid into)
{
    struct db_args a;

    db_args_reset(&a);
    db_arg_int(&a, c->t->id);
    db_arg_uuid(&a, unit);
    db_arg_uuid(&a, into);
    db_arg_time(&a, c->now_us);
    return db_exec(c->tx, stmt, &a, NULL);
}

int unit_retire(struct tenant_change *c, uint32_t unit, uint32_t into)
{
    struct uuid id = tree_unit(c->t->tree, unit).id, into_id = tree_unit(c->t->tree, into).id,
                both[] = {id, into_id};
    struct db_args a;
    int r = unit_retire_check(c, unit, into);

    if (r < 0)
        return r;
    db_args_reset(&a);
    db_arg_int(&a, c->t->id);
    db_arg_str(&a, pgarray_of_uuids(c->arena, both, 2));
    r = db_exec(c->tx, lock_units, &a, NULL);
    if (r < 0)
        return r;
    db_args_reset(&a);
    db_arg_int(&a, c->t->id);
    db_arg_uuid(&a, id);
    db_arg_time(&a, c->now_us);
    r = db_exec_expect(c->tx, close_unit, &a, 1);
    if (r == 0)
        r = run(c, move_departments, id, into_id);
    return r < 0 ? r : run(c, move_accounts, id, into_id);
}
