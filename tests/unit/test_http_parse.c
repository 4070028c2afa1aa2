/* The HTTP/1.1 parser: what is accepted, what is refused and how, and that cutting the bytes changes nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/mem.h"
#include "http/chars.h"
#include "http/parse.h"

#define MORE 1 /* not a status: the parser still waits */

/* A line of tests/http/requests.txt, which says what the columns and {words} mean. */
struct sample {
    int line;
    int status; /* 200: accepted */
    bool keep_alive;
    struct text raw, path, body;
    size_t left; /* bytes that belong to the next request */
};

#define SAMPLES_MAX 1000

static struct sample samples[SAMPLES_MAX];
static size_t sample_count;
static struct arena *sample_arena;

#define H "Host: a\r\n"
#define C "POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n"
#define SMUGGLED                                                                                             \
    "GET /smuggled HTTP/1.1\r\n" H                                                                           \
    "traceparent: 00-0123456789abcdef0123456789abcdef-0123456789abcdef-01\r\n\r\n"

static const struct {
    const char *name, *value;
} words[] = {
    {"{smuggled}", SMUGGLED},
    {"{GET}", "GET / HTTP/1.1\r\n" H},
    {"{POST}", "POST / HTTP/1.1\r\n" H},
    {"{chunked}", C},
};

/* Takes one escape or word off the front of `in`. */
static void expand(struct text *in, struct buf *out, size_t *ret_end)
{
    static const char escapes[] = "rnt\\", values[] = "\r\n\t\\";
    const char *which = in->len > 1 && in->ptr[0] == '\\' ? strchr(escapes, in->ptr[1]) : NULL;

    if (which) {
        buf_addc(out, values[which - escapes]);
        *in = text_skip(*in, 2);
    } else if (text_has_prefix(*in, "\\|")) {
        *ret_end = out->len;
        *in = text_skip(*in, 2);
    } else if (text_has_prefix(*in, "\\x")) {
        buf_addc(out, (char)(http_hex(in->ptr[2]) << 4 | http_hex(in->ptr[3])));
        *in = text_skip(*in, 4);
    } else if (text_has_prefix(*in, "{n}") || text_has_prefix(*in, "{h}")) {
        buf_addf(out, in->ptr[1] == 'n' ? "%zu" : "%zx", sizeof(SMUGGLED) - 1);
        *in = text_skip(*in, 3);
    } else {
        for (size_t i = 0; i < ARRAY_LEN(words); i++)
            if (text_has_prefix(*in, words[i].name)) {
                buf_adds(out, words[i].value);
                *in = text_skip(*in, strlen(words[i].name));
                return;
            }
        buf_addc(out, in->ptr[0]);
        *in = text_skip(*in, 1);
    }
}

static struct text expanded(struct text in, size_t *ret_left)
{
    struct buf out = BUF_INIT;
    size_t end = SIZE_MAX;
    struct text t;

    while (in.len)
        expand(&in, &out, &end);
    *ret_left = end == SIZE_MAX ? 0 : out.len - end;
    t = (struct text){arena_ndup(sample_arena, buf_str(&out), out.len), out.len};
    buf_done(&out);
    return t;
}

static void add_sample(struct text line, int number)
{
    struct sample *s = &samples[sample_count++];
    struct text status = text_split(&line, ' ');
    bool accepted = text_is(status, "200") || text_is(status, "end");
    int64_t value = 200;
    size_t none;

    assert_true(sample_count <= SAMPLES_MAX);
    s->line = number;
    s->keep_alive = !text_is(status, "end");
    if (text_is(status, "more"))
        value = MORE;
    else if (!accepted)
        assert_int_equal(text_to_i64(status, 400, 599, &value), 0);
    s->status = (int)value;
    if (accepted) {
        struct text path = text_split(&line, ' '), body = text_split(&line, ' ');

        s->path = expanded(path, &none);
        s->body = text_is(body, "-") ? TEXT("") : expanded(body, &none);
    }
    s->raw = expanded(line, &s->left);
}

