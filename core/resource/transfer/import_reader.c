/* The file of an import, read row by row on a helper thread. */
#include <unistd.h>

#include "resource/transfer/import_batch.h"

static void do_open(void *arg)
{
    struct import_reader *r = arg;

    r->result = sheet_open(r->fd, SHEET_LIMITS, &r->sheet, &r->fault);
}

int import_reader_open(struct import_reader *r, int32_t tenant, const struct sha256 *digest, uint32_t behind)
{
    int e;

    *r = (struct import_reader){.fd = -1, .behind = behind};
    e = blob_store()->file(tenant, digest, &r->fd);
    if (e == 0)
        e = helper_run(HELPER_FILE, do_open, r);
    return e < 0 ? e : r->result;
}

static void copy_row(struct import_batch *b, const struct sheet_row *row)
{
    struct import_line *line = &b->lines[b->count++];

    line->number = row->number;
    line->count = MIN(row->count, IMPORT_COLUMNS_MAX);
    line->cells = arena_array(b->arena, line->count + 1, sizeof(*line->cells));
    for (uint32_t i = 0; i < line->count; i++) {
        struct text t = row->cells[i].text;

        line->cells[i] = (struct sheet_cell){row->cells[i].kind, {arena_ndup(b->arena, t.ptr, t.len), t.len}};
    }
}

static void do_read(void *arg)
{
    struct import_reader *r = arg;
    struct sheet_row row;
    int e = 1;

    while (r->batch->count < IMPORT_BATCH && (e = sheet_next(r->sheet, &row, &r->fault)) == 1) {
        bool is_first = r->behind == 0;

        if (is_first)
            r->behind = row.number; /* the headers */
        if (!is_first && row.number > r->behind)
            copy_row(r->batch, &row);
    }
    r->batch->at_end = e == 0;
    r->result = e < 0 ? e : 0;
}

static void was_read(void *arg)
{
    struct import_reader *r = arg;

    r->is_reading = false;
    fiber_wake(&r->wait);
}

int import_reader_begin(struct import_reader *r, struct import_batch *batch)
{
    int e;

    if (!batch->arena)
        batch->arena = arena_new();
    arena_reset(batch->arena);
    batch->count = 0;
    r->batch = batch;
    r->wait = FIBER_WAIT_INIT;
    r->job = (struct helper_job){.fn = do_read, .done = was_read, .arg = r};
    e = helper_start(HELPER_FILE, &r->job);
    r->is_reading = e == 0;
    return e;
}

int import_reader_end(struct import_reader *r)
{
    fiber_shield(true); /* the thread has the batch */
    while (r->is_reading)
        (void)!fiber_park(&r->wait, INT64_MAX);
    fiber_shield(false);
    return r->result;
}

static void do_close(void *arg)
{
    struct import_reader *r = arg;

    sheet_close(r->sheet);
    if (r->fd >= 0)
        close(r->fd);
}

void import_reader_close(struct import_reader *r)
{
    (void)!import_reader_end(r);
    if (helper_run(HELPER_FILE, do_close, r) < 0)
        do_close(r);
    *r = (struct import_reader){.fd = -1};
}
