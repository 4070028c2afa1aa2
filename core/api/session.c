/* /session, /sessions and /account: sign in, who am I, sign out, own sessions, own password. */
#include <errno.h>

#include "access/account.h"
#include "access/session.h"
#include "api/core_routes.h"
#include "api/core_schemas.h"
#include "api/phone.h"
#include "base/clock.h"
#include "loop/flood.h"

static const struct db_stmt list_sessions = {"api.sessions",
    "SELECT id, created_at, last_seen_at, absolute_until, client FROM juxin.session"
    " WHERE tenant_id = $1 AND account_id = $2 AND ended_at IS NULL AND absolute_until > $3 AND idle_until > "
    "$3"
    " ORDER BY created_at DESC, id DESC LIMIT 100"};

static const char *cookie_name(const struct call *c)
{
    return arena_printf(c->arena, "__Host-jx-%s", c->tenant->slug);
}

static void set_cookie(struct call *c, struct request *r, const char *token)
{
    response_header(r->response, "Set-Cookie", "%s=%s; Path=/; Secure; HttpOnly; SameSite=Strict%s",
        cookie_name(c), token, *token ? "" : "; Max-Age=0");
}

struct text api_session_cookie(const struct call *c, const struct request *r)
{
    return request_cookie(r, cookie_name(c));
}

const char *api_user_agent(struct call *c, const struct request *r)
{
    struct text agent = request_header(r, "User-Agent");

    return arena_ndup(c->arena, agent.ptr ? agent.ptr : "", text_is_utf8(agent) ? MIN(agent.len, 120) : 0);
}

void api_session_opened(struct call *c, struct request *r, const struct session_opened *s)
{
    struct csrf_token csrf = session_csrf(text_of(s->token));
    struct jsonw *w = response_json(r, 201);

    set_cookie(c, r, s->token);
    jsonw_object(w);
    jsonw_kuuid(w, "id", s->id);
    jsonw_kuuid(w, "account", s->account);
    jsonw_kstr(w, "csrf_token", csrf.s);
    jsonw_kbool(w, "must_change_password", s->must_change_password);
    jsonw_ktime(w, "expires_at", s->expires_at);
    jsonw_object_end(w);
}

static int session_create(struct call *c, struct request *r)
{
    static const char *const known[] = {"login", "password", NULL};
    const char *login, *password;
    struct session_opened s;
    json_t *body;
    int result;

    /* Before anything that costs: the limits per account, which also hold across servers, come later. */
    if (!flood_allow(flood_table(), "sign-in", r->peer, flood_limit(), 60000, clock_mono_ms()))
        return session_limited(c, 60);
    result = request_object(r, known, &body);
    if (result < 0)
        return result;
    result = api_str(c, body, "login", true, &login);
    if (api_str(c, body, "password", true, &password) < 0 || result < 0)
        return -EINVAL;
    result = session_open(
        c, text_of(login), text_of(password), api_session_cookie(c, r), r->peer, api_user_agent(c, r), &s);
    if (result == 0)
        api_session_opened(c, r, &s);
    return result;
}

static void write_departments(struct jsonw *w, const struct subject *who)
{
    jsonw_key(w, "departments");
    jsonw_array(w);
    for (uint32_t i = 0; i < who->department_count; i++) {
        jsonw_object(w);
        jsonw_kuuid(w, "id", who->departments[i]);
        jsonw_kbool(w, "is_head", who->heads[i]);
        jsonw_object_end(w);
    }
    jsonw_array_end(w);
}

static void write_grants(struct jsonw *w, struct call *c)
{
    jsonw_key(w, "grants");
    jsonw_array(w);
    for (uint32_t i = 0; i < c->who->grant_count; i++) {
        const struct subject_grant *g = &c->who->grants[i];

        jsonw_object(w);
        jsonw_kuuid(w, "id", g->grant_id);
        jsonw_kstr(w, "role", g->role);
        jsonw_kuuid(w, "unit", tree_unit(c->tenant->tree, g->unit).id);
        jsonw_kstr(w, "reach", reach_name(g->reach));
        jsonw_kuuid(w, "department", g->department);
        jsonw_kuuid(w, "post", g->post);
        jsonw_object_end(w);
    }
    jsonw_array_end(w);
}

static int session_read(struct call *c, struct request *r)
{
    struct text token = request_cookie(r, cookie_name(c));
    struct jsonw *w = response_json(r, 200);

    jsonw_object(w);
    jsonw_kuuid(w, "id", c->who->session);
    jsonw_kuuid(w, "account", c->who->account);
    jsonw_kstr(w, "display_name", c->who->display_name);
    jsonw_kbool(w, "must_change_password", c->who->must_change_password);
    if (token.ptr && !uuid_is_nil(c->who->session))
        jsonw_kstr(w, "csrf_token", session_csrf(token).s);
    jsonw_key(w, "tenant");
    jsonw_object(w);
    jsonw_kstr(w, "slug", c->tenant->slug);
    jsonw_kstr(w, "name", c->tenant->name);
    jsonw_object_end(w);
    write_departments(w, c->who);
    write_grants(w, c);
    jsonw_object_end(w);
    return 0;
}

