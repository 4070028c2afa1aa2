/* Some thousand rows of an import: read, taken, checked, stored. */
#pragma once

#include "access/job.h"
#include "loop/fiber.h"
#include "loop/helper.h"
#include "resource/record/create.h"
#include "resource/transfer/import.h"

#define IMPORT_BATCH 4000 /* rows of a unit of work */
#define IMPORT_SLICE 1000 /* rows that are prepared while the database stores those before */

struct import_line {
    uint32_t number, count;
    struct sheet_cell *cells;
};

struct import_seen;

struct import_batch {
    struct arena *arena; /* of the lines */
    struct import_line lines[IMPORT_BATCH];
    uint32_t count;
    bool at_end;
    /* What became of them, as of the last call. */
    uint32_t good, bad, skipped, updated;
};

/* An open file of an import. */
struct import_reader {
    int fd;
    struct sheet *sheet;
    uint32_t behind; /* rows up to this one are passed over: the headers, what was done before */
    struct import_batch *batch;
    struct sheet_fault fault;
    int result;
    struct helper_job job;
    struct fiber_wait wait;
    bool is_reading;
};
/* In a fiber. -EINVAL with the reader's fault when the file is not good. */
MUSTCHECK int import_reader_open(
    struct import_reader *r, int32_t tenant, const struct sha256 *digest, uint32_t behind);
/* Begins to read the next rows on a helper thread, and waits for what was begun. */
MUSTCHECK int import_reader_begin(struct import_reader *r, struct import_batch *batch);
MUSTCHECK int import_reader_end(struct import_reader *r);
void import_reader_close(struct import_reader *r);

/* In the call's unit of work: rows to records that are checked (is_dry) or stored, faults and rows to their tables. seen:
 * unique values of earlier batches, which a check has not stored; NULL when they are. */
MUSTCHECK int import_batch_do(struct call *c, const struct import *im, struct import_batch *batch,
    struct import_seen *seen, bool is_dry);

struct import_seen *import_seen_new(void);
void import_seen_free(struct import_seen *s); /* NULL is fine */
