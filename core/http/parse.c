/* The way of a request's bytes: head, then nothing, a counted body, or chunks and trailers. */
#include "http/parse.h"

#include "http/chars.h"

/* Request line beside the target: the longest method we look at, blanks and version. */
#define LINE_SLACK 64u
#define CHUNK_LINE_MAX 256u
#define OVERHEAD_MAX 4096u

static const struct http_fault bare_lf = {
    400, "malformed_request", "Lines must end in CRLF.", "每一行必须以 CRLF 结束。"};
static const struct http_fault not_http = {
    400, "malformed_request", "This is not an HTTP/1.1 request.", "这不是 HTTP/1.1 请求。"};
static const struct http_fault long_line = {
    414, "uri_too_long", "The request target is too long.", "请求地址过长。"};
static const struct http_fault long_head = {
    431, "header_too_large", "The header section is too large.", "请求头过大。"};
static const struct http_fault long_body = {
    413, "content_too_large", "The request body is too large.", "请求内容过大。"};
static const struct http_fault bad_chunk = {
    400, "malformed_chunk", "The chunked body is malformed.", "分块传输的内容格式有误。"};
static const struct http_fault bad_trailer = {
    400, "malformed_trailer", "The trailer section is malformed.", "分块传输的尾部格式有误。"};

void http_parser_init(struct http_parser *p, struct request *r, const struct http_limits *limits)
{
    *p = (struct http_parser){.request = r, .limits = limits, .body_max = limits->body_bytes};
}

void http_parser_done(struct http_parser *p)
{
    buf_done(&p->body);
    buf_done(&p->line);
}

static enum http_parse fail(struct http_parser *p, const struct http_fault *fault)
{
    p->state = HTTP_STATE_FAULT;
    p->fault = fault;
    return HTTP_PARSE_FAULT;
}

/* Finds the end of the head in `in`, going on where the last call stopped. NULL fault and *ret_end 0: not there yet. */
static const struct http_fault *find_head_end(struct http_parser *p, struct text in, size_t *ret_end)
{
    size_t line_max = p->limits->url_bytes + LINE_SLACK;

    *ret_end = 0;
    while (p->scanned < in.len) {
        const char *lf = memchr(in.ptr + p->scanned, '\n', in.len - p->scanned);
        size_t end = lf ? (size_t)(lf - in.ptr) + 1 : in.len;

        if (p->line_start == 0 && !http_is(in.ptr[0], HTTP_CHAR_TOKEN) && in.ptr[0] != '\r')
            return in.ptr[0] == '\n' ? &bare_lf : &not_http;
        if (!p->first_line_seen && end - p->line_start > line_max)
            return &long_line;
        if (end > p->limits->header_bytes)
            return &long_head;
        p->scanned = end;
        if (!lf)
            return NULL;
        if (end - p->line_start < 2 || in.ptr[end - 2] != '\r')
            return &bare_lf;
        if (end - p->line_start == 2) {
            if (p->first_line_seen) {
                *ret_end = end;
                return NULL;
            }
            if (p->line_start > 0)
                return &not_http;
        } else {
            p->first_line_seen = true;
        }
        p->line_start = end;
    }
    return NULL;
}

/* Behind the head: what kind of body comes. */
static void enter_body(struct http_parser *p)
{
    p->line_start = p->scanned = 0;
    if (p->chunked)
        p->state = HTTP_STATE_CHUNK_SIZE;
    else
        p->state = HTTP_STATE_BODY;
}

static enum http_parse feed_head(struct http_parser *p, struct text in, size_t *ret_used)
{
    const struct http_fault *fault;
    struct text head = in;
    size_t before = p->line.len, end;

    /* The usual case, everything at once, is parsed where it lies. */
    if (before) {
        /* Never keep more than the limit: what is beyond it would be refused anyway. */
        size_t room = p->limits->header_bytes + 1 - before;

        buf_add(&p->line, in.ptr, MIN(in.len, room));
        head = buf_text(&p->line);
    }
    fault = find_head_end(p, head, &end);
    if (fault)
        return fail(p, fault);
    if (!end) {
        if (!before)
            buf_add_text(&p->line, in);
        *ret_used = in.len;
        return HTTP_PARSE_MORE;
    }
    *ret_used = end - before;
    head = (struct text){arena_ndup(p->request->arena, head.ptr, end), end};
    buf_done(&p->line);
    if (text_has_prefix(head, "\r\n"))
        head = text_skip(head, 2);
    fault = http_parse_head(p, head);
    if (fault)
        return fail(p, fault);
    enter_body(p);
    return HTTP_PARSE_HEAD;
}

/* Collects one line ending in CRLF into p->line, without the CRLF. 1 when complete, 0 for more, -1 when not a line. */
static int collect_line(struct http_parser *p, struct text *in, size_t max)
{
    const char *lf = memchr(in->ptr, '\n', in->len);
    size_t n = lf ? (size_t)(lf - in->ptr) + 1 : in->len;

    if (p->line.len + n > max)
        return -1;
    buf_add(&p->line, in->ptr, n);
    *in = text_skip(*in, n);
    if (!lf)
        return 0;
    if (p->line.len < 2 || p->line.data[p->line.len - 2] != '\r')
        return -1;
    p->line.len -= 2;
    p->line.data[p->line.len] = '\0';
    return 1;
}

