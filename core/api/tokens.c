/* /tokens: API tokens, one's own and, with the permission, others'. */
#include <errno.h>

#include "access/core_permissions.h"
#include "access/session.h"
#include "api/core_routes.h"
#include "api/core_schemas.h"

static const struct db_stmt list_tokens = {"api.tokens",
    "SELECT id, account_id, name, created_at, expires_at FROM juxin.api_token WHERE tenant_id = $1"
    " AND revoked_at IS NULL AND ($2::uuid IS NULL OR account_id = $2) ORDER BY id DESC LIMIT 1000"};

static bool may_read_all(const struct call *c)
{
    return tree_count(c->tenant->tree) && subject_may(c->who, c->tenant, core_permission(CORE_TOKEN_READ), 0);
}

static int tokens_list(struct call *c, struct request *r)
{
    struct text account = request_query(r, "account");
    struct uuid id = c->who->account;
    struct db_args a;
    struct db_call call = {.stmt = list_tokens, .args = &a};
    struct jsonw *w;
    int result;

    if (account.ptr && !text_is(account, "any") && uuid_parse(account, &id) < 0)
        return call_fail_at(c, "account", "uuid", "A UUID or `any` is expected.", "应为 UUID 或 any。");
    if (text_is(account, "any"))
        id = UUID_NIL;
    if (!uuid_eq(id, c->who->account) && !may_read_all(c))
        return call_forbidden(c, core_permission_name(CORE_TOKEN_READ));
    db_args_reset(&a);
    db_arg_int(&a, c->tenant->id);
    db_arg_uuid_or_null(&a, id);
    result = call_read(c, &call, 1);
    if (result < 0)
        return result;
    w = response_json(r, 200);
    jsonw_object(w);
    jsonw_key(w, "items");
    jsonw_array(w);
    for (int i = 0; i < db_rows_count(call.rows); i++) {
        jsonw_object(w);
        jsonw_kuuid(w, "id", db_get_uuid(call.rows, i, 0));
        jsonw_kuuid(w, "account", db_get_uuid(call.rows, i, 1));
        jsonw_kstr(w, "name", db_get(call.rows, i, 2));
        jsonw_ktime(w, "created_at", db_get_time(call.rows, i, 3));
        if (db_get(call.rows, i, 4))
            jsonw_ktime(w, "expires_at", db_get_time(call.rows, i, 4));
        jsonw_object_end(w);
    }
    jsonw_array_end(w);
    jsonw_object_end(w);
    return 0;
}

static int tokens_create(struct call *c, struct request *r)
{
    static const char *const known[] = {"account", "name", "expires_at", NULL};
    struct token_issued t;
    struct uuid account;
    const char *name;
    int64_t until;
    struct jsonw *w;
    json_t *body;
    int result = request_object(r, known, &body), bad = 0;

    if (result < 0)
        return result;
    if (uuid_is_nil(c->who->session)) /* a token does not outlive itself by making others */
        return call_fail(c, 403, "session_required", "Sign in to issue tokens.", "请登录后签发令牌。");
    bad |= api_uuid(c, body, "account", false, &account);
    bad |= api_str(c, body, "name", true, &name);
    bad |= api_time(c, body, "expires_at", c->now_us + 90ll * 86400 * 1000000, &until);
    if (bad)
        return -EINVAL;
    result = token_issue(c, uuid_is_nil(account) ? c->who->account : account, name, until, &t);
    if (result == 0)
        result = call_commit(c);
    if (result < 0)
        return result;
    w = response_json(r, 201);
    response_header(r->response, "Location", "%.*s/%s", (int)r->path.len, r->path.ptr, uuid_format(t.id).s);
    jsonw_object(w);
    jsonw_kuuid(w, "id", t.id);
    jsonw_kstr(w, "token", t.token);
    jsonw_ktime(w, "expires_at", until);
    jsonw_object_end(w);
    return 0;
}

static int tokens_revoke(struct call *c, struct request *r)
{
    struct uuid id;
    int result = api_id(c, r, "token", &id);

    if (result == 0)
        result = token_revoke(c, id);
    if (result < 0 || c->is_replay)
        return result;
    return api_done(c, r);
}

static const struct api_route token_routes[] = {
    {.method = HTTP_GET,
        .path = "/tokens",
        .query = "account",
        .handle = tokens_list,
        .summary_en = "One's own API tokens; account=ID or any with core.token.read",
        .summary_zh = "本人的接口令牌；有 core.token.read 时可用 account=ID 或 any"},
    {.method = HTTP_POST,
        .path = "/tokens",
        .flags = API_NO_REPLAY,
        .handle = tokens_create,
        .request_schema = SCHEMA_TOKEN,
        .summary_en = "Issue an API token; it is shown once",
        .summary_zh = "签发接口令牌，只显示一次"},
    {.method = HTTP_DELETE,
        .path = "/tokens/{token}",
        .handle = tokens_revoke,
        .summary_en = "Revoke an API token",
        .summary_zh = "吊销接口令牌"},
};

int api_token_routes(struct router *rt)
{
    return api_add_all(rt, token_routes, ARRAY_LEN(token_routes));
}
