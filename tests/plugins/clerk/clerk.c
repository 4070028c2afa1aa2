/* A plugin with a job of its own, which makes records step by step and files what it did, and with hands on files. */
#include <juxin/plugin.h>
#include <stdlib.h>
#include <string.h>

#define ITEM "works.item"

static const struct jx_host *host;

/* "name":"value" or "name":number of a flat object; enough for what this file writes itself. */
static const char *member(struct jx_call *call, struct jx_text json, const char *name)
{
    const char *key = host->core->format(call, "\"%s\":", name).ptr,
               *at = json.ptr ? strstr(json.ptr, key) : NULL;
    size_t n;

    if (!at)
        return "";
    at += strlen(key);
    at += *at == '"';
    n = strcspn(at, "\",}");
    return host->core->format(call, "%.*s", (int)n, at).ptr;
}

static struct jx_text text(const char *s)
{
    return (struct jx_text){s, strlen(s)};
}

static void fail(struct jx_result *result, int32_t error, struct jx_call *call)
{
    jx_veto(result, NULL, "failed", host->core->format(call, "error %d", (int)error).ptr, "失败");
}

/* A record each; behind the last one a file at the first. */
static void copy(struct jx_call *call, const struct jx_job_step *step, struct jx_result *result)
{
    int64_t steps = strtoll(member(call, step->input, "steps"), NULL, 10);
    const char *mode = member(call, step->input, "mode");
    struct jx_record *made = NULL;
    struct jx_id record;
    struct jx_text words;
    int32_t e;

    if (strcmp(mode, "error") == 0 && step->attempt == 1 && step->done == 1)
        return; /* a zeroed result: tried again */
    words = host->core->format(call, "{\"title\":\"%s %lld\",\"unit\":\"%s\"}",
        member(call, step->input, "title"), (long long)step->done, member(call, step->input, "unit"));
    e = host->record->create(call, JX_AS_USER, ITEM, words, &made);
    if (e == 0)
        e = host->job->progress(call, step->done + 1, steps, text(member(call, step->input, "title")));
    if (e == 0 && step->done + 1 == steps) {
        if (host->core->id_parse(text(member(call, step->input, "record")), &record) == 0)
            e = host->file->add(
                call, JX_AS_USER, ITEM, record, "结果.txt", text("made what was asked\n"), NULL);
        if (e == 0)
            e = host->job->finish(call, host->core->format(call, "{\"made\":%lld}", (long long)steps));
    }
    if (e == 0)
        jx_ok(result);
    else if (e != JX_ECANCELED && e != JX_ECHANGED)
        fail(result, e, call);
}

/* ---- routes ---- */

static void answer(
    struct jx_call *call, int32_t error, const char *key, struct jx_text value, struct jx_result *result)
{
    struct jx_json *out = host->http->respond(call, 200);

    host->http->json_object(out);
    host->http->json_key(out, "error");
    host->http->json_int(out, error);
    if (value.ptr) {
        host->http->json_key(out, key);
        host->http->json_text(out, value);
    }
    host->http->json_object_end(out);
    jx_ok(result);
}

static struct jx_text id_text(struct jx_call *call, int32_t error, struct jx_id id)
{
    return error == 0 ? host->core->id_text(call, id) : (struct jx_text){NULL, 0};
}

static void begin(struct jx_call *call, jx_unit unit, struct jx_result *result)
{
    struct jx_job_input in = {.size = sizeof(in),
        .unit = unit,
        .name = host->http->body(call, "name").ptr,
        .key = host->http->body(call, "key").ptr,
        .input = host->http->body(call, "input")};
    struct jx_id job = {{0}};
    int32_t e = host->job->add(call, &in, &job);

    answer(call, e, "job", id_text(call, e, job), result);
}

static void stop(struct jx_call *call, jx_unit unit, struct jx_result *result)
{
    struct jx_id job;

    (void)unit;
    if (host->core->id_parse(host->http->body(call, "job"), &job) == 0)
        answer(call, host->job->cancel(call, job), NULL, (struct jx_text){NULL, 0}, result);
}

static void outside(struct jx_call *call, jx_unit unit, struct jx_result *result)
{
    (void)unit;
    answer(call, host->job->progress(call, 1, 1, (struct jx_text){NULL, 0}), NULL, (struct jx_text){NULL, 0},
        result);
}

static void add(struct jx_call *call, jx_unit unit, struct jx_result *result)
{
    struct jx_id record, file = {{0}};
    int32_t e = host->core->id_parse(host->http->body(call, "record"), &record);

    (void)unit;
    if (e == 0)
        e = host->file->add(call, JX_AS_USER, host->http->body(call, "resource").ptr, record,
            host->http->body(call, "name").ptr, host->http->body(call, "content"), &file);
    answer(call, e, "file", id_text(call, e, file), result);
}

static void read_file(struct jx_call *call, jx_unit unit, struct jx_result *result)
{
    struct jx_text content = {NULL, 0};
    struct jx_id record, file;
    int32_t e = host->core->id_parse(host->http->body(call, "record"), &record);

    (void)unit;
    if (e == 0)
        e = host->core->id_parse(host->http->body(call, "file"), &file);
    if (e == 0)
        e = host->file->read(call, JX_AS_USER, ITEM, record, file,
            strtoull(host->http->body(call, "offset").ptr, NULL, 10),
            strtoull(host->http->body(call, "max").ptr, NULL, 10), &content);
    answer(call, e, "content", content, result);
}

static void list(struct jx_call *call, jx_unit unit, struct jx_result *result)
{
    struct jx_text json = {NULL, 0};
    struct jx_id record;
    int32_t e = host->core->id_parse(host->http->body(call, "record"), &record);

    (void)unit;
    if (e == 0)
        e = host->file->list(call, JX_AS_USER, ITEM, record, &json);
    answer(call, e, "list", json, result);
}

#define ROUTE(where, names, function)                                                                        \
    {                                                                                                        \
        .method = JX_POST, .path = where, .permission = "clerk.use", .summary_zh = "文书",                   \
        .summary_en = "Clerk", .members = names, .fn = function                                              \
    }
static const struct jx_route routes[] = {ROUTE("/begin", "name,key,input", begin),
    ROUTE("/stop", "job", stop), ROUTE("/outside", "x", outside),
    ROUTE("/add", "resource,record,name,content", add), ROUTE("/read", "record,file,offset,max", read_file),
    ROUTE("/list", "record", list)};
static const struct jx_job jobs[] = {
    {.name = "copy", .label_zh = "誊写", .label_en = "Copy out", .fn = copy}};
static const struct jx_plugin plugin = {.size = sizeof(plugin), JX_ROUTES(routes), JX_JOBS(jobs)};

static const struct jx_plugin *start(const struct jx_host *h)
{
    host = h;
    return JX_HAS(h, job) && JX_HAS(h, file) ? &plugin : NULL;
}

JX_PLUGIN_NEEDS("clerk", "0.1.0", 1, start)