static int load_samples(void **state)
{
    FILE *f = fopen(SOURCE_ROOT "/tests/http/requests.txt", "r");
    char line[4096];

    (void)state;
    assert_non_null(f);
    sample_arena = arena_new();
    for (int number = 1; fgets(line, sizeof(line), f); number++) {
        struct text t = text_of(line);

        assert_true(t.len && t.ptr[t.len - 1] == '\n');
        t.len--;
        if (t.len && t.ptr[0] != '#')
            add_sample(t, number);
    }
    fclose(f);
    assert_true(sample_count >= 120);
    return 0;
}

static int drop_samples(void **state)
{
    (void)state;
    arena_free(sample_arena);
    return 0;
}

struct outcome {
    int status;
    size_t used;
    bool keep_alive;
    char path[64];
    char body[512];
};

/* Feeds pieces of the length `cut` gives; every piece is a copy of its own, so that ASan sees reads beyond it. */
static struct outcome feed(struct text raw, size_t (*cut)(void))
{
    struct http_limits limits = HTTP_LIMITS_DEFAULT;
    struct request r = {.arena = arena_new()};
    struct outcome out = {.status = MORE};
    struct http_parser p;
    enum http_parse state = HTTP_PARSE_MORE;

    http_parser_init(&p, &r, &limits);
    while (state != HTTP_PARSE_DONE && state != HTTP_PARSE_FAULT &&
           (out.used < raw.len || state == HTTP_PARSE_HEAD)) {
        size_t want = cut(), n = MIN(want, raw.len - out.used), used;
        char *piece = mem_dup(raw.ptr + out.used, MAX(n, (size_t)1));

        state = http_parser_feed(&p, (struct text){piece, n}, &used);
        assert_true(used <= n);
        if (state == HTTP_PARSE_MORE)
            assert_int_equal(used, n);
        memset(piece, 'Z', n);
        free(piece);
        out.used += used;
    }
    if (state == HTTP_PARSE_FAULT) {
        out.status = p.fault->status;
        out.used = 0;
    } else if (state == HTTP_PARSE_DONE) {
        out.status = 200;
        out.keep_alive = p.keep_alive;
        snprintf(out.path, sizeof(out.path), "%.*s", (int)r.path.len, r.path.ptr);
        snprintf(out.body, sizeof(out.body), "%.*s", (int)r.body.len, r.body.ptr);
    }
    http_parser_done(&p);
    arena_free(r.arena);
    return out;
}

static uint32_t seed = 1;

static uint32_t next(void)
{
    seed = seed * 1664525u + 1013904223u;
    return seed >> 8;
}

static size_t whole(void)
{
    return 1u << 24;
}

static size_t single(void)
{
    return 1;
}

static size_t random_cut(void)
{
    return next() % 12 + 1;
}

static void assert_same(struct text raw, struct outcome a, struct outcome b)
{
    if (a.status != b.status || a.used != b.used || strcmp(a.path, b.path) != 0 ||
        strcmp(a.body, b.body) != 0)
        fail_msg("cutting matters (%d against %d): %.*s", a.status, b.status, (int)MIN(raw.len, (size_t)200),
            raw.ptr);
}

static void samples_have_one_reading(void **state)
{
    (void)state;
    for (size_t i = 0; i < sample_count; i++) {
        const struct sample *s = &samples[i];
        struct outcome o = feed(s->raw, whole);

        if (o.status != s->status)
            fail_msg("requests.txt:%d: %d, not %d: %.*s", s->line, o.status, s->status, (int)s->raw.len,
                s->raw.ptr);
        if (s->status == 200 && (!text_is(s->path, o.path) || !text_is(s->body, o.body) ||
                                    s->raw.len - o.used != s->left || o.keep_alive != s->keep_alive))
            fail_msg("requests.txt:%d: path %s, body %s, %zu left, keep-alive %d", s->line, o.path, o.body,
                s->raw.len - o.used, o.keep_alive);
        assert_same(s->raw, o, feed(s->raw, single));
        assert_same(s->raw, o, feed(s->raw, random_cut));
    }
}

