/* Borrowed strings. */
#include "base/text.h"

#include <errno.h>
#include <strings.h>

struct text text_of(const char *s)
{
    return (struct text){s, s ? strlen(s) : 0};
}

bool text_eq(struct text a, struct text b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

bool text_is(struct text a, const char *s)
{
    return text_eq(a, text_of(s));
}

bool text_is_nocase(struct text a, const char *s)
{
    return strlen(s) == a.len && (a.len == 0 || strncasecmp(a.ptr, s, a.len) == 0);
}

bool text_has_prefix(struct text a, const char *prefix)
{
    size_t len = strlen(prefix);

    return a.len >= len && (len == 0 || memcmp(a.ptr, prefix, len) == 0);
}

struct text text_skip(struct text a, size_t n)
{
    n = MIN(n, a.len);
    return (struct text){a.ptr + n, a.len - n};
}

struct text text_trim(struct text a, const char *set)
{
    while (a.len && strchr(set, a.ptr[0]) && a.ptr[0]) {
        a.ptr++;
        a.len--;
    }
    while (a.len && strchr(set, a.ptr[a.len - 1]) && a.ptr[a.len - 1])
        a.len--;
    return a;
}

struct text text_split(struct text *rest, char sep)
{
    const char *end = rest->len ? memchr(rest->ptr, sep, rest->len) : NULL;
    struct text head = *rest;

    if (end) {
        head.len = (size_t)(end - rest->ptr);
        *rest = text_skip(*rest, head.len + 1);
    } else {
        *rest = (struct text){NULL, 0};
    }
    return head;
}

int text_to_i64(struct text a, int64_t min, int64_t max, int64_t *ret)
{
    bool negative = a.len && a.ptr[0] == '-';
    int64_t value = 0;
    size_t i = negative;

    if (i >= a.len)
        return -EINVAL;
    for (; i < a.len; i++) {
        int digit = a.ptr[i] - '0';

        if (digit < 0 || digit > 9)
            return -EINVAL;
        if (__builtin_mul_overflow(value, 10, &value) ||
            __builtin_sub_overflow(value, digit, &value)) /* negative side: it is the larger one */
            return -ERANGE;
    }
    if (!negative && __builtin_sub_overflow((int64_t)0, value, &value))
        return -ERANGE;
    if (value < min || value > max)
        return -ERANGE;
    *ret = value;
    return 0;
}

/* Length of the well-formed sequence at p, or 0. */
static size_t utf8_sequence(const unsigned char *p, size_t left)
{
    unsigned char c = p[0];

    if (c < 0x80)
        return 1;
    if (c >= 0xc2 && c <= 0xdf)
        return left >= 2 && (p[1] & 0xc0) == 0x80 ? 2 : 0;
    if (c >= 0xe0 && c <= 0xef) {
        if (left < 3 || (p[1] & 0xc0) != 0x80 || (p[2] & 0xc0) != 0x80)
            return 0;
        if ((c == 0xe0 && p[1] < 0xa0) || (c == 0xed && p[1] > 0x9f))
            return 0;
        return 3;
    }
    if (c >= 0xf0 && c <= 0xf4) {
        if (left < 4 || (p[1] & 0xc0) != 0x80 || (p[2] & 0xc0) != 0x80 || (p[3] & 0xc0) != 0x80)
            return 0;
        if ((c == 0xf0 && p[1] < 0x90) || (c == 0xf4 && p[1] > 0x8f))
            return 0;
        return 4;
    }
    return 0;
}

size_t text_utf8_prefix(struct text a)
{
    const unsigned char *p = (const unsigned char *)a.ptr;
    size_t i = 0;

    while (i < a.len) {
        size_t n = utf8_sequence(p + i, a.len - i);

        if (!n)
            break;
        i += n;
    }
    return i;
}

bool text_is_utf8(struct text a)
{
    return text_utf8_prefix(a) == a.len;
}

size_t text_chars(struct text a)
{
    size_t n = 0;

    for (size_t i = 0; i < a.len; i++)
        n += ((unsigned char)a.ptr[i] & 0xc0) != 0x80;
    return n;
}

uint32_t text_next_char(struct text *rest)
{
    const unsigned char *p = (const unsigned char *)rest->ptr;
    size_t n = p[0] < 0x80 ? 1 : p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;
    uint32_t c = n == 1 ? p[0] : p[0] & (0x7fu >> n);

    for (size_t i = 1; i < n; i++)
        c = c << 6 | (p[i] & 0x3f);
    *rest = text_skip(*rest, n);
    return c;
}

struct text text_cut(struct text a, size_t max)
{
    size_t len = MIN(a.len, max);

    while (len > 0 && len < a.len && ((unsigned char)a.ptr[len] & 0xc0) == 0x80)
        len--;
    return (struct text){a.ptr, len};
}

uint32_t text_hash(struct text a)
{
    uint64_t h = 14695981039346656037u;

    for (size_t i = 0; i < a.len; i++)
        h = (h ^ (uint8_t)a.ptr[i]) * 1099511628211u;
    return (uint32_t)(h ^ h >> 32);
}
