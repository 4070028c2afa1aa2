/* Fuzz target (libFuzzer): whatever the bytes, the parser reads them one way, however they are cut. The first byte says
 * where. Run: meson setup build-fuzz -Dfuzz=true with CC=clang, then build-fuzz/tests/fuzz/fuzz_http_parse DIR. */
#include <stdint.h>

#include "http/parse.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct outcome {
    size_t status, used, fields, query, path, body; /* no padding: compared as bytes */
};

static struct outcome feed(struct text in, size_t cut)
{
    struct http_limits limits = HTTP_LIMITS_DEFAULT;
    struct request r = {.arena = arena_new()};
    struct http_parser p;
    struct outcome o = {0};
    enum http_parse state = HTTP_PARSE_MORE;

    http_parser_init(&p, &r, &limits);
    while (state <= HTTP_PARSE_HEAD && (o.used < in.len || state == HTTP_PARSE_HEAD)) {
        struct text rest = text_skip(in, o.used);
        size_t used;

        rest.len = MIN(rest.len, cut);
        state = http_parser_feed(&p, rest, &used);
        o.used += used;
    }
    if (state == HTTP_PARSE_FAULT)
        o = (struct outcome){.status = (size_t)p.fault->status};
    else if (state == HTTP_PARSE_DONE)
        o = (struct outcome){200, o.used, r.field_count, r.query_count, r.path.len, r.body.len};
    http_parser_done(&p);
    arena_free(r.arena);
    return o;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct text in;
    struct outcome whole, cut;

    if (!size)
        return 0;
    in = (struct text){(const char *)data + 1, size - 1};
    whole = feed(in, SIZE_MAX);
    cut = feed(in, (size_t)data[0] % 32 + 1);
    if (memcmp(&whole, &cut, sizeof(cut)) != 0)
        abort();
    return 0;
}
