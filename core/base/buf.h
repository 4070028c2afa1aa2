/* A growable byte buffer, always followed by a NUL that is not counted. */
#pragma once

#include "base/base.h"
#include "base/text.h"

struct buf {
    char *data; /* NULL while nothing was ever added */
    size_t len;
    size_t capacity;
};

#define BUF_INIT ((struct buf){0})

void buf_done(struct buf *b);                 /* frees; the buffer may be used again */
void buf_clear(struct buf *b);                /* keeps the memory */
void buf_reserve(struct buf *b, size_t more); /* room for `more` further bytes */
void buf_add(struct buf *b, const void *data, size_t len);
void buf_add_text(struct buf *b, struct text t);
void buf_adds(struct buf *b, const char *s);
void buf_addf(struct buf *b, const char *format, ...) PRINTF_LIKE(2, 3);
/* As UTF-8: each byte that is part of no character is replaced by U+FFFD. */
void buf_add_repaired(struct buf *b, struct text t);
void buf_consume(struct buf *b, size_t len); /* drops bytes from the front */
const char *buf_str(const struct buf *b);    /* never NULL */
char *buf_take(struct buf *b);               /* the caller frees it; never NULL; leaves b empty */
struct text buf_text(const struct buf *b);

static inline void buf_addc(struct buf *b, char c)
{
    if (b->len + 1 < b->capacity) {
        b->data[b->len++] = c;
        b->data[b->len] = '\0';
    } else {
        buf_add(b, &c, 1);
    }
}
