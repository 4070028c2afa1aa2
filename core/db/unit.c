/* What opens and closes every unit of work. */
#include "db/internal.h"

const struct db_stmt db_stmt_begin = {"db.begin", "BEGIN"};
const struct db_stmt db_stmt_begin_ro = {"db.begin_ro", "BEGIN READ ONLY"};
const struct db_stmt db_stmt_begin_snapshot = {
    "db.begin_snapshot", "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"};
const struct db_stmt db_stmt_commit = {"db.commit", "COMMIT"};
const struct db_stmt db_stmt_rollback = {"db.rollback", "ROLLBACK"};
const struct db_stmt db_stmt_enter = {"db.enter", "SELECT juxin.enter($1)"};
const struct db_stmt db_stmt_epochs = {"db.epochs",
    "SELECT (SELECT n FROM juxin.epoch WHERE tenant_id = $1), (SELECT n FROM juxin.deployment_epoch)"};

void unit_args(struct db_args *args, int32_t tenant)
{
    db_args_reset(args);
    db_arg_int(args, tenant);
}

void unit_epochs(const PGresult *result, struct db_epoch *ret)
{
    const struct db_rows *rows = (const struct db_rows *)(const void *)result;

    ret->tenant = db_get_int(rows, 0, 0);
    ret->deployment = db_get_int(rows, 0, 1);
}
