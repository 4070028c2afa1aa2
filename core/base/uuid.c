/* UUIDs, RFC 9562 §5.7, method 1 of §6.2: a 12-bit counter under the millisecond keeps a process's ids in order. */
#include "base/uuid.h"

#include <errno.h>

#include "base/clock.h"
#include "base/digest.h"

struct uuid uuid_new(void)
{
    static _Thread_local uint64_t last; /* milliseconds << 12 | counter */
    uint64_t now = (uint64_t)(clock_agreed_us() / 1000) << 12;
    struct uuid id;

    last = now > last ? now : last + 1;
    random_bytes(id.b + 8, 8);
    for (int i = 0; i < 6; i++)
        id.b[i] = (uint8_t)(last >> (52 - 8 * i));
    id.b[6] = (uint8_t)(0x70 | (last >> 8 & 0x0f));
    id.b[7] = (uint8_t)last;
    id.b[8] = (uint8_t)(0x80 | (id.b[8] & 0x3f));
    return id;
}

struct uuid_text uuid_format(struct uuid id)
{
    static const char hex[] = "0123456789abcdef";
    struct uuid_text t;
    char *p = t.s;

    for (int i = 0; i < 16; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10)
            *p++ = '-';
        *p++ = hex[id.b[i] >> 4];
        *p++ = hex[id.b[i] & 15];
    }
    *p = '\0';
    return t;
}

static int nibble(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

int uuid_parse(struct text t, struct uuid *ret)
{
    struct uuid id;
    size_t at = 0;

    if (t.len != UUID_TEXT_LEN)
        return -EINVAL;
    for (int i = 0; i < 16; i++) {
        int high, low;

        if ((i == 4 || i == 6 || i == 8 || i == 10) && t.ptr[at++] != '-')
            return -EINVAL;
        high = nibble(t.ptr[at]);
        low = nibble(t.ptr[at + 1]);
        if (high < 0 || low < 0)
            return -EINVAL;
        id.b[i] = (uint8_t)(high << 4 | low);
        at += 2;
    }
    *ret = id;
    return 0;
}

int uuid_cmp(struct uuid a, struct uuid b)
{
    return memcmp(a.b, b.b, sizeof(a.b));
}
