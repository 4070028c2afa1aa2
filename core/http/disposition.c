/* The name of a file in a header field. */
#include "http/disposition.h"

#include <errno.h>

#include "http/chars.h"

static struct text take_token(struct text *in)
{
    struct text t = {in->ptr, 0};

    while (t.len < in->len && http_is(in->ptr[t.len], HTTP_CHAR_TOKEN))
        t.len++;
    *in = text_skip(*in, t.len);
    return t;
}

static struct text skip_blanks(struct text in)
{
    while (in.len && (in.ptr[0] == ' ' || in.ptr[0] == '\t'))
        in = text_skip(in, 1);
    return in;
}

/* A quoted string without its quotes and backslashes. */
static int take_quoted(struct arena *a, struct text *in, struct text *ret)
{
    char *out = arena_alloc(a, in->len + 1);
    size_t n = 0, i = 1;

    for (; i < in->len && in->ptr[i] != '"'; i++) {
        if (in->ptr[i] == '\\' && ++i == in->len)
            return -EINVAL;
        out[n++] = in->ptr[i];
    }
    if (i == in->len)
        return -EINVAL;
    *in = text_skip(*in, i + 1);
    *ret = (struct text){out, n};
    return 0;
}

/* UTF-8'language'percent-encoded */
static int decode_extended(struct arena *a, struct text value, struct text *ret)
{
    struct text charset = text_split(&value, '\''), language = text_split(&value, '\'');
    char *out;
    size_t n = 0;

    if (!language.ptr || !value.ptr || !text_is_nocase(charset, "UTF-8"))
        return -EINVAL;
    out = arena_alloc(a, value.len + 1);
    for (size_t i = 0; i < value.len; i++) {
        if (value.ptr[i] != '%') {
            out[n++] = value.ptr[i];
            continue;
        }
        if (i + 2 >= value.len || http_hex(value.ptr[i + 1]) < 0 || http_hex(value.ptr[i + 2]) < 0)
            return -EINVAL;
        out[n++] = (char)(http_hex(value.ptr[i + 1]) << 4 | http_hex(value.ptr[i + 2]));
        i += 2;
    }
    *ret = (struct text){out, n};
    return 0;
}

/* One parameter behind its ';'. Where a name was given twice nobody knows which is meant. */
static int take_parameter(struct arena *a, struct text *in, struct text *plain, struct text *extended)
{
    struct text name, value;
    int r = 0;

    *in = skip_blanks(*in);
    name = take_token(in);
    if (!name.len || !in->len || in->ptr[0] != '=')
        return -EINVAL;
    *in = text_skip(*in, 1);
    if (in->len && in->ptr[0] == '"')
        r = take_quoted(a, in, &value);
    else
        value = take_token(in);
    if (r < 0 || !value.ptr)
        return -EINVAL;
    if (text_is_nocase(name, "filename*"))
        r = extended->ptr ? -EINVAL : decode_extended(a, value, extended);
    else if (text_is_nocase(name, "filename") && plain->ptr)
        r = -EINVAL;
    else if (text_is_nocase(name, "filename"))
        *plain = value;
    *in = skip_blanks(*in);
    return r;
}

int disposition_parse(struct arena *a, struct text value, const char **ret_name)
{
    struct text plain = {NULL, 0}, extended = {NULL, 0}, name;

    if (!take_token(&value).len)
        return -EINVAL;
    value = skip_blanks(value);
    while (value.len) {
        if (value.ptr[0] != ';')
            return -EINVAL;
        value = text_skip(value, 1);
        if (take_parameter(a, &value, &plain, &extended) < 0)
            return -EINVAL;
    }
    name = extended.ptr ? extended : plain;
    if (!name.ptr)
        return -ENOENT;
    if (memchr(name.ptr, '\0', name.len) || !text_is_utf8(name))
        return -EINVAL;
    *ret_name = arena_ndup(a, name.ptr, name.len);
    return 0;
}

static bool is_plain(char c)
{
    return (uint8_t)c >= 0x20 && (uint8_t)c < 0x7f && c != '"' && c != '\\' && c != '%';
}

/* attr-char of RFC 8187: a token's characters without * ' % */
static bool is_attr(char c)
{
    return http_is(c, HTTP_CHAR_TOKEN) && c != '*' && c != '\'' && c != '%';
}

void disposition_add(struct buf *out, bool is_inline, const char *name)
{
    static const char hex[] = "0123456789ABCDEF";
    bool all_plain = true;

    buf_adds(out, is_inline ? "inline; filename=\"" : "attachment; filename=\"");
    for (const char *p = name; *p; p++) {
        all_plain &= is_plain(*p);
        /* One character, one '_': continuation bytes are left out. */
        if (((uint8_t)*p & 0xc0) != 0x80)
            buf_addc(out, is_plain(*p) ? *p : '_');
    }
    buf_addc(out, '"');
    if (all_plain)
        return;
    buf_adds(out, "; filename*=UTF-8''");
    for (const char *p = name; *p; p++) {
        if (is_attr(*p)) {
            buf_addc(out, *p);
        } else {
            buf_addc(out, '%');
            buf_addc(out, hex[(uint8_t)*p >> 4]);
            buf_addc(out, hex[(uint8_t)*p & 15]);
        }
    }
}
