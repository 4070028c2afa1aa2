/* /consents/{consent}/scan: the scan of a signed paper. */
#include <errno.h>

#include "api/core_routes.h"
#include "api/download.h"
#include "api/upload.h"
#include "resource/own/consent_scan.h"

#define BYTES_MAX (20u << 20)

static int upload(struct call *c, struct request *r)
{
    struct consent_scan in = {.name = NULL};
    struct upload *u;
    struct uuid id;
    int e = api_id(c, r, "consent", &id);

    if (e == 0)
        e = consent_scan_may_add(c, id);
    if (e == 0)
        e = upload_name(c, r, &in.name);
    if (e == 0)
        e = upload_take(c, r, BYTES_MAX, 1u << FILE_IMAGE | 1u << FILE_DOCUMENT, &u);
    if (e < 0)
        return e;
    in.type = u->type;
    in.digest = u->content.digest;
    in.size = u->content.size;
    in.name = file_type_name(c->arena, in.type, in.name);
    e = api_key(c, r, (struct text){(const char *)in.digest.b, SHA256_LEN});
    if (e == 0)
        e = call_begin(c);
    if (e < 0 || c->is_replay)
        return e;
    e = consent_scan_add(c, id, &in, u->content.writer);
    return e < 0 ? e : api_done(c, r);
}

static int send_scan(struct call *c, struct request *r, bool is_own)
{
    struct consent_scan scan;
    struct uuid id;
    int e = api_id(c, r, "consent", &id);

    if (e == 0)
        e = consent_scan_find(c, id, is_own, &scan);
    return e < 0 ? e
                 : download(c, r, scan.type ? scan.type->media : "application/octet-stream", scan.name,
                       &scan.digest, scan.size);
}

static int get(struct call *c, struct request *r)
{
    return send_scan(c, r, false);
}

static int get_own(struct call *c, struct request *r)
{
    return c->who->kind == SUBJECT_ACCOUNT ? send_scan(c, r, true) : call_not_found(c);
}

#define BYTES_SCHEMA "{\"type\":\"string\",\"format\":\"binary\"}"

static const struct api_route routes[] = {
    {.method = HTTP_POST,
        .path = "/consents/{consent}/scan",
        .flags = API_STREAMS,
        .handle = upload,
        .end = upload_end,
        .header = "Content-Disposition",
        .request_type = "application/octet-stream",
        .request_schema = BYTES_SCHEMA,
        .body_max = UINT32_MAX,
        .summary_en = "The scan of a paper on which somebody agreed: a picture or a document, once",
        .summary_zh = "上传纸质同意书扫描件"},
    {.method = HTTP_GET,
        .path = "/consents/{consent}/scan",
        .handle = get,
        .response_type = "application/octet-stream",
        .response_schema = BYTES_SCHEMA,
        .summary_en = "The scan of a signed paper",
        .summary_zh = "下载纸质同意书扫描件"},
    {.method = HTTP_GET,
        .path = "/me/consents/{consent}/scan",
        .handle = get_own,
        .response_type = "application/octet-stream",
        .response_schema = BYTES_SCHEMA,
        .summary_en = "The scan of one's own signed paper",
        .summary_zh = "下载本人同意书扫描件"},
};

int api_scan_routes(struct router *rt)
{
    return api_add_all(rt, routes, ARRAY_LEN(routes));
}
