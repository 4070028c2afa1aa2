/* XLSX by libxlsxwriter, in its mode of constant memory: a row goes to a temporary file as soon as the next begins. */
#include <xlsxwriter.h>

#include <errno.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/mem.h"
#include "sheet/write.h"

#define TEXT_CHARS_MAX 32767
#define KEPT_DIGITS 15

struct xlsx_writer {
    lxw_workbook *book;
    lxw_worksheet *sheet;
    lxw_format *title, *required, *text, *date, *moment, *money;
    lxw_row_t row;
    struct buf scratch;
};

static int error_of(lxw_error e)
{
    return e == LXW_NO_ERROR                     ? 0
           : e == LXW_ERROR_CREATING_TMPFILE     ? -ENOSPC
           : e == LXW_ERROR_MEMORY_MALLOC_FAILED ? -ENOMEM
                                                 : -EIO;
}

static lxw_format *format(lxw_workbook *book, const char *number)
{
    lxw_format *f = workbook_add_format(book);

    format_set_num_format(f, number);
    return f;
}

static void make_formats(struct xlsx_writer *w)
{
    w->title = workbook_add_format(w->book);
    format_set_bold(w->title);
    w->required = workbook_add_format(w->book);
    format_set_bold(w->required);
    format_set_font_color(w->required, 0xB00020);
    w->text = format(w->book, "@");
    w->date = format(w->book, "yyyy-mm-dd");
    w->moment = format(w->book, "yyyy-mm-dd hh:mm:ss");
    w->money = format(w->book, "0.00");
}

/* Terminated, not longer than a cell may be. */
static const char *string(struct xlsx_writer *w, struct text t)
{
    size_t chars = 0, end = 0;

    while (end < t.len && chars < TEXT_CHARS_MAX - 1) {
        chars++;
        for (end++; end < t.len && ((unsigned char)t.ptr[end] & 0xc0) == 0x80;)
            end++;
    }
    buf_clear(&w->scratch);
    if (sheet_is_active(t))
        buf_addc(&w->scratch, '\'');
    buf_add(&w->scratch, t.ptr, end);
    return buf_str(&w->scratch);
}

static void offer(struct xlsx_writer *w, lxw_col_t at, const struct sheet_column *c)
{
    lxw_data_validation v = {
        .validate = LXW_VALIDATION_TYPE_LIST, .value_list = (char **)(uintptr_t)c->choices};

    (void)worksheet_data_validation_range(w->sheet, 1, at, LXW_ROW_MAX - 1, at, &v);
}

static lxw_error add_column(struct xlsx_writer *w, lxw_col_t at, const struct sheet_column *c)
{
    double width = c->width ? c->width : MIN(MAX(text_chars(text_of(c->title)) * 2 + 2, 10), 40);
    lxw_format *cells = c->is_text ? w->text : c->format ? format(w->book, c->format) : NULL;
    lxw_error e = worksheet_set_column(w->sheet, at, at, width, cells);

    if (e == LXW_NO_ERROR)
        e = worksheet_write_string(
            w->sheet, 0, at, string(w, text_of(c->title)), c->is_required ? w->required : w->title);
    if (e == LXW_NO_ERROR && c->note)
        e = worksheet_write_comment(w->sheet, 0, at, c->note);
    if (c->choices && c->choices[0])
        offer(w, at, c);
    return e;
}

/* 31 characters at most, without some; NULL: the library's own. */
static const char *sheet_name(struct xlsx_writer *w, const char *name)
{
    uint32_t chars = 0;

    buf_clear(&w->scratch);
    for (const char *p = name; *p; p++) {
        chars += ((unsigned char)*p & 0xc0) != 0x80;
        if (chars > 31)
            break;
        if (!strchr("[]:*?/\\'", *p))
            buf_addc(&w->scratch, *p);
    }
    return w->scratch.len ? buf_str(&w->scratch) : NULL;
}

