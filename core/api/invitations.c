/* /invitations and /registrations of workers; /invitation of who was invited. */
#include <errno.h>

#include "access/core_permissions.h"
#include "api/core_routes.h"
#include "api/paper.h"
#include "api/phone.h"
#include "resource/own/invitation.h"
#include "tenant/tree.h"

/* ---- workers ---- */

static int take_input(struct call *c, const json_t *body, struct invitation_input *in, struct phone *phone)
{
    bool given;
    const json_t *days = json_object_get(body, "days");
    int e = api_body_unit(c, body, "unit", true, core_permission(CORE_INVITATION_MANAGE), &in->unit);

    if (api_str(c, body, "purpose", true, &in->purpose) < 0 || e < 0)
        return -EINVAL;
    e = api_phone(c, body, false, phone, &given);
    in->phone = given ? phone->s : NULL;
    if (e == 0 && days && !json_is_integer(days))
        e = call_fail_at(c, "/days", "type", "A number of days.", "应为天数。");
    in->days = json_integer_value(days);
    if (e == 0 && days && in->days < 1)
        e = call_fail_at(c, "/days", "range", "1 to 30 days.", "有效期为 1 至 30 天。");
    return e;
}

static int invite(struct call *c, struct request *r)
{
    static const char *const known[] = {"unit", "purpose", "phone", "days", NULL};
    struct invitation_input in = {.unit = TREE_NONE};
    struct invitation_token token;
    struct phone phone;
    struct uuid id;
    struct jsonw *w;
    json_t *body;
    int e = request_object(r, known, &body);

    if (e == 0)
        e = take_input(c, body, &in, &phone);
    if (e == 0)
        e = call_begin(c);
    if (e < 0 || c->is_replay)
        return e;
    e = invitation_create(c, &in, &id, &token);
    if (e == 0)
        e = call_commit(c);
    if (e < 0)
        return e;
    w = response_json(r, 201);
    response_header(r->response, "Location", "%.*s/%s", (int)r->path.len, r->path.ptr, uuid_format(id).s);
    jsonw_object(w);
    jsonw_kuuid(w, "id", id);
    jsonw_kstr(w, "code", in.phone ? NULL : token.s);
    jsonw_object_end(w);
    return 0;
}

static int take_filter(struct call *c, struct request *r, struct invitation_filter *f)
{
    static const char *const states[] = {"open", "used", "revoked", "expired"};
    struct text state = request_query(r, "state"), unit = request_query(r, "unit");
    bool known = !state.ptr;
    int e = api_limit(c, r, 20, 200, &f->limit);

    f->unit = TREE_NONE;
    for (size_t i = 0; i < ARRAY_LEN(states); i++) {
        if (!text_is(state, states[i]))
            continue;
        known = true;
        f->state = states[i];
    }
    if (!known)
        e = call_fail_at(c, "state", "not_one_of", "open, used, revoked or expired.",
            "应为 open、used、revoked 或 expired。");
    if (api_cursor(c, r, &f->before) < 0)
        e = -EINVAL;
    if (e == 0 && unit.ptr) {
        f->unit = tree_find_named(c->tenant->tree, unit);
        if (f->unit == TREE_NONE ||
            !subject_may(c->who, c->tenant, core_permission(CORE_INVITATION_MANAGE), f->unit))
            e = call_not_found(c);
    }
    return e;
}

static int list(struct call *c, struct request *r)
{
    struct invitation_filter f = {.state = NULL};
    int e = take_filter(c, r, &f);

    return e < 0 ? e : invitations_write(c, &f, response_json(r, 200));
}

static int get(struct call *c, struct request *r)
{
    struct uuid id;
    int e = api_id(c, r, "invitation", &id);

    return e < 0 ? e : invitation_write(c, id, response_json(r, 200));
}

static int revoke(struct call *c, struct request *r)
{
    struct uuid id;
    int e = api_id(c, r, "invitation", &id);

    if (e == 0)
        e = call_begin(c);
    if (e < 0 || c->is_replay)
        return e;
    e = invitation_revoke(c, id);
    return e < 0 ? e : api_done(c, r);
}

static int register_paper(struct call *c, struct request *r)
{
    static const char *const known[] = {
        "unit", "notice", "display_name", "phone", "filed", "signed_on", NULL};
    struct registration in = {.unit = TREE_NONE};
    struct uuid account, consent;
    struct phone phone;
    struct jsonw *w;
    bool given;
    json_t *body;
    int e = request_object(r, known, &body);

    if (e == 0)
        e = api_body_unit(c, body, "unit", true, core_permission(CORE_INVITATION_MANAGE), &in.unit);
    if (e == 0)
        e = api_uuid(c, body, "notice", true, &in.notice);
    if (e == 0)
        e = api_str(c, body, "display_name", true, &in.display_name);
    if (e == 0)
        e = api_phone(c, body, false, &phone, &given);
    if (e == 0)
        e = api_paper(c, body, &in.paper);
    if (e == 0)
        e = call_begin(c);
    if (e < 0 || c->is_replay)
        return e;
    in.phone = given ? phone.s : NULL;
    e = registration_record(c, &in, &account, &consent);
    if (e == 0)
        e = call_commit(c);
    if (e < 0)
        return e;
    w = response_json(r, 201);
    jsonw_object(w);
    jsonw_kuuid(w, "id", account);
    jsonw_kuuid(w, "consent", consent);
    jsonw_object_end(w);
    return 0;
}

