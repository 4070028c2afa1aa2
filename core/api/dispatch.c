/* Dispatch of API requests. */
#include "api/dispatch.h"

#include <errno.h>
#include <strings.h>

#include "access/access.h"
#include "access/permission.h"
#include "access/session.h"
#include "base/clock.h"
#include "base/digest.h"
#include "base/mem.h"
#include "db/dbclock.h"
#include "loop/fiber.h"

#define ATTEMPTS 4
#define KEY_MAX 200

static struct db *database;
static const struct api_observer *observer;
static const struct api_route **routes;
static struct http_route **handles; /* what the router was given for each */
static uint32_t route_count, route_capacity;

void api_init(struct db *db)
{
    database = db;
}

void api_observe(const struct api_observer *o)
{
    observer = o;
}

const struct api_route *api_route_of(const struct request *r)
{
    return r->route->extra;
}

void api_each(void (*fn)(const struct api_route *route, void *arg), void *arg)
{
    for (uint32_t i = 0; i < route_count; i++)
        fn(routes[i], arg);
}

/* ---- who asks ---- */

static bool is_unsafe(const struct request *r)
{
    return r->method != HTTP_GET && r->method != HTTP_HEAD && r->method != HTTP_OPTIONS;
}

static struct text bearer_of(const struct request *r)
{
    struct text t = request_header(r, "Authorization");

    if (t.len < 7 || !text_is_nocase((struct text){t.ptr, 7}, "Bearer "))
        return (struct text){NULL, 0};
    return text_trim(text_skip(t, 7), " ");
}

static struct text cookie_of(const struct call *c, const struct request *r)
{
    return request_cookie(r, arena_printf(c->arena, "__Host-jx-%s", c->tenant->slug));
}

struct text api_token(const struct call *c, const struct request *r, bool *ret_is_bearer)
{
    struct text bearer = bearer_of(r);

    *ret_is_bearer = bearer.ptr != NULL;
    return bearer.ptr ? bearer : cookie_of(c, r);
}

static void set_subject(struct call *c, const struct credential *k)
{
    struct subject *s = arena_alloc(c->arena, sizeof(*s));

    *s = *access_subject(c->tenant, k->account); /* grants stay the snapshot's, which the call holds */
    s->session = k->session;
    s->display_name = arena_dup(c->arena, k->display_name);
    s->must_change_password = k->must_change_password;
    s->authenticated_at = k->authenticated_at;
    c->who = s;
}

static int unauthenticated(struct call *c)
{
    return call_fail(
        c, 401, "unauthenticated", "Sign in, or send a valid token.", "请先登录，或提供有效的令牌。");
}

static int authenticate(
    struct call *c, const struct request *r, const struct api_route *route, bool *ret_cookie)
{
    static const struct subject anonymous = {.kind = SUBJECT_ANONYMOUS};
    bool is_bearer;
    struct text token = api_token(c, r, &is_bearer);
    struct credential *k;
    int result;

    c->who = &anonymous;
    *ret_cookie = false;
    if (!token.ptr) {
        if (route->flags & API_PUBLIC)
            return 0;
        c->is_fenced = true; /* nothing of the snapshot was used */
        return unauthenticated(c);
    }
    result = session_authenticate(c, token, is_bearer, &k);
    if (result == -EACCES)
        return route->flags & API_PUBLIC ? 0 : unauthenticated(c);
    if (result < 0)
        return result;
    set_subject(c, k);
    *ret_cookie = !is_bearer;
    return 0;
}

/* An Origin other than our own host, or a browser that says the request comes from elsewhere. */
static bool is_cross_site(const struct request *r)
{
    struct text origin = request_header(r, "Origin"), site = request_header(r, "Sec-Fetch-Site");
    struct text host = request_header(r, "Host"); /* with its port, as in an Origin */

    if (site.ptr && !text_is(site, "same-origin") && !text_is(site, "none"))
        return true;
    if (!origin.ptr)
        return false;
    if (text_has_prefix(origin, "https://"))
        origin = text_skip(origin, 8);
    else if (text_has_prefix(origin, "http://"))
        origin = text_skip(origin, 7);
    else
        return true;
    return origin.len != host.len || strncasecmp(origin.ptr, host.ptr, origin.len) != 0;
}

static int check_csrf(struct call *c, const struct request *r, const struct api_route *route, bool by_cookie)
{
    struct text sent = request_header(r, "X-CSRF-Token");
    struct csrf_token want;

    if (!is_unsafe(r) || (!by_cookie && !(route->flags & API_PUBLIC)))
        return 0;
    if (is_cross_site(r))
        return call_fail(c, 403, "cross_site", "The request comes from another site.", "请求来自其他网站。");
    if (!by_cookie || (route->flags & API_NO_CSRF))
        return 0;
    want = session_csrf(cookie_of(c, r));
    if (sent.len != strlen(want.s) || !secret_eq(sent.ptr, want.s, sent.len))
        return call_fail(c, 403, "csrf", "Send the session's csrf_token in X-CSRF-Token.",
            "请在 X-CSRF-Token 中附上会话的 csrf_token。");
    return 0;
}

