/* Fuzz target: cookies and the other small texts a client sends or the database holds. The first byte says which; each
 * is compared with a second, slower reading or written out and read back. */
#include "fuzz.h"

#include "access/password.h"
#include "api/dispatch.h"
#include "base/clock.h"
#include "base/digest.h"
#include "base/json.h"
#include "base/uuid.h"
#include "http/response.h"
#include "http/trace.h"

/* ---- cookies ---- */

/* The value of the only cookie of that name; by counting, without the reader's own pieces. */
static bool find_cookie(struct text all, const char *name, struct text *ret)
{
    size_t len = strlen(name), found = 0;

    for (size_t at = 0; at <= all.len;) {
        size_t end = at, from = at, to;

        while (end < all.len && all.ptr[end] != ';')
            end++;
        to = end;
        while (from < to && (all.ptr[from] == ' ' || all.ptr[from] == '\t'))
            from++;
        while (to > from && (all.ptr[to - 1] == ' ' || all.ptr[to - 1] == '\t'))
            to--;
        if (to - from > len && memcmp(all.ptr + from, name, len) == 0 && all.ptr[from + len] == '=') {
            found++;
            *ret = (struct text){all.ptr + from + len + 1, to - from - len - 1};
        }
        at = end + 1;
    }
    if (found != 1)
        return false;
    if (ret->len >= 2 && ret->ptr[0] == '"' && ret->ptr[ret->len - 1] == '"')
        *ret = (struct text){ret->ptr + 1, ret->len - 2};
    for (size_t i = 0; i < ret->len; i++)
        if (ret->ptr[i] <= ' ' || ret->ptr[i] >= 0x7f || strchr("\",;\\", ret->ptr[i]))
            return false;
    return true;
}

/* Two Cookie fields, cut at the first line feed, say what one with both says. */
static void cookies(struct text in)
{
    static const char *const names[] = {"__Host-jx-shangcheng", "a", ""};
    struct text rest = in, first = text_split(&rest, '\n');
    struct http_field two[] = {{TEXT("Cookie"), first}, {TEXT("X"), TEXT("a=1")}, {TEXT("cookie"), rest}};
    struct http_field one = {TEXT("COOKIE"), in};
    struct buf joined = BUF_INIT;

    buf_add_text(&joined, first);
    buf_addc(&joined, ';');
    buf_add_text(&joined, rest);
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        struct request r = {.fields = &one, .field_count = 1};
        struct text got = request_cookie(&r, names[i]), expected = {NULL, 0};
        bool found = find_cookie(in, names[i], &expected);

        HOLDS((got.ptr != NULL) == found && (!found || text_eq(got, expected)));
        r.fields = two;
        r.field_count = rest.ptr ? 3 : 2;
        got = request_cookie(&r, names[i]);
        found = find_cookie(buf_text(&joined), names[i], &expected);
        HOLDS((got.ptr != NULL) == found && (!found || text_eq(got, expected)));
    }
    buf_done(&joined);
}

/* ---- fields ---- */

static void if_match(struct arena *a, struct text in)
{
    struct http_field field = {TEXT("If-Match"), text_trim(in, " \t")};
    struct request r = {.arena = a, .fields = &field, .field_count = 1};
    struct call c;
    char again[32];
    int64_t version = 0;

    call_init(&c, NULL, a);
    if (api_if_match(&c, &r, &version) == 0) {
        HOLDS(version >= 1 && c.fault.status == 0);
        snprintf(again, sizeof(again), "\"%lld\"", (long long)version);
        HOLDS(text_is(field.value, again));
    } else {
        HOLDS(c.fault.status == 400 || c.fault.status == 412);
    }
    call_done(&c);
}

static void language(struct arena *a, struct text in)
{
    struct http_field field = {TEXT("Accept-Language"), in};
    struct request r = {.arena = a, .fields = &field, .field_count = 1};
    bool chinese = request_prefers_chinese(&r);
    struct response p = {.head = BUF_INIT, .body = BUF_INIT};
    json_t *v;

    r.response = &p;
    (void)request_fail(&r, 400, "x", "Text.", "文。");
    HOLDS(p.status == 400 && json_parse(buf_text(&p.body), JSON_LIMITS, &v, NULL) == 0);
    HOLDS((strstr(buf_str(&p.head), "zh-CN") != NULL) == chinese);
    json_decref(v);
    response_done(&p);
}

static void traceparent(struct arena *a, struct text in)
{
    struct http_field field = {TEXT("traceparent"), in};
    struct request r = {.arena = a, .fields = &field, .field_count = 1};
    bool zero = true;

    trace_open(&r);
    HOLDS(strlen(r.traceparent) == 55 && strlen(r.log.trace_id) == 32);
    for (int i = 0; i < 55; i++)
        HOLDS(strchr(i == 2 || i == 35 || i == 52 ? "-" : "0123456789abcdef", r.traceparent[i]));
    for (int i = 0; i < 32; i++)
        zero &= r.log.trace_id[i] == '0';
    HOLDS(!zero);
}

