/* Fuzz target: a stream of HTTP/1.1 requests. The bytes have one reading, however they are cut and whatever follows;
 * what is accepted keeps the parser's promises, and says the same when it is written in the plainest form. The first
 * byte says how the bytes are cut. */
#include "fuzz.h"
#include "http/chars.h"
#include "http/parse.h"

struct outcome {
    uint64_t status, used, hash;
};

struct reading {
    struct request r;
    struct http_parser p;
};

static struct text field(const struct request *r, const char *name)
{
    return request_header(r, name);
}

static bool has_body(enum http_method m)
{
    return m == HTTP_POST || m == HTTP_PUT || m == HTTP_PATCH;
}

static void check_path(const struct request *r)
{
    HOLDS(r->path.len > 0);
    if (text_is(r->path, "*")) {
        HOLDS(r->method == HTTP_OPTIONS);
        return;
    }
    HOLDS(r->path.ptr[0] == '/' && text_is_utf8(r->path));
    for (size_t i = 0; i < r->path.len; i++)
        HOLDS((uint8_t)r->path.ptr[i] >= 0x20 && r->path.ptr[i] != 0x7f && r->path.ptr[i] != '\\');
    for (struct text rest = text_skip(r->path, 1); rest.len;) {
        struct text segment = text_split(&rest, '/');

        HOLDS(segment.len > 0 && !text_is(segment, ".") && !text_is(segment, ".."));
    }
}

static void check_accepted(const struct reading *in)
{
    const struct request *r = &in->r;
    unsigned hosts = 0, lengths = 0, codings = 0;

    check_path(r);
    HOLDS(r->query_count <= 100 && r->field_count <= in->p.limits->header_fields);
    for (size_t i = 0; i < r->query_count; i++)
        HOLDS(text_is_utf8(r->query[i].name) && text_is_utf8(r->query[i].value) &&
              !memchr(r->query[i].value.ptr, 0, r->query[i].value.len));
    for (size_t i = 0; i < r->field_count; i++) {
        const struct http_field *f = &r->fields[i];

        HOLDS(f->name.len > 0 && text_is_utf8(f->value));
        for (size_t k = 0; k < f->name.len; k++)
            HOLDS(http_is(f->name.ptr[k], HTTP_CHAR_TOKEN));
        for (size_t k = 0; k < f->value.len; k++)
            HOLDS(http_is(f->value.ptr[k], HTTP_CHAR_VALUE));
        hosts += text_is_nocase(f->name, "host");
        lengths += text_is_nocase(f->name, "content-length");
        codings += text_is_nocase(f->name, "transfer-encoding");
    }
    HOLDS(hosts <= 1 && lengths + codings <= 1);
    for (size_t i = 0; i < r->host.len; i++)
        HOLDS(r->host.ptr[i] > ' ' && r->host.ptr[i] < 0x7f && r->host.ptr[i] != '/' &&
              r->host.ptr[i] != '@' && !(r->host.ptr[i] >= 'A' && r->host.ptr[i] <= 'Z'));
    HOLDS(r->body.len <= in->p.body_max);
    HOLDS(has_body(r->method) || r->body.len == 0);
    HOLDS(!codings || in->p.chunked);
}

static uint64_t hash_request(const struct reading *in)
{
    const struct request *r = &in->r;
    uint64_t h = (uint64_t)r->method << 2 | (uint64_t)in->p.keep_alive << 1 | in->p.expect_continue;

    h = fuzz_hash_text(h, r->target);
    h = fuzz_hash_text(h, r->path);
    h = fuzz_hash_text(h, r->host);
    for (size_t i = 0; i < r->query_count; i++)
        h = fuzz_hash_text(fuzz_hash_text(h, r->query[i].name), r->query[i].value);
    for (size_t i = 0; i < r->field_count; i++)
        h = fuzz_hash_text(fuzz_hash_text(h, r->fields[i].name), r->fields[i].value);
    return fuzz_hash_text(h, r->body);
}

static void begin(struct reading *in, const struct http_limits *limits)
{
    *in = (struct reading){.r = {.arena = arena_new()}};
    http_parser_init(&in->p, &in->r, limits);
}

static void end(struct reading *in)
{
    http_parser_done(&in->p);
    arena_free(in->r.arena);
}

/* One request off the front, `cut` bytes at a time. Status 0: more is needed. */
static struct outcome feed(struct reading *in, struct text bytes, size_t cut)
{
    struct outcome o = {0};
    enum http_parse state = HTTP_PARSE_MORE;

