/* JSON in: the one way bodies, declarations and files become values (RFC 8259, held to limits before jansson sees them). */
#pragma once

#include <jansson.h>

#include "base/base.h"
#include "base/text.h"

struct json_limits {
    uint32_t depth; /* nested arrays and objects; 32 by default */
    uint32_t
        tokens; /* values, keys and brackets; counted before parsing, since 1.5 MB of [{},…] takes 117 MB */
};

#define JSON_LIMITS ((struct json_limits){32, 100000})

/* Why a text is not accepted. `message` is a static English sentence, line and column count from 1. */
struct json_fault {
    const char *message;
    size_t offset;
    uint32_t line;
    uint32_t column;
};

/* Parses one value. Duplicate keys, NUL in strings, trailing bytes and ill-formed UTF-8 are refused.
 * 0 and a new reference in *ret; -EINVAL (not JSON, or a number beyond int64_t or double), -E2BIG (over a limit),
 * -EDOM (a key twice or U+0000: JSON, but of no use here). Does not suspend. */
MUSTCHECK int json_parse(struct text in, struct json_limits limits, json_t **ret, struct json_fault *fault);

/* Reads and parses a file of at most max_bytes. -EINVAL for -EDOM too; -ENOENT and other errors of open(2), -EFBIG. */
MUSTCHECK int json_read_file(const char *path, size_t max_bytes, json_t **ret, struct json_fault *fault);

/* JSON Pointer to a member (RFC 6901): "/a~1b"; of a name that is very long, its beginning. In the arena. */
struct arena;
const char *json_pointer(struct arena *a, const char *key);

/* Members by name; NULL or the fallback when absent or of another type. Borrowed. */
const char *json_str(const json_t *object, const char *key);
const char *json_str_or(const json_t *object, const char *key, const char *fallback);
int64_t json_int_or(const json_t *object, const char *key, int64_t fallback);
bool json_bool_or(const json_t *object, const char *key, bool fallback);
