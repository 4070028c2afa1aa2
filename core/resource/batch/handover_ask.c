/* A handover that is asked for. */
#include <errno.h>

#include "access/account.h"
#include "access/core_permissions.h"
#include "resource/batch/batch.h"
#include "resource/batch/handover.h"

static const struct db_stmt is_receiver = {"handover.is_receiver",
    "SELECT 1 FROM juxin.account WHERE tenant_id = $1 AND id = $2 AND is_active AND kind = 'person'"};

static int see(struct call *c, struct uuid account, const char *pointer)
{
    uint32_t unit;
    int r = account_unit(c, account, CORE_ACCOUNT_READ, &unit);

    if (r != -EINVAL)
        return r;
    memset(&c->fault, 0, sizeof(c->fault));
    return call_fail_at(c, pointer, "unknown_account", "An account that you may see.", "应为您可见的账号。");
}

int handover_create(struct call *c, struct uuid from, struct uuid to, struct uuid *ret_id)
{
    struct batch b = {.id = uuid_new(), .kind = BATCH_HANDOVER, .resource = "", .from = from, .to = to};
    struct db_args a;
    struct db_call call = {.stmt = is_receiver, .args = &a};
    int r = see(c, from, "/from");

    if (r == 0 && !uuid_is_nil(to))
        r = see(c, to, "/to");
    if (r == 0 && uuid_eq(from, to))
        r = call_fail_at(c, "/to", "same_account", "Somebody else.", "应为另一人。");
    db_args_reset(&a);
    db_arg_int(&a, c->tenant->id);
    db_arg_uuid(&a, to);
    if (r == 0 && !uuid_is_nil(to))
        r = call_read(c, &call, 1);
    if (r == 0 && !uuid_is_nil(to) && db_rows_count(call.rows) == 0)
        r = call_fail_at(c, "/to", "not_active", "An active account of a person.", "应为有效的个人账号。");
    if (r == 0)
        r = batch_check_open(c);
    *ret_id = b.id;
    return r < 0 ? r : batch_queue(c, &b, "handover.prepare");
}