    while (state <= HTTP_PARSE_HEAD && (o.used < bytes.len || state == HTTP_PARSE_HEAD)) {
        struct text rest = text_skip(bytes, o.used);
        size_t used;

        rest.len = MIN(rest.len, cut);
        state = http_parser_feed(&in->p, rest, &used);
        HOLDS(used <= rest.len);
        HOLDS(state != HTTP_PARSE_MORE || used == rest.len);
        o.used += used;
    }
    if (state == HTTP_PARSE_FAULT) {
        HOLDS(in->p.fault && in->p.fault->status >= 400 && in->p.fault->status <= 505);
        return (struct outcome){.status = (uint64_t)in->p.fault->status};
    }
    if (state != HTTP_PARSE_DONE)
        return (struct outcome){0};
    o.status = 200;
    o.hash = hash_request(in);
    return o;
}

static struct outcome feed_once(struct text bytes, size_t cut, const struct http_limits *limits)
{
    struct reading in;
    struct outcome o;

    begin(&in, limits);
    o = feed(&in, bytes, cut);
    end(&in);
    return o;
}

static void same(struct outcome a, struct outcome b)
{
    HOLDS(a.status == b.status && a.used == b.used && a.hash == b.hash);
}

/* The same request again with a counted body, no blanks around values and nothing behind it. */
static void check_plain_form(const struct reading *was, const struct http_limits *limits)
{
    const struct request *r = &was->r;
    struct http_limits wide = *limits;
    struct buf plain = BUF_INIT;
    struct reading in;
    struct outcome o;

    wide.header_bytes *= 2;
    wide.header_fields += 2;
    buf_addf(&plain, "%s ", http_method_name(r->method));
    buf_add_text(&plain, r->target);
    buf_adds(&plain, " HTTP/1.1\r\n");
    for (size_t i = 0; i < r->field_count; i++) {
        const struct http_field *f = &r->fields[i];

        if (text_is_nocase(f->name, "content-length") || text_is_nocase(f->name, "transfer-encoding") ||
            text_is_nocase(f->name, "expect"))
            continue;
        buf_add_text(&plain, f->name);
        buf_addc(&plain, ':');
        buf_add_text(&plain, f->value);
        buf_adds(&plain, "\r\n");
    }
    if (!field(r, "host").ptr) {
        buf_adds(&plain, "Host:");
        buf_adds(&plain, r->host.len ? "" : "a");
        buf_add_text(&plain, r->host);
        buf_adds(&plain, "\r\n");
    }
    if (r->body.len)
        buf_addf(&plain, "Content-Length:%zu\r\n", r->body.len);
    buf_adds(&plain, "\r\n");
    buf_add_text(&plain, r->body);
    begin(&in, &wide);
    o = feed(&in, buf_text(&plain), SIZE_MAX);
    HOLDS(o.status == 200 && o.used == plain.len);
    HOLDS(in.r.method == r->method && text_eq(in.r.path, r->path) && text_eq(in.r.body, r->body));
    HOLDS(text_eq(in.r.host, r->host) || !r->host.len);
    HOLDS(in.r.query_count == r->query_count);
    for (size_t i = 0; i < r->query_count; i++)
        HOLDS(
            text_eq(in.r.query[i].name, r->query[i].name) && text_eq(in.r.query[i].value, r->query[i].value));
    end(&in);
    buf_done(&plain);
}

#ifdef FUZZ_PLANTED
/* A fault on purpose, up a staircase that a fuzzer climbs step by step when it is told of new code and hardly ever at
 * once: proof that what it does is measured, and that a fault it meets is seen. */
static void planted(const struct reading *in)
{
    volatile char *exact, beyond;
    size_t slashes = 0;

    for (size_t i = 0; i < in->r.path.len; i++)
        slashes += in->r.path.ptr[i] == '/';
    if (slashes > 7)
        if (slashes > 8)
            if (slashes > 9)
                if (slashes > 10) {
                    exact = malloc(slashes);
                    beyond = exact[slashes];
                    (void)beyond;
                    free((void *)exact);
                }
}
#endif

/* An absolute target without a Host field cannot be given one that says the same in all cases: the port is not kept. */
static bool has_plain_form(const struct request *r)
{
    return field(r, "host").ptr || !r->target.len || r->target.ptr[0] == '/';
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct http_limits limits = HTTP_LIMITS_DEFAULT;
    struct arena *a = arena_new();
    struct text bytes = fuzz_text(a, data, size);
    size_t cut = size ? (size_t)data[0] % 32 + 1 : 1;

    limits.body_bytes = 65536;
    for (int i = 0; i < 8 && bytes.len; i++) {
        struct reading in;
        struct outcome whole;

        begin(&in, &limits);
        whole = feed(&in, bytes, SIZE_MAX);
        same(whole, feed_once(bytes, cut, &limits));
        if (whole.status == 200) {
            check_accepted(&in);
            same(whole, feed_once((struct text){bytes.ptr, whole.used}, SIZE_MAX, &limits));
            if (has_plain_form(&in.r))
                check_plain_form(&in, &limits);
#ifdef FUZZ_PLANTED
            planted(&in);
#endif
        }
        end(&in);
        if (whole.status != 200)
            break;
        bytes = text_skip(bytes, whole.used);
    }
    arena_free(a);
    return 0;
}
