/* Borrowed strings: a pointer and a length, never owned, not necessarily terminated. */
#pragma once

#include "base/base.h"

struct text {
    const char *ptr;
    size_t len;
};

#define TEXT(literal) ((struct text){(literal), sizeof(literal) - 1})

struct text text_of(const char *s); /* NULL gives an empty text with a NULL pointer */
bool text_eq(struct text a, struct text b);
bool text_is(struct text a, const char *s);
bool text_is_nocase(struct text a, const char *s); /* ASCII only */
bool text_has_prefix(struct text a, const char *prefix);
struct text text_skip(struct text a, size_t n);
struct text text_trim(struct text a, const char *set); /* drops leading and trailing bytes of the set */

/* Cuts at the first `sep`; returns the part before it and leaves the part behind it in *rest (a NULL pointer when
 * there was none left). Call until rest->ptr is NULL. */
struct text text_split(struct text *rest, char sep);

/* Strict decimal (optional '-', no blanks, no '+'), within [min, max]. 0 or -EINVAL / -ERANGE. */
MUSTCHECK int text_to_i64(struct text a, int64_t min, int64_t max, int64_t *ret);

/* True when the bytes are well-formed UTF-8 (RFC 3629: no surrogates, no overlong forms, at most U+10FFFF). */
bool text_is_utf8(struct text a);
size_t text_utf8_prefix(struct text a); /* how many of its first bytes are */
/* FNV-1a, folded: for tables that a name chosen by somebody else cannot do more to than slow down. */
uint32_t text_hash(struct text a);
/* Number of code points of well-formed UTF-8. */
size_t text_chars(struct text a);
/* The next code point of well-formed UTF-8 that is not empty; *rest is what is behind it. */
uint32_t text_next_char(struct text *rest);
/* The beginning of well-formed UTF-8, at most so many bytes: no character is cut in two. */
struct text text_cut(struct text a, size_t max);
