/* A growable byte buffer. */
#include "base/buf.h"

#include <stdarg.h>

#include "base/mem.h"

void buf_done(struct buf *b)
{
    free(b->data);
    *b = BUF_INIT;
}

void buf_clear(struct buf *b)
{
    b->len = 0;
    if (b->data)
        b->data[0] = '\0';
}

void buf_reserve(struct buf *b, size_t more)
{
    size_t need = b->len + more + 1;

    if (need <= more)
        abort();
    if (need <= b->capacity)
        return;
    b->capacity = MAX(need, b->capacity * 2);
    b->capacity = MAX(b->capacity, (size_t)64);
    b->data = mem_resize(b->data, b->capacity, 1);
    b->data[b->len] = '\0';
}

void buf_add(struct buf *b, const void *data, size_t len)
{
    buf_reserve(b, len);
    if (len)
        memcpy(b->data + b->len, data, len);
    b->len += len;
    b->data[b->len] = '\0';
}

void buf_add_text(struct buf *b, struct text t)
{
    buf_add(b, t.ptr, t.len);
}

void buf_adds(struct buf *b, const char *s)
{
    buf_add(b, s, strlen(s));
}

void buf_addf(struct buf *b, const char *format, ...)
{
    va_list args, again;
    size_t room;
    int len;

    va_start(args, format);
    va_copy(again, args);
    buf_reserve(b, 32);
    room = b->capacity - b->len;
    len = vsnprintf(b->data + b->len, room, format, args);
    va_end(args);
    if (len < 0)
        abort();
    if ((size_t)len >= room) {
        buf_reserve(b, (size_t)len);
        vsnprintf(b->data + b->len, (size_t)len + 1, format, again);
    }
    va_end(again);
    b->len += (size_t)len;
}

void buf_add_repaired(struct buf *b, struct text t)
{
    while (t.len > 0) {
        size_t good = text_utf8_prefix(t);

        buf_add(b, t.ptr, good);
        t = text_skip(t, good);
        if (t.len > 0) {
            buf_adds(b, "\xef\xbf\xbd");
            t = text_skip(t, 1);
        }
    }
}

void buf_consume(struct buf *b, size_t len)
{
    if (len >= b->len) {
        buf_clear(b);
        return;
    }
    memmove(b->data, b->data + len, b->len - len + 1);
    b->len -= len;
}

const char *buf_str(const struct buf *b)
{
    return b->data ? b->data : "";
}

char *buf_take(struct buf *b)
{
    char *data = b->data ? b->data : str_dup("");

    *b = BUF_INIT;
    return data;
}

struct text buf_text(const struct buf *b)
{
    return (struct text){buf_str(b), b->len};
}
