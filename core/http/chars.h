/* Classes of bytes in HTTP messages (RFC 9110, RFC 3986), as bits in one table. */
#pragma once

#include "base/base.h"

enum http_char {
    HTTP_CHAR_TOKEN = 1, /* tchar */
    HTTP_CHAR_PATH = 2,  /* pchar, '/' and '%' */
    HTTP_CHAR_QUERY =
        4, /* visible ASCII but # " < >: what browsers leave unencoded in a query is let through */
    HTTP_CHAR_VALUE = 8, /* field value: HTAB, SP, visible ASCII, bytes above 0x7f */
    HTTP_CHAR_HOST = 16, /* unreserved, ':' and brackets */
};

extern const uint8_t http_chars[256];

static inline bool http_is(char c, enum http_char class)
{
    return http_chars[(uint8_t)c] & class;
}

int http_hex(char c); /* value of a hexadecimal digit, -1 for none */
