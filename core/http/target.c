/* The request target: path and query, decoded once and strictly. */
#include "http/chars.h"
#include "http/parse.h"

#include <strings.h>

#define QUERY_PARAMS_MAX 100u

#define FAULT(id, status, code, en, zh) static const struct http_fault id = {status, code, en, zh}

FAULT(bad_target, 400, "malformed_target", "The request target is malformed.", "请求地址格式有误。");
FAULT(long_target, 414, "uri_too_long", "The request target is too long.", "请求地址过长。");
FAULT(bad_path, 400, "malformed_path",
    "The path must be percent-encoded UTF-8 without control characters, encoded slashes, dot segments or "
    "empty "
    "segments.",
    "路径必须是百分号编码的 UTF-8，且不得含控制字符、编码的斜杠、点段或空段。");
FAULT(bad_query, 400, "malformed_query",
    "The query must be percent-encoded UTF-8 name=value pairs without NUL, at most 100 of them.",
    "查询串必须是百分号编码的 UTF-8 名值对，不得含 NUL，且不超过 100 个。");

/* Decodes into the arena. False for a broken escape. */
static bool decode(struct arena *a, struct text in, bool plus_is_blank, struct text *ret)
{
    char *out;
    size_t n = 0;

    if (!memchr(in.ptr, '%', in.len) && !(plus_is_blank && memchr(in.ptr, '+', in.len))) {
        *ret = in;
        return true;
    }
    out = arena_alloc(a, in.len + 1);
    for (size_t i = 0; i < in.len; i++) {
        if (in.ptr[i] == '%') {
            int high = i + 2 < in.len ? http_hex(in.ptr[i + 1]) : -1;
            int low = i + 2 < in.len ? http_hex(in.ptr[i + 2]) : -1;

            if (high < 0 || low < 0)
                return false;
            out[n++] = (char)(high << 4 | low);
            i += 2;
        } else {
            out[n++] = plus_is_blank && in.ptr[i] == '+' ? ' ' : in.ptr[i];
        }
    }
    *ret = (struct text){out, n};
    return true;
}

/* One segment, decoded: no separators, no controls, not a dot segment. */
static bool is_segment(struct text s)
{
    for (size_t i = 0; i < s.len; i++)
        if (s.ptr[i] == '/' || s.ptr[i] == '\\' || (uint8_t)s.ptr[i] < 0x20 || s.ptr[i] == 0x7f)
            return false;
    return s.len && !text_is(s, ".") && !text_is(s, "..") && text_is_utf8(s);
}

static const struct http_fault *parse_path(struct request *r, struct text raw)
{
    struct text rest = text_skip(raw, 1), decoded;
    char *out = arena_alloc(r->arena, raw.len + 1);
    size_t n = 0;

    for (size_t i = 0; i < raw.len; i++)
        if (!http_is(raw.ptr[i], HTTP_CHAR_PATH))
            return &bad_path;
    out[n++] = '/';
    while (rest.len) {
        struct text segment = text_split(&rest, '/');

        if (!decode(r->arena, segment, false, &decoded) || !is_segment(decoded))
            return &bad_path;
        memcpy(out + n, decoded.ptr, decoded.len);
        n += decoded.len;
        if (rest.ptr)
            out[n++] = '/';
    }
    r->path = (struct text){out, n};
    return NULL;
}

static bool is_query_text(struct text t)
{
    return !memchr(t.ptr, '\0', t.len) && text_is_utf8(t);
}

static const struct http_fault *parse_query(struct request *r, struct text raw)
{
    size_t most = 1;

    for (size_t i = 0; i < raw.len; i++) {
        if (!http_is(raw.ptr[i], HTTP_CHAR_QUERY))
            return &bad_query;
        most += raw.ptr[i] == '&';
    }
    if (most > QUERY_PARAMS_MAX)
        return &bad_query;
    r->query = arena_array(r->arena, most, sizeof(*r->query));
    while (raw.len) {
        struct text value = text_split(&raw, '&'), name = text_split(&value, '=');
        struct http_param *q = &r->query[r->query_count];

        if (!value.ptr)
            value = (struct text){"", 0};
        if (!name.len && !value.len)
            continue;
        if (!decode(r->arena, name, true, &q->name) || !decode(r->arena, value, true, &q->value) ||
            !is_query_text(q->name) || !is_query_text(q->value))
            return &bad_query;
        r->query_count++;
    }
    return NULL;
}

/* Takes "http://authority" off the front of an absolute-form target. */
static bool take_authority(struct text *t, struct text *ret_authority)
{
    size_t scheme = t->len > 7 && strncasecmp(t->ptr, "http://", 7) == 0    ? 7
                    : t->len > 8 && strncasecmp(t->ptr, "https://", 8) == 0 ? 8
                                                                            : 0;
    struct text rest = text_skip(*t, scheme);
    size_t n = 0;

    if (!scheme)
        return false;
    while (n < rest.len && rest.ptr[n] != '/' && rest.ptr[n] != '?')
        n++;
    *ret_authority = (struct text){rest.ptr, n};
    *t = text_skip(rest, n);
    return true;
}

const struct http_fault *http_parse_target(
    struct request *r, const struct http_limits *limits, struct text *ret_authority)
{
    struct text rest = r->target, path;
    const struct http_fault *fault;

    if (rest.len > limits->url_bytes)
        return &long_target;
    r->query = NULL;
    r->query_count = 0;
    if (text_is(rest, "*") && r->method == HTTP_OPTIONS) {
        r->path = rest;
        return NULL;
    }
    if (rest.len && rest.ptr[0] != '/' && !take_authority(&rest, ret_authority))
        return &bad_target;
    path = rest;
    if (rest.len) {
        const char *mark = memchr(rest.ptr, '?', rest.len);

        path.len = mark ? (size_t)(mark - rest.ptr) : rest.len;
        rest = mark ? text_skip(rest, path.len + 1) : (struct text){"", 0};
    }
    if (!path.len && ret_authority->ptr)
        path = TEXT("/");
    if (!path.len)
        return &bad_target;
    fault = parse_path(r, path);
    return fault ? fault : parse_query(r, rest);
}
