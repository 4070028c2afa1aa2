/* What an XLSX file says besides its rows: where its first sheet is, which formats are dates, the texts that cells share. */
#pragma once

#include "sheet/zip.h"

struct strings {
    char *bytes;
    uint32_t *end; /* of each text in bytes */
    size_t len, capacity;
    uint32_t count, room;
};

struct book {
    char *sheet; /* names of parts; NULL: none */
    char *styles, *shared;
    bool from_1904;
    enum date_style *style; /* per cell format */
    uint32_t style_count;
    struct strings strings;
};

MUSTCHECK int book_read(struct package *p, uint64_t shared_max, struct book *ret, struct sheet_fault *fault);
struct text book_string(const struct book *b, uint32_t n); /* empty beyond the last */
void book_done(struct book *b);
/* _x000D_ and its like as what they stand for, from `at` to the end of the buffer. */
void book_unescape(struct buf *b, size_t at);
