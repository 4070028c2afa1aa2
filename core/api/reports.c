/* /reports: reports of periods, from the counting to the frozen file. */
#include <errno.h>

#include "access/core_permissions.h"
#include "api/core_routes.h"
#include "api/core_schemas.h"
#include "api/download.h"
#include "resource/report/report.h"
#include "resource/report/report_document.h"

#define REASON_MAX 500

static void write_label(struct jsonw *w, const char *key, struct label l)
{
    jsonw_key(w, key);
    jsonw_object(w);
    jsonw_kstr(w, "zh-CN", l.zh);
    jsonw_kstr(w, "en", l.en);
    jsonw_object_end(w);
}

static void write_words(struct jsonw *w, const char *key, const char *words)
{
    struct text rest = text_of(words);

    jsonw_key(w, key);
    jsonw_array(w);
    while (rest.ptr && rest.len > 0)
        jsonw_text(w, text_split(&rest, ','));
    jsonw_array_end(w);
}

/* ---- definitions ---- */

static int definitions_list(struct call *c, struct request *r)
{
    struct report_definition *all;
    struct jsonw *w;
    uint32_t n;
    int e = report_definitions(c, &all, &n);

    if (e < 0)
        return e;
    w = response_json(r, 200);
    jsonw_object(w);
    jsonw_key(w, "items");
    jsonw_array(w);
    for (uint32_t i = 0; i < n; i++) {
        jsonw_object(w);
        jsonw_kstr(w, "name", all[i].name);
        write_label(w, "label", all[i].label);
        write_words(w, "indicators", all[i].indicators);
        jsonw_key(w, "periods");
        jsonw_array(w);
        for (int k = 0; k < STAT_PERIODS; k++)
            if (all[i].periods >> k & 1)
                jsonw_str(w, stat_period_names[k]);
        jsonw_array_end(w);
        jsonw_kbool(w, "own", all[i].is_own);
        jsonw_object_end(w);
    }
    jsonw_array_end(w);
    jsonw_object_end(w);
    return 0;
}

static int take_name(struct call *c, const json_t *body, const char *key, const char **ret)
{
    int e = api_str(c, body, key, true, ret);

    if (e == 0 && (!**ret || text_chars(text_of(*ret)) > 100))
        e = call_fail_at(
            c, arena_printf(c->arena, "/%s", key), "length", "1 to 100 characters.", "应为 1 至 100 个字。");
    return e;
}

/* Names in a list, each once, with commas between. */
static int take_names(struct call *c, const json_t *body, const char *key, const char **ret)
{
    const json_t *list = json_object_get(body, key), *v;
    const char *at = arena_printf(c->arena, "/%s", key), *names = ",";
    size_t i;

    if (!json_is_array(list) || json_array_size(list) == 0 || json_array_size(list) > REPORT_INDICATORS_MAX)
        return call_fail_at(c, at, "type", "A list of 1 to 60 names.", "应为 1 至 60 个名称的列表。");
    json_array_foreach(list, i, v)
    {
        const char *name = json_is_string(v) ? json_string_value(v) : "";

        if (!*name || strchr(name, ',') || strlen(name) > 200 ||
            strstr(names, arena_printf(c->arena, ",%s,", name)))
            return call_fail_at(
                c, arena_printf(c->arena, "%s/%zu", at, i), "name", "A name, once.", "应为名称，且不重复。");
        names = arena_printf(c->arena, "%s%s,", names, name);
    }
    *ret = arena_ndup(c->arena, names + 1, strlen(names) - 2);
    return 0;
}

static int take_periods(struct call *c, const json_t *body, uint32_t *ret)
{
    const char *words;
    struct text rest;
    int e;

    *ret = (1u << STAT_PERIODS) - 1;
    if (!json_object_get(body, "periods"))
        return 0;
    e = take_names(c, body, "periods", &words);
    if (e < 0)
        return e;
    *ret = 0;
    for (rest = text_of(words); rest.ptr;) {
        struct text one = text_split(&rest, ',');
        int k = 0;

        while (k < STAT_PERIODS && !text_is(one, stat_period_names[k]))
            k++;
        if (k == STAT_PERIODS)
            return call_fail_at(
                c, "/periods", "not_one_of", "month, quarter, year.", "应为 month、quarter、year。");
        *ret |= 1u << k;
    }
    return 0;
}

static int definitions_create(struct call *c, struct request *r)
{
    static const char *const known[] = {"label_zh", "label_en", "indicators", "periods", NULL};
    struct report_definition_input in = {0};
    struct uuid id;
    json_t *body;
    int bad = 0, e = request_object(r, known, &body);

    if (e < 0)
        return e;
    bad |= take_name(c, body, "label_zh", &in.label.zh);
    bad |= take_name(c, body, "label_en", &in.label.en);
    bad |= take_names(c, body, "indicators", &in.indicators);
    bad |= take_periods(c, body, &in.periods);
    e = bad ? -EINVAL : report_definition_create(c, &in, &id);
    return e < 0 || c->is_replay ? e : api_created(c, r, id, 1);
}