static int end_one(struct call *c, struct uuid id)
{
    int result = call_begin(c);

    if (result < 0 || c->is_replay)
        return result;
    result = call_bump(c);
    if (result == 0)
        result = session_end(c, c->who->account, id);
    return result == -ENOENT ? call_not_found(c) : result;
}

static int session_delete(struct call *c, struct request *r)
{
    int result = uuid_is_nil(c->who->session) ? call_not_found(c) : end_one(c, c->who->session);

    if (result < 0 || c->is_replay)
        return result;
    result = api_done(c, r);
    if (result == 0)
        set_cookie(c, r, "");
    return result;
}

static int sessions_list(struct call *c, struct request *r)
{
    struct db_args a;
    struct db_call call = {.stmt = list_sessions, .args = &a};
    struct jsonw *w;
    int result;

    db_args_reset(&a);
    db_arg_int(&a, c->tenant->id);
    db_arg_uuid(&a, c->who->account);
    db_arg_time(&a, c->now_us);
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
        jsonw_kbool(w, "is_current", uuid_eq(db_get_uuid(call.rows, i, 0), c->who->session));
        jsonw_ktime(w, "created_at", db_get_time(call.rows, i, 1));
        jsonw_ktime(w, "last_seen_at", db_get_time(call.rows, i, 2));
        jsonw_ktime(w, "expires_at", db_get_time(call.rows, i, 3));
        jsonw_kstr(w, "client", db_get(call.rows, i, 4));
        jsonw_object_end(w);
    }
    jsonw_array_end(w);
    jsonw_object_end(w);
    return 0;
}

static int sessions_end(struct call *c, struct request *r)
{
    struct uuid id;
    int result = api_id(c, r, "session", &id);

    if (result == 0)
        result = end_one(c, id);
    return result < 0 || c->is_replay ? result : api_done(c, r);
}

static int password_change(struct call *c, struct request *r)
{
    static const char *const known[] = {"old_password", "new_password", NULL};
    const char *old, *fresh;
    json_t *body;
    int result = request_object(r, known, &body);

    if (result < 0)
        return result;
    if (uuid_is_nil(c->who->session)) /* a stolen token must not become the account */
        return call_fail(c, 403, "session_required", "Sign in to change the password.", "请登录后修改密码。");
    result = api_str(c, body, "old_password", true, &old);
    if (api_str(c, body, "new_password", true, &fresh) < 0 || result < 0)
        return -EINVAL;
    result = account_change_password(c, text_of(old), text_of(fresh));
    return result == 0 ? api_done(c, r) : result;
}

static const struct api_route session_routes[] = {
    {.method = HTTP_POST,
        .path = "/session",
        .flags = API_PUBLIC | API_NO_CSRF | API_ALLOW_MUST_CHANGE | API_NO_REPLAY,
        .handle = session_create,
        .request_schema = SCHEMA_LOGIN,
        .summary_en = "Sign in",
        .summary_zh = "登录"},
    {.method = HTTP_GET,
        .path = "/session",
        .flags = API_ALLOW_MUST_CHANGE,
        .handle = session_read,
        .summary_en = "Who is signed in, and the CSRF token",
        .summary_zh = "当前登录人与 CSRF 令牌"},
    {.method = HTTP_DELETE,
        .path = "/session",
        .flags = API_ALLOW_MUST_CHANGE,
        .handle = session_delete,
        .summary_en = "Sign out",
        .summary_zh = "退出登录"},
    {.method = HTTP_GET,
        .path = "/sessions",
        .handle = sessions_list,
        .summary_en = "One's own sessions",
        .summary_zh = "本人的登录会话"},
    {.method = HTTP_DELETE,
        .path = "/sessions/{session}",
        .handle = sessions_end,
        .summary_en = "End one of one's own sessions",
        .summary_zh = "结束本人的某个会话"},
    {.method = HTTP_POST,
        .path = "/account/password",
        .flags = API_ALLOW_MUST_CHANGE | API_NO_REPLAY,
        .handle = password_change,
        .request_schema = SCHEMA_PASSWORD,
        .summary_en = "Change one's own password",
        .summary_zh = "修改本人密码"},
};

int api_session_routes(struct router *rt)
{
    return api_add_all(rt, session_routes, ARRAY_LEN(session_routes));
}
