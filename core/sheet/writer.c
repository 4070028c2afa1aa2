/* Which format a table is written in. */
#include "sheet/write.h"

#include "base/mem.h"

struct sheet_writer {
    struct csv_writer *csv;
    struct xlsx_writer *xlsx;
};

int sheet_writer_new(enum sheet_format format, int fd, const char *directory, const char *name,
    const struct sheet_column *columns, uint32_t count, struct sheet_writer **ret)
{
    struct sheet_writer *w = mem_zalloc(sizeof(*w));
    int r = format == SHEET_CSV ? csv_writer_new(fd, columns, count, &w->csv)
                                : xlsx_writer_new(fd, directory, name, columns, count, &w->xlsx);

    if (r < 0)
        free(w);
    else
        *ret = w;
    return r;
}

int sheet_writer_row(struct sheet_writer *w, const struct sheet_cell *cells, uint32_t count)
{
    return w->csv ? csv_writer_row(w->csv, cells, count) : xlsx_writer_row(w->xlsx, cells, count);
}

int sheet_writer_end(struct sheet_writer *w)
{
    int r = w->csv ? csv_writer_end(w->csv) : xlsx_writer_end(w->xlsx);

    free(w);
    return r;
}

void sheet_writer_drop(struct sheet_writer *w)
{
    if (!w)
        return;
    if (w->csv)
        (void)!csv_writer_end(w->csv);
    else
        xlsx_writer_drop(w->xlsx);
    free(w);
}