static void content_type(struct arena *a, struct text in)
{
    struct http_field field = {TEXT("Content-Type"), in};
    struct response p = {.head = BUF_INIT, .body = BUF_INIT};
    struct request r = {
        .arena = a, .fields = &field, .field_count = 1, .body = TEXT("{\"a/~\": 1}"), .response = &p};
    static const char *const known[] = {"b", NULL};
    json_t *v;

    HOLDS(request_object(&r, known, &v) < 0 && (p.status == 415 || p.status == 422));
    if (p.status == 422)
        HOLDS(strncasecmp(text_trim(in, " \t").ptr, "application/", 12) == 0 &&
              strstr(buf_str(&p.body), "/a~1~0"));
    response_done(&p);
}

/* ---- small texts ---- */

static void ids(struct text in)
{
    struct uuid id, again;
    struct uuid_text t;

    if (uuid_parse(in, &id) < 0)
        return;
    t = uuid_format(id);
    HOLDS(text_is_nocase(in, t.s) && uuid_parse(text_of(t.s), &again) == 0 && uuid_eq(id, again));
}

static void times(struct text in)
{
    struct clock_text t;
    int64_t us, us2;
    int32_t day;

    if (clock_parse(in, &us) == 0) {
        t = clock_format(us);
        HOLDS(clock_parse(text_of(t.s), &us2) == 0 && us2 == us);
    }
    if (date_parse(in, &day) == 0) {
        t = date_format(day);
        HOLDS(text_is(in, t.s) && date_weekday(day) >= 0 && date_weekday(day) < 7);
        HOLDS(date_year(day) >= 1 && date_year(day) <= 9999);
    }
}

static void numbers(struct text in)
{
    char again[32];
    int64_t n;
    struct text digits = in;
    bool negative = in.len && in.ptr[0] == '-';

    if (text_to_i64(in, INT64_MIN, INT64_MAX, &n) < 0)
        return;
    digits = text_skip(digits, negative);
    while (digits.len > 1 && digits.ptr[0] == '0')
        digits = text_skip(digits, 1);
    snprintf(again, sizeof(again), "%lld", (long long)n);
    HOLDS(text_is(digits, again + (n < 0)));
    HOLDS(n == 0 || (n < 0) == negative);
}

static void encodings(struct text in)
{
    struct buf raw = BUF_INIT, out = BUF_INIT;
    uint8_t bytes[32];

    if (base64url_parse(in, &raw) == 0) {
        base64url_add(&out, raw.data, raw.len);
        HOLDS(text_eq(buf_text(&out), in));
    }
    buf_clear(&out);
    if (in.len % 2 == 0 && in.len / 2 <= sizeof(bytes) && hex_parse(in, bytes, in.len / 2) == 0) {
        hex_add(&out, bytes, in.len / 2);
        HOLDS(text_is_nocase(in, buf_str(&out)));
    }
    buf_done(&raw);
    buf_done(&out);
}

/* The code points, decoded and encoded again, are the bytes; RFC 3629's table in other words. */
static bool is_utf8(struct text in)
{
    const uint8_t *p = (const uint8_t *)in.ptr;

    for (size_t i = 0; i < in.len;) {
        size_t more = p[i] < 0x80 ? 0 : p[i] >> 5 == 6 ? 1 : p[i] >> 4 == 14 ? 2 : p[i] >> 3 == 30 ? 3 : 9;
        uint32_t c = more ? p[i] & (0x3fu >> more) : p[i];

        if (more == 9 || i + more >= in.len)
            return false;
        for (size_t k = 1; k <= more; k++) {
            if (p[i + k] >> 6 != 2)
                return false;
            c = c << 6 | (p[i + k] & 0x3f);
        }
        if (c > 0x10ffff || (c >= 0xd800 && c < 0xe000) || c < (uint32_t[]){0, 0x80, 0x800, 0x10000}[more])
            return false;
        i += more + 1;
    }
    return true;
}

static void password(struct arena *a, struct text in)
{
    struct password_parts parts;

    if (password_parse(arena_ndup(a, in.ptr, in.len), &parts) < 0)
        return;
    /* the work a stored text can ask for is bounded: 128 · N · r · p bytes */
    HOLDS(parts.ln >= 10 && parts.ln <= 17 && parts.r >= 1 && parts.r <= 8 && parts.p >= 1 && parts.p <= 4);
    HOLDS(parts.salt_len >= 8 && parts.salt_len <= sizeof(parts.salt));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *a = arena_new();
    struct text in = fuzz_text(a, data, size);

    switch (size ? data[0] % 11 : 0) {
    case 0:
        cookies(in);
        break;
    case 1:
        if_match(a, in);
        break;
    case 2:
        language(a, in);
        break;
    case 3:
        traceparent(a, in);
        break;
    case 4:
        content_type(a, in);
        break;
    case 5:
        ids(in);
        break;
    case 6:
        times(in);
        break;
    case 7:
        numbers(in);
        break;
    case 8:
        encodings(in);
        break;
    case 9:
        HOLDS(text_is_utf8(in) == is_utf8(in));
        break;
    default:
        password(a, in);
        break;
    }
    arena_free(a);
    return 0;
}
