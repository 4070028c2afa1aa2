/* A text document with one table, as DOCX (WordprocessingML, ISO/IEC 29500 transitional): what a report is handed in as. All of
 * it is in memory. Blocks; called on helper threads. */
#pragma once

#include "base/base.h"
#include "base/buf.h"

struct docx {
    const char *title;
    const char *const *lines; /* under the title; NULL-terminated */
    const char *const *heads; /* of the table's columns; NULL-terminated */
    const uint32_t *widths;   /* of the columns, in twentieths of a point */
    const char *const *cells; /* row by row */
    uint32_t rows;
    const char *const *notes; /* behind the table; NULL-terminated */
};

/* Appended to out; 0 or -EIO. */
MUSTCHECK int docx_write(const struct docx *d, struct buf *out);