int xlsx_writer_new(int fd, const char *directory, const char *name, const struct sheet_column *columns,
    uint32_t count, struct xlsx_writer **ret)
{
    lxw_workbook_options options = {
        .constant_memory = 1, .tmpdir = (char *)(uintptr_t)directory, .use_zip64 = 1};
    struct xlsx_writer *w = mem_zalloc(sizeof(*w));
    lxw_error e = LXW_NO_ERROR;
    char path[32];

    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd); /* written at the end, when the parts are there */
    w->book = workbook_new_opt(path, &options);
    if (!w->book)
        give_up("no workbook");
    make_formats(w);
    w->sheet = workbook_add_worksheet(w->book, sheet_name(w, name));
    if (!w->sheet || !w->sheet->file) { /* its temporary file */
        xlsx_writer_drop(w);
        return -EIO;
    }
    worksheet_freeze_panes(w->sheet, 1, 0);
    for (uint32_t i = 0; i < count && e == LXW_NO_ERROR; i++)
        e = add_column(w, (lxw_col_t)i, &columns[i]);
    w->row = 1;
    if (e == LXW_NO_ERROR)
        *ret = w;
    else
        xlsx_writer_drop(w);
    return error_of(e);
}

static bool is_long(struct text t)
{
    size_t digits = 0;

    for (size_t i = 0; i < t.len; i++)
        digits += t.ptr[i] >= '0' && t.ptr[i] <= '9';
    return digits > KEPT_DIGITS;
}

/* Serial days of YYYY-MM-DD[THH:MM:SS…]; negative when it is none a spreadsheet has. */
static double serial_of(struct text t)
{
    int32_t days;
    double v;

    if (t.len < 10 || date_parse((struct text){t.ptr, 10}, &days) < 0 || days < -25508)
        return -1;
    v = days + 25569;
    if (t.len >= 19 && (t.ptr[10] == 'T' || t.ptr[10] == ' '))
        v += (((t.ptr[11] - '0') * 10 + t.ptr[12] - '0') * 3600 +
                 ((t.ptr[14] - '0') * 10 + t.ptr[15] - '0') * 60 + (t.ptr[17] - '0') * 10 + t.ptr[18] - '0') /
             86400.0;
    return v;
}

static lxw_error write_cell(struct xlsx_writer *w, lxw_col_t at, struct sheet_cell c)
{
    double v = c.kind == SHEET_DATE ? serial_of(c.text) : -1;

    if (c.kind == SHEET_EMPTY || c.text.len == 0)
        return LXW_NO_ERROR;
    if (v >= 0)
        return worksheet_write_number(w->sheet, w->row, at, v, c.text.len > 10 ? w->moment : w->date);
    if (c.kind == SHEET_NUMBER && !is_long(c.text))
        return worksheet_write_number(w->sheet, w->row, at,
            strtod(string(w, c.text) + sheet_is_active(c.text), NULL),
            memchr(c.text.ptr, '.', c.text.len) ? w->money : NULL);
    return worksheet_write_string(w->sheet, w->row, at, string(w, c.text), w->text);
}

int xlsx_writer_row(struct xlsx_writer *w, const struct sheet_cell *cells, uint32_t count)
{
    lxw_error e = LXW_NO_ERROR;

    if (w->row >= LXW_ROW_MAX)
        return -EFBIG;
    for (uint32_t i = 0; i < count && e == LXW_NO_ERROR; i++)
        e = write_cell(w, (lxw_col_t)i, cells[i]);
    w->row++;
    return error_of(e);
}

int xlsx_writer_end(struct xlsx_writer *w)
{
    lxw_error e = workbook_close(w->book); /* frees it too */

    buf_done(&w->scratch);
    free(w);
    return error_of(e);
}

void xlsx_writer_drop(struct xlsx_writer *w)
{
    lxw_workbook_free(w->book);
    buf_done(&w->scratch);
    free(w);
}
