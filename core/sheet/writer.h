/* Tables as files: XLSX (libxlsxwriter) or CSV in UTF-8, written row by row in bounded memory. Blocks; called on helper
 * threads. Text that a spreadsheet program would take for a formula gets an apostrophe before it (OWASP, CSV injection),
 * which a reader of our own takes off again: sheet_plain. */
#pragma once

#include "sheet/sheet.h"

enum sheet_format { SHEET_XLSX, SHEET_CSV };

struct sheet_column {
    const char *title;
    uint32_t width;             /* in characters; 0: by the title */
    bool is_required;           /* the title is marked */
    bool is_text;               /* a template's cells are text already, so that typed digits stay */
    const char *format;         /* number format of a template's cells; NULL */
    const char *const *choices; /* offered in a template; NULL-terminated, or NULL */
    const char *note;           /* shown beside the title; NULL */
};

struct sheet_writer;

/* Into a file open for writing, borrowed until sheet_writer_end; temporary files go to the directory (NULL: the system's).
 * 0 or -errno. Writes the titles as the first row. */
MUSTCHECK int sheet_writer_new(enum sheet_format format, int fd, const char *directory, const char *name,
    const struct sheet_column *columns, uint32_t count, struct sheet_writer **ret);
/* SHEET_NUMBER as a number, unless it has more digits than one keeps; SHEET_DATE as a date. -EFBIG: the format has no
 * more rows. */
MUSTCHECK int sheet_writer_row(struct sheet_writer *w, const struct sheet_cell *cells, uint32_t count);
/* Completes the file and frees the writer; 0 or -errno. */
MUSTCHECK int sheet_writer_end(struct sheet_writer *w);
void sheet_writer_drop(struct sheet_writer *w); /* without completing it; NULL is fine */

/* Would a spreadsheet program take it for a formula? */
bool sheet_is_active(struct text t);
/* Without the apostrophe that a writer put before it. */
struct text sheet_plain(struct text t);
