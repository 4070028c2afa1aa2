/* Tables that go out of an import: the template to fill in, and the bad rows with their reasons. */
#pragma once

#include "access/job.h"
#include "resource/transfer/import.h"
#include "sheet/writer.h"

struct import_errors {
    struct blob_writer *blob; /* NULL: no row is bad */
    struct sha256 digest;
    uint64_t size;
};
/* Reads the file once more and keeps its bad rows, each with its number and what is wrong, as XLSX in the store; finished, not
 * placed. */
MUSTCHECK int import_errors_make(struct job *j, const struct import *im, struct import_errors *ret);
void import_errors_done(struct import_errors *e);

/* The table to fill in; *ret is the caller's. In a fiber. */
MUSTCHECK int import_template(
    struct call *c, const struct resource *res, enum sheet_format format, bool is_english, struct buf *ret);
