/* The first row of a file that becomes records: what its columns are called, and which field each means by itself. */
#pragma once

#include "access/call.h"
#include "base/buf.h"
#include "resource/declare/resource.h"
#include "sheet/sheet.h"

#define IMPORT_COLUMNS_MAX 200

struct import_headers {
    struct buf bytes;                      /* of the names; the reader's to end */
    const char *names[IMPORT_COLUMNS_MAX]; /* "" for a column without one */
    uint32_t count;
    struct sheet_fault fault; /* code NULL: it is good */
};

/* Blocks: on a helper thread. The descriptor is borrowed. */
void import_read_headers(int fd, struct import_headers *ret);
/* 422: none, one twice, one too long, or one of what nobody may record. Does not suspend. */
MUSTCHECK int import_headers_check(
    struct call *c, const struct resource *res, const struct import_headers *h);
/* A field, "unit" or "" for each column; a field is filled by one column at most, the first that means it. */
void import_headers_guess(const struct resource *res, const struct import_headers *h, const char **out);
