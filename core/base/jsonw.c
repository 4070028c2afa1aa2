/* JSON writer. Escapes what RFC 8259 §7 demands, nothing more. */
#include "base/jsonw.h"

void jsonw_init(struct jsonw *w, struct buf *out)
{
    w->out = out;
    w->need_comma = false;
}

static void before_value(struct jsonw *w)
{
    if (w->need_comma)
        buf_addc(w->out, ',');
    w->need_comma = true;
}

void jsonw_object(struct jsonw *w)
{
    before_value(w);
    buf_addc(w->out, '{');
    w->need_comma = false;
}

void jsonw_object_end(struct jsonw *w)
{
    buf_addc(w->out, '}');
    w->need_comma = true;
}

void jsonw_array(struct jsonw *w)
{
    before_value(w);
    buf_addc(w->out, '[');
    w->need_comma = false;
}

void jsonw_array_end(struct jsonw *w)
{
    buf_addc(w->out, ']');
    w->need_comma = true;
}

static bool is_plain(unsigned char c)
{
    return c >= 0x20 && c != '"' && c != '\\';
}

/* Bytes in front that stand for themselves; eight at a time (a byte below n sets its top bit in (x - n·01…) & ~x). */
static size_t plain_length(struct text s)
{
    const uint64_t ones = 0x0101010101010101u, tops = 0x8080808080808080u;
    size_t i = 0;

    for (; i + 8 <= s.len; i += 8) {
        uint64_t x, quote, slash;

        memcpy(&x, s.ptr + i, 8);
        quote = x ^ ones * '"';
        slash = x ^ ones * '\\';
        if ((((x - ones * 0x20) & ~x) | ((quote - ones) & ~quote) | ((slash - ones) & ~slash)) & tops)
            break;
    }
    while (i < s.len && is_plain((unsigned char)s.ptr[i]))
        i++;
    return i;
}

static void escape(struct buf *out, unsigned char c)
{
    char short_form = c == '"'    ? '"'
                      : c == '\\' ? '\\'
                      : c == '\n' ? 'n'
                      : c == '\r' ? 'r'
                      : c == '\t' ? 't'
                                  : 0;

    if (short_form) {
        buf_addc(out, '\\');
        buf_addc(out, short_form);
    } else {
        buf_addf(out, "\\u%04x", c);
    }
}

void jsonw_quote(struct buf *out, struct text s)
{
    buf_reserve(out, s.len + 2);
    buf_addc(out, '"');
    for (;;) {
        size_t plain = plain_length(s);

        buf_add(out, s.ptr, plain);
        if (plain == s.len)
            break;
        escape(out, (unsigned char)s.ptr[plain]);
        s = text_skip(s, plain + 1);
    }
    buf_addc(out, '"');
}

void jsonw_key_text(struct jsonw *w, struct text key)
{
    before_value(w);
    jsonw_quote(w->out, key);
    buf_addc(w->out, ':');
    w->need_comma = false;
}

void jsonw_quoted_key(struct jsonw *w, struct text quoted)
{
    before_value(w);
    buf_add_text(w->out, quoted);
    w->need_comma = false;
}

void jsonw_key(struct jsonw *w, const char *key)
{
    jsonw_key_text(w, text_of(key));
}

void jsonw_text(struct jsonw *w, struct text s)
{
    before_value(w);
    jsonw_quote(w->out, s);
}

void jsonw_str(struct jsonw *w, const char *s)
{
    if (s)
        jsonw_text(w, text_of(s));
    else
        jsonw_null(w);
}

void jsonw_int(struct jsonw *w, int64_t value)
{
    uint64_t rest = value < 0 ? -(uint64_t)value : (uint64_t)value;
    char digits[20];
    size_t at = sizeof(digits);

    before_value(w);
    if (value < 0)
        buf_addc(w->out, '-');
    do
        digits[--at] = (char)('0' + rest % 10);
    while (rest /= 10);
    buf_add(w->out, digits + at, sizeof(digits) - at);
}

void jsonw_raw(struct jsonw *w, struct text json)
{
    before_value(w);
    buf_add_text(w->out, json);
}

void jsonw_bool(struct jsonw *w, bool value)
{
    jsonw_raw(w, value ? TEXT("true") : TEXT("false"));
}

void jsonw_null(struct jsonw *w)
{
    jsonw_raw(w, TEXT("null"));
}

static int append(const char *data, size_t len, void *out)
{
    buf_add(out, data, len);
    return 0;
}

void jsonw_value(struct jsonw *w, const json_t *value)
{
    before_value(w);
    json_dump_callback(value, append, w->out, JSON_COMPACT | JSON_ENCODE_ANY);
}

void jsonw_kstr(struct jsonw *w, const char *key, const char *s)
{
    jsonw_key(w, key);
    jsonw_str(w, s);
}

void jsonw_kint(struct jsonw *w, const char *key, int64_t value)
{
    jsonw_key(w, key);
    jsonw_int(w, value);
}

void jsonw_kbool(struct jsonw *w, const char *key, bool value)
{
    jsonw_key(w, key);
    jsonw_bool(w, value);
}
