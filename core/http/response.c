/* Building the answer. */
#include "http/response.h"

#include <assert.h>
#include <stdarg.h>
#include <strings.h>

#include "http/request.h"
#include "loop/source.h"

void response_drop_source(struct response *p)
{
    struct source *s = p->source;

    p->source = NULL;
    if (s)
        s->ops->close(s);
}

void response_drop_push(struct response *p)
{
    void (*open)(struct push * p, void *arg) = p->push_open;

    p->push_open = NULL;
    if (open)
        open(NULL, p->push_arg);
}

void response_reset(struct response *p)
{
    response_drop_source(p);
    response_drop_push(p);
    buf_clear(&p->head);
    buf_clear(&p->body);
    p->borrowed = (struct text){NULL, 0};
    p->status = 0;
    p->content_type = NULL;
    p->is_problem = false;
    p->problem_errors = 0;
    jsonw_init(&p->json, &p->body);
}

void response_done(struct response *p)
{
    response_drop_source(p);
    response_drop_push(p);
    buf_done(&p->head);
    buf_done(&p->body);
}

void response_header(struct response *p, const char *name, const char *format, ...)
{
    size_t start = p->head.len, value;
    va_list args, again;
    int len;

    buf_adds(&p->head, name);
    buf_adds(&p->head, ": ");
    value = p->head.len;
    va_start(args, format);
    va_copy(again, args);
    len = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (len < 0)
        abort();
    buf_reserve(&p->head, (size_t)len);
    vsnprintf(p->head.data + value, (size_t)len + 1, format, again);
    va_end(again);
    p->head.len += (size_t)len;
    for (size_t i = start; i < p->head.len; i++) {
        if (p->head.data[i] == '\r' || p->head.data[i] == '\n' || p->head.data[i] == '\0') {
            assert(!"line break in a header field");
            p->head.len = start;
            p->head.data[start] = '\0';
            return;
        }
    }
    buf_adds(&p->head, "\r\n");
}

bool response_has_header(const struct response *p, const char *name)
{
    size_t len = strlen(name);
    struct text rest = buf_text(&p->head);

    while (rest.len) {
        struct text line = text_split(&rest, '\n');

        if (line.len > len && line.ptr[len] == ':' && strncasecmp(line.ptr, name, len) == 0)
            return true;
    }
    return false;
}

struct jsonw *response_json(struct request *r, int status)
{
    struct response *p = r->response;

    response_drop_source(p);
    buf_clear(&p->body);
    p->borrowed = (struct text){NULL, 0};
    p->is_problem = false;
    p->status = status;
    p->content_type = "application/json";
    jsonw_init(&p->json, &p->body);
    return &p->json;
}

void response_empty(struct request *r)
{
    response_drop_source(r->response);
    buf_clear(&r->response->body);
    r->response->borrowed = (struct text){NULL, 0};
    r->response->is_problem = false;
    r->response->status = 204;
    r->response->content_type = NULL;
}

void response_bytes(struct request *r, int status, const char *content_type, struct text body)
{
    response_empty(r);
    r->response->status = status;
    r->response->content_type = content_type;
    buf_add_text(&r->response->body, body);
}

void response_borrowed(struct request *r, int status, const char *content_type, struct text body)
{
    response_empty(r);
    r->response->status = status;
    r->response->content_type = content_type;
    r->response->borrowed = body;
}

void response_source(struct request *r, int status, const char *content_type, struct source *take_source)
{
    response_empty(r);
    r->response->status = status;
    r->response->content_type = content_type;
    r->response->source = take_source;
}

struct status_text {
    int status;
    const char *en;
    const char *zh;
};

static const struct status_text statuses[] = {
    {200, "OK", NULL},
    {201, "Created", NULL},
    {202, "Accepted", NULL},
    {204, "No Content", NULL},
    {206, "Partial Content", NULL},
    {301, "Moved Permanently", NULL},
    {302, "Found", NULL},
    {303, "See Other", NULL},
    {304, "Not Modified", NULL},
    {307, "Temporary Redirect", NULL},
    {308, "Permanent Redirect", NULL},
    {400, "Bad Request", "请求有误"},
    {401, "Unauthorized", "需要登录"},
    {403, "Forbidden", "没有权限"},
    {404, "Not Found", "未找到"},
    {405, "Method Not Allowed", "不允许的请求方法"},
    {406, "Not Acceptable", "无法提供所需格式"},
    {408, "Request Timeout", "请求超时"},
    {409, "Conflict", "冲突"},
    {410, "Gone", "已不存在"},
    {411, "Length Required", "缺少内容长度"},
    {412, "Precondition Failed", "前提条件不满足"},
    {413, "Content Too Large", "内容过大"},
    {414, "URI Too Long", "请求地址过长"},
    {415, "Unsupported Media Type", "不支持的内容类型"},
    {416, "Range Not Satisfiable", "范围无效"},
    {417, "Expectation Failed", "期望无法满足"},
    {422, "Unprocessable Content", "内容无法处理"},
    {423, "Locked", "已锁定"},
    {424, "Failed Dependency", "依赖失败"},
    {425, "Too Early", "过早的请求"},
    {428, "Precondition Required", "缺少前提条件"},
    {429, "Too Many Requests", "请求过于频繁"},
    {431, "Request Header Fields Too Large", "请求头过大"},
    {451, "Unavailable For Legal Reasons", "因法律原因不可用"},
    {500, "Internal Server Error", "服务器内部错误"},
    {501, "Not Implemented", "未实现"},
    {502, "Bad Gateway", "上游错误"},
    {503, "Service Unavailable", "服务暂不可用"},
    {504, "Gateway Timeout", "处理超时"},
    {505, "HTTP Version Not Supported", "不支持的 HTTP 版本"},
    {507, "Insufficient Storage", "存储空间不足"},
};

static const struct status_text *find_status(int status)
{
    static const struct status_text unknown = {0, "Unknown", "未知"};

    for (size_t i = 0; i < ARRAY_LEN(statuses); i++)
        if (statuses[i].status == status)
            return &statuses[i];
    return &unknown;
}

const char *response_phrase(int status)
{
    return find_status(status)->en;
}

const char *response_phrase_zh(int status)
{
    const struct status_text *s = find_status(status);

    return s->zh ? s->zh : s->en;
}
