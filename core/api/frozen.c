/* GET /frozen/{resource}: a record a line, a page a request. */
#include "api/frozen.h"

#include <errno.h>

#include "api/dispatch.h"
#include "resource/declare/edition.h"
#include "resource/transfer/frozen.h"

static int read_unit(struct call *c, const struct request *r, uint32_t *ret)
{
    struct text name = request_query(r, "unit");

    *ret = TREE_NONE;
    if (!name.ptr)
        return 0;
    *ret = tree_find_named(c->tenant->tree, name);
    return *ret == TREE_NONE ? call_not_found(c) : 0;
}

static void write_lines(struct call *c, struct buf *out, const struct query_page *page)
{
    for (uint32_t i = 0; i < page->count; i++) {
        const struct record *rec = page->records[i];
        struct jsonw w;

        jsonw_init(&w, out);
        jsonw_object(&w);
        record_write_members(&w, rec, c->tenant, record_may_unmask(c, rec));
        jsonw_object_end(&w);
        buf_addc(out, '\n');
    }
}

static int export_frozen(struct call *c, struct request *r)
{
    struct text name = request_param(r, "resource"); /* works.item */
    const struct resource *res = edition_find(c->tenant, arena_ndup(c->arena, name.ptr, name.len));
    struct frozen_input in = {.cursor = request_query(r, "cursor")};
    struct buf lines = BUF_INIT;
    struct query_page page;
    int result = res ? api_limit(c, r, FROZEN_LIMIT_MAX, FROZEN_LIMIT_MAX, &in.limit) : call_not_found(c);

    if (result == 0)
        result = read_unit(c, r, &in.unit);
    if (result == 0)
        result = frozen_page(c, res, &in, &page);
    if (result == 0)
        result = call_commit(c);
    if (result < 0)
        return result;
    write_lines(c, &lines, &page);
    response_bytes(r, 200, "application/x-ndjson", buf_text(&lines));
    buf_done(&lines);
    response_header(r->response, "Content-Disposition", "attachment; filename=\"%s.ndjson\"", res->full_name);
    if (page.next)
        api_link_next(r, page.next);
    return 0;
}

static const struct api_route routes[] = {
    {.method = HTTP_GET,
        .path = "/frozen/{resource}",
        .query = "unit,limit,cursor",
        .handle = export_frozen,
        .permission = "core.frozen.export",
        .response_type = "application/x-ndjson",
        .response_schema = "{\"type\":\"string\",\"description\":\"A record a line, as the list has it\"}",
        .summary_en = "Take out records of units where the plugin was turned off; the next page is in Link",
        .summary_zh = "导出插件已停用的组织机构中的记录；下一页见 Link"},
};

int api_frozen_routes(struct router *rt)
{
    return api_add_all(rt, routes, ARRAY_LEN(routes));
}
