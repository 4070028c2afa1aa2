/* What the readers share. */
#pragma once

#include "base/buf.h"
#include "sheet/sheet.h"

/* A row being put together: the bytes of all its cells behind one another, so that one buffer serves every row. */
struct row_build {
    struct buf bytes;
    struct row_cell {
        enum sheet_kind kind;
        size_t at, len;
    } * cell;
    struct sheet_cell *out;
    uint32_t count, capacity;
};

void row_clear(struct row_build *b);
/* Ends the cell of that column (from 0), whose bytes begin at `at`. */
void row_cell(struct row_build *b, uint32_t column, enum sheet_kind kind, size_t at);
/* false when nothing is in it. */
bool row_give(struct row_build *b, uint32_t number, struct sheet_row *ret);
void row_done(struct row_build *b);

struct csv;
MUSTCHECK int csv_open(int fd, struct csv **ret, struct sheet_fault *fault);
MUSTCHECK int csv_next(
    struct csv *c, struct row_build *row, struct sheet_row *ret, struct sheet_fault *fault);
void csv_close(struct csv *c);

struct xlsx;
MUSTCHECK int xlsx_open(int fd, struct sheet_limits limits, struct xlsx **ret, struct sheet_fault *fault);
MUSTCHECK int xlsx_next(
    struct xlsx *x, struct row_build *row, struct sheet_row *ret, struct sheet_fault *fault);
void xlsx_close(struct xlsx *x);

/* Sets the fault; returns -EINVAL. */
enum sheet_wrong {
    WRONG_KIND,
    WRONG_OLD,
    WRONG_DAMAGED,
    WRONG_MACROS,
    WRONG_EXTERNAL,
    WRONG_DOCTYPE,
    WRONG_EXPANDS,
    WRONG_SHARED,
    WRONG_COLUMNS,
    WRONG_ORDER,
    WRONG_ROWS,
    WRONG_CELL,
    WRONG_ENCODING,
    WRONG_QUOTE,
    WRONG_NOTHING,
};
int sheet_wrong(struct sheet_fault *fault, enum sheet_wrong what, uint32_t row);

/* ---- dates ---- */

enum date_style { STYLE_PLAIN, STYLE_DATE, STYLE_TIME };
enum date_style date_style_of_id(uint32_t id);          /* of the formats every spreadsheet has */
enum date_style date_style_of_code(const char *format); /* of one that the file defines */
/* The moment of a serial number as text; false when it is none that a calendar has. */
bool date_of_serial(struct text serial, enum date_style style, bool from_1904, struct sheet_digits *ret);
