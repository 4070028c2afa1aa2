/* What the writers share. */
#pragma once

#include "sheet/writer.h"

struct csv_writer;
MUSTCHECK int csv_writer_new(
    int fd, const struct sheet_column *columns, uint32_t count, struct csv_writer **ret);
MUSTCHECK int csv_writer_row(struct csv_writer *w, const struct sheet_cell *cells, uint32_t count);
MUSTCHECK int csv_writer_end(struct csv_writer *w);

struct xlsx_writer;
MUSTCHECK int xlsx_writer_new(int fd, const char *directory, const char *name,
    const struct sheet_column *columns, uint32_t count, struct xlsx_writer **ret);
MUSTCHECK int xlsx_writer_row(struct xlsx_writer *w, const struct sheet_cell *cells, uint32_t count);
MUSTCHECK int xlsx_writer_end(struct xlsx_writer *w);
void xlsx_writer_drop(struct xlsx_writer *w);
