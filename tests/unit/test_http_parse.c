/* The HTTP/1.1 parser: what is accepted, what is refused and how, and that cutting the bytes changes nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/mem.h"
#include "http/parse.h"

#define MORE 1 /* not a status: the parser still waits */

/* `status` 200: accepted; `left` bytes belong to the next request. */
struct sample {
    const char *raw;
    int status;
    const char *path;
    const char *body;
    size_t left;
};

#define H "Host: a\r\n"
#define OK(raw, path, body, left)                                                                            \
    {                                                                                                        \
        raw, 200, path, body, left                                                                           \
    }
#define NO(raw, status)                                                                                      \
    {                                                                                                        \
        raw, status, NULL, NULL, 0                                                                           \
    }

static const struct sample samples[] = {
    /* plain requests */
    OK("GET / HTTP/1.1\r\n" H "\r\n", "/", "", 0),
    OK("GET /a/b?x=1 HTTP/1.1\r\nhost:a\r\n\r\n", "/a/b", "", 0),
    OK("\r\nGET / HTTP/1.1\r\n" H "\r\n", "/", "", 0),
    OK("GET / HTTP/1.0\r\n\r\n", "/", "", 0),
    OK("GET / HTTP/1.1\r\n" H "\r\nGET /2 HTTP/1.1\r\n", "/", "", 17),
    OK("GET / HTTP/1.1\r\nHost: a:8080\r\n\r\n", "/", "", 0),
    OK("GET / HTTP/1.1\r\nHost: [::1]:8080\r\n\r\n", "/", "", 0),
    OK("GET /trail/ HTTP/1.1\r\n" H "\r\n", "/trail/", "", 0),
    OK("GET /%e8%81%9a%E6%96%B0 HTTP/1.1\r\n" H "\r\n", "/聚新", "", 0),
    OK("GET /a%20b;c=1 HTTP/1.1\r\n" H "\r\n", "/a b;c=1", "", 0),
    OK("GET /?a[]=1&b={x|y} HTTP/1.1\r\n" H "\r\n", "/", "", 0),
    OK("GET http://a/x?y HTTP/1.1\r\n" H "\r\n", "/x", "", 0),
    OK("GET HTTP://A HTTP/1.1\r\n" H "\r\n", "/", "", 0),
    OK("OPTIONS * HTTP/1.1\r\n" H "\r\n", "*", "", 0),
    OK("GET / HTTP/1.1\r\n" H "X: \t v \t\r\nEmpty:\r\n\r\n", "/", "", 0),
    OK("GET / HTTP/1.1\r\n" H "X: \xe8\x81\x9a\r\n\r\n", "/", "", 0),
    OK("DELETE /x HTTP/1.1\r\n" H "Content-Length: 0\r\n\r\n", "/x", "", 0),
    /* bodies */
    OK("POST / HTTP/1.1\r\n" H "\r\n", "/", "", 0),
    OK("POST / HTTP/1.1\r\n" H "Content-Length: 3\r\n\r\nabcX", "/", "abc", 1),
    OK("POST / HTTP/1.1\r\n" H "Content-Length: 3\r\nExpect: 100-continue\r\n\r\nabc", "/", "abc", 0),
    OK("POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\nG", "/", "abc", 1),
    OK("POST / HTTP/1.1\r\n" H "Transfer-Encoding: Chunked\r\n\r\n1\r\na\r\n00A\r\n0123456789\r\n000\r\n\r\n",
        "/", "a0123456789", 0),
    OK("PUT / HTTP/1.1\r\n" H
       "Transfer-Encoding: chunked\r\n\r\n3;x=\"y z\"\r\nabc\r\n0;last\r\nX-Sum: 1\r\n\r\n",
        "/", "abc", 0),
    NO("POST / HTTP/1.1\r\n" H "Content-Length: 3\r\n\r\nab", MORE),
    NO("GET / HTTP/1.1\r\n" H, MORE),
    NO("POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n", MORE),
    /* lines and blanks */
    NO("GET / HTTP/1.1\n" H "\r\n", 400),
    NO("GET / HTTP/1.1\r\nHost: a\n\r\n", 400),
    NO("GET / HTTP/1.1\r\n" H "\n", 400),
    NO("\nGET / HTTP/1.1\r\n" H "\r\n", 400),
    NO("\r\n\r\nGET / HTTP/1.1\r\n" H "\r\n", 400),
    NO("\rGET / HTTP/1.1\r\n" H "\r\n", 400),
    NO(" GET / HTTP/1.1\r\n" H "\r\n", 400),
    NO("GET  / HTTP/1.1\r\n" H "\r\n", 400),
    NO("GET / HTTP/1.1 \r\n" H "\r\n", 400),
    NO("GET\t/ HTTP/1.1\r\n" H "\r\n", 400),
    NO("GET /a b HTTP/1.1\r\n" H "\r\n", 400),
    NO("GET /\r\n" H "\r\n", 400),
    NO("GET / HTTP/1.1\r\n" H "X: a\r\n b\r\n\r\n", 400),
    NO("GET / HTTP/1.1\r\n Host: a\r\n\r\n", 400),
    NO("GET / HTTP/1.1\r\nHost : a\r\n\r\n", 400),
    NO("GET / HTTP/1.1\r\n" H "X Y: a\r\n\r\n", 400),
    NO("GET / HTTP/1.1\r\n" H ": a\r\n\r\n", 400),
    NO("GET / HTTP/1.1\r\n" H "Nothing\r\n\r\n", 400),
    NO("GET / HTTP/1.1\r\n" H "X: a\rb\r\n\r\n", 400),
    NO("GET / HTTP/1.1\r\n" H "X: a\x01\r\n\r\n", 400),
    NO("GET / HTTP/1.1\r\n" H "X: a\x7f\r\n\r\n", 400),
    NO("GET / HTTP/1.1\r\n" H "X: \xff\r\n\r\n", 400),
    NO("GET / HTTP/1.1\r\n" H "X: a\r\r\n\r\n", 400),
    /* methods, versions */
    NO("BREW / HTTP/1.1\r\n" H "\r\n", 501),
    NO("get / HTTP/1.1\r\n" H "\r\n", 501),
    NO("TRACE / HTTP/1.1\r\n" H "\r\n", 405),
    NO("CONNECT a:443 HTTP/1.1\r\n" H "\r\n", 405),
    NO("G(T / HTTP/1.1\r\n" H "\r\n", 400),
    NO("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 501),
    NO("GET / HTTP/2.0\r\n" H "\r\n", 505),
    NO("GET / HTTP/1.2\r\n" H "\r\n", 505),
    NO("GET / http/1.1\r\n" H "\r\n", 400),
    NO("GET / HTTP/1.10\r\n" H "\r\n", 400),
    NO("GET / HTTP/1,1\r\n" H "\r\n", 400),
    NO("\x16\x03\x01\x02", 400),
    /* targets */
    NO("GET * HTTP/1.1\r\n" H "\r\n", 400),
    NO("GET a HTTP/1.1\r\n" H "\r\n", 400),
    NO("GET ftp://a/ HTTP/1.1\r\n" H "\r\n", 400),
    NO("GET http://b/ HTTP/1.1\r\n" H "\r\n", 400),
    NO("GET http://u@a/ HTTP/1.1\r\n" H "\r\n", 400),
    NO("GET http:///x HTTP/1.1\r\n" H "\r\n", 400),
    NO("GET /a#b HTTP/1.1\r\n" H "\r\n", 400),
    NO("GET /%zz HTTP/1.1\r\n" H "\r\n", 400),
    NO("GET /%2 HTTP/1.1\r\n" H "\r\n", 400),
    NO("GET /%00 HTTP/1.1\r\n" H "\r\n", 400),
    NO("GET /a%2fb HTTP/1.1\r\n" H "\r\n", 400),
    NO("GET /a%5Cb HTTP/1.1\r\n" H "\r\n", 400),
    NO("GET /a\\b HTTP/1.1\r\n" H "\r\n", 400),
    NO("GET /a/../b HTTP/1.1\r\n" H "\r\n", 400),
    NO("GET /%2e%2E/b HTTP/1.1\r\n" H "\r\n", 400),
    NO("GET /./b HTTP/1.1\r\n" H "\r\n", 400),
    NO("GET //b HTTP/1.1\r\n" H "\r\n", 400),
    NO("GET /a//b HTTP/1.1\r\n" H "\r\n", 400),
    NO("GET /%c0%af HTTP/1.1\r\n" H "\r\n", 400),
    NO("GET /%0d%0aX:y HTTP/1.1\r\n" H "\r\n", 400),
    NO("GET /\xe8\x81\x9a HTTP/1.1\r\n" H "\r\n", 400),
    NO("GET /?a=%00 HTTP/1.1\r\n" H "\r\n", 400),
    NO("GET /?a=%ff HTTP/1.1\r\n" H "\r\n", 400),
    NO("GET /?a=% HTTP/1.1\r\n" H "\r\n", 400),
    NO("GET /?<x> HTTP/1.1\r\n" H "\r\n", 400),
    /* Host */
    NO("GET / HTTP/1.1\r\n\r\n", 400),
    NO("GET / HTTP/1.1\r\nHost:\r\n\r\n", 400),
    NO("GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", 400),
    NO("GET / HTTP/1.0\r\nHost: a\r\nhost: b\r\n\r\n", 400),
    NO("GET / HTTP/1.1\r\nHost: a, b\r\n\r\n", 400),
    NO("GET / HTTP/1.1\r\nHost: a b\r\n\r\n", 400),
    NO("GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", 400),
    NO("GET / HTTP/1.1\r\nHost: u@a\r\n\r\n", 400),
    NO("GET / HTTP/1.1\r\nHost: a:\r\n\r\n", 400),
    NO("GET / HTTP/1.1\r\nHost: a:0\r\n\r\n", 400),
    NO("GET / HTTP/1.1\r\nHost: a:+80\r\n\r\n", 400),
    NO("GET / HTTP/1.1\r\nHost: a:80:80\r\n\r\n", 400),
    NO("GET / HTTP/1.1\r\nHost: [::1\r\n\r\n", 400),
    NO("GET / HTTP/1.1\r\nHost: [::1]x\r\n\r\n", 400),
    NO("GET / HTTP/1.1\r\nHost: a[b]\r\n\r\n", 400),
    /* Content-Length and Transfer-Encoding */
    NO("POST / HTTP/1.1\r\n" H "Content-Length: +3\r\n\r\nabc", 400),
    NO("POST / HTTP/1.1\r\n" H "Content-Length: -0\r\n\r\n", 400),
    NO("POST / HTTP/1.1\r\n" H "Content-Length: 03\r\n\r\nabc", 400),
    NO("POST / HTTP/1.1\r\n" H "Content-Length: 0x3\r\n\r\nabc", 400),
    NO("POST / HTTP/1.1\r\n" H "Content-Length: 3 \t3\r\n\r\nabc", 400),
    NO("POST / HTTP/1.1\r\n" H "Content-Length: 3, 3\r\n\r\nabc", 400),
    NO("POST / HTTP/1.1\r\n" H "Content-Length:\r\n\r\n", 400),
    NO("POST / HTTP/1.1\r\n" H "Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc", 400),
    NO("POST / HTTP/1.1\r\n" H "Content-Length: 3\r\ncontent-length: 4\r\n\r\nabc", 400),
    NO("POST / HTTP/1.1\r\n" H "Content-Length : 3\r\n\r\nabc", 400),
    NO("POST / HTTP/1.1\r\n" H "Content-Length: 99999999999999999999\r\n\r\n", 400),
    NO("POST / HTTP/1.1\r\n" H "Content-Length: 1048577\r\n\r\n", 413),
    NO("POST / HTTP/1.1\r\n" H "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    NO("POST / HTTP/1.1\r\n" H "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", 400),
    NO("POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n", 400),
    NO("POST / HTTP/1.1\r\n" H "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 400),
    NO("POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        400),
    NO("POST / HTTP/1.1\r\n" H "Transfer-Encoding: \x0b"
       "chunked\r\n\r\n0\r\n\r\n",
        400),
    NO("POST / HTTP/1.1\r\n" H "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n", 400),
    NO("POST / HTTP/1.1\r\n" H "Transfer-Encoding:\r\n\r\n0\r\n\r\n", 400),
    NO("POST / HTTP/1.0\r\n" H "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    NO("GET / HTTP/1.1\r\n" H "Content-Length: 3\r\n\r\nabc", 400),
    NO("GET / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    NO("HEAD / HTTP/1.1\r\n" H "Content-Length: 1\r\n\r\na", 400),
    NO("DELETE / HTTP/1.1\r\n" H "Content-Length: 1\r\n\r\na", 400),
    NO("POST / HTTP/1.1\r\n" H "Content-Length: 1\r\nExpect: tea\r\n\r\na", 417),
/* chunks */
#define C "POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n"
    NO(C "\r\n", 400),
    NO(C "x\r\n", 400),
    NO(C "-1\r\n", 400),
    NO(C "0x3\r\nabc\r\n0\r\n\r\n", 400),
    NO(C "3 \r\nabc\r\n0\r\n\r\n", 400),
    NO(C " 3\r\nabc\r\n0\r\n\r\n", 400),
    NO(C "3\nabc\r\n0\r\n\r\n", 400),
    NO(C "3\r\nabcd\r\n0\r\n\r\n", 400),
    NO(C "3\r\nabc\n0\r\n\r\n", 400),
    NO(C "3;a\rb\r\nabc\r\n0\r\n\r\n", 400),
    NO(C "3;a\x01\r\nabc\r\n0\r\n\r\n", 400),
    NO(C "fffffffffffffffff\r\n", 400),
    NO(C "10000000000000003\r\nabc\r\n0\r\n\r\n", 400),
    NO(C "100001\r\n", 413),
    NO(C "fffff\r\n", MORE),
    NO(C "0\r\nContent-Length: 3\r\n\r\n", 400),
    NO(C "0\r\nHost: b\r\n\r\n", 400),
    NO(C "0\r\n folded\r\n\r\n", 400),
    NO(C "0\r\nX : y\r\n\r\n", 400),
    NO(C "0\r\n\n", 400),
};

struct outcome {
    int status;
    size_t used;
    char path[64];
    char body[64];
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
    for (size_t i = 0; i < ARRAY_LEN(samples); i++) {
        const struct sample *s = &samples[i];
        struct text raw = text_of(s->raw);
        struct outcome o = feed(raw, whole);

        if (o.status != s->status)
            fail_msg("sample %zu: %d, not %d: %s", i, o.status, s->status, s->raw);
        if (s->path) {
            assert_string_equal(o.path, s->path);
            assert_string_equal(o.body, s->body);
            assert_int_equal(raw.len - o.used, s->left);
        }
        assert_same(raw, o, feed(raw, single));
        assert_same(raw, o, feed(raw, random_cut));
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
    assert_true(http_parser_is_fresh(&p));
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
        struct text raw = text_of(samples[next() % ARRAY_LEN(samples)].raw);
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

    return cmocka_run_group_tests(tests, NULL, NULL);
}