/* A request with a NUL at every place is never accepted, unless the NUL is in the body. */
static void nul_is_refused_everywhere(void **state)
{
    static const char raw[] = "POST /a?b=c HTTP/1.1\r\nHost: a\r\nX: y\r\nContent-Length: 1\r\n\r\nz";
    char copy[sizeof(raw)];

    (void)state;
    for (size_t i = 0; i + 2 < sizeof(raw); i++) {
        struct text t = {copy, sizeof(raw) - 1};
        struct outcome o;

        memcpy(copy, raw, sizeof(raw));
        copy[i] = '\0';
        o = feed(t, whole);
        assert_true(o.status >= 400 || o.status == MORE);
        assert_same(t, o, feed(t, single));
    }
}

static struct outcome feed_built(const char *before, size_t count, const char *unit, const char *after)
{
    struct buf b = BUF_INIT;
    struct outcome o;

    buf_adds(&b, before);
    for (size_t i = 0; i < count; i++)
        buf_adds(&b, unit);
    buf_adds(&b, after);
    o = feed(buf_text(&b), whole);
    assert_same(buf_text(&b), o, feed(buf_text(&b), single));
    assert_same(buf_text(&b), o, feed(buf_text(&b), random_cut));
    buf_done(&b);
    return o;
}

static void limits_hold(void **state)
{
    const char *end = " HTTP/1.1\r\n" H "\r\n";

    (void)state;
    assert_int_equal(feed_built("GET /", 8191, "a", end).status, 200);
    assert_int_equal(feed_built("GET /", 8192, "a", end).status, 414);
    assert_int_equal(feed_built("GET /", 9000, "a", end).status, 414);
    assert_int_equal(feed_built("GET /", 20000, "a", "").status, 414);
    assert_int_equal(feed_built("GET /", 20000, "a", end).status, 414);
    assert_int_equal(feed_built("GET / HTTP/1.1\r\n" H, 99, "X: y\r\n", "\r\n").status, 200);
    assert_int_equal(feed_built("GET / HTTP/1.1\r\n" H, 100, "X: y\r\n", "\r\n").status, 431);
    assert_int_equal(
        feed_built("GET / HTTP/1.1\r\n" H "X: ", 16384 - 16 - 9 - 3 - 4, "y", "\r\n\r\n").status, 200);
    assert_int_equal(
        feed_built("GET / HTTP/1.1\r\n" H "X: ", 16384 - 16 - 9 - 3 - 3, "y", "\r\n\r\n").status, 431);
    assert_int_equal(feed_built("GET / HTTP/1.1\r\n" H "X: ", 100000, "y", "").status, 431);
    assert_int_equal(feed_built("GET / HTTP/1.1\r\n" H, 100000, "X: y\r\n", "").status, 431);
    assert_int_equal(feed_built("GET /?", 99, "a=b&", end).status, 200);
    assert_int_equal(feed_built("GET /?", 100, "a=b&", end).status, 400);
    assert_int_equal(feed_built(C, 1, "3;", "").status, MORE);
    assert_int_equal(feed_built(C "3;", 252, "e", "\r\nabc\r\n0\r\n\r\n").status, 200);
    assert_int_equal(feed_built(C "3;", 253, "e", "\r\nabc\r\n0\r\n\r\n").status, 400);
    assert_int_equal(feed_built(C, 1000, "1;ext\r\na\r\n", "0\r\n\r\n").status, 200);
    assert_int_equal(feed_built(C, 1100, "1;ext\r\na\r\n", "0\r\n\r\n").status, 400);
    assert_int_equal(feed_built(C "0\r\n", 600, "X: y\r\n", "\r\n").status, 200);
    assert_int_equal(feed_built(C "0\r\n", 700, "X: y\r\n", "\r\n").status, 400);
}

