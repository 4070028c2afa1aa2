/* P/R/imports: a table becomes records. */
#include "api/imports.h"

#include <errno.h>
#include <unistd.h>

#include "api/download.h"
#include "api/resource_routes.h"
#include "api/upload.h"
#include "loop/helper.h"
#include "resource/declare/resource.h"
#include "resource/transfer/import.h"
#include "resource/transfer/import_sheet.h"

#define BYTES_MAX (UINT64_C(100) << 20)

/* ---- the file ---- */

struct looking {
    int fd;
    struct import_headers *headers;
};

static void do_look(void *arg)
{
    struct looking *l = arg;

    import_read_headers(l->fd, l->headers);
}

static void drop_headers(void *arg)
{
    struct import_headers *h = arg;

    buf_done(&h->bytes);
}

static int look(struct call *c, struct upload *u, struct import_headers **ret)
{
    struct looking l = {.headers = arena_alloc(c->arena, sizeof(*l.headers))};
    int e = blob_store()->look(u->content.writer, &l.fd);

    if (e < 0)
        return e;
    e = helper_run(HELPER_FILE, do_look, &l);
    close(l.fd);
    if (e < 0)
        return e;
    arena_defer(c->arena, drop_headers, l.headers);
    *ret = l.headers;
    return 0;
}

static int create(struct call *c, struct request *r)
{
    const struct resource *res = api_resource(c, r);
    struct import_headers *headers = NULL;
    struct import_input in = {0};
    struct upload *u;
    struct uuid id;
    int e = import_may(c, res);

    if (e == 0)
        e = upload_name(c, r, &in.name);
    if (e == 0) /* what it is, the reader of tables finds out */
        e = upload_take(c, r, BYTES_MAX, UPLOAD_ANY, &u);
    if (e == 0)
        e = look(c, u, &headers);
    if (e < 0)
        return e;
    in.digest = u->content.digest;
    in.size = u->content.size;
    in.writer = u->content.writer;
    in.headers = headers;
    e = api_key(c, r, (struct text){(const char *)u->content.digest.b, SHA256_LEN});
    if (e == 0)
        e = call_begin(c);
    if (e < 0 || c->is_replay)
        return e;
    e = import_create(c, res, &in, &id);
    if (e == 0)
        e = import_write(c, res, id, response_json(r, 201));
    if (e < 0)
        return e;
    response_header(r->response, "Location", "%.*s/%s", (int)r->path.len, r->path.ptr, uuid_format(id).s);
    return call_commit(c);
}

static int template(struct call *c, struct request *r)
{
    const struct resource *res = api_resource(c, r);
    bool is_csv = text_is(request_query(r, "format"), "csv"),
         is_english = text_is(request_query(r, "language"), "en");
    CLEANUP(buf_done) struct buf b = BUF_INIT;
    int e = import_may(c, res);

    if (e == 0)
        e = call_fence(c);
    if (e == 0)
        e = import_template(c, res, is_csv ? SHEET_CSV : SHEET_XLSX, is_english, &b);
    if (e < 0)
        return e;
    response_bytes(r, 200, is_csv ? MEDIA_CSV : MEDIA_XLSX, buf_text(&b));
    download_headers(r,
        arena_printf(c->arena, "%s%s.%s", is_english ? res->label.en : res->label.zh,
            is_english ? " template" : "导入模板", is_csv ? "csv" : "xlsx"),
        false);
    return 0;
}

/* ---- looking ---- */

static int list(struct call *c, struct request *r)
{
    return import_list_write(c, api_resource(c, r), response_json(r, 200));
}

static int get(struct call *c, struct request *r)
{
    struct uuid id;
    int e = api_id(c, r, "import", &id);

    return e < 0 ? e : import_write(c, api_resource(c, r), id, response_json(r, 200));
}

static int faults(struct call *c, struct request *r)
{
    struct text after = request_query(r, "after");
    int64_t behind = 0;
    uint32_t limit;
    struct uuid id;
    int e = api_id(c, r, "import", &id);

    if (e == 0)
        e = api_limit(c, r, 200, 1000, &limit);
    if (e == 0 && after.ptr && text_to_i64(after, 0, INT32_MAX, &behind) < 0)
        e = call_fail_at(c, "after", "type", "The number of a row.", "应为行号。");
    return e < 0 ? e : import_faults_write(c, api_resource(c, r), id, behind, limit, response_json(r, 200));
}

static int errors(struct call *c, struct request *r)
{
    struct sha256 digest;
    const char *name;
    uint64_t size;
    struct uuid id;
    int e = api_id(c, r, "import", &id);

    if (e == 0)
        e = import_errors(c, api_resource(c, r), id, &digest, &size, &name);
    return e < 0 ? e : download(c, r, MEDIA_XLSX, name, &digest, size);
}

/* ---- doing ---- */

