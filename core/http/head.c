/* The head of a request: request line, fields, and what they say about the body. */
#include "http/chars.h"
#include "http/parse.h"

#include <strings.h>

#define FAULT(id, status, code, en, zh) static const struct http_fault id = {status, code, en, zh}

FAULT(bad_line, 400, "malformed_request", "The request line is malformed.", "请求行格式有误。");
FAULT(bad_method, 501, "method_unknown", "This method is not implemented.", "不支持该请求方法。");
FAULT(refused_method, 405, "method_not_allowed", "TRACE and CONNECT are refused.",
    "拒绝 TRACE 与 CONNECT 方法。");
FAULT(bad_version, 505, "version_not_supported", "Only HTTP/1.1 and HTTP/1.0 are spoken here.",
    "仅支持 HTTP/1.1 与 HTTP/1.0。");
FAULT(bad_field, 400, "malformed_header", "A header field is malformed.", "请求头字段格式有误。");
FAULT(many_fields, 431, "header_too_large", "There are too many header fields.", "请求头字段过多。");
FAULT(bad_host, 400, "malformed_host", "Exactly one valid Host field is required.",
    "必须且只能有一个有效的 Host 字段。");
FAULT(bad_length, 400, "malformed_content_length", "Content-Length must occur once, as plain digits.",
    "Content-Length 只能出现一次，且必须是纯数字。");
FAULT(bad_coding, 400, "malformed_transfer_encoding",
    "Transfer-Encoding must be `chunked`, once, in HTTP/1.1, without Content-Length.",
    "Transfer-Encoding 只能为 chunked，只能出现一次，且不得与 Content-Length 并用。");
FAULT(no_content, 400, "content_not_allowed", "GET, HEAD, DELETE and OPTIONS carry no content.",
    "GET、HEAD、DELETE 与 OPTIONS 请求不得携带内容。");
FAULT(bad_expect, 417, "expectation_failed", "Only `Expect: 100-continue` is understood.",
    "仅支持 Expect: 100-continue。");

/* What the fields say, collected while they are read. */
struct facts {
    struct text host, length, coding, expect, authority;
    unsigned hosts, lengths, codings, expects;
    bool close, http10;
};

static struct text next_line(struct text *rest)
{
    const char *lf = memchr(rest->ptr, '\n', rest->len);
    size_t n = (size_t)(lf - rest->ptr);
    struct text line = {rest->ptr, n - 1};

    *rest = text_skip(*rest, n + 1);
    return line;
}

const struct http_fault *http_parse_field(struct text line, struct http_field *ret)
{
    size_t i = 0;

    while (i < line.len && http_is(line.ptr[i], HTTP_CHAR_TOKEN))
        i++;
    if (i == 0 || i == line.len || line.ptr[i] != ':')
        return &bad_field;
    ret->name = (struct text){line.ptr, i};
    ret->value = text_trim(text_skip(line, i + 1), " \t");
    bool ascii = true;

    for (i = 0; i < ret->value.len; i++) {
        if (!http_is(ret->value.ptr[i], HTTP_CHAR_VALUE))
            return &bad_field;
        ascii = ascii && (uint8_t)ret->value.ptr[i] < 0x80;
    }
    return ascii || text_is_utf8(ret->value) ? NULL : &bad_field;
}

static const struct http_fault *parse_method(struct text m, enum http_method *ret)
{
    for (int i = HTTP_GET; i <= HTTP_OPTIONS; i++) {
        if (text_is(m, http_method_name((enum http_method)i))) {
            *ret = (enum http_method)i;
            return NULL;
        }
    }
    if (!m.len)
        return &bad_line;
    for (size_t i = 0; i < m.len; i++)
        if (!http_is(m.ptr[i], HTTP_CHAR_TOKEN))
            return &bad_line;
    return text_is(m, "TRACE") || text_is(m, "CONNECT") ? &refused_method : &bad_method;
}

static const struct http_fault *parse_version(struct text v, bool *ret_http10)
{
    if (v.len != 8 || !text_has_prefix(v, "HTTP/") || v.ptr[6] != '.' || v.ptr[5] < '0' || v.ptr[5] > '9' ||
        v.ptr[7] < '0' || v.ptr[7] > '9')
        return &bad_line;
    if (v.ptr[5] != '1' || v.ptr[7] > '1')
        return &bad_version;
    *ret_http10 = v.ptr[7] == '0';
    return NULL;
}

static const struct http_fault *parse_request_line(struct http_parser *p, struct text line, struct facts *f)
{
    struct request *r = p->request;
    struct text rest = line, method = text_split(&rest, ' '), target = text_split(&rest, ' ');
    const struct http_fault *fault;

    if (!rest.ptr)
        return &bad_line;
    /* A third blank would be in the version and fails there. */
    fault = parse_method(method, &r->method);
    if (fault == &bad_line)
        return fault;
    if (parse_version(rest, &f->http10) == &bad_line)
        return &bad_line;
    if (fault)
        return fault;
    fault = parse_version(rest, &f->http10);
    if (fault)
        return fault;
    r->target = target;
    return http_parse_target(r, p->limits, &f->authority);
}

static void note_connection(struct facts *f, struct text value)
{
    while (value.ptr) {
        struct text token = text_trim(text_split(&value, ','), " \t");

        if (text_is_nocase(token, "close"))
            f->close = true;
    }
}

