/* Which reader a file gets. */
#include "sheet/sheet.h"

#include <unistd.h>

#include "base/mem.h"
#include "sheet/parts.h"

struct sheet {
    struct csv *csv;
    struct xlsx *xlsx;
    struct row_build row;
    struct sheet_limits limits;
    uint32_t rows;
};

static int open_kind(struct sheet *s, int fd, struct sheet_fault *fault)
{
    unsigned char magic[8] = {0};
    ssize_t n = pread(fd, magic, sizeof(magic), 0);

    if (n < 0)
        return sheet_wrong(fault, WRONG_DAMAGED, 0);
    if (memcmp(magic, "PK\3\4", 4) == 0)
        return xlsx_open(fd, s->limits, &s->xlsx, fault);
    if (memcmp(magic, "\xd0\xcf\x11\xe0", 4) == 0)
        return sheet_wrong(fault, WRONG_OLD, 0);
    return csv_open(fd, &s->csv, fault);
}

int sheet_open(int fd, struct sheet_limits limits, struct sheet **ret, struct sheet_fault *fault)
{
    struct sheet *s = mem_zalloc(sizeof(*s));
    int r;

    s->limits = limits;
    r = open_kind(s, fd, fault);
    if (r < 0)
        sheet_close(s);
    else
        *ret = s;
    return r;
}

int sheet_next(struct sheet *s, struct sheet_row *ret, struct sheet_fault *fault)
{
    int r = s->xlsx ? xlsx_next(s->xlsx, &s->row, ret, fault) : csv_next(s->csv, &s->row, ret, fault);

    if (r == 1 && ++s->rows > s->limits.rows)
        r = sheet_wrong(fault, WRONG_ROWS, ret->number);
    return r;
}

void sheet_close(struct sheet *s)
{
    if (!s)
        return;
    csv_close(s->csv);
    xlsx_close(s->xlsx);
    row_done(&s->row);
    free(s);
}
