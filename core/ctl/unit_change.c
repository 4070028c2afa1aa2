/* What unit rename and unit move share. */
#include "ctl/unit_change.h"

#include <errno.h>

static const struct db_stmt version = {
    "ctl_unit_version", "SELECT version FROM juxin.unit WHERE tenant_id = $1 AND id = $2"};

int unit_version(struct call *call, uint32_t unit, int64_t *ret)
{
    struct db_args args;
    struct db_call read = {.stmt = version, .args = &args};
    int r;

    db_args_reset(&args);
    db_arg_int(&args, call->tenant->id);
    db_arg_uuid(&args, tree_unit(call->tenant->tree, unit).id);
    r = call_read(call, &read, 1);
    if (r == 0 && db_rows_count(read.rows) == 0)
        r = -ENOENT;
    if (r == 0)
        *ret = db_get_int(read.rows, 0, 0);
    return r;
}