static int definitions_delete(struct call *c, struct request *r)
{
    struct uuid id;
    int e = api_id(c, r, "definition", &id);

    if (e == 0)
        e = report_definition_delete(c, id);
    return e < 0 || c->is_replay ? e : api_done(c, r);
}

/* ---- reports ---- */

static void write_taken(struct jsonw *w, const char *key, const char *name, int64_t us)
{
    jsonw_key(w, key);
    if (!us) {
        jsonw_null(w);
        return;
    }
    jsonw_object(w);
    jsonw_kstr(w, "by", name);
    jsonw_ktime(w, "at", us);
    jsonw_object_end(w);
}

static void write_report(struct call *c, struct jsonw *w, const struct report *r)
{
    jsonw_kuuid(w, "id", r->id);
    jsonw_kstr(w, "definition", r->definition);
    write_label(w, "label", r->label);
    jsonw_kuuid(w, "unit", tree_unit(c->tenant->tree, r->unit).id);
    jsonw_kstr(w, "unit_name", r->unit_name);
    jsonw_kstr(w, "period", r->period.name);
    jsonw_kint(w, "version", r->version);
    jsonw_kbool(w, "latest", r->is_latest);
    jsonw_kstr(w, "reason", *r->reason ? r->reason : NULL);
    jsonw_kstr(w, "note", *r->note ? r->note : NULL);
    jsonw_kstr(w, "state", report_state_names[r->state]);
    jsonw_kint(w, "revision", r->revision);
    jsonw_kuuid(w, "job", r->job);
    jsonw_kbool(w, "failed", report_has_failed(r));
    if (report_has_failed(r) && r->error_en)
        write_label(w, "error", (struct label){r->error_zh, r->error_en});
    jsonw_ktime(w, "created_at", r->created_us);
    if (r->computed_us)
        jsonw_ktime(w, "computed_at", r->computed_us);
    else
        jsonw_kstr(w, "computed_at", NULL);
    write_taken(w, "checked", r->checked_name, r->checked_us);
    write_taken(w, "signed_off", r->signed_name, r->signed_us);
    write_taken(w, "frozen", r->frozen_name, r->frozen_us);
}

static int reports_list(struct call *c, struct request *r)
{
    struct report_query q = {.unit = TREE_NONE,
        .period = request_query(r, "period"),
        .definition = request_query(r, "definition"),
        .only_latest = text_is(request_query(r, "latest"), "true")};
    struct report *all;
    struct uuid next;
    struct jsonw *w;
    uint32_t n;
    int e = api_limit(c, r, 50, 200, &q.limit);

    if (api_cursor(c, r, &q.before) < 0)
        e = -EINVAL;
    if (e == 0 && request_query(r, "unit").ptr)
        e = api_query_unit(c, r, &q.unit);
    if (e == 0)
        e = report_list(c, &q, &all, &n, &next);
    if (e < 0)
        return e;
    w = response_json(r, 200);
    jsonw_object(w);
    jsonw_key(w, "items");
    jsonw_array(w);
    for (uint32_t i = 0; i < n; i++) {
        jsonw_object(w);
        write_report(c, w, &all[i]);
        jsonw_object_end(w);
    }
    jsonw_array_end(w);
    jsonw_kuuid(w, "next", next);
    jsonw_object_end(w);
    return 0;
}

static void write_number(struct jsonw *w, const struct report_number *n)
{
    jsonw_object(w);
    jsonw_kstr(w, "indicator", n->indicator);
    write_label(w, "label", n->label);
    write_label(w, "unit_of_measure", n->measure);
    write_label(w, "definition", n->definition);
    jsonw_kstr(w, "kind", n->kind);
    jsonw_kstr(w, "over", n->is_at_end ? "end" : "period");
    jsonw_kbool(w, "plugin_off", n->is_off);
    jsonw_kbool(w, "hidden", n->is_hidden);
    jsonw_key(w, "number");
    if (n->is_off || n->is_hidden)
        jsonw_null(w);
    else
        jsonw_int(w, n->number);
    jsonw_object_end(w);
}

static int reports_read(struct call *c, struct request *r)
{
    struct report_number *numbers;
    struct report report;
    struct jsonw *w;
    struct uuid id;
    uint32_t n = 0;
    int e = api_id(c, r, "report", &id);

    if (e == 0)
        e = report_read(c, id, &report);
    if (e == 0)
        e = report_numbers(c, &report, &numbers, &n);
    if (e < 0)
        return e;
    api_etag(r, report.revision);
    w = response_json(r, 200);
    jsonw_object(w);
    write_report(c, w, &report);
    jsonw_key(w, "numbers");
    jsonw_array(w);
    for (uint32_t i = 0; i < n; i++)
        write_number(w, &numbers[i]);
    jsonw_array_end(w);
    jsonw_object_end(w);
    return 0;
}

