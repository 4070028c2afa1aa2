/* /accounts: the people who sign in, as far as the caller's rights reach. */
#include <errno.h>

#include "access/account.h"
#include "access/core_permissions.h"
#include "api/core_routes.h"
#include "api/core_schemas.h"
#include "api/unit_scope.h"

/* An account without a unit is the root's. */
static const struct db_stmt list_accounts = {"api.accounts",
    "SELECT a.id, a.login, a.display_name, a.unit_id, a.is_active, a.must_change_password, a.version, "
    "a.created_at,"
    " a.last_login_at FROM juxin.account a JOIN juxin.unit u ON u.tenant_id = $1 AND u.id = "
    "coalesce(a.unit_id, $2)"
    " WHERE a.tenant_id = $1 AND " UNIT_SCOPE " AND ($7::text IS NULL OR a.login = $7) AND ($8::uuid IS NULL "
    "OR a.id < $8) ORDER BY a.id DESC LIMIT $9"};
static const struct db_stmt read_account = {"api.account",
    "SELECT id, login, display_name, unit_id, is_active, must_change_password, version, created_at, "
    "last_login_at"
    " FROM juxin.account WHERE tenant_id = $1 AND id = $2"};

static void write_account(struct jsonw *w, const struct db_rows *rows, int i)
{
    jsonw_kuuid(w, "id", db_get_uuid(rows, i, 0));
    jsonw_kstr(w, "login", db_get(rows, i, 1));
    jsonw_kstr(w, "display_name", db_get(rows, i, 2));
    jsonw_kuuid(w, "unit", db_get_uuid(rows, i, 3));
    jsonw_kbool(w, "is_active", db_get_bool(rows, i, 4));
    jsonw_kbool(w, "must_change_password", db_get_bool(rows, i, 5));
    jsonw_kint(w, "version", db_get_int(rows, i, 6));
    jsonw_ktime(w, "created_at", db_get_time(rows, i, 7));
    if (db_get(rows, i, 8))
        jsonw_ktime(w, "last_login_at", db_get_time(rows, i, 8));
}

static int list_args(struct call *c, const struct request *r, uint32_t limit, struct db_args *a)
{
    struct text login = request_query(r, "login"), cursor = request_query(r, "cursor");
    struct uuid after = UUID_NIL;

    if (cursor.ptr && uuid_parse(cursor, &after) < 0)
        return call_fail_at(
            c, "cursor", "unknown", "Start again without a cursor.", "请去掉 cursor 重新开始。");
    db_args_reset(a);
    db_arg_int(a, c->tenant->id);
    db_arg_uuid_or_null(a, tree_count(c->tenant->tree) ? tree_unit(c->tenant->tree, 0).id : UUID_NIL);
    unit_scope_args(c, CORE_ACCOUNT_READ, a);
    db_arg_str(a, login.ptr ? arena_ndup(c->arena, login.ptr, login.len) : NULL);
    db_arg_uuid_or_null(a, after);
    db_arg_int(a, (int64_t)limit + 1);
    return 0;
}

static int accounts_list(struct call *c, struct request *r)
{
    struct db_args a;
    struct db_call call = {.stmt = list_accounts, .args = &a};
    struct jsonw *w;
    uint32_t limit;
    int result, count;

    if (api_limit(c, r, 20, 200, &limit) < 0 || list_args(c, r, limit, &a) < 0)
        return -EINVAL;
    result = call_read(c, &call, 1);
    if (result < 0)
        return result;
    count = db_rows_count(call.rows);
    w = response_json(r, 200);
    jsonw_object(w);
    jsonw_key(w, "items");
    jsonw_array(w);
    for (int i = 0; i < count && i < (int)limit; i++) {
        jsonw_object(w);
        write_account(w, call.rows, i);
        jsonw_object_end(w);
    }
    jsonw_array_end(w);
    if (count > (int)limit) {
        jsonw_kuuid(w, "next", db_get_uuid(call.rows, (int)limit - 1, 0));
        response_header(r->response, "Link", "<%.*s?limit=%u&cursor=%s>; rel=\"next\"", (int)r->path.len,
            r->path.ptr, limit, uuid_format(db_get_uuid(call.rows, (int)limit - 1, 0)).s);
    }
    jsonw_object_end(w);
    return 0;
}

static int write_one(struct call *c, struct request *r, struct uuid id)
{
    struct db_args a;
    struct db_call call = {.stmt = read_account, .args = &a};
    struct jsonw *w;
    int result;

    db_args_reset(&a);
    db_arg_int(&a, c->tenant->id);
    db_arg_uuid(&a, id);
    result = call_read(c, &call, 1);
    if (result < 0)
        return result;
    if (db_rows_count(call.rows) == 0)
        return call_not_found(c);
    w = response_json(r, 200);
    api_etag(r, db_get_int(call.rows, 0, 6));
    jsonw_object(w);
    write_account(w, call.rows, 0);
    jsonw_object_end(w);
    return 0;
}

static int accounts_read(struct call *c, struct request *r)
{
    struct uuid id;
    uint32_t unit;
    int result = api_id(c, r, "account", &id);

    if (result == 0)
        result = account_unit(c, id, CORE_ACCOUNT_READ, &unit);
    return result == 0 ? write_one(c, r, id) : result;
}

