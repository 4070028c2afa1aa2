/* What handlers read and write: fields, cookies, JSON bodies, problem documents, trace ids. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/json.h"
#include "http/parse.h"
#include "http/response.h"
#include "http/trace.h"

struct fixture {
    struct request r;
    struct response p;
    struct http_parser parser;
};

static const struct http_limits limits = {16384, 100, 8192, 1048576, 1, 1, 1, 1, 1, 1, 1, 1};

static void begin(struct fixture *f, const char *fields, const char *body)
{
    struct buf raw = BUF_INIT;
    struct text rest;
    size_t used;

    *f = (struct fixture){.r = {.arena = arena_new(), .response = &f->p}};
    response_reset(&f->p);
    http_parser_init(&f->parser, &f->r, &limits);
    buf_addf(
        &raw, "POST / HTTP/1.1\r\nHost: a\r\n%sContent-Length: %zu\r\n\r\n%s", fields, strlen(body), body);
    rest = buf_text(&raw);
    assert_int_equal(http_parser_feed(&f->parser, rest, &used), HTTP_PARSE_HEAD);
    assert_int_equal(http_parser_feed(&f->parser, text_skip(rest, used), &used), HTTP_PARSE_DONE);
    buf_done(&raw);
}

static void end(struct fixture *f)
{
    http_parser_done(&f->parser);
    response_done(&f->p);
    arena_free(f->r.arena);
}

static void assert_cookie(const char *fields, const char *name, const char *value)
{
    struct fixture f;
    struct text got;

    begin(&f, fields, "");
    got = request_cookie(&f.r, name);
    if (value)
        assert_true(text_is(got, value));
    else
        assert_null(got.ptr);
    end(&f);
}

static void cookies_are_exact(void **state)
{
    (void)state;
    assert_cookie("Cookie: a=1; b=2\r\n", "b", "2");
    assert_cookie("Cookie: a=1;b=2\r\nCookie: c=3\r\n", "c", "3");
    assert_cookie("Cookie: a=\"1\"\r\n", "a", "1");
    assert_cookie("Cookie: a=x=y==\r\n", "a", "x=y==");
    assert_cookie("Cookie: a=\r\n", "a", "");
    assert_cookie("Cookie: A=1\r\n", "a", NULL);
    assert_cookie("Cookie: aa=1\r\n", "a", NULL);
    assert_cookie("Cookie: a\r\n", "a", NULL);
    assert_cookie("Cookie: a=1; a=1\r\n", "a", NULL);
    assert_cookie("Cookie: a=1\r\nCookie: a=2\r\n", "a", NULL);
    assert_cookie("Cookie: a=1 2\r\n", "a", NULL);
    assert_cookie("", "a", NULL);
}

static json_t *parsed(const struct fixture *f)
{
    json_t *doc = NULL;

    assert_int_equal(json_parse(buf_text(&f->p.body), JSON_LIMITS, &doc, NULL), 0);
    return doc;
}

static void assert_language(const char *fields, bool chinese)
{
    struct fixture f;

    begin(&f, fields, "");
    assert_int_equal(request_prefers_chinese(&f.r), chinese);
    end(&f);
}

static void language_is_negotiated(void **state)
{
    (void)state;
    assert_language("", true);
    assert_language("Accept-Language: en\r\n", false);
    assert_language("Accept-Language: en-GB, zh;q=0.9\r\n", false);
    assert_language("Accept-Language: zh-CN,zh;q=0.9,en;q=0.8\r\n", true);
    assert_language("Accept-Language: en;q=0.3, zh-TW;q=0.301\r\n", true);
    assert_language("Accept-Language: fr\r\n", true);
    assert_language("Accept-Language: fr, en;q=0.1\r\n", false);
    assert_language("Accept-Language: *\r\n", true);
    assert_language("Accept-Language: en;q=0\r\n", true);
    assert_language("Accept-Language: zh;q=0, *\r\n", false);
    assert_language("Accept-Language: en;q=\r\n", true);
    assert_language("Accept-Language: ,;,=;q;;\r\n", true);
    assert_language("Accept-Language: english\r\n", true);
}

static void problems_are_complete_documents(void **state)
{
    struct fixture f;
    json_t *doc, *errors;

    (void)state;
    begin(&f, "Accept-Language: en\r\n", "");
    snprintf(f.r.log.request_id, sizeof(f.r.log.request_id), "0192f0c1-2345-7abc-8def-0123456789ab");
    assert_int_equal(request_fail(&f.r, 409, "taken", "Taken.", "已占用。"), -EINVAL);
    doc = parsed(&f);
    assert_string_equal(json_str(doc, "type"), "urn:juxin:problem:taken");
    assert_string_equal(json_str(doc, "title"), "Conflict");
    assert_string_equal(json_str(doc, "detail"), "Taken.");
    assert_string_equal(json_str(doc, "instance"), "urn:uuid:0192f0c1-2345-7abc-8def-0123456789ab");
    assert_int_equal(json_int_or(doc, "status", 0), 409);
    assert_null(json_object_get(doc, "errors"));
    json_decref(doc);
    assert_true(response_has_header(&f.p, "content-language"));

    request_fail_at(&f.r, (struct problem_error){"/a", "required", "is required", "必填"});
    request_fail_at(&f.r, (struct problem_error){"/b\"\n", "type", "a string", NULL});
    doc = parsed(&f);
    errors = json_object_get(doc, "errors");
    assert_int_equal(json_array_size(errors), 2);
    assert_string_equal(json_str(json_array_get(errors, 1), "pointer"), "/b\"\n");
    assert_string_equal(json_str(json_array_get(errors, 0), "detail"), "is required");
    json_decref(doc);
    for (int i = 0; i < 200; i++)
        request_fail_at(&f.r, (struct problem_error){"/x", "type", "a string", NULL});
    doc = parsed(&f);
    assert_int_equal(json_array_size(json_object_get(doc, "errors")), 100);
    json_decref(doc);
    end(&f);

    begin(&f, "", "");
    request_fail_at(&f.r, (struct problem_error){"/a", "required", "is required", "必填"});
    assert_int_equal(f.p.status, 422);
    doc = parsed(&f);
    assert_string_equal(json_str(json_array_get(json_object_get(doc, "errors"), 0), "detail"), "必填");
    json_decref(doc);
    assert_int_equal(request_fail_errno(&f.r, -EAGAIN), -EINVAL);
    assert_int_equal(f.p.status, 503);
    assert_true(response_has_header(&f.p, "Retry-After"));
    end(&f);
}

static void assert_json(const char *fields, const char *body, int status, const char *code)
{
    static const char *const known[] = {"name", "n/o~", NULL};
    struct fixture f;
    json_t *value = NULL, *doc;
    int r;

    begin(&f, fields, body);
    r = request_object(&f.r, known, &value);
    if (status == 200) {
        assert_int_equal(r, 0);
        assert_true(json_is_object(value));
    } else {
        assert_int_equal(r, -EINVAL);
        assert_int_equal(f.p.status, status);
        doc = parsed(&f);
        assert_string_equal(json_str(doc, "code"), code);
        json_decref(doc);
    }
    end(&f);
}

#define TYPE "Content-Type: application/json\r\n"

static void json_bodies_are_checked(void **state)
{
    struct fixture f;
    static const char *const known[] = {"name", NULL};
    json_t *value, *doc;
    char deep[4001];

    (void)state;
    assert_json(TYPE, "{\"name\":1,\"n/o~\":2}", 200, NULL);
    assert_json("Content-Type: application/merge-patch+json; charset=UTF-8\r\n", "{}", 200, NULL);
    assert_json("Content-Type: text/plain\r\n", "{}", 415, "unsupported_media_type");
    assert_json("Content-Type: application/json; charset=gbk\r\n", "{}", 415, "unsupported_media_type");
    assert_json(TYPE "Content-Encoding: gzip\r\n", "{}", 415, "unsupported_content_encoding");
    assert_json("", "{}", 415, "unsupported_media_type");
    assert_json(TYPE, "", 400, "body_required");
    assert_json(TYPE, "{", 400, "malformed_json");
    assert_json(TYPE, "{\"name\":1,\"name\":2}", 422, "json_unacceptable");
    assert_json(TYPE, "[]", 422, "invalid");
    assert_json(TYPE, "{\"x\":1}", 422, "invalid");
    memset(deep, '[', 2000);
    memset(deep + 2000, ']', 2000);
    deep[4000] = '\0';
    assert_json(TYPE, deep, 400, "json_too_complex");

    begin(&f, TYPE, "{\"a/b~c\":1}");
    assert_int_equal(request_object(&f.r, known, &value), -EINVAL);
    doc = parsed(&f);
    assert_string_equal(json_str(json_array_get(json_object_get(doc, "errors"), 0), "pointer"), "/a~1b~0c");
    json_decref(doc);
    end(&f);
}

static void headers_cannot_be_split(void **state)
{
    struct response p = {0};

    (void)state;
    response_reset(&p);
    response_header(&p, "Location", "/t/%s/%d", "demo", 7);
    assert_string_equal(buf_str(&p.head), "Location: /t/demo/7\r\n");
    assert_false(response_has_header(&p, "Locatio"));
    assert_true(response_has_header(&p, "location"));
    response_done(&p);
}

static void assert_trace(const char *field, const char *taken)
{
    struct fixture f;

    begin(&f, field, "");
    trace_open(&f.r);
    assert_int_equal(strlen(f.r.traceparent), 55);
    assert_int_equal(strlen(f.r.log.trace_id), 32);
    assert_memory_equal(f.r.traceparent + 3, f.r.log.trace_id, 32);
    if (taken)
        assert_string_equal(f.r.log.trace_id, taken);
    else
        assert_string_not_equal(f.r.log.trace_id, "4bf92f3577b34da6a3ce929d0e0e4736");
    assert_true(strstr(f.r.traceparent, "00f067aa0ba902b7") == NULL);
    end(&f);
}

static void traces_are_taken_over(void **state)
{
    const char *id = "4bf92f3577b34da6a3ce929d0e0e4736";

    (void)state;
    assert_trace("", NULL);
    assert_trace("traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01\r\n", id);
    assert_trace("traceparent: 01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more\r\n", id);
    assert_trace("traceparent: ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01\r\n", NULL);
    assert_trace("traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more\r\n", NULL);
    assert_trace("traceparent: 00-4BF92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01\r\n", NULL);
    assert_trace("traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01\r\n", NULL);
    assert_trace("traceparent: 00-00000000000000000000000000000000-00f067aa0ba902b7-01\r\n", NULL);
    assert_trace("traceparent: \r\n", NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cookies_are_exact),
        cmocka_unit_test(language_is_negotiated),
        cmocka_unit_test(problems_are_complete_documents),
        cmocka_unit_test(json_bodies_are_checked),
        cmocka_unit_test(headers_cannot_be_split),
        cmocka_unit_test(traces_are_taken_over),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