static int reports_create(struct call *c, struct request *r)
{
    static const char *const known[] = {"definition", "unit", "period", NULL};
    const char *definition = NULL, *name = NULL;
    struct period period;
    uint32_t unit;
    struct uuid id;
    json_t *body;
    int bad = 0, e = request_object(r, known, &body);

    if (e < 0)
        return e;
    bad |= api_str(c, body, "definition", true, &definition);
    bad |= api_body_unit(c, body, "unit", true, core_permission(CORE_REPORT_WRITE), &unit);
    bad |= api_str(c, body, "period", true, &name);
    if (name && period_parse(c->arena, text_of(name), &period) < 0)
        bad |= call_fail_at(c, "/period", "period", "A month, quarter or year: 2026-11, 2026-Q4, 2026.",
            "应为月、季度或年：2026-11、2026-Q4、2026。");
    e = bad ? -EINVAL : report_create(c, definition, unit, &period, &id);
    return e < 0 || c->is_replay ? e : api_created(c, r, id, 1);
}

static int take_reason(struct call *c, struct request *r, const char **ret)
{
    static const char *const known[] = {"reason", NULL};
    json_t *body;
    int e = request_object(r, known, &body);

    if (e == 0)
        e = api_str(c, body, "reason", true, ret);
    if (e == 0 && (!**ret || text_chars(text_of(*ret)) > REASON_MAX))
        e = call_fail_at(c, "/reason", "length", "1 to 500 characters.", "应为 1 至 500 个字。");
    return e;
}

static int reports_correct(struct call *c, struct request *r)
{
    const char *reason;
    struct uuid id, made;
    int e = api_id(c, r, "report", &id);

    if (e == 0)
        e = take_reason(c, r, &reason);
    if (e == 0)
        e = report_correct(c, id, reason, &made);
    return e < 0 || c->is_replay ? e : api_changed(c, r, made, 1);
}

static int take_step(struct call *c, struct request *r, enum report_step step)
{
    const char *reason = "";
    int64_t revision;
    struct uuid id;
    int e = api_id(c, r, "report", &id);

    if (e == 0)
        e = api_if_match(c, r, &revision);
    if (e == 0 && step == STEP_RETURN)
        e = take_reason(c, r, &reason);
    if (e == 0)
        e = report_step(c, id, step, revision, reason, &revision);
    return e < 0 || c->is_replay ? e : api_changed(c, r, id, revision);
}

static int reports_compute(struct call *c, struct request *r)
{
    return take_step(c, r, STEP_COMPUTE);
}

static int reports_check(struct call *c, struct request *r)
{
    return take_step(c, r, STEP_CHECK);
}

static int reports_sign_off(struct call *c, struct request *r)
{
    return take_step(c, r, STEP_SIGN_OFF);
}

static int reports_freeze(struct call *c, struct request *r)
{
    return take_step(c, r, STEP_FREEZE);
}

static int reports_return(struct call *c, struct request *r)
{
    return take_step(c, r, STEP_RETURN);
}

/* ---- as a file ---- */

static int take_word(struct call *c, const struct request *r, const char *key, const char *first,
    const char *second, bool *ret_second)
{
    struct text word = request_query(r, key);

    *ret_second = text_is(word, second);
    if (!word.ptr || *ret_second || text_is(word, first))
        return 0;
    return call_fail_at(c, key, "not_one_of", arena_printf(c->arena, "%s or %s.", first, second),
        arena_printf(c->arena, "应为 %s 或 %s。", first, second));
}

static int prepare(struct call *c, struct request *r, struct report *report, struct report_document *d)
{
    struct report_number *numbers = NULL;
    bool is_docx = false;
    struct uuid id;
    int e = api_id(c, r, "report", &id);

    if (e == 0)
        e = take_word(c, r, "format", "xlsx", "docx", &is_docx);
    if (e == 0)
        e = take_word(c, r, "language", "zh-CN", "en", &d->is_english);
    if (e == 0)
        e = call_begin(c);
    if (e == 0)
        e = report_read(c, id, report);
    if (e == 0 && report->state == REPORT_COMPUTING)
        e = call_fail(c, 409, "not_ready", "The report is still being counted.", "报告仍在计算。");
    if (e == 0)
        e = report_numbers(c, report, &numbers, &d->count);
    if (e == 0)
        e = report_note_download(c, report);
    if (e == 0)
        e = call_commit(c);
    d->format = is_docx ? REPORT_DOCX : REPORT_XLSX;
    d->numbers = numbers;
    d->report = report;
    return e;
}

