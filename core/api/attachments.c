/* P/R/{id}/attachments. */
#include "api/attachments.h"

#include <errno.h>

#include "api/download.h"
#include "api/resource_routes.h"
#include "api/upload.h"
#include "http/range.h"
#include "loop/source.h"
#include "resource/beside/attachment.h"
#include "resource/beside/content.h"
#include "resource/declare/resource.h"
#include "resource/record/reader.h"

void api_attachment_limits(struct attachment_limits limits)
{
    content_set_limit(limits.bytes);
    upload_set_places(limits.uploads);
}

static const struct resource *resource_of(const struct request *r)
{
    return api_route_of(r)->extra;
}

/* The record of the path; locked in an open unit of work. */
static int record_of(struct call *c, const struct request *r, struct record **ret)
{
    struct uuid id;
    int e = api_id(c, r, "id", &id);

    return e < 0 ? e : record_fetch(c, resource_of(r), id, c->tx != NULL, ret);
}

static int list(struct call *c, struct request *r)
{
    struct record *rec;
    int e = record_of(c, r, &rec);

    return e < 0 ? e : attachment_list_write(c, rec, response_json(r, 200));
}

static int get(struct call *c, struct request *r)
{
    struct record *rec;
    struct uuid file;
    int e = record_of(c, r, &rec);

    if (e == 0)
        e = api_id(c, r, "file", &file);
    return e < 0 ? e : attachment_write(c, rec, file, response_json(r, 200));
}

/* ---- in ---- */

static int created(
    struct call *c, struct request *r, const struct record *rec, const struct attachment *file, bool is_new)
{
    struct jsonw *w = response_json(r, is_new ? 201 : 200);
    int e;

    if (is_new)
        response_header(
            r->response, "Location", "%.*s/%s", (int)r->path.len, r->path.ptr, uuid_format(file->id).s);
    e = attachment_write(c, rec, file->id, w);
    return e < 0 ? e : call_commit(c);
}

static int upload(struct call *c, struct request *r)
{
    const struct attachments_rule *rule = &resource_of(r)->attachments;
    struct attachment_input in = {0};
    struct attachment file;
    struct record *rec;
    struct upload *u;
    bool is_new;
    int e = record_of(c, r, &rec);

    if (e == 0)
        e = attachment_may_add(c, rec);
    if (e == 0)
        e = upload_name(c, r, &in.name);
    if (e == 0)
        e = upload_take(c, r, MIN(rule->max_bytes, content_limit()), rule->types, &u);
    if (e < 0)
        return e;
    in.type = u->type;
    in.content = u->content;
    in.thumbnail = u->thumbnail;
    e = api_key(c, r, (struct text){(const char *)u->content.digest.b, SHA256_LEN});
    if (e == 0)
        e = call_begin(c);
    if (e < 0 || c->is_replay)
        return e;
    e = record_of(c, r, &rec);
    if (e == 0)
        e = attachment_add(c, rec, &in, &file, &is_new);
    return e < 0 ? e : created(c, r, rec, &file, is_new);
}

/* ---- out ---- */

/* Only what holds nothing that acts is shown inside a page, and only when asked. */
static void file_headers(struct request *r, const struct attachment *file, bool is_wanted_shown)
{
    download_headers(r, file->name, is_wanted_shown && file->type && file->type->is_passive);
}

/* A content never changes, so its digest is a strong tag. */
static const char *etag_of(struct call *c, const struct attachment *file)
{
    CLEANUP(buf_done) struct buf b = BUF_INIT;

    buf_addc(&b, '"');
    hex_add(&b, file->digest.b, 16);
    buf_addc(&b, '"');
    return arena_dup(c->arena, buf_str(&b));
}

struct part {
    enum range kind;
    uint64_t first, len;
};

/* If-Range: the part counts only while the content is the one its client has the rest of. */
static struct part part_of(const struct request *r, const struct attachment *file, const char *etag)
{
    struct text condition = request_header(r, "If-Range");
    struct part p = {RANGE_WHOLE, 0, file->size};

    if (r->method == HTTP_GET && (!condition.ptr || text_is(condition, etag)))
        p.kind = range_of(request_header(r, "Range"), file->size, &p.first, &p.len);
    return p;
}

static int answer_nowhere(struct request *r, uint64_t size)
{
    int e = request_fail(
        r, 416, "range_not_satisfiable", "The file ends before that.", "所请求的范围超出文件末尾。");

    response_header(r->response, "Content-Range", "bytes */%llu", (unsigned long long)size);
    return e;
}

static int send_part(struct call *c, struct request *r, const struct attachment *file, struct part p)
{
    struct source *source;
    int e = download_open(c, &file->digest, p.first, p.len, &source);

    if (e < 0)
        return e;
    response_source(r, p.kind == RANGE_PART ? 206 : 200,
        file->type ? file->type->media : "application/octet-stream", source);
    if (p.kind == RANGE_PART)
        response_header(r->response, "Content-Range", "bytes %llu-%llu/%llu", (unsigned long long)p.first,
            (unsigned long long)(p.first + p.len - 1), (unsigned long long)file->size);
    return 0;
}

