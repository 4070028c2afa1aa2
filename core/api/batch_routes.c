/* Batches over HTTP. */
#include "api/batch_routes.h"

#include <errno.h>

#include "api/download.h"
#include "resource/batch/batch.h"

int batch_api_list(struct call *c, struct request *r, struct batch_of of)
{
    return batch_list_write(c, of.kind, of.resource, response_json(r, 200));
}

int batch_api_get(struct call *c, struct request *r, struct batch_of of)
{
    struct uuid id;
    int e = api_id(c, r, "batch", &id);

    return e < 0 ? e : batch_write(c, of.kind, of.resource, id, response_json(r, 200));
}

static int take_which(struct call *c, struct request *r, enum batch_which *ret)
{
    static const char *const words[] = {"all", "done", "refused", "open"};
    struct text which = request_query(r, "which");

    *ret = BATCH_ALL;
    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        if (!text_is(which, words[i]))
            continue;
        *ret = (enum batch_which)i;
        return 0;
    }
    return !which.ptr ? 0
                      : call_fail_at(c, "which", "not_one_of", "all, done, refused or open.",
                            "应为 all、done、refused 或 open。");
}

int batch_api_items(struct call *c, struct request *r, struct batch_of of)
{
    struct text cursor = request_query(r, "cursor");
    enum batch_which which = BATCH_ALL;
    int64_t after = 0;
    uint32_t limit = 0;
    struct batch b;
    struct uuid id;
    int e = api_id(c, r, "batch", &id);

    if (e == 0)
        e = api_limit(c, r, 100, 1000, &limit);
    if (e == 0)
        e = take_which(c, r, &which);
    if (e == 0 && cursor.ptr && text_to_i64(cursor, 0, INT32_MAX, &after) < 0)
        e = call_fail_at(c, "cursor", "cursor", "The next of the last answer.", "应为上一页给出的 next。");
    if (e == 0)
        e = batch_find(c, of.kind, of.resource, id, false, &b);
    return e < 0 ? e : batch_items_write(c, &b, which, (int32_t)after, limit, response_json(r, 200));
}

int batch_api_content(struct call *c, struct request *r, struct batch_of of)
{
    CLEANUP(buf_done) struct buf out = BUF_INIT;
    struct batch b;
    struct uuid id;
    int e = api_id(c, r, "batch", &id);

    if (e == 0)
        e = batch_find(c, of.kind, of.resource, id, false, &b);
    if (e == 0)
        e = batch_csv(c, &b, &out);
    if (e < 0)
        return e;
    response_bytes(r, 200, MEDIA_CSV, buf_text(&out));
    download_headers(r, arena_printf(r->arena, "%s.csv", uuid_format(id).s), false);
    return 0;
}

int batch_api_created(struct call *c, struct request *r, struct batch_of of, struct uuid id)
{
    int e = batch_write(c, of.kind, of.resource, id, response_json(r, 201));

    if (e < 0)
        return e;
    response_header(r->response, "Location", "%.*s/%s", (int)r->path.len, r->path.ptr, uuid_format(id).s);
    return call_commit(c);
}

int batch_api_start(struct call *c, struct request *r, struct batch_of of)
{
    struct uuid id;
    int e = api_id(c, r, "batch", &id);

    if (e == 0)
        e = call_begin(c);
    if (e < 0 || c->is_replay)
        return e;
    e = batch_start(c, of.kind, of.resource, id);
    if (e == 0)
        e = batch_write(c, of.kind, of.resource, id, response_json(r, 200));
    return e < 0 ? e : call_commit(c);
}

int batch_api_delete(struct call *c, struct request *r, struct batch_of of)
{
    struct uuid id;
    int e = api_id(c, r, "batch", &id);

    if (e == 0)
        e = call_begin(c);
    if (e < 0 || c->is_replay)
        return e;
    e = batch_delete(c, of.kind, of.resource, id);
    return e < 0 ? e : api_done(c, r);
}
