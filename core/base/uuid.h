/* UUIDs (RFC 9562). Version 7 sorts by time, so `id desc` is newest first. */
#pragma once

#include <string.h>

#include "base/base.h"
#include "base/text.h"

struct uuid {
    uint8_t b[16];
};

#define UUID_TEXT_LEN 36
#define UUID_NIL ((struct uuid){{0}})

struct uuid_text {
    char s[UUID_TEXT_LEN + 1];
};

/* A new version-7 id: milliseconds, then a counter that only grows within the process, then random bits. */
struct uuid uuid_new(void);
struct uuid_text uuid_format(struct uuid id);              /* lower case with dashes */
MUSTCHECK int uuid_parse(struct text t, struct uuid *ret); /* 36 characters, either case; -EINVAL */
int uuid_cmp(struct uuid a, struct uuid b);                /* as PostgreSQL orders them */

static inline bool uuid_eq(struct uuid a, struct uuid b)
{
    return memcmp(a.b, b.b, sizeof(a.b)) == 0;
}

static inline bool uuid_is_nil(struct uuid id)
{
    return uuid_eq(id, UUID_NIL);
}

static inline uint64_t uuid_hash(struct uuid id)
{
    uint64_t high, low;

    memcpy(&high, id.b, 8);
    memcpy(&low, id.b + 8, 8);
    high = (high ^ low) * 0x9e3779b97f4a7c15u;
    return high ^ high >> 29;
}