static int own_account(struct call *c, struct request *r)
{
    return write_one(c, r, c->who->account);
}

/* The one time the generated password is shown. */
static int answer_password(
    struct call *c, struct request *r, int status, struct uuid id, const char *password)
{
    struct jsonw *w;
    int result = call_commit(c);

    if (result < 0)
        return result;
    w = response_json(r, status);
    if (status == 201)
        response_header(r->response, "Location", "%.*s/%s", (int)r->path.len, r->path.ptr, uuid_format(id).s);
    jsonw_object(w);
    jsonw_kuuid(w, "id", id);
    jsonw_kstr(w, "password", password);
    jsonw_kbool(w, "must_change_password", true);
    jsonw_object_end(w);
    return 0;
}

static int accounts_create(struct call *c, struct request *r)
{
    static const char *const known[] = {"login", "display_name", "unit", NULL};
    struct account_input in = {.must_change_password = true, .unit = TREE_NONE};
    struct password_generated password = password_generate();
    struct uuid id;
    json_t *body;
    int result = request_object(r, known, &body);

    if (result < 0)
        return result;
    if (api_str(c, body, "login", true, &in.login) < 0)
        result = -EINVAL;
    if (api_str(c, body, "display_name", true, &in.display_name) < 0)
        result = -EINVAL;
    if (api_body_unit(c, body, "unit", false, core_permission(CORE_UNIT_READ), &in.unit) < 0)
        result = -EINVAL;
    if (result == 0)
        result = account_create(c, &in, password.s, &id);
    return result < 0 ? result : answer_password(c, r, 201, id, password.s);
}

static int accounts_update(struct call *c, struct request *r)
{
    static const char *const known[] = {"display_name", "unit", "is_active", NULL};
    struct account_input in = {.unit = TREE_NONE};
    struct uuid id;
    int64_t version;
    json_t *body;
    int result = request_object(r, known, &body);

    if (result == 0)
        result = api_id(c, r, "account", &id);
    if (result == 0)
        result = api_if_match(c, r, &version);
    if (result < 0)
        return result;
    if (api_str(c, body, "display_name", false, &in.display_name) < 0)
        result = -EINVAL;
    if (api_body_unit(c, body, "unit", false, core_permission(CORE_UNIT_READ), &in.unit) < 0)
        result = -EINVAL;
    if (api_bool(c, body, "is_active", &in.set_active, &in.is_active) < 0)
        result = -EINVAL;
    if (result == 0 && in.set_active && !in.is_active && uuid_eq(id, c->who->account))
        result = call_fail(c, 409, "own_account", "Nobody disables their own account.", "不能停用本人账号。");
    if (result == 0)
        result = account_update(c, id, &in, version, &version);
    if (result < 0 || c->is_replay)
        return result;
    return api_changed(c, r, id, version);
}

static int accounts_reset(struct call *c, struct request *r)
{
    struct password_generated password = password_generate();
    struct uuid id;
    int result = api_id(c, r, "account", &id);

    if (result == 0)
        result = account_reset_password(c, id, password.s);
    return result < 0 ? result : answer_password(c, r, 200, id, password.s);
}

static const struct api_route account_routes[] = {
    {.method = HTTP_GET,
        .path = "/account",
        .flags = API_ALLOW_MUST_CHANGE,
        .handle = own_account,
        .summary_en = "One's own account",
        .summary_zh = "本人账号"},
    {.method = HTTP_GET,
        .path = "/accounts",
        .query = "login,limit,cursor",
        .permission = "core.account.read",
        .handle = accounts_list,
        .summary_en = "Accounts one may see, newest first; filter login",
        .summary_zh = "可见的账号，新建在前；可按 login 筛选"},
    {.method = HTTP_GET,
        .path = "/accounts/{account}",
        .permission = "core.account.read",
        .handle = accounts_read,
        .summary_en = "One account",
        .summary_zh = "单个账号"},
    {.method = HTTP_POST,
        .path = "/accounts",
        .permission = "core.account.create",
        .flags = API_NO_REPLAY,
        .handle = accounts_create,
        .request_schema = SCHEMA_ACCOUNT,
        .summary_en = "Create an account; its first password is shown once",
        .summary_zh = "新建账号；初始密码只显示一次"},
    {.method = HTTP_PATCH,
        .path = "/accounts/{account}",
        .permission = "core.account.update",
        .handle = accounts_update,
        .request_schema = SCHEMA_ACCOUNT_CHANGE,
        .summary_en = "Change or disable an account",
        .summary_zh = "修改或停用账号"},
    {.method = HTTP_POST,
        .path = "/accounts/{account}/reset-password",
        .permission = "core.account.reset_password",
        .flags = API_NO_REPLAY,
        .handle = accounts_reset,
        .summary_en = "A new password to be changed at sign-in",
        .summary_zh = "重置密码，下次登录须修改"},
};

int api_account_routes(struct router *rt)
{
    return api_add_all(rt, account_routes, ARRAY_LEN(account_routes));
}