static int reports_document(struct call *c, struct request *r)
{
    struct buf file CLEANUP(buf_done) = BUF_INIT;
    struct report_document d = {0};
    struct report report;
    int e = prepare(c, r, &report, &d);

    if (e == 0)
        e = report_document(c, &d, &file);
    if (e < 0)
        return e;
    response_bytes(r, 200, d.format == REPORT_DOCX ? MEDIA_DOCX : MEDIA_XLSX, buf_text(&file));
    download_headers(r, report_document_name(r->arena, &d), false);
    return 0;
}

#define REASON_SCHEMA                                                                                        \
    S_OBJECT("\"reason\":{\"type\":\"string\",\"minLength\":1,\"maxLength\":500}", "\"reason\"")
#define STEP(name, function, en, zh)                                                                         \
    {                                                                                                        \
        .method = HTTP_POST, .path = "/reports/{report}/" name, .handle = function, .summary_en = en,        \
        .summary_zh = zh                                                                                     \
    }

static const struct api_route report_routes[] = {
    {.method = HTTP_GET,
        .path = "/report-definitions",
        .handle = definitions_list,
        .summary_en = "What can be reported: proposed by plugins, and the tenant's own",
        .summary_zh = "可用的报表定义：插件提供的与本地自定义的"},
    {.method = HTTP_POST,
        .path = "/report-definitions",
        .handle = definitions_create,
        .request_schema =
            S_OBJECT("\"label_zh\":" S_NAME ",\"label_en\":" S_NAME ",\"indicators\":" S_STRINGS
                     ",\"periods\":{\"type\":\"array\",\"items\":{\"enum\":[\"month\",\"quarter\","
                     "\"year\"]}}",
                "\"label_zh\",\"label_en\",\"indicators\""),
        .summary_en = "Put indicators together to a report of one's own",
        .summary_zh = "自定义报表"},
    {.method = HTTP_DELETE,
        .path = "/report-definitions/{definition}",
        .handle = definitions_delete,
        .summary_en = "Delete a definition of one's own; its reports stay",
        .summary_zh = "删除自定义报表，已有报告保留"},
    {.method = HTTP_GET,
        .path = "/reports",
        .query = "unit,period,definition,latest,limit,cursor",
        .handle = reports_list,
        .summary_en = "Reports of units whose reports you may read, newest first; latest=true without "
                      "corrected versions",
        .summary_zh = "有权查看的报告，最新在前；latest=true 不含已被更正的版本"},
    {.method = HTTP_POST,
        .path = "/reports",
        .handle = reports_create,
        .request_schema = S_OBJECT("\"definition\":" S_STRING ",\"unit\":" S_ID ",\"period\":" S_STRING,
            "\"definition\",\"unit\",\"period\""),
        .summary_en = "Make the report of a unit and a period (2026-11, 2026-Q4, 2026); a job counts it",
        .summary_zh = "生成某机构某期间（2026-11、2026-Q4、2026）的报告，由后台任务计算"},
    {.method = HTTP_GET,
        .path = "/reports/{report}",
        .handle = reports_read,
        .summary_en = "A report with its numbers and their definitions",
        .summary_zh = "报告及其数值、口径"},
    {.method = HTTP_GET,
        .path = "/reports/{report}/document",
        .query = "format,language",
        .handle = reports_document,
        .summary_en = "The report as XLSX or DOCX; each download is audited",
        .summary_zh = "下载 XLSX 或 DOCX 报告（留审计记录）",
        .response_type = "application/octet-stream",
        .response_schema = "{\"type\":\"string\",\"format\":\"binary\"}"},
    STEP("compute", reports_compute, "Count it again, before it is checked", "重新计算（审核前）"),
    STEP("check", reports_check, "Check it", "审核"),
    STEP("sign-off", reports_sign_off, "Sign it off: somebody else than who checked it",
        "签发（不得与审核同一人）"),
    STEP("freeze", reports_freeze, "Freeze it: its numbers stay as they are", "冻结，数值不再变化"),
    {.method = HTTP_POST,
        .path = "/reports/{report}/return",
        .handle = reports_return,
        .request_schema = REASON_SCHEMA,
        .summary_en = "Send it back, before it is frozen",
        .summary_zh = "退回（冻结前）"},
    {.method = HTTP_POST,
        .path = "/reports/{report}/correct",
        .handle = reports_correct,
        .request_schema = REASON_SCHEMA,
        .summary_en = "Begin the version that corrects a frozen report; the old one stays",
        .summary_zh = "更正已冻结的报告：生成新版本，原版本保留"},
};

int api_report_routes(struct router *rt)
{
    return api_add_all(rt, report_routes, ARRAY_LEN(report_routes));
}