static void body_limit_follows_the_route(void **state)
{
    struct http_limits limits = HTTP_LIMITS_DEFAULT;
    struct text raw = TEXT("POST / HTTP/1.1\r\n" H "Content-Length: 3\r\n\r\nabc");
    struct request r = {.arena = arena_new()};
    struct http_parser p;
    size_t used;

    (void)state;
    http_parser_init(&p, &r, &limits);
    assert_int_equal(http_parser_feed(&p, raw, &used), HTTP_PARSE_HEAD);
    p.body_max = 2;
    assert_int_equal(http_parser_feed(&p, text_skip(raw, used), &used), HTTP_PARSE_FAULT);
    assert_int_equal(p.fault->status, 413);
    http_parser_done(&p);
    arena_free(r.arena);
}

static void heads_say_what_follows(void **state)
{
    struct http_limits limits = HTTP_LIMITS_DEFAULT;
    struct text raw = TEXT("POST http://Ex.org:81/?a=b+c&d=%26&e&&a=2 HTTP/1.1\r\nhOST: ex.ORG:81\r\n"
                           "Connection: x, Close\r\nexpect: 100-Continue\r\nContent-Length: 3\r\n\r\n");
    struct request r = {.arena = arena_new()};
    struct http_parser p;
    size_t used;

    (void)state;
    http_parser_init(&p, &r, &limits);
    assert_int_equal(http_parser_feed(&p, raw, &used), HTTP_PARSE_HEAD);
    assert_false(p.keep_alive);
    assert_true(p.expect_continue);
    assert_int_equal(r.method, HTTP_POST);
    assert_true(text_is(r.host, "ex.org"));
    assert_int_equal(r.query_count, 4);
    assert_true(text_is(request_query(&r, "a"), "b c"));
    assert_true(text_is(request_query(&r, "d"), "&"));
    assert_true(text_is(request_query(&r, "e"), ""));
    assert_null(request_query(&r, "f").ptr);
    assert_int_equal(http_parser_feed(&p, TEXT("ab"), &used), HTTP_PARSE_MORE);
    assert_int_equal(http_parser_feed(&p, TEXT("cG"), &used), HTTP_PARSE_DONE);
    assert_int_equal(used, 1);
    assert_true(text_is(r.body, "abc"));
    http_parser_done(&p);
    arena_free(r.arena);
}

/* Random edits of the samples: no crash, and one reading however they are cut. */
static void mutations_have_one_reading(void **state)
{
    static const char *const tokens[] = {"\r\n", "\n", "\r", " ", "\t", ":", ",", ";", "%", "0",
        "Content-Length: 1\r\n", "Transfer-Encoding: chunked\r\n", "Host: b\r\n", "\x7f", "\xff", "/../",
        "HTTP/1.1"};

    (void)state;
    for (int round = 0; round < 40000; round++) {
        struct text raw = samples[next() % sample_count].raw;
        struct buf b = BUF_INIT;
        struct outcome o;

        buf_add_text(&b, raw);
        for (uint32_t edits = next() % 3 + 1; edits && b.len; edits--) {
            size_t at = next() % b.len;
            const char *token = tokens[next() % ARRAY_LEN(tokens)];
            struct buf c = BUF_INIT;

            buf_add(&c, b.data, at);
            if (next() % 2)
                buf_adds(&c, token);
            else
                buf_addc(&c, (char)next());
            at += next() % 2;
            buf_add(&c, b.data + at, b.len - at);
            buf_done(&b);
            b = c;
        }
        o = feed(buf_text(&b), whole);
        assert_same(buf_text(&b), o, feed(buf_text(&b), single));
        assert_same(buf_text(&b), o, feed(buf_text(&b), random_cut));
        buf_done(&b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(samples_have_one_reading),
        cmocka_unit_test(nul_is_refused_everywhere),
        cmocka_unit_test(limits_hold),
        cmocka_unit_test(body_limit_follows_the_route),
        cmocka_unit_test(heads_say_what_follows),
        cmocka_unit_test(mutations_have_one_reading),
    };

    return cmocka_run_group_tests(tests, load_samples, drop_samples);
}
