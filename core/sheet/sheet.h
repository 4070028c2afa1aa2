/* Tables that people send as files: XLSX and CSV, read row by row. What it takes does not grow with the file, except for
 * the texts that an XLSX file shares between cells, which are limited. Everything here blocks (it reads files, inflates,
 * parses) and touches nothing but its arguments: it is called on helper threads.
 *
 * Whatever a file holds that is no table is refused: macros, references to other files, document types and entities, more
 * than it may expand to. Formulas count by the value that was last calculated. */
#pragma once

#include "base/base.h"
#include "base/text.h"

#define SHEET_COLUMNS_MAX 16384
#define SHEET_ROWS_MAX 1048576
#define SHEET_CELL_MAX (128u * 1024u) /* bytes of one cell */

enum sheet_kind {
    SHEET_EMPTY,
    SHEET_TEXT,
    SHEET_NUMBER,  /* as it stands in the file: -12, 0.5, 1.1010119900101E+17 */
    SHEET_DATE,    /* 2026-11-25, 2026-11-25T08:30:00, or 08:30:00 */
    SHEET_BOOLEAN, /* true, false */
    SHEET_ERROR    /* #N/A */
};

struct sheet_cell {
    enum sheet_kind kind;
    struct text text;
};

struct sheet_row {
    uint32_t number; /* as the file counts, from 1; rows without a value are passed over */
    uint32_t count;
    const struct sheet_cell *cells; /* until the next row is asked for */
};

/* Why a file is refused, and in which row that was found (0: not in a row). */
struct sheet_fault {
    const char *code, *en, *zh;
    uint32_t row;
};

struct sheet_limits {
    uint64_t expanded; /* bytes in all that an XLSX file may expand to */
    uint64_t shared;   /* bytes of its shared texts */
    uint32_t rows;     /* with values */
};
#define SHEET_LIMITS ((struct sheet_limits){UINT64_C(1) << 30, 32u << 20, SHEET_ROWS_MAX})

struct sheet;

/* Borrows the descriptor of a regular file until sheet_close. 0 or -EINVAL with the fault. */
MUSTCHECK int sheet_open(int fd, struct sheet_limits limits, struct sheet **ret, struct sheet_fault *fault);
/* 1 with a row, 0 at the end, -EINVAL with the fault. */
MUSTCHECK int sheet_next(struct sheet *s, struct sheet_row *ret, struct sheet_fault *fault);
void sheet_close(struct sheet *s); /* NULL is fine */

/* ---- numbers and dates ---- */

/* The digits that a number stands for, without an exponent: "18-digit ids never lose digits". false when it has an
 * exponent and more digits than a spreadsheet keeps (15), so that some are gone. */
struct sheet_digits {
    char s[40];
};
bool sheet_digits(struct text number, struct sheet_digits *ret);
/* A number as so many hundredths, if that is what it is within what binary fractions lose. */
MUSTCHECK int sheet_hundredths(struct text number, int64_t *ret);