static int check_permission(struct call *c, const struct api_route *route)
{
    if (c->who->must_change_password && !(route->flags & API_ALLOW_MUST_CHANGE))
        return call_fail(c, 403, "must_change_password", "Set a new password first.", "请先设置新密码。");
    if (route->permission && !subject_may_anywhere(c->who, permission_find(text_of(route->permission))))
        return call_forbidden(c, route->permission);
    return 0;
}

int api_key(struct call *c, const struct request *r, struct text content)
{
    const struct api_route *route = api_route_of(r);
    struct text key = request_header(r, "Idempotency-Key");
    struct buf b = BUF_INIT;

    c->idempotency_key = NULL;
    if (!key.ptr || !is_unsafe(r) || (route->flags & API_NO_REPLAY) || c->who->kind != SUBJECT_ACCOUNT)
        return 0;
    for (size_t i = 0; i < key.len; i++) {
        if (key.ptr[i] < 0x21 || key.ptr[i] > 0x7e)
            key.len = KEY_MAX + 1;
    }
    if (key.len < 1 || key.len > KEY_MAX)
        return call_fail(c, 400, "idempotency_key_invalid",
            "An Idempotency-Key has 1 to 200 visible ASCII characters.",
            "Idempotency-Key 为 1 至 200 个可见 ASCII 字符。");
    buf_addf(&b, "%s ", http_method_name(r->method));
    buf_add_text(&b, r->target);
    buf_addc(&b, '\n');
    buf_add_text(&b, request_header(r, "If-Match"));
    buf_addc(&b, '\n');
    buf_add_text(&b, content);
    c->idempotency_hash = arena_alloc(c->arena, sizeof(*c->idempotency_hash));
    *c->idempotency_hash = sha256_of(buf_text(&b));
    c->idempotency_key = arena_ndup(c->arena, key.ptr, key.len);
    buf_done(&b);
    return 0;
}

/* ---- one decision ---- */

static int run_once(struct call *c, struct request *r, const struct api_route *route)
{
    bool by_cookie;
    int result = c->tenant->is_active ? authenticate(c, r, route, &by_cookie) : call_not_found(c), fence;

    if (result == 0)
        result = check_csrf(c, r, route, by_cookie);
    if (result == 0)
        result = check_permission(c, route);
    c->idempotency_key = NULL;
    if (result == 0 && !(route->flags & API_STREAMS))
        result = api_key(c, r, r->body);
    /* First of all: what a handler looks at before it begins may be what the first request made. */
    if (result == 0 && c->idempotency_key)
        result = call_begin(c);
    if (result == 0 && !c->is_replay) {
        if (observer)
            observer->begin(c, r);
        result = route->handle(c, r);
    }
    call_rollback(c); /* what the handler did not commit did not happen */
    if (result != 0 && result != -EINVAL)
        return result;
    fence = call_fence(c); /* an answer from memory alone, a refusal too, holds only at the current epoch */
    return fence < 0 ? fence : result;
}

/* ---- answers ---- */

static void write_fault(const struct call *c, struct request *r)
{
    if (c->fault.status == 404 && strcmp(c->fault.code, "not_found") == 0)
        (void)request_not_found(r); /* the very answer of an address that nobody serves */
    else
        (void)request_fail(r, c->fault.status, c->fault.code, c->fault.en, c->fault.zh);
    for (const struct call_error *e = c->fault.errors; e; e = e->next)
        request_fail_at(r, (struct problem_error){e->pointer, e->code, e->en, e->zh});
    if (c->fault.status == 401)
        response_header(r->response, "WWW-Authenticate", "Bearer realm=\"juxin\"");
    if (c->fault.retry_after_s)
        response_header(r->response, "Retry-After", "%lld", (long long)c->fault.retry_after_s);
    if (c->fault.status == 401 || c->fault.status == 403 || c->fault.status == 429)
        log_event(LOG_WARN, "api.refused", LF_INT("tenant", c->tenant->id), LF_STR("code", c->fault.code));
}

