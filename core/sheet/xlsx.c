/* The rows of an XLSX sheet, one at a time: the parser is paused behind each. */
#include <stdlib.h>

#include "base/mem.h"
#include "sheet/book.h"

struct xlsx {
    struct package package;
    struct book book;
    struct xml_part part;
    struct row_build *row; /* the caller's, while a row is asked for */
    uint32_t number;       /* of the row */
    uint32_t next_column;
    bool has_row, in_cell, in_value, in_phonetic;
    uint32_t column, style;
    char type; /* s: shared, i: inline, t: text, b, e, d, n */
    size_t at; /* where the cell's bytes begin */
};

static bool is(const char *name, const char *what)
{
    return strcmp(name, what) == 0;
}

/* "AB12" to 27; SHEET_COLUMNS_MAX when it is none. */
static uint32_t column_of(const char *ref)
{
    uint32_t n = 0;

    for (; *ref >= 'A' && *ref <= 'Z'; ref++) {
        n = n * 26 + (uint32_t)(*ref - 'A') + 1;
        if (n > SHEET_COLUMNS_MAX)
            return SHEET_COLUMNS_MAX;
    }
    return n == 0 ? SHEET_COLUMNS_MAX : n - 1;
}

static void start_row(struct xlsx *x, const char **a)
{
    const char *r = xml_attribute(a, "r");
    int64_t n = (int64_t)x->number + 1;

    if ((r && text_to_i64(text_of(r), 1, SHEET_ROWS_MAX, &n) < 0) || n <= x->number || n > SHEET_ROWS_MAX) {
        xml_part_stop(&x->part, WRONG_ORDER);
        return;
    }
    x->number = (uint32_t)n;
    x->next_column = 0;
    row_clear(x->row);
}

static char type_of(const char *t)
{
    if (!t)
        return 'n';
    return is(t, "s") ? 's' : is(t, "inlineStr") ? 'i' : is(t, "str") ? 't' : t[0];
}

static void start_cell(struct xlsx *x, const char **a)
{
    const char *ref = xml_attribute(a, "r"), *style = xml_attribute(a, "s");
    int64_t n = 0;

    x->column = ref ? column_of(ref) : x->next_column;
    if (x->column >= SHEET_COLUMNS_MAX) {
        xml_part_stop(&x->part, WRONG_COLUMNS);
        return;
    }
    if (x->column < x->next_column) {
        xml_part_stop(&x->part, WRONG_ORDER);
        return;
    }
    x->next_column = x->column + 1;
    x->type = type_of(xml_attribute(a, "t"));
    if (style && text_to_i64(text_of(style), 0, UINT32_MAX, &n) < 0)
        n = 0;
    x->style = (uint32_t)n;
    x->in_cell = true;
    x->at = x->row->bytes.len;
}

static void on_start(void *arg, const char *name, const char **a)
{
    struct xlsx *x = arg;

    if (x->part.is_wrong)
        return;
    if (is(name, "row"))
        start_row(x, a);
    else if (is(name, "c"))
        start_cell(x, a);
    else if (is(name, "rPh"))
        x->in_phonetic = true;
    else if (x->in_cell && (is(name, "v") || is(name, "t")))
        x->in_value = !x->in_phonetic;
}

static void on_text(void *arg, const char *s, int len)
{
    struct xlsx *x = arg;

    if (!x->in_value || x->part.is_wrong)
        return;
    buf_add(&x->row->bytes, s, (size_t)len);
    if (x->row->bytes.len - x->at > SHEET_CELL_MAX)
        xml_part_stop(&x->part, WRONG_CELL);
}

/* Replaces the bytes of the cell. */
static void put(struct xlsx *x, struct text t)
{
    x->row->bytes.len = x->at;
    buf_add_text(&x->row->bytes, t);
}

static enum sheet_kind end_number(struct xlsx *x, struct text v)
{
    enum date_style style = x->style < x->book.style_count ? x->book.style[x->style] : STYLE_PLAIN;
    struct sheet_digits date;

    if (style == STYLE_PLAIN || !date_of_serial(v, style, x->book.from_1904, &date))
        return SHEET_NUMBER;
    put(x, text_of(date.s));
    return SHEET_DATE;
}

/* 2026-11-25T00:00:00Z is a day. */
static enum sheet_kind end_date(struct xlsx *x, struct text v)
{
    if (v.len > 10 && (text_is(text_skip(v, 10), "T00:00:00") || text_is(text_skip(v, 10), "T00:00:00Z") ||
                          text_is(text_skip(v, 10), "T00:00:00.000Z")))
        x->row->bytes.len = x->at + 10;
    return SHEET_DATE;
}

static enum sheet_kind end_shared(struct xlsx *x, struct text v)
{
    int64_t n;

    if (text_to_i64(v, 0, UINT32_MAX - 1, &n) < 0 || n >= x->book.strings.count) {
        xml_part_stop(&x->part, WRONG_DAMAGED);
        return SHEET_EMPTY;
    }
    put(x, book_string(&x->book, (uint32_t)n));
    return SHEET_TEXT;
}

static void end_cell(struct xlsx *x)
{
    struct text v = {buf_str(&x->row->bytes) + x->at, x->row->bytes.len - x->at};
    enum sheet_kind kind = SHEET_TEXT;

    x->in_cell = false;
    if (v.len == 0)
        kind = SHEET_EMPTY;
    else if (x->type == 's')
        kind = end_shared(x, v);
    else if (x->type == 'n')
        kind = end_number(x, v);
    else if (x->type == 'd')
        kind = end_date(x, v);
    else if (x->type == 'e')
        kind = SHEET_ERROR;
    else if (x->type == 'b')
        kind = SHEET_BOOLEAN;
    else
        book_unescape(&x->row->bytes, x->at);
    if (kind == SHEET_BOOLEAN)
        put(x, text_of(text_is(v, "1") ? "true" : "false"));
    row_cell(x->row, x->column, kind, x->at);
}

static void on_end(void *arg, const char *name)
{
    struct xlsx *x = arg;

    if (x->part.is_wrong)
        return;
    if (is(name, "v") || is(name, "t")) {
        x->in_value = false;
    } else if (is(name, "rPh")) {
        x->in_phonetic = false;
    } else if (is(name, "c") && x->in_cell) {
        end_cell(x);
    } else if (is(name, "row") && x->row->count > 0) {
        x->has_row = true;
        xml_part_pause(&x->part);
    }
}

int xlsx_open(int fd, struct sheet_limits limits, struct xlsx **ret, struct sheet_fault *fault)
{
    struct xlsx *x = mem_zalloc(sizeof(*x));
    struct xml_part_handlers h = {on_start, on_end, on_text, x};
    int r = package_open(fd, limits.expanded, &x->package, fault);

    if (r == 0)
        r = book_read(&x->package, limits.shared, &x->book, fault);
    if (r == 0)
        r = xml_part_open(&x->package, x->book.sheet, &h, &x->part, fault);
    if (r < 0)
        xlsx_close(x);
    else
        *ret = x;
    return r;
}

int xlsx_next(struct xlsx *x, struct row_build *row, struct sheet_row *ret, struct sheet_fault *fault)
{
    x->row = row;
    for (;;) {
        int r;

        x->has_row = false;
        r = xml_part_more(&x->part, fault);
        if (r < 0)
            fault->row = x->number;
        if (r <= 0)
            return r;
        if (row_give(row, x->number, ret))
            return 1;
    }
}

void xlsx_close(struct xlsx *x)
{
    if (!x)
        return;
    xml_part_close(&x->part);
    book_done(&x->book);
    package_close(&x->package);
    free(x);
}
