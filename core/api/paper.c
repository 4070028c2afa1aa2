/* Papers, and what they are about; POST /data-requests: what somebody asked on paper. */
#include "api/paper.h"

#include <errno.h>

#include "api/core_routes.h"
#include "base/clock.h"
#include "resource/declare/edition.h"
#include "resource/own/own_request.h"

int api_paper(struct call *c, const json_t *body, struct consent_paper *ret)
{
    const char *day = NULL;
    int e = api_str(c, body, "filed", true, &ret->filed);

    if (api_str(c, body, "signed_on", false, &day) < 0 || e < 0)
        return -EINVAL;
    if (day && date_parse(text_of(day), &ret->signed_on) < 0)
        return call_fail_at(
            c, "/signed_on", "type", "A day like 2026-12-31.", "应为 2026-12-31 形式的日期。");
    return 0;
}

int api_about_record(
    struct call *c, const json_t *body, bool required, const struct resource **ret, struct uuid *ret_id)
{
    const char *name = NULL;
    int e = api_str(c, body, "resource", required, &name);

    *ret = NULL;
    if (api_uuid(c, body, "record", required || name, ret_id) < 0 || e < 0)
        return -EINVAL;
    if (!name && !uuid_is_nil(*ret_id))
        return call_fail_at(
            c, "/resource", "required", "The resource of the record.", "必填：记录所属资源。");
    if (name) {
        *ret = edition_find(c->tenant, name);
        e = *ret ? 0 : call_not_found(c);
    }
    return e;
}

/* By a worker, for somebody who asked on paper. */
static int request_record(struct call *c, struct request *r)
{
    static const char *const known[] = {
        "account", "resource", "record", "changes", "reason", "filed", "signed_on", NULL};
    struct own_on_behalf in = {.changes = NULL};
    struct uuid id;
    json_t *body;
    int e = request_object(r, known, &body);

    if (e == 0)
        e = api_uuid(c, body, "account", true, &in.account);
    if (e == 0)
        e = api_about_record(c, body, false, &in.res, &in.record);
    if (e == 0)
        e = api_str(c, body, "reason", false, &in.reason);
    if (e == 0)
        e = api_paper(c, body, &in.paper);
    if (e < 0)
        return e;
    in.changes = json_object_get(body, "changes");
    if (in.changes && (!in.res || !json_is_object(in.changes) || json_object_size(in.changes) == 0))
        return call_fail_at(c, "/changes", "required",
            "An object: fields of the record and their right values.", "应为记录的字段及其正确内容。");
    e = call_begin(c);
    if (e < 0 || c->is_replay)
        return e;
    e = own_request_record(c, &in, &id);
    return e < 0 ? e : api_created(c, r, id, 1);
}

#define UUID_SCHEMA "{\"type\":\"string\",\"format\":\"uuid\"}"

static const struct api_route routes[] = {
    {.method = HTTP_POST,
        .path = "/data-requests",
        .permission = "core.own.record",
        .handle = request_record,
        .request_schema =
            "{\"type\":\"object\",\"additionalProperties\":false,\"required\":[\"account\",\"filed\"],"
            "\"properties\":{\"account\":" UUID_SCHEMA
            ",\"resource\":{\"type\":\"string\"},\"record\":" UUID_SCHEMA
            ",\"changes\":{\"type\":\"object\"},\"reason\":{\"type\":\"string\",\"maxLength\":500},\"filed\":"
            "{"
            "\"type\":\"string\",\"minLength\":1,\"maxLength\":200,\"description\":\"Where the signed paper "
            "is\"},\"signed_on\":{\"type\":\"string\",\"format\":\"date\"}}}",
        .summary_en = "Record what somebody asked on paper about their data",
        .summary_zh = "代为登记书面提出的个人信息请求"},
};

int api_paper_routes(struct router *rt)
{
    return api_add_all(rt, routes, ARRAY_LEN(routes));
}