/* chunk-size [ chunk-ext ]: hexadecimal digits, then nothing or ';' and visible characters or blanks. */
static const struct http_fault *parse_chunk_size(struct http_parser *p, struct text line)
{
    uint64_t size = 0;
    size_t i = 0;

    for (; i < line.len && http_hex(line.ptr[i]) >= 0; i++) {
        if (i >= 15)
            return &bad_chunk;
        size = size << 4 | (uint64_t)http_hex(line.ptr[i]);
    }
    if (i == 0 || (i < line.len && line.ptr[i] != ';'))
        return &bad_chunk;
    p->overhead += (uint32_t)(line.len - i);
    for (; i < line.len; i++)
        if (!http_is(line.ptr[i], HTTP_CHAR_VALUE) || (uint8_t)line.ptr[i] >= 0x80)
            return &bad_chunk;
    if (p->overhead > OVERHEAD_MAX)
        return &bad_chunk;
    if (size > p->body_max || p->taken + p->body.len + size > p->body_max)
        return &long_body;
    p->left = size;
    p->state = size ? HTTP_STATE_CHUNK_DATA : HTTP_STATE_TRAILER;
    return NULL;
}

static const struct http_fault *parse_trailer(struct http_parser *p, struct text line)
{
    struct http_field field;

    if (!line.len) {
        p->state = HTTP_STATE_DONE;
        return NULL;
    }
    p->overhead += (uint32_t)line.len + 2;
    if (p->overhead > OVERHEAD_MAX || http_parse_field(line, &field))
        return &bad_trailer;
    if (text_is_nocase(field.name, "content-length") || text_is_nocase(field.name, "transfer-encoding") ||
        text_is_nocase(field.name, "host"))
        return &bad_trailer;
    return NULL;
}

static const struct http_fault *step_line(struct http_parser *p, struct text *in)
{
    const struct http_fault *fault, *bad = p->state == HTTP_STATE_TRAILER ? &bad_trailer : &bad_chunk;
    size_t max = p->state == HTTP_STATE_TRAILER ? OVERHEAD_MAX : CHUNK_LINE_MAX;
    int r = collect_line(p, in, p->state == HTTP_STATE_CHUNK_END ? 2 : max);

    if (r <= 0)
        return r < 0 ? bad : NULL;
    if (p->state == HTTP_STATE_CHUNK_END) {
        fault = p->line.len ? &bad_chunk : NULL;
        p->state = HTTP_STATE_CHUNK_SIZE;
    } else if (p->state == HTTP_STATE_CHUNK_SIZE) {
        fault = parse_chunk_size(p, buf_text(&p->line));
    } else {
        fault = parse_trailer(p, buf_text(&p->line));
    }
    buf_clear(&p->line);
    return fault;
}

static void count_data(struct http_parser *p, size_t n)
{
    p->left -= n;
    if (!p->left)
        p->state = p->state == HTTP_STATE_BODY ? HTTP_STATE_DONE : HTTP_STATE_CHUNK_END;
}

static void step_data(struct http_parser *p, struct text *in)
{
    size_t n = (size_t)MIN((uint64_t)in->len, p->left);

    buf_add(&p->body, in->ptr, n);
    *in = text_skip(*in, n);
    count_data(p, n);
}

size_t http_parser_passes(const struct http_parser *p)
{
    bool in_data = p->state == HTTP_STATE_BODY || p->state == HTTP_STATE_CHUNK_DATA;

    return in_data ? (size_t)MIN(p->left, (uint64_t)SIZE_MAX) : 0;
}

void http_parser_passed(struct http_parser *p, size_t n)
{
    p->taken += n;
    count_data(p, n);
}

static enum http_parse feed_body(struct http_parser *p, struct text in, size_t *ret_used)
{
    const struct http_fault *fault = NULL;
    struct text rest = in;

    if (p->state == HTTP_STATE_BODY && p->left > p->body_max)
        return fail(p, &long_body);
    if (p->state == HTTP_STATE_BODY && !p->left)
        p->state = HTTP_STATE_DONE;
    while (rest.len && p->state != HTTP_STATE_DONE && !fault) {
        if (p->state == HTTP_STATE_BODY || p->state == HTTP_STATE_CHUNK_DATA)
            step_data(p, &rest);
        else
            fault = step_line(p, &rest);
    }
    *ret_used = in.len - rest.len;
    if (fault)
        return fail(p, fault);
    if (p->state != HTTP_STATE_DONE)
        return HTTP_PARSE_MORE;
    p->request->body = p->body.len ? buf_text(&p->body) : (struct text){"", 0};
    return HTTP_PARSE_DONE;
}

enum http_parse http_parser_feed(struct http_parser *p, struct text in, size_t *ret_used)
{
    *ret_used = 0;
    if (p->state == HTTP_STATE_FAULT)
        return HTTP_PARSE_FAULT;
    if (p->state == HTTP_STATE_DONE)
        return HTTP_PARSE_DONE;
    if (p->state == HTTP_STATE_HEAD)
        return in.len ? feed_head(p, in, ret_used) : HTTP_PARSE_MORE;
    return feed_body(p, in, ret_used);
}
