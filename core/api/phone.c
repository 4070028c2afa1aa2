/* /session/code: signing in by a code sent to a phone; the subject's own name and number. */
#include "api/phone.h"

#include <errno.h>

#include "access/member.h"
#include "api/core_routes.h"
#include "api/core_schemas.h"
#include "base/clock.h"
#include "loop/flood.h"

static const char *cookie_name(const struct call *c)
{
    return arena_printf(c->arena, "__Host-jx-code-%s", c->tenant->slug);
}

int api_phone(struct call *c, const json_t *body, bool required, struct phone *ret, bool *ret_given)
{
    const char *s = NULL;
    int e = api_str(c, body, "phone", required, &s);

    if (ret_given)
        *ret_given = s != NULL;
    if (e < 0 || !s)
        return e;
    return phone_parse(text_of(s), ret) == 0 ? 0
                                             : call_fail_at(c, "/phone", "pattern",
                                                   "A mobile number: 11 digits, or + and the country's code.",
                                                   "应为 11 位手机号，境外号码以“+国家代码”开头。");
}

int api_code_asked(struct call *c, struct request *r, const struct phone_binding *binding)
{
    response_empty(r);
    response_header(r->response, "Set-Cookie", "%s=%s; Path=/; Secure; HttpOnly; SameSite=Strict; Max-Age=%d",
        cookie_name(c), binding->s, PHONE_CODE_MINUTES * 60);
    return 0;
}

struct text api_code_binding(const struct call *c, const struct request *r)
{
    struct text t = request_cookie(r, cookie_name(c));

    return t.ptr ? t : TEXT("");
}

int api_code_flood(struct call *c, const struct request *r)
{
    return flood_allow(flood_table(), "phone-code", r->peer, flood_limit(), 60000, clock_mono_ms())
               ? 0
               : session_limited(c, 60);
}

/* ---- signing in ---- */

static int code_ask(struct call *c, struct request *r)
{
    static const char *const known[] = {"phone", NULL};
    struct phone_ask ask = {.purpose = PHONE_SIGN_IN, .peer = r->peer};
    struct phone_binding binding;
    struct phone phone;
    json_t *body;
    int e = api_code_flood(c, r);

    if (e == 0)
        e = request_object(r, known, &body);
    if (e == 0)
        e = api_phone(c, body, true, &phone, NULL);
    ask.phone = phone.s;
    if (e == 0)
        e = phone_code_ask(c, &ask, &binding);
    return e < 0 ? e : api_code_asked(c, r, &binding);
}

static int code_sign_in(struct call *c, struct request *r)
{
    static const char *const known[] = {"code", NULL};
    struct phone_answer in = {.binding = api_code_binding(c, r), .peer = r->peer};
    struct session_opened s;
    json_t *body;
    int e = api_code_flood(c, r);

    if (e == 0)
        e = request_object(r, known, &body);
    if (e == 0)
        e = api_str(c, body, "code", true, &in.code);
    if (e == 0)
        e = session_open_by_code(c, &in, api_session_cookie(c, r), api_user_agent(c, r), &s);
    if (e == 0)
        api_session_opened(c, r, &s);
    return e;
}

/* ---- one's own ---- */

static int number_ask(struct call *c, struct request *r)
{
    static const char *const known[] = {"phone", NULL};
    struct phone_ask ask = {.purpose = PHONE_NUMBER, .peer = r->peer, .subject = c->who->account};
    struct phone_binding binding;
    struct phone phone;
    json_t *body;
    int e = c->who->kind == SUBJECT_ACCOUNT ? request_object(r, known, &body) : call_not_found(c);

    if (e == 0)
        e = api_phone(c, body, true, &phone, NULL);
    ask.phone = phone.s;
    if (e == 0)
        e = phone_code_ask(c, &ask, &binding);
    return e < 0 ? e : api_code_asked(c, r, &binding);
}

