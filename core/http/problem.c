/* Problem documents (RFC 9457) in the reader's language. */
#include <errno.h>

#include "http/request.h"
#include "http/response.h"

#define ERRORS_MAX 100u

/* q of a language range in thousandths: "zh-CN;q=0.8" gives 800. Malformed weights count as 0. */
static int weight_of(struct text parameters)
{
    struct text p = text_trim(parameters, " \t");
    int q = 0, scale = 100;

    if (!p.ptr || !p.len)
        return 1000;
    if (!text_has_prefix(p, "q=") || p.len < 3)
        return 0;
    p = text_skip(p, 2);
    if (p.ptr[0] == '1')
        return 1000;
    if (p.ptr[0] != '0')
        return 0;
    for (size_t i = 2; i < p.len && i < 5; i++, scale /= 10)
        if (p.ptr[i] >= '0' && p.ptr[i] <= '9')
            q += (p.ptr[i] - '0') * scale;
    return q;
}

static bool is_language(struct text range, const char *two)
{
    return range.len >= 2 && text_is_nocase((struct text){range.ptr, 2}, two) &&
           (range.len == 2 || range.ptr[2] == '-');
}

bool request_prefers_chinese(const struct request *r)
{
    struct text rest = request_header(r, "Accept-Language");
    int zh = -1, en = -1, any = -1;

    while (rest.ptr) {
        struct text weight = text_trim(text_split(&rest, ','), " \t");
        struct text range = text_trim(text_split(&weight, ';'), " \t");
        int q = weight_of(weight);

        if (is_language(range, "zh"))
            zh = MAX(zh, q);
        else if (is_language(range, "en"))
            en = MAX(en, q);
        else if (text_is(range, "*"))
            any = MAX(any, q);
    }
    zh = zh < 0 ? any : zh;
    en = en < 0 ? any : en;
    return en <= 0 || zh >= en;
}

int request_fail(struct request *r, int status, const char *code, const char *en, const char *zh)
{
    struct response *p = r->response;
    bool chinese = request_prefers_chinese(r);
    struct jsonw *w;

    response_reset(p);
    p->status = status;
    p->content_type = "application/problem+json";
    p->is_problem = true;
    response_header(p, "Content-Language", "%s", chinese ? "zh-CN" : "en");
    response_header(p, "Vary", "Accept-Language");
    w = &p->json;
    jsonw_object(w);
    jsonw_key(w, "type");
    buf_addf(&p->body, "\"urn:juxin:problem:%s\"", code);
    w->need_comma = true;
    jsonw_kstr(w, "title", chinese ? response_phrase_zh(status) : response_phrase(status));
    jsonw_kint(w, "status", status);
    jsonw_kstr(w, "detail", chinese ? zh : en);
    if (r->log.request_id[0]) {
        jsonw_key(w, "instance");
        buf_addf(&p->body, "\"urn:uuid:%s\"", r->log.request_id);
        w->need_comma = true;
    }
    jsonw_kstr(w, "code", code);
    jsonw_object_end(w);
    return -EINVAL;
}

void request_fail_at(struct request *r, struct problem_error e)
{
    struct response *p = r->response;
    bool chinese = request_prefers_chinese(r);
    struct jsonw *w = &p->json;

    if (!p->is_problem)
        request_fail(
            r, 422, "invalid", "The input is not accepted; see `errors`.", "输入未通过校验，详见 errors。");
    if (p->problem_errors >= ERRORS_MAX)
        return;
    /* The document stays complete between calls: take its end off, add, close it again. */
    p->body.len -= p->problem_errors ? 2 : 1;
    p->body.data[p->body.len] = '\0';
    buf_adds(&p->body, p->problem_errors ? "," : ",\"errors\":[");
    w->need_comma = false;
    jsonw_object(w);
    jsonw_kstr(w, "pointer", e.pointer);
    jsonw_kstr(w, "code", e.code);
    jsonw_kstr(w, "detail", chinese && e.detail_zh ? e.detail_zh : e.detail_en);
    jsonw_object_end(w);
    buf_adds(&p->body, "]}");
    p->problem_errors++;
}

static int fail_busy(struct request *r, const char *code, const char *en, const char *zh)
{
    int error = request_fail(r, 503, code, en, zh);

    response_header(r->response, "Retry-After", "1");
    return error;
}

int request_fail_errno(struct request *r, int error)
{
    switch (error) {
    case -ECANCELED: /* the connection knows why: the deadline, a drain, or a client that has gone */
        return error;
    case -EAGAIN:
    case -EBUSY:
        return fail_busy(r, "busy", "The server is busy. Try again in a moment.", "服务器繁忙，请稍后重试。");
    case -ENOSPC:
        (void)request_fail(r, 507, "storage_full",
            "The database has no space left. Its operator has to make room; try again later.",
            "数据库存储空间不足，请联系运维人员，稍后重试。");
        response_header(r->response, "Retry-After", "30");
        return -EINVAL;
    case -ECONNRESET: /* before any COMMIT was sent: see db.h */
        return fail_busy(r, "database_lost",
            "The connection to the database broke. Repeat the request, with the same Idempotency-Key if it "
            "had one.",
            "数据库连接中断，请重试；原请求带有 Idempotency-Key 的，请使用相同的键。");
    case -ETIMEDOUT:
        return request_fail(r, 504, "timeout", "This took too long and was stopped.", "处理超时，已中止。");
    case -ENOENT:
        return request_not_found(r);
    case -EEXIST:
        return request_fail(r, 409, "conflict", "This already exists.", "已存在相同的数据。");
    case -ESTALE:
        return request_fail(r, 412, "stale", "This was changed in the meantime. Read it again.",
            "数据已被他人修改，请重新读取。");
    case -EACCES:
        return request_fail(
            r, 403, "forbidden", "You are not allowed to do this.", "您没有执行此操作的权限。");
    default:
        return request_fail(
            r, 500, "internal", "Something went wrong on the server.", "服务器发生内部错误。");
    }
}

int request_not_found(struct request *r)
{
    return request_fail(r, 404, "not_found", "There is nothing here.", "未找到所请求的内容。");
}