/* ---- the invited ---- */

static int take_invitation(
    struct call *c, const json_t *body, const struct request *r, struct invitation *ret)
{
    const char *token;
    int e = api_str(c, body, "invitation", true, &token);

    return e < 0 ? e : invitation_find(c, token, r->peer, ret);
}

static int show(struct call *c, struct request *r)
{
    static const char *const known[] = {"invitation", NULL};
    struct invitation i;
    json_t *body;
    int e = api_code_flood(c, r);

    if (e == 0)
        e = request_object(r, known, &body);
    if (e == 0)
        e = take_invitation(c, body, r, &i);
    return e < 0 ? e : invitation_show(c, &i, response_json(r, 200));
}

static int ask_code(struct call *c, struct request *r)
{
    static const char *const known[] = {"invitation", "phone", NULL};
    struct phone_binding binding;
    struct invitation i;
    struct phone phone;
    json_t *body;
    int e = api_code_flood(c, r);

    if (e == 0)
        e = request_object(r, known, &body);
    if (e == 0)
        e = api_phone(c, body, true, &phone, NULL);
    if (e == 0)
        e = take_invitation(c, body, r, &i);
    if (e == 0)
        e = invitation_ask_code(c, &i, phone.s, r->peer, &binding);
    return e < 0 ? e : api_code_asked(c, r, &binding);
}

static int accept(struct call *c, struct request *r)
{
    static const char *const known[] = {"invitation", "notice", "display_name", "code", NULL};
    struct invitation_answer in = {.code = {.binding = api_code_binding(c, r), .peer = r->peer},
        .old_token = api_session_cookie(c, r),
        .user_agent = api_user_agent(c, r)};
    struct session_opened s;
    struct uuid account;
    struct invitation i;
    json_t *body;
    int e = api_code_flood(c, r);

    if (e == 0)
        e = request_object(r, known, &body);
    if (e == 0)
        e = api_uuid(c, body, "notice", true, &in.notice);
    if (e == 0)
        e = api_str(c, body, "display_name", true, &in.display_name);
    if (e == 0)
        e = api_str(c, body, "code", true, &in.code.code);
    if (e == 0)
        e = take_invitation(c, body, r, &i);
    if (e == 0)
        e = invitation_accept(c, &i, &in, &s, &account);
    if (e == 0)
        e = call_commit(c);
    if (e < 0)
        return e;
    if (*s.token) {
        api_session_opened(c, r, &s);
    } else {
        struct jsonw *w = response_json(r, 201);

        jsonw_object(w);
        jsonw_kuuid(w, "account", account);
        jsonw_object_end(w);
    }
    return 0;
}

#define UUID_SCHEMA "{\"type\":\"string\",\"format\":\"uuid\"}"
#define PUBLIC_FLAGS (API_PUBLIC | API_NO_CSRF | API_ALLOW_MUST_CHANGE | API_NO_REPLAY)
#define TOKEN_SCHEMA                                                                                         \
    "\"invitation\":{\"type\":\"string\",\"maxLength\":40,\"description\":\"The code of the invitation\"}"
#define INVITATION_SCHEMA                                                                                    \
    "{\"type\":\"object\",\"properties\":{\"id\":" UUID_SCHEMA ",\"unit\":" UUID_SCHEMA                      \
    ",\"purpose\":{\"type\":\"string\"},\"how\":{\"enum\":[\"sms\",\"qr\"]},\"state\":{\"enum\":["           \
    "\"open\",\"used\",\"revoked\",\"expired\"]},\"phone\":{\"type\":[\"string\",\"null\"],"                 \
    "\"description\":\"Masked, while it is open\"},\"created_by\":" UUID_SCHEMA                              \
    ",\"created_at\":{\"type\":\"string\",\"format\":\"date-time\"},\"expires_at\":{\"type\":"               \
    "\"string\",\"format\":\"date-time\"},\"ended_at\":{\"type\":[\"string\",\"null\"],\"format\":"          \
    "\"date-time\"}}}"

