/* P/R/{id}/comments and P/R/{id}/timeline. */
#include "api/comments.h"
#include "api/resource_routes.h"

#include <errno.h>

#include "resource/beside/comment.h"
#include "resource/beside/timeline.h"
#include "resource/declare/resource.h"
#include "resource/record/reader.h"

static int show(struct call *c, struct request *r, enum timeline_what what)
{
    struct timeline_place after = TIMELINE_BEGIN;
    struct text cursor = request_query(r, "cursor");
    struct record *rec;
    uint32_t limit;
    struct uuid id;
    int e = api_id(c, r, "id", &id);

    if (e == 0)
        e = api_limit(c, r, 50, 200, &limit);
    if (e == 0 && cursor.ptr && timeline_place_parse(cursor, &after) < 0)
        e = call_fail_at(c, "cursor", "cursor", "The next of the last answer.", "应为上一页给出的 next。");
    if (e == 0)
        e = record_read(c, api_resource(c, r), id, &rec);
    return e < 0 ? e : timeline_write(c, rec, what, after, limit, response_json(r, 200));
}

static int timeline(struct call *c, struct request *r)
{
    return show(c, r, TIMELINE_ALL);
}

static int list(struct call *c, struct request *r)
{
    return show(c, r, TIMELINE_COMMENTS);
}

static int take_mentions(struct call *c, const json_t *body, struct comment_input *in)
{
    const json_t *mentions = json_object_get(body, "mentions"), *v;
    size_t i;

    if (!mentions)
        return 0;
    if (!json_is_array(mentions) || json_array_size(mentions) > COMMENT_MENTIONS_MAX)
        return call_fail_at(
            c, "/mentions", "type", "A list of at most 20 ids of accounts.", "最多 20 个账号编号的列表。");
    json_array_foreach(mentions, i, v)
    {
        const char *s = json_string_value(v);

        if (!s || uuid_parse(text_of(s), &in->mentions[in->mention_count++]) < 0)
            (void)call_fail_at(c, arena_printf(c->arena, "/mentions/%zu", i), "type", "The id of an account.",
                "应为账号编号。");
    }
    return c->fault.status ? -EINVAL : 0;
}

static int add(struct call *c, struct request *r)
{
    static const char *const known[] = {"body", "internal", "mentions", NULL};
    struct comment_input in = {0};
    struct uuid id, comment;
    struct record *rec;
    struct jsonw *w;
    json_t *body;
    int e = api_id(c, r, "id", &id);

    if (e == 0)
        e = request_object(r, known, &body);
    if (e == 0)
        e = api_str(c, body, "body", true, &in.body);
    if (e == 0)
        e = api_bool(c, body, "internal", &in.has_internal, &in.is_internal);
    if (e == 0)
        e = take_mentions(c, body, &in);
    if (e == 0)
        e = call_begin(c);
    if (e < 0 || c->is_replay)
        return e;
    e = record_fetch(c, api_resource(c, r), id, false, &rec);
    if (e == 0)
        e = comment_add(c, rec, &in, &comment);
    if (e == 0)
        e = call_commit(c);
    if (e < 0)
        return e;
    w = response_json(r, 201);
    response_header(
        r->response, "Location", "%.*s/%s", (int)r->path.len, r->path.ptr, uuid_format(comment).s);
    jsonw_object(w);
    jsonw_kuuid(w, "id", comment);
    jsonw_object_end(w);
    return 0;
}

static int delete (struct call *c, struct request *r)
{
    struct uuid id, comment;
    struct record *rec;
    int e = api_id(c, r, "id", &id);

    if (e == 0)
        e = api_id(c, r, "comment", &comment);
    if (e == 0)
        e = call_begin(c);
    if (e < 0 || c->is_replay)
        return e;
    e = record_fetch(c, api_resource(c, r), id, false, &rec);
    if (e == 0)
        e = comment_remove(c, rec, comment);
    return e < 0 ? e : api_done(c, r);
}

#define ITEMS_SCHEMA                                                                                         \
    "{\"type\":\"object\",\"properties\":{\"items\":{\"type\":\"array\",\"items\":{\"type\":\"object\","     \
    "\"properties\":{\"kind\":{\"type\":\"string\",\"enum\":[\"change\",\"comment\",\"file\"]},\"id\":{"     \
    "\"type\":\"string\",\"format\":\"uuid\"},\"at\":{\"type\":\"string\",\"format\":\"date-time\"},"        \
    "\"actor\":{\"type\":[\"string\",\"null\"],\"format\":\"uuid\"},\"actor_name\":{\"type\":[\"string\","   \
    "\"null\"]}}}},\"next\":{\"type\":[\"string\",\"null\"]}}}"
#define INPUT_SCHEMA                                                                                         \
    "{\"type\":\"object\",\"additionalProperties\":false,\"required\":[\"body\"],\"properties\":{"           \
    "\"body\":{\"type\":\"string\",\"minLength\":1,\"maxLength\":4000},\"internal\":{\"type\":\"boolean\","  \
    "\"description\":\"For those who handle the record only; required of whoever may choose\"},"             \
    "\"mentions\":{\"type\":\"array\",\"maxItems\":20,\"items\":{\"type\":\"string\",\"format\":\"uuid\"}}}" \
    "}"

static const struct api_route timeline_template = {.method = HTTP_GET,
    .path = "/timeline",
    .query = "limit,cursor",
    .handle = timeline,
    .response_schema = ITEMS_SCHEMA,
    .summary_en = "Everything that happened, newest first",
    .summary_zh = "全部动态，最新在前"};

static const struct api_route templates[] = {
    {.method = HTTP_GET,
        .path = "/comments",
        .query = "limit,cursor",
        .handle = list,
        .response_schema = ITEMS_SCHEMA,
        .summary_en = "Comments, newest first",
        .summary_zh = "意见列表，最新在前"},
    {.method = HTTP_POST,
        .path = "/comments",
        .handle = add,
        .request_schema = INPUT_SCHEMA,
        .summary_en = "Comment, and mention people",
        .summary_zh = "发表意见，可提及他人"},
    {.method = HTTP_DELETE,
        .path = "/comments/{comment}",
        .handle = delete,
        .summary_en = "Delete a comment",
        .summary_zh = "删除意见"},
};

int api_comment_routes(struct router *rt)
{
    int e = 0;

    for (uint32_t i = 0; i < resource_count() && e == 0; i++) {
        const struct resource *res = resource_at(i);

        e = api_add(rt, resource_routes(res, "/{id}", &timeline_template, 1));
        if (e == 0 && res->comments.is_on)
            e = api_add_all(
                rt, resource_routes(res, "/{id}", templates, ARRAY_LEN(templates)), ARRAY_LEN(templates));
    }
    return e;
}