static int content(struct call *c, struct request *r)
{
    struct attachment file;
    struct record *rec;
    const char *etag;
    struct uuid id;
    struct part p;
    int e = record_of(c, r, &rec);

    if (e == 0)
        e = api_id(c, r, "file", &id);
    if (e == 0)
        e = attachment_find(c, rec, id, &file);
    if (e < 0)
        return e;
    etag = etag_of(c, &file);
    p = part_of(r, &file, etag);
    if (etag_is_among(request_header(r, "If-None-Match"), etag)) {
        response_empty(r);
        r->response->status = 304;
    } else if (p.kind == RANGE_NOWHERE) {
        return answer_nowhere(r, file.size);
    } else {
        e = send_part(c, r, &file, p);
    }
    if (e < 0)
        return e;
    response_header(r->response, "ETag", "%s", etag);
    response_header(r->response, "Accept-Ranges", "bytes");
    file_headers(r, &file, text_is(request_query(r, "inline"), "true"));
    return 0;
}

/* The picture of a picture: always a JPEG that the server made, so it may be shown. */
static int thumbnail(struct call *c, struct request *r)
{
    struct attachment file, small;
    struct record *rec;
    struct uuid id;
    int e = record_of(c, r, &rec);

    if (e == 0)
        e = api_id(c, r, "file", &id);
    if (e == 0)
        e = attachment_find(c, rec, id, &file);
    if (e == 0 && !file.has_thumbnail)
        e = call_not_found(c);
    if (e < 0)
        return e;
    small = (struct attachment){.name = "thumbnail.jpg",
        .type = file_type_find("image/jpeg"),
        .digest = file.thumbnail,
        .size = file.thumbnail_size};
    e = send_part(c, r, &small, (struct part){RANGE_WHOLE, 0, small.size});
    if (e == 0)
        file_headers(r, &small, true);
    return e;
}

static int delete (struct call *c, struct request *r)
{
    struct record *rec;
    struct uuid file;
    int e = api_id(c, r, "file", &file);

    if (e == 0)
        e = call_begin(c);
    if (e < 0 || c->is_replay)
        return e;
    e = record_of(c, r, &rec);
    if (e == 0)
        e = attachment_remove(c, rec, file);
    return e < 0 ? e : api_done(c, r);
}

/* ---- routes ---- */

#define FILE_SCHEMA                                                                                          \
    "{\"type\":\"object\",\"properties\":{\"id\":{\"type\":\"string\",\"format\":\"uuid\"},\"name\":{"       \
    "\"type\":\"string\"},"                                                                                  \
    "\"type\":{\"type\":\"string\",\"description\":\"By what is in it\"},\"size\":{\"type\":\"integer\"},"   \
    "\"sha256\":{\"type\":\"string\"},\"has_thumbnail\":{\"type\":\"boolean\"},\"can_be_shown\":{\"type\":"  \
    "\"boolean\",\"description\":\"May be "                                                                  \
    "asked for with "                                                                                        \
    "inline=true\"},\"created_at\":{\"type\":\"string\",\"format\":\"date-time\"},\"created_by\":{\"type\":" \
    "[\"string\","                                                                                           \
    "\"null\"],\"format\":\"uuid\"},\"created_by_name\":{\"type\":[\"string\",\"null\"]}}}"
#define BYTES_SCHEMA "{\"type\":\"string\",\"format\":\"binary\"}"

static const struct api_route templates[] = {
    {.method = HTTP_GET,
        .path = "/attachments",
        .handle = list,
        .summary_en = "Files of a record",
        .summary_zh = "附件列表",
        .response_schema =
            "{\"type\":\"object\",\"properties\":{\"items\":{\"type\":\"array\",\"items\":" FILE_SCHEMA
            "}}}"},
    {.method = HTTP_POST,
        .path = "/attachments",
        .flags = API_STREAMS,
        .handle = upload,
        .end = upload_end,
        .header = "Content-Disposition",
        .request_type = "application/octet-stream",
        .request_schema = BYTES_SCHEMA,
        .response_schema = FILE_SCHEMA,
        .body_max = UINT32_MAX,
        .summary_en = "Attach a file: its bytes as the body, its name in Content-Disposition",
        .summary_zh = "上传附件：请求体为文件内容，文件名在 Content-Disposition 中"},
    {.method = HTTP_GET,
        .path = "/attachments/{file}",
        .handle = get,
        .response_schema = FILE_SCHEMA,
        .summary_en = "About a file",
        .summary_zh = "附件信息"},
    {.method = HTTP_GET,
        .path = "/attachments/{file}/content",
        .query = "inline",
        .handle = content,
        .response_type = "application/octet-stream",
        .response_schema = BYTES_SCHEMA,
        .summary_en = "The file itself",
        .summary_zh = "下载附件"},
    {.method = HTTP_GET,
        .path = "/attachments/{file}/thumbnail",
        .handle = thumbnail,
        .response_type = "image/jpeg",
        .response_schema = BYTES_SCHEMA,
        .summary_en = "A small picture of it, where it is one",
        .summary_zh = "图片缩略图"},
    {.method = HTTP_DELETE,
        .path = "/attachments/{file}",
        .handle = delete,
        .summary_en = "Remove a file",
        .summary_zh = "删除附件"},
};

int api_attachment_routes(struct router *rt)
{
    int e = 0;

    for (uint32_t i = 0; i < resource_count() && e == 0; i++) {
        const struct resource *res = resource_at(i);

        if (!res->attachments.is_on)
            continue;
        e = api_add_all(
            rt, resource_routes(res, "/{id}", templates, ARRAY_LEN(templates)), ARRAY_LEN(templates));
    }
    return e;
}
