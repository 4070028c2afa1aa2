/* /notices, /consents and /me/consents. */
#include <errno.h>

#include "api/core_routes.h"
#include "api/paper.h"

static int notices(struct call *c, struct request *r)
{
    return notices_write(c, response_json(r, 200));
}

static int notice(struct call *c, struct request *r)
{
    struct uuid id;
    int e = api_id(c, r, "notice", &id);

    return e < 0 ? e : notice_write(c, id, response_json(r, 200));
}

static int publish(struct call *c, struct request *r)
{
    static const char *const known[] = {
        "purpose", "title_zh", "title_en", "text_zh", "text_en", "new_purpose", NULL};
    struct notice_input in = {.is_new_purpose = false};
    bool has_new;
    struct uuid id;
    json_t *body;
    int e = request_object(r, known, &body);

    if (e < 0)
        return e;
    e = api_str(c, body, "purpose", true, &in.purpose);
    e = api_str(c, body, "title_zh", true, &in.title_zh) < 0 ? -EINVAL : e;
    e = api_str(c, body, "title_en", true, &in.title_en) < 0 ? -EINVAL : e;
    e = api_str(c, body, "text_zh", true, &in.text_zh) < 0 ? -EINVAL : e;
    e = api_str(c, body, "text_en", true, &in.text_en) < 0 ? -EINVAL : e;
    if (e == 0)
        e = api_bool(c, body, "new_purpose", &has_new, &in.is_new_purpose);
    if (e == 0)
        e = call_begin(c);
    if (e < 0 || c->is_replay)
        return e;
    e = notice_publish(c, &in, &id);
    return e < 0 ? e : api_created(c, r, id, 1);
}

static int consents(struct call *c, struct request *r)
{
    return c->who->kind == SUBJECT_ACCOUNT ? consents_write(c, response_json(r, 200)) : call_not_found(c);
}

static int give(struct call *c, struct request *r)
{
    static const char *const known[] = {"notice", NULL};
    struct uuid notice_id, id;
    json_t *body;
    int e = c->who->kind == SUBJECT_ACCOUNT ? request_object(r, known, &body) : call_not_found(c);

    if (e == 0)
        e = api_uuid(c, body, "notice", true, &notice_id);
    if (e == 0)
        e = call_begin(c);
    if (e < 0 || c->is_replay)
        return e;
    e = consent_give(c, notice_id, &id);
    return e < 0 ? e : api_created(c, r, id, 1);
}

static int record(struct call *c, struct request *r)
{
    static const char *const known[] = {"account", "notice", "filed", "signed_on", NULL};
    struct consent_paper paper = {.filed = ""};
    struct uuid account, notice_id, id;
    json_t *body;
    int e = request_object(r, known, &body);

    if (e == 0)
        e = api_uuid(c, body, "account", true, &account);
    if (e == 0)
        e = api_uuid(c, body, "notice", true, &notice_id);
    if (e == 0)
        e = api_paper(c, body, &paper);
    if (e == 0)
        e = call_begin(c);
    if (e < 0 || c->is_replay)
        return e;
    e = consent_record(c, account, notice_id, &paper, &id);
    return e < 0 ? e : api_created(c, r, id, 1);
}

static int withdraw(struct call *c, struct request *r)
{
    struct uuid id;
    int e = api_id(c, r, "consent", &id);

    if (e == 0)
        e = call_begin(c);
    if (e < 0 || c->is_replay)
        return e;
    e = consent_withdraw(c, id);
    return e < 0 ? e : api_done(c, r);
}

#define TEXT_OF(max) "{\"type\":\"string\",\"minLength\":1,\"maxLength\":" #max "}"
#define NOTICE_SCHEMA                                                                                        \
    "{\"type\":\"object\",\"properties\":{\"id\":{\"type\":\"string\",\"format\":\"uuid\"},\"purpose\":{"    \
    "\"type\":\"string\"},\"version\":{\"type\":\"integer\"},\"title_zh\":{\"type\":\"string\"},"            \
    "\"title_en\":{\"type\":\"string\"},\"text_zh\":{\"type\":\"string\"},\"text_en\":{\"type\":"            \
    "\"string\"},\"sha256\":{\"type\":\"string\"},\"published_at\":{\"type\":\"string\",\"format\":"         \
    "\"date-time\"},\"agreed\":{\"type\":\"boolean\"}}}"

static const struct api_route routes[] = {
    {.method = HTTP_GET,
        .path = "/notices",
        .handle = notices,
        .response_schema =
            "{\"type\":\"object\",\"properties\":{\"items\":{\"type\":\"array\",\"items\":" NOTICE_SCHEMA
            "}}}",
        .summary_en = "Notices about personal data: the current one for each purpose",
        .summary_zh = "现行个人信息告知书"},
    {.method = HTTP_GET,
        .path = "/notices/{notice}",
        .handle = notice,
        .response_schema = NOTICE_SCHEMA,
        .summary_en = "A notice, of whatever version",
        .summary_zh = "个人信息告知书"},
    {.method = HTTP_POST,
        .path = "/notices",
        .handle = publish,
        .request_schema =
            "{\"type\":\"object\",\"additionalProperties\":false,\"required\":[\"purpose\",\"title_zh\","
            "\"title_en\",\"text_zh\",\"text_en\"],\"properties\":{\"purpose\":{\"type\":\"string\"},"
            "\"title_zh\":" TEXT_OF(100) ",\"title_en\":" TEXT_OF(100) ",\"text_zh\":" TEXT_OF(
                20000) ",\"text_en\":" TEXT_OF(20000) ",\"new_purpose\":{\"type\":\"boolean\","
                                                      "\"description\":\"What was agreed to before "
                                                      "ends\"}}}",
        .summary_en = "Publish the next version of a notice",
        .summary_zh = "发布告知书新版本"},
    {.method = HTTP_GET,
        .path = "/me/consents",
        .handle = consents,
        .summary_en = "What one has agreed to, newest first, ended ones too",
        .summary_zh = "本人的同意记录"},
    {.method = HTTP_POST,
        .path = "/me/consents",
        .handle = give,
        .request_schema = "{\"type\":\"object\",\"additionalProperties\":false,\"required\":[\"notice\"],"
                          "\"properties\":{\"notice\":{\"type\":\"string\",\"format\":\"uuid\"}}}",
        .summary_en = "Agree to a notice",
        .summary_zh = "表示同意"},
    {.method = HTTP_DELETE,
        .path = "/me/consents/{consent}",
        .handle = withdraw,
        .summary_en = "Withdraw consent",
        .summary_zh = "撤回同意"},
    {.method = HTTP_POST,
        .path = "/consents",
        .handle = record,
        .request_schema = "{\"type\":\"object\",\"additionalProperties\":false,\"required\":[\"account\","
                          "\"notice\",\"filed\"],\"properties\":{\"account\":{\"type\":\"string\","
                          "\"format\":\"uuid\"},\"notice\":{\"type\":\"string\",\"format\":\"uuid\"},"
                          "\"filed\":{\"type\":\"string\",\"minLength\":1,\"maxLength\":200,"
                          "\"description\":\"Where the signed paper is\"},\"signed_on\":{\"type\":\"string\","
                          "\"format\":\"date\"}}}",
        .summary_en = "Record consent that was given on paper",
        .summary_zh = "登记纸质同意书"},
};

int api_consent_routes(struct router *rt)
{
    return api_add_all(rt, routes, ARRAY_LEN(routes));
}