static int answer(struct call *c, struct request *r, struct uuid id)
{
    int e = import_write(c, api_resource(c, r), id, response_json(r, 200));

    return e < 0 ? e : call_commit(c);
}

static int take_duplicates(struct call *c, const char *word, enum import_duplicates *ret)
{
    for (int i = 0; import_duplicates_names[i]; i++) {
        if (strcmp(word, import_duplicates_names[i]) != 0)
            continue;
        *ret = (enum import_duplicates)i;
        return 0;
    }
    return call_fail_at(
        c, "/duplicates", "not_one_of", "refuse, skip or update.", "应为 refuse、skip 或 update。");
}

static int check(struct call *c, struct request *r)
{
    static const char *const known[] = {"mapping", "unit", "key", "duplicates", NULL};
    struct import_settings s = {0};
    const char *duplicates = NULL;
    struct uuid id;
    json_t *body;
    int e = api_id(c, r, "import", &id);

    if (e == 0)
        e = request_object(r, known, &body);
    if (e < 0)
        return e;
    s.mapping = json_object_get(body, "mapping");
    if (s.mapping && !json_is_object(s.mapping))
        e = call_fail_at(c, "/mapping", "type", "An object: header to field.", "应为对象：表头对应字段。");
    if (e == 0)
        e = api_str(c, body, "unit", false, &s.unit);
    if (e == 0)
        e = api_str(c, body, "key", false, &s.key);
    if (e == 0)
        e = api_str(c, body, "duplicates", false, &duplicates);
    if (e == 0 && duplicates)
        e = take_duplicates(c, duplicates, &s.duplicates);
    if (e == 0)
        e = call_begin(c);
    if (e < 0 || c->is_replay)
        return e;
    e = import_check(c, api_resource(c, r), id, &s);
    return e < 0 ? e : answer(c, r, id);
}

static int run(struct call *c, struct request *r)
{
    static const char *const known[] = {"mode", NULL};
    const char *mode = NULL;
    struct uuid id;
    json_t *body;
    int e = api_id(c, r, "import", &id);

    if (e == 0)
        e = request_object(r, known, &body);
    if (e == 0)
        e = api_str(c, body, "mode", false, &mode);
    if (e == 0 && mode && strcmp(mode, "good") != 0 && strcmp(mode, "all") != 0)
        e = call_fail_at(c, "/mode", "not_one_of", "good or all.", "应为 good 或 all。");
    if (e == 0)
        e = call_begin(c);
    if (e < 0 || c->is_replay)
        return e;
    e = import_run(c, api_resource(c, r), id, mode && strcmp(mode, "all") == 0);
    return e < 0 ? e : answer(c, r, id);
}

static int undo(struct call *c, struct request *r)
{
    static const char *const known[] = {"rows", NULL};
    json_t *body = NULL;
    struct uuid id;
    int e = api_id(c, r, "import", &id);

    if (e == 0 && r->body.len) /* none: all of it */
        e = request_object(r, known, &body);
    if (e == 0)
        e = call_begin(c);
    if (e < 0 || c->is_replay)
        return e;
    e = import_undo(c, api_resource(c, r), id, json_object_get(body, "rows"));
    return e < 0 ? e : answer(c, r, id);
}

/* ---- routes ---- */

#define COUNT "{\"type\":\"integer\"}"
#define WORD "{\"type\":\"string\"}"
#define WORD_OR_NULL "{\"type\":[\"string\",\"null\"]}"
#define WORDS "{\"type\":\"array\",\"items\":{\"type\":\"string\"}}"
#define IMPORT_SCHEMA                                                                                        \
    "{\"type\":\"object\",\"properties\":{\"id\":{\"type\":\"string\",\"format\":\"uuid\"},\"name\":" WORD   \
    ",\"state\":{\"enum\":["                                                                                 \
    "\"uploaded\",\"checking\",\"checked\",\"importing\",\"imported\",\"undoing\",\"undone\",\"failed\","    \
    "\"cancelled\"]},"                                                                                       \
    "\"headers\":" WORDS ",\"columns\":" WORDS ",\"mode\":" WORD ",\"duplicates\":" WORD                     \
    ",\"key\":" WORD_OR_NULL ",\"unit\":" WORD_OR_NULL ",\"good\":" COUNT ",\"bad\":" COUNT                  \
    ",\"skipped\":" COUNT ",\"updated\":" COUNT ",\"undone\":" COUNT ",\"left_alone\":" COUNT                \
    ",\"done\":" COUNT ",\"size\":" COUNT                                                                    \
    ",\"has_errors_file\":{\"type\":\"boolean\"},\"job\":" WORD_OR_NULL ",\"created_at\":" WORD              \
    ",\"expires_at\":" WORD ",\"error_code\":" WORD_OR_NULL ",\"error_en\":" WORD_OR_NULL                    \
    ",\"error_zh\":" WORD_OR_NULL "}}"