static int take_number(struct call *c, struct request *r, const char *code, struct phone_proof *ret)
{
    struct phone_answer in = {.binding = api_code_binding(c, r), .code = code, .peer = r->peer};
    int e = phone_code_check(c, PHONE_NUMBER, &in, ret);

    if (e == 0 && !uuid_eq(ret->subject, c->who->account))
        e = call_fail_at(
            c, "/code", "wrong_code", "The code was asked for by another account.", "验证码不属于本账号。");
    return e;
}

/* A stolen token must not become the account. */
static int account_patch(struct call *c, struct request *r)
{
    static const char *const known[] = {"display_name", "code", NULL};
    struct phone_proof proof = {.phone = NULL};
    const char *name = NULL, *code = NULL;
    json_t *body;
    int e = c->who->kind == SUBJECT_ACCOUNT ? request_object(r, known, &body) : call_not_found(c);

    if (e == 0 && uuid_is_nil(c->who->session))
        return call_fail(
            c, 403, "session_required", "Sign in to change the account.", "请登录后修改账号信息。");
    if (e == 0)
        e = api_str(c, body, "display_name", false, &name);
    if (e == 0)
        e = api_str(c, body, "code", false, &code);
    if (e == 0 && !name && !code)
        e = call_fail_at(c, "/display_name", "required", "A name, or the code sent to a new number.",
            "应给出姓名，或发送至新手机号的验证码。");
    if (e == 0 && name)
        e = member_check_name(c, name);
    if (e == 0 && code)
        e = take_number(c, r, code, &proof);
    if (e == 0)
        e = call_begin(c);
    if (e < 0 || c->is_replay)
        return e;
    if (code)
        e = phone_code_use(c, &proof);
    if (e == 0)
        e = member_correct(c, name, proof.phone);
    return e < 0 ? e : api_done(c, r);
}

#define PHONE_BODY                                                                                           \
    "{\"type\":\"object\",\"additionalProperties\":false,\"required\":[\"phone\"],\"properties\":{"          \
    "\"phone\":{\"type\":\"string\",\"maxLength\":24}}}"

static const struct api_route routes[] = {
    {.method = HTTP_POST,
        .path = "/session/code",
        .flags = API_PUBLIC | API_NO_CSRF | API_ALLOW_MUST_CHANGE | API_NO_REPLAY,
        .handle = code_ask,
        .request_schema = PHONE_BODY,
        .summary_en = "Ask for a code by which a member signs in; the answer is the same for any number",
        .summary_zh = "获取登录短信验证码"},
    {.method = HTTP_POST,
        .path = "/session/by-code",
        .flags = API_PUBLIC | API_NO_CSRF | API_ALLOW_MUST_CHANGE | API_NO_REPLAY,
        .handle = code_sign_in,
        .request_schema = "{\"type\":\"object\",\"additionalProperties\":false,\"required\":[\"code\"],"
                          "\"properties\":{\"code\":{\"type\":\"string\",\"pattern\":\"^[0-9]{6}$\"}}}",
        .summary_en = "Sign in by the code, in the browser that asked for it",
        .summary_zh = "短信验证码登录"},
    {.method = HTTP_POST,
        .path = "/me/account/code",
        .flags = API_NO_REPLAY,
        .handle = number_ask,
        .request_schema = PHONE_BODY,
        .summary_en = "Ask for a code to a new number of one's own",
        .summary_zh = "获取更换手机号的验证码"},
    {.method = HTTP_PATCH,
        .path = "/me/account",
        .flags = API_NO_REPLAY,
        .handle = account_patch,
        .request_schema =
            "{\"type\":\"object\",\"additionalProperties\":false,\"properties\":{\"display_name\":{\"type\":"
            "\"string\",\"minLength\":1,\"maxLength\":100},\"code\":{\"type\":\"string\",\"pattern\":"
            "\"^[0-9]{6}$\",\"description\":\"As sent to the new number, which is taken over\"}}}",
        .summary_en = "Correct one's own name, or take over a new number",
        .summary_zh = "更正本人姓名或更换手机号"},
};

int api_phone_routes(struct router *rt)
{
    return api_add_all(rt, routes, ARRAY_LEN(routes));
}