static void note_field(struct facts *f, const struct http_field *field)
{
    switch (field->name.len) {
    case 4:
        if (text_is_nocase(field->name, "host")) {
            f->host = field->value;
            f->hosts++;
        }
        break;
    case 6:
        if (text_is_nocase(field->name, "expect")) {
            f->expect = field->value;
            f->expects++;
        }
        break;
    case 10:
        if (text_is_nocase(field->name, "connection"))
            note_connection(f, field->value);
        break;
    case 14:
        if (text_is_nocase(field->name, "content-length")) {
            f->length = field->value;
            f->lengths++;
        }
        break;
    case 17:
        if (text_is_nocase(field->name, "transfer-encoding")) {
            f->coding = field->value;
            f->codings++;
        }
        break;
    default:
        break;
    }
}

static const struct http_fault *parse_fields(struct http_parser *p, struct text rest, struct facts *f)
{
    struct request *r = p->request;
    size_t lines = 0;

    for (size_t i = 0; i < rest.len; i++)
        lines += rest.ptr[i] == '\n';
    lines -= 1; /* the empty one at the end */
    if (lines > p->limits->header_fields)
        return &many_fields;
    r->fields = arena_array(r->arena, MAX(lines, (size_t)1), sizeof(*r->fields));
    for (size_t i = 0; i < lines; i++) {
        const struct http_fault *fault = http_parse_field(next_line(&rest), &r->fields[i]);

        if (fault)
            return fault;
        r->field_count = i + 1;
        note_field(f, &r->fields[i]);
    }
    return NULL;
}

/* Is it uri-host [ ":" port ]? The host goes to *ret_host. */
static bool is_authority(struct text t, struct text *ret_host)
{
    const char *end = t.len && t.ptr[0] == '[' ? memchr(t.ptr, ']', t.len) : NULL;
    size_t host_len = end ? (size_t)(end - t.ptr) + 1 : 0;
    int64_t port;

    if (!t.len || t.len > 255 || (t.ptr[0] == '[' && (!end || host_len < 4)))
        return false;
    for (size_t i = 0; i < t.len; i++)
        if (!http_is(t.ptr[i], HTTP_CHAR_HOST))
            return false;
    if (!end) {
        const char *colon = memchr(t.ptr, ':', t.len);

        host_len = colon ? (size_t)(colon - t.ptr) : t.len;
        if (memchr(t.ptr, '[', t.len) || memchr(t.ptr, ']', t.len))
            return false;
    } else {
        for (size_t i = 1; i + 1 < host_len; i++)
            if (http_hex(t.ptr[i]) < 0 && t.ptr[i] != ':' && t.ptr[i] != '.')
                return false;
    }
    *ret_host = (struct text){t.ptr, host_len};
    if (!host_len)
        return false;
    return host_len == t.len ||
           (t.ptr[host_len] == ':' && text_to_i64(text_skip(t, host_len + 1), 1, 65535, &port) == 0);
}

static const struct http_fault *check_host(struct http_parser *p, const struct facts *f)
{
    struct request *r = p->request;
    struct text host = {"", 0}, other;
    char *lower;

    if (f->hosts > 1 || (f->hosts == 0 && !f->http10) || (f->hosts && !is_authority(f->host, &host)))
        return &bad_host;
    if (f->authority.ptr) {
        if (!is_authority(f->authority, &other))
            return &bad_host;
        if (f->hosts &&
            (f->host.len != f->authority.len || strncasecmp(f->host.ptr, f->authority.ptr, f->host.len) != 0))
            return &bad_host;
        host = other;
    }
    lower = arena_ndup(r->arena, host.ptr, host.len);
    for (size_t i = 0; i < host.len; i++)
        if (lower[i] >= 'A' && lower[i] <= 'Z')
            lower[i] = (char)(lower[i] + ('a' - 'A'));
    r->host = (struct text){lower, host.len};
    return NULL;
}

static const struct http_fault *check_body(struct http_parser *p, const struct facts *f)
{
    enum http_method m = p->request->method;
    int64_t length = 0;

    if (f->codings && (f->codings > 1 || f->lengths || f->http10 || !text_is_nocase(f->coding, "chunked")))
        return &bad_coding;
    if (f->lengths > 1)
        return &bad_length;
    if (f->lengths &&
        ((f->length.len > 1 && f->length.ptr[0] == '0') || (f->length.len && f->length.ptr[0] == '-') ||
            text_to_i64(f->length, 0, INT64_MAX, &length) < 0))
        return &bad_length;
    if ((length || f->codings) && m != HTTP_POST && m != HTTP_PUT && m != HTTP_PATCH)
        return &no_content;
    p->chunked = f->codings;
    p->left = (uint64_t)length;
    if (f->expects && !f->http10) {
        if (f->expects > 1 || !text_is_nocase(f->expect, "100-continue"))
            return &bad_expect;
        p->expect_continue = length || f->codings;
    }
    return NULL;
}

const struct http_fault *http_parse_head(struct http_parser *p, struct text head)
{
    struct facts f = {0};
    const struct http_fault *fault = parse_request_line(p, next_line(&head), &f);

    if (!fault)
        fault = parse_fields(p, head, &f);
    if (!fault)
        fault = check_host(p, &f);
    if (!fault)
        fault = check_body(p, &f);
    p->keep_alive = !f.http10 && !f.close;
    return fault;
}