#define FAULTS_SCHEMA                                                                                        \
    "{\"type\":\"object\",\"properties\":{\"items\":{\"type\":\"array\",\"items\":{\"type\":\"object\","     \
    "\"properties\":{\"row\":" COUNT ",\"header\":" WORD ",\"code\":" WORD ",\"en\":" WORD ",\"zh\":" WORD   \
    "}}},\"next\":{\"type\":[\"integer\",\"null\"]}}}"
#define BYTES_SCHEMA "{\"type\":\"string\",\"format\":\"binary\"}"

static const struct api_route templates[] = {
    {.method = HTTP_GET,
        .path = "/imports",
        .handle = list,
        .summary_en = "Your imports, newest first",
        .summary_zh = "本人的导入",
        .response_schema =
            "{\"type\":\"object\",\"properties\":{\"items\":{\"type\":\"array\",\"items\":" IMPORT_SCHEMA
            "}}}"},
    {.method = HTTP_POST,
        .path = "/imports",
        .flags = API_STREAMS,
        .handle = create,
        .end = upload_end,
        .header = "Content-Disposition",
        .request_type = "application/octet-stream",
        .request_schema = BYTES_SCHEMA,
        .response_schema = IMPORT_SCHEMA,
        .body_max = UINT32_MAX,
        .summary_en = "Send a table: XLSX or CSV as the body, its name in Content-Disposition",
        .summary_zh = "上传导入文件：请求体为 XLSX 或 CSV，文件名在 Content-Disposition 中"},
    {.method = HTTP_GET,
        .path = "/imports/template",
        .query = "format,language",
        .handle = template,
        .response_type = "application/octet-stream",
        .response_schema = BYTES_SCHEMA,
        .summary_en = "The table to fill in",
        .summary_zh = "下载导入模板"},
    {.method = HTTP_GET,
        .path = "/imports/{import}",
        .handle = get,
        .response_schema = IMPORT_SCHEMA,
        .summary_en = "An import: how far it is, and what became of its rows",
        .summary_zh = "导入进度与结果"},
    {.method = HTTP_POST,
        .path = "/imports/{import}/check",
        .handle = check,
        .request_schema = "{\"type\":\"object\",\"additionalProperties\":false,\"properties\":{\"mapping\":{"
                          "\"type\":\"object\","
                          "\"additionalProperties\":" WORD_OR_NULL "},\"unit\":" WORD ",\"key\":" WORD
                          ",\"duplicates\":{\"enum\":[\"refuse\",\"skip\",\"update\"]}}}",
        .response_schema = IMPORT_SCHEMA,
        .summary_en = "Check all rows without bringing any in; says which column goes where",
        .summary_zh = "检查（不入库），可指定列与字段的对应关系"},
    {.method = HTTP_POST,
        .path = "/imports/{import}/run",
        .handle = run,
        .request_schema = "{\"type\":\"object\",\"additionalProperties\":false,\"properties\":{\"mode\":{"
                          "\"enum\":[\"good\",\"all\"],"
                          "\"default\":\"good\"}}}",
        .response_schema = IMPORT_SCHEMA,
        .summary_en = "Bring in what was checked: the good rows, or all or nothing",
        .summary_zh = "入库：仅合格行，或全部导入（有一行不合格则都不导入）"},
    {.method = HTTP_POST,
        .path = "/imports/{import}/undo",
        .handle = undo,
        .request_schema = "{\"type\":\"object\",\"additionalProperties\":false,\"properties\":{\"rows\":{"
                          "\"type\":\"array\",\"minItems\":1,\"maxItems\":1000,\"items\":{\"type\":"
                          "\"integer\",\"minimum\":1}}}}",
        .response_schema = IMPORT_SCHEMA,
        .summary_en =
            "Delete the records it made that nobody has touched since; with rows, those of these rows",
        .summary_zh = "撤销：删除此后无人改动的记录；可只撤销指定的行"},
    {.method = HTTP_GET,
        .path = "/imports/{import}/faults",
        .query = "after,limit",
        .handle = faults,
        .response_schema = FAULTS_SCHEMA,
        .summary_en = "What is wrong with which row and column",
        .summary_zh = "各行各列的错误原因"},
    {.method = HTTP_GET,
        .path = "/imports/{import}/errors",
        .handle = errors,
        .response_type = "application/octet-stream",
        .response_schema = BYTES_SCHEMA,
        .summary_en = "The bad rows with their reasons, as XLSX",
        .summary_zh = "下载不合格行及原因"},
};

int api_import_routes(struct router *rt)
{
    int e = 0;

    for (uint32_t i = 0; i < resource_count() && e == 0; i++) {
        e = api_add_all(
            rt, resource_routes(resource_at(i), "", templates, ARRAY_LEN(templates)), ARRAY_LEN(templates));
    }
    return e;
}