static const struct api_route routes[] = {
    {.method = HTTP_GET,
        .path = "/invitations",
        .query = "unit,state,limit,cursor",
        .permission = "core.invitation.manage",
        .handle = list,
        .response_schema =
            "{\"type\":\"object\",\"properties\":{\"items\":{\"type\":\"array\",\"items\":" INVITATION_SCHEMA
            "},\"next\":{\"type\":[\"string\",\"null\"],\"format\":\"uuid\"}}}",
        .summary_en = "Invitations of units, newest first",
        .summary_zh = "登记邀请列表"},
    {.method = HTTP_POST,
        .path = "/invitations",
        .permission = "core.invitation.manage",
        .flags = API_NO_REPLAY,
        .handle = invite,
        .request_schema = "{\"type\":\"object\",\"additionalProperties\":false,\"required\":[\"unit\","
                          "\"purpose\"],\"properties\":{\"unit\":" UUID_SCHEMA
                          ",\"purpose\":{\"type\":\"string\",\"description\":\"Of a notice\"},\"phone\":{"
                          "\"type\":\"string\",\"maxLength\":24},\"days\":{\"type\":\"integer\",\"minimum\":"
                          "1,\"maximum\":30}}}",
        .response_schema = "{\"type\":\"object\",\"properties\":{\"id\":" UUID_SCHEMA
                           ",\"code\":{\"type\":[\"string\",\"null\"],\"description\":\"To print; said once. "
                           "null: sent to the "
                           "number\"}}}",
        .summary_en = "Invite somebody: a number, or by a printed code",
        .summary_zh = "发出登记邀请（短信或打印邀请码）"},
    {.method = HTTP_GET,
        .path = "/invitations/{invitation}",
        .permission = "core.invitation.manage",
        .handle = get,
        .response_schema = INVITATION_SCHEMA,
        .summary_en = "An invitation",
        .summary_zh = "登记邀请"},
    {.method = HTTP_DELETE,
        .path = "/invitations/{invitation}",
        .permission = "core.invitation.manage",
        .handle = revoke,
        .summary_en = "Take an invitation back",
        .summary_zh = "撤销登记邀请"},
    {.method = HTTP_POST,
        .path = "/registrations",
        .permission = "core.invitation.manage",
        .handle = register_paper,
        .request_schema =
            "{\"type\":\"object\",\"additionalProperties\":false,\"required\":[\"unit\",\"notice\","
            "\"display_name\",\"filed\"],\"properties\":{\"unit\":" UUID_SCHEMA ",\"notice\":" UUID_SCHEMA
            ",\"display_name\":{\"type\":\"string\",\"minLength\":1,\"maxLength\":100},\"phone\":{\"type\":"
            "\"string\",\"maxLength\":24},\"filed\":{\"type\":\"string\",\"minLength\":1,\"maxLength\":200,"
            "\"description\":\"Where the signed paper is\"},\"signed_on\":{\"type\":\"string\",\"format\":"
            "\"date\"}}}",
        .response_schema =
            "{\"type\":\"object\",\"properties\":{\"id\":" UUID_SCHEMA ",\"consent\":" UUID_SCHEMA "}}",
        .summary_en = "Register somebody who signed a paper",
        .summary_zh = "凭签署的纸质同意书登记人员"},
    {.method = HTTP_POST,
        .path = "/invitation",
        .flags = PUBLIC_FLAGS,
        .handle = show,
        .request_schema = "{\"type\":\"object\",\"additionalProperties\":false,\"required\":[\"invitation\"],"
                          "\"properties\":{" TOKEN_SCHEMA "}}",
        .response_schema =
            "{\"type\":\"object\",\"properties\":{\"tenant_name\":{\"type\":\"string\"},"
            "\"unit_name\":{\"type\":[\"string\",\"null\"]},\"how\":{\"enum\":[\"sms\",\"qr\"]},"
            "\"notice\":{\"type\":\"object\"}}}",
        .summary_en = "What an invitation is about: who invites, and the notice",
        .summary_zh = "查看邀请及告知书"},
    {.method = HTTP_POST,
        .path = "/invitation/code",
        .flags = PUBLIC_FLAGS,
        .handle = ask_code,
        .request_schema =
            "{\"type\":\"object\",\"additionalProperties\":false,\"required\":[\"invitation\","
            "\"phone\"],\"properties\":{" TOKEN_SCHEMA ",\"phone\":{\"type\":\"string\",\"maxLength\":24}}}",
        .summary_en = "Ask for a code to the number that is to be registered",
        .summary_zh = "获取登记短信验证码"},
    {.method = HTTP_POST,
        .path = "/invitation/accept",
        .flags = PUBLIC_FLAGS,
        .handle = accept,
        .request_schema =
            "{\"type\":\"object\",\"additionalProperties\":false,\"required\":[\"invitation\","
            "\"notice\",\"display_name\",\"code\"],\"properties\":{" TOKEN_SCHEMA ",\"notice\":" UUID_SCHEMA
            ",\"display_name\":{\"type\":\"string\",\"minLength\":1,\"maxLength\":100},\"code\":{"
            "\"type\":\"string\",\"pattern\":\"^[0-9]{6}$\"}}}",
        .summary_en = "Agree to the notice, and be registered",
        .summary_zh = "阅读告知书后同意并登记"},
};

int api_invitation_routes(struct router *rt)
{
    return api_add_all(rt, routes, ARRAY_LEN(routes));
}
