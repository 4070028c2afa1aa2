/* API tokens. */
#include <errno.h>

#include "access/core_permissions.h"
#include "access/digest_arg.h"
#include "access/holder.h"
#include "access/session.h"
#include "tenant/units.h"

#define TOKEN_LIFE_MAX_US (366ll * 86400 * 1000000)

static const struct db_stmt insert_token = {"token.insert",
    "INSERT INTO juxin.api_token (tenant_id, id, account_id, token_hash, name, created_at, expires_at)"
    " VALUES ($1, $2, $3, $4, $5, $6, $7)"};
static const struct db_stmt find_owner = {"token.find_owner",
    "SELECT account_id FROM juxin.api_token WHERE tenant_id = $1 AND id = $2 AND revoked_at IS NULL"};
static const struct db_stmt revoke_token = {"token.revoke",
    "UPDATE juxin.api_token SET revoked_at = $3 WHERE tenant_id = $1 AND id = $2 AND revoked_at IS NULL"};

static bool may_write(struct call *c)
{
    return tree_count(c->tenant->tree) ? subject_may(c->who, c->tenant, core_permission(CORE_TOKEN_WRITE), 0)
                                       : c->who->kind == SUBJECT_OPERATOR;
}

static int check_issue(struct call *c, struct uuid account, const char *name, int64_t until)
{
    const char *why = unit_name_objection(text_of(name));
    uint32_t missing;
    int r = 0;

    if (!uuid_eq(account, c->who->account)) {
        if (!may_write(c))
            return call_forbidden(c, core_permission_name(CORE_TOKEN_WRITE));
        if (!holder_is_within(c, account, &missing))
            return call_fail(c, 403, "beyond_own",
                "The account has been granted more than you hold yourself.",
                "该账号获得的授权超出本人权限。");
    }
    if (why)
        r = call_fail_at(c, "/name", why, "A name has 1 to 100 characters.", "名称为 1 至 100 个字符。");
    if (until <= c->now_us || until > c->now_us + TOKEN_LIFE_MAX_US)
        r = call_fail_at(c, "/expires_at", "range", "The end must lie ahead, within 366 days.",
            "截止时间须在未来 366 天之内。");
    return r;
}

int token_issue(
    struct call *c, struct uuid account, const char *name, int64_t until, struct token_issued *ret)
{
    struct token_issued t = {.id = uuid_new()};
    struct sha256 digest;
    struct db_args a;
    int r = check_issue(c, account, name, until);

    if (r == 0)
        r = call_begin(c);
    if (r < 0 || c->is_replay)
        return r;
    memcpy(t.token, TOKEN_PREFIX, strlen(TOKEN_PREFIX));
    token_random(t.token + strlen(TOKEN_PREFIX));
    digest = sha256_of(text_of(t.token));
    db_args_reset(&a);
    db_arg_int(&a, c->tenant->id);
    db_arg_uuid(&a, t.id);
    db_arg_uuid(&a, account);
    db_arg_str(&a, digest_arg(c->arena, &digest));
    db_arg_str(&a, name);
    db_arg_time(&a, c->now_us);
    db_arg_time(&a, until);
    r = db_exec_expect(c->tx, insert_token, &a, 1);
    if (r == -ENOLINK)
        return call_fail_at(c, "/account", "unknown", "There is no such account.", "账号不存在。");
    if (r == 0)
        r = call_audit(c, "token.issue", "api_token", t.id, UUID_NIL, "account,name,expires_at");
    if (r == 0)
        *ret = t;
    return r;
}

int token_revoke(struct call *c, struct uuid id)
{
    struct db_rows *rows CLEANUP(db_rows_freep) = NULL;
    struct db_args a;
    int r = call_begin(c);

    if (r < 0 || c->is_replay)
        return r;
    r = call_bump(c);
    if (r < 0)
        return r;
    db_args_reset(&a);
    db_arg_int(&a, c->tenant->id);
    db_arg_uuid(&a, id);
    r = db_exec(c->tx, find_owner, &a, &rows);
    if (r < 0)
        return r;
    if (db_rows_count(rows) == 0 || (!uuid_eq(db_get_uuid(rows, 0, 0), c->who->account) && !may_write(c)))
        return call_not_found(c);
    db_arg_time(&a, c->now_us);
    r = db_exec_expect(c->tx, revoke_token, &a, 1);
    return r < 0 ? r : call_audit(c, "token.revoke", "api_token", id, UUID_NIL, "revoked_at");
}