static void write_replay(const struct call *c, struct request *r)
{
    struct jsonw *w = response_json(r, c->replay_status ? c->replay_status : 200);

    if (!uuid_is_nil(c->replay_id) && c->replay_status == 201)
        response_header(
            r->response, "Location", "%.*s/%s", (int)r->path.len, r->path.ptr, uuid_format(c->replay_id).s);
    if (c->replay_version)
        api_etag(r, c->replay_version);
    jsonw_object(w);
    jsonw_kuuid(w, "id", c->replay_id);
    jsonw_kint(w, "version", c->replay_version);
    jsonw_kbool(w, "replayed", true);
    jsonw_object_end(w);
}

static int finish(struct call *c, struct request *r, int result)
{
    if (result == 0) {
        if (c->is_replay)
            write_replay(c, r);
        return 0;
    }
    if (c->fault.status && result == -EINVAL) {
        write_fault(c, r);
        return 0;
    }
    if (result == -EINVAL && r->response->is_problem)
        return 0;
    if (result == -EREMCHG || result == -EDEADLK) /* the tenant changes faster than we decide */
        return request_fail_errno(r, -EAGAIN);
    if (result == -EINPROGRESS)
        return request_fail(r, 503, "outcome_unknown",
            "The connection to the database broke while committing. Repeat the request with the same "
            "Idempotency-Key.",
            "提交时数据库连接中断，结果未知。请使用相同的 Idempotency-Key 重试。");
    return request_fail_errno(r, result);
}

/* The same snapshot after a deadlock, a newer one when the epoch moved. */
static int renew(struct call *c, int why)
{
    struct tenant *old = c->tenant, *fresh = old;
    int result = 0;

    if (why == -EREMCHG)
        result = tenant_refresh(c->db, old->id, c->seen_epoch, &fresh);
    else
        (void)tenant_ref(old);
    if (result < 0)
        return result;
    call_again(c, fresh, NULL);
    tenant_unref(old);
    return 0;
}

static int decide(struct call *c, struct request *r, const struct api_route *route)
{
    int result = run_once(c, r, route);

    for (int i = 1; i < ATTEMPTS && (result == -EREMCHG || result == -EDEADLK); i++) {
        result = renew(c, result);
        if (result < 0)
            break;
        response_reset(r->response);
        result = run_once(c, r, route);
    }
    return result;
}

/* Ids, sessions, grants and deadlines go by a clock that all servers share. 1: it may go on; else the answer is made. */
static int agree_on_time(struct request *r)
{
    int result = clock_is_compared() ? 0 : dbclock_look(database);

    if (result < 0)
        return request_fail_errno(r, result);
    if (!clock_is_far())
        return 1;
    (void)request_fail(r, 503, "clock_wrong",
        "The server's clock does not agree with the database's. Its operator has to set it right.",
        "服务器时钟与数据库时钟不一致，请联系运维人员校准。");
    response_header(r->response, "Retry-After", "10");
    return 0;
}

static int api_handle(struct request *r)
{
    const struct api_route *route = api_route_of(r);
    struct tenant *t;
    struct call c;
    int result;

    result = agree_on_time(r);
    if (result <= 0)
        return result;
    call_init(&c, database, r->arena);
    c.request_id = r->log.request_id;
    result = tenant_get(database, request_param(r, "tenant"), &t);
    if (result == -ENOENT)
        return request_not_found(r);
    if (result < 0)
        return request_fail_errno(r, result);
    call_use(&c, t);
    fiber_set(FIBER_CALL, &c);
    result = finish(&c, r, decide(&c, r, route));
    if (observer)
        observer->end(&c, r); /* the answer is complete: a problem document has its headers too */
    fiber_set(FIBER_CALL, NULL);
    if (route->end)
        route->end(r);
    call_done(&c);
    tenant_unref(c.tenant);
    return result;
}

/* ---- registration ---- */

int api_add(struct router *rt, const struct api_route *route)
{
    struct http_route *h = mem_zalloc(sizeof(*h)); /* as long as the process */
    int result;

    h->method = route->method;
    h->pattern = str_printf("%s%s", API_PREFIX, route->path);
    h->handle = api_handle;
    h->extra = route;
    h->body_max = route->body_max;
    h->streams = route->flags & API_STREAMS;
    if (route_count == route_capacity) {
        route_capacity = route_capacity ? route_capacity * 2 : 64;
        routes = mem_resize(routes, route_capacity, sizeof(struct api_route *));
        handles = mem_resize(handles, route_capacity, sizeof(struct http_route *));
    }
    handles[route_count] = h;
    routes[route_count] = route;
    result = router_add(rt, h);
    if (result < 0) { /* taken: not ours to describe */
        free((char *)(uintptr_t)h->pattern);
        free(h);
        return result;
    }
    route_count++;
    return 0;
}

int api_add_all(struct router *rt, const struct api_route *list, size_t count)
{
    int result = 0;

    for (size_t i = 0; i < count && result == 0; i++)
        result = api_add(rt, &list[i]);
    return result;
}
