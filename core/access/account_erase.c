/* An account that is closed for good: what says whose it was goes, the row stays, since others' records refer to it. */
#include "access/account.h"
#include "access/holder.h"
#include "access/session.h"

/* Of the tenant $1's account $2, at $3. */
static const struct db_stmt empty_account = {"account.erase",
    "UPDATE juxin.account SET login = 'erased-' || id::text, display_name = '已注销', phone = NULL, "
    "is_active = false, "
    "password_hash = NULL, version = version + 1, updated_at = $3 WHERE tenant_id = $1 AND id = $2"};
static const struct db_stmt empty_sessions = {"account.erase_sessions",
    "UPDATE juxin.session SET client = '', ended_at = coalesce(ended_at, $3) WHERE "
    "tenant_id = $1 AND account_id = $2"};
static const struct db_stmt revoke_tokens = {"account.erase_tokens",
    "UPDATE juxin.api_token SET name = '', revoked_at = coalesce(revoked_at, $3) "
    "WHERE tenant_id = $1 AND account_id = $2"};
static const struct db_stmt end_grants = {"account.erase_grants",
    "UPDATE juxin.access_grant SET valid_until = least(coalesce(valid_until, $3), greatest($3, valid_from)), "
    "ended_by = "
    "coalesce(ended_by, $4) WHERE tenant_id = $1 AND account_id = $2 AND (valid_until IS NULL OR valid_until "
    "> $3)"};
static const struct db_stmt end_tenures = {"account.erase_tenures",
    "UPDATE juxin.tenure SET valid_until = least(coalesce(valid_until, $3), greatest($3, valid_from)), "
    "ended_at = $3, ended_by = $4, reason = '' WHERE tenant_id = $1 AND account_id = $2 AND (valid_until IS "
    "NULL OR valid_until > $3)"};
static const struct db_stmt leave_departments = {"account.erase_departments",
    "DELETE FROM juxin.department_member WHERE tenant_id = $1 AND account_id = $2"};
/* What somebody looked for may name others. */
static const struct db_stmt drop_views = {
    "account.erase_views", "DELETE FROM juxin.saved_view WHERE tenant_id = $1 AND account_id = $2"};

static const struct db_stmt empty_messages = {"account.erase_messages",
    "UPDATE juxin.message SET masked = '', receiver = '', address = NULL, content = NULL, state = CASE WHEN "
    "state = 'waiting' "
    "THEN 'dead' ELSE state END, ended_at = coalesce(ended_at, $3) WHERE tenant_id = $1 AND account_id = $2"};

static const struct db_stmt drop_contacts = {
    "account.erase_contacts", "DELETE FROM juxin.contact WHERE tenant_id = $1 AND account_id = $2"};
static const struct db_stmt drop_wishes = {
    "account.erase_wishes", "DELETE FROM juxin.contact_wish WHERE tenant_id = $1 AND account_id = $2"};

static int run(struct call *c, struct uuid id, struct db_stmt stmt, int count)
{
    struct db_args a;

    db_args_reset(&a);
    db_arg_int(&a, c->tenant->id);
    db_arg_uuid(&a, id);
    if (count > 2)
        db_arg_time(&a, c->now_us);
    if (count > 3)
        db_arg_uuid_or_null(&a, c->who->account);
    return db_exec(c->tx, stmt, &a, NULL);
}

int account_erase(struct call *c, struct uuid id)
{
    int r = call_bump(c);

    if (r == 0 && !uuid_eq(id, c->who->account) && holder_is_above(c, id))
        r = call_fail(c, 403, "beyond_own", "The account has been granted more than you hold yourself.",
            "该账号获得的授权超出本人权限。");
    if (r == 0)
        r = run(c, id, empty_account, 3);
    if (r == 0)
        r = run(c, id, empty_sessions, 3);
    if (r == 0)
        r = run(c, id, revoke_tokens, 3);
    if (r == 0)
        r = run(c, id, end_grants, 4);
    if (r == 0)
        r = run(c, id, end_tenures, 4);
    if (r == 0)
        r = run(c, id, leave_departments, 2);
    if (r == 0)
        r = run(c, id, drop_views, 2);
    if (r == 0)
        r = run(c, id, empty_messages, 3);
    if (r == 0)
        r = run(c, id, drop_contacts, 2);
    if (r == 0)
        r = run(c, id, drop_wishes, 2);
    return r < 0 ? r : call_audit(c, "account.erase", "account", id, UUID_NIL, "login,display_name,phone");
}
