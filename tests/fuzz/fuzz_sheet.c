/* Fuzz target: a table (bit 0 to 2 of the first byte: a file as it is, or rows, shared texts, the workbook or styles within a
 * file that is otherwise good). Rows come in order with cells within their limits, a second reading says the same, and what
 * is written as CSV reads back as it was. */
#include "fuzz.h"

#include <sys/mman.h>
#include <unistd.h>
#include <zip.h>

#include "sheet/parts.h"
#include "sheet/writer.h"

#define RELATION(id, type, target) "<Relationship Id='" id "' Type='/" type "' Target='" target "'/>"

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc, (void)argv;
    return 0;
}

static int memory_file(const void *data, size_t len)
{
    int fd = memfd_create("fuzz", MFD_CLOEXEC);

    HOLDS(fd >= 0 && write(fd, data, len) == (ssize_t)len);
    return fd;
}

static void add(zip_t *z, const char *name, const char *before, struct text text, const char *after)
{
    struct buf b = BUF_INIT;
    size_t len;
    char *all;

    buf_adds(&b, before);
    buf_add_text(&b, text);
    buf_adds(&b, after);
    len = b.len;
    all = buf_take(&b);
    HOLDS(zip_file_add(z, name, zip_source_buffer(z, all, len, 1), 0) >= 0);
}

/* A file in which one part is the input's. */
static int package(unsigned which, struct text in)
{
    zip_error_t error;
    zip_source_t *source = zip_source_buffer_create(NULL, 0, 0, &error);
    zip_t *z = zip_open_from_source(source, ZIP_TRUNCATE, &error);
    struct buf b = BUF_INIT;
    zip_int64_t n;
    int fd;

    HOLDS(z != NULL);
    zip_source_keep(source);
    if (which == 3)
        add(z, "xl/workbook.xml", "", in.len ? in : TEXT(" "),
            ""); /* libzip keeps a buffer of nothing for good */
    else
        add(z, "xl/workbook.xml", "<workbook><sheets><sheet id='rId1'/></sheets></workbook>", TEXT(""), "");
    add(z, "xl/_rels/workbook.xml.rels",
        "<Relationships>" RELATION("rId1", "worksheet", "one.xml") RELATION("rId2", "styles", "styles.xml")
            RELATION("rId3", "sharedStrings", "shared.xml") "</Relationships>",
        TEXT(""), "");
    add(z, "xl/styles.xml", "<styleSheet>",
        which == 4 ? in : TEXT("<cellXfs><xf numFmtId='0'/><xf numFmtId='14'/></cellXfs>"), "</styleSheet>");
    add(z, "xl/shared.xml", "<sst>", which == 2 ? in : TEXT("<si><t>a</t></si>"), "</sst>");
    add(z, "xl/one.xml", "<worksheet><sheetData>",
        which == 1 ? in : TEXT("<row><c t='s'><v>0</v></c><c s='1'><v>46351</v></c></row>"),
        "</sheetData></worksheet>");
    HOLDS(zip_close(z) == 0);
    HOLDS(zip_source_open(source) == 0);
    for (;;) {
        buf_reserve(&b, 65536);
        n = zip_source_read(source, b.data + b.len, 65536);
        if (n <= 0)
            break;
        b.len += (size_t)n;
    }
    zip_source_close(source);
    zip_source_free(source);
    fd = memory_file(b.data, b.len);
    buf_done(&b);
    return fd;
}

static void check_row(const struct sheet_row *row, uint32_t before)
{
    HOLDS(row->number > before && row->count > 0 && row->count <= SHEET_COLUMNS_MAX);
    for (uint32_t i = 0; i < row->count; i++) {
        HOLDS((row->cells[i].kind == SHEET_EMPTY) == (row->cells[i].text.len == 0));
        HOLDS(row->cells[i].text.len <= SHEET_CELL_MAX + 65536);
        HOLDS(text_is_utf8(row->cells[i].text));
    }
}

/* Reads all of it; the outcome as a number. Rows go to w, if there is one. */
static uint64_t read_all(int fd, struct sheet_writer *w, uint32_t *ret_rows)
{
    struct sheet_limits limits = {1u << 20, 1u << 16, 1000};
    struct sheet_fault fault = {0};
    struct sheet_row row = {0};
    struct sheet *s = NULL;
    uint64_t h = 1;
    int r = sheet_open(fd, limits, &s, &fault);

    *ret_rows = 0;
    while (r == 0 && (r = sheet_next(s, &row, &fault)) == 1) {
        check_row(&row, row.number - 1);
        for (uint32_t i = 0; i < row.count; i++)
            h = fuzz_hash_text(h + i, row.cells[i].text);
        if (w)
            HOLDS(sheet_writer_row(w, row.cells, row.count) == 0);
        ++*ret_rows;
        r = 0;
    }
    HOLDS((r < 0) == (fault.code != NULL));
    sheet_close(s);
    return r < 0 ? fuzz_hash(h, fault.code, strlen(fault.code)) : h;
}

static void check_numbers(struct text in)
{
    struct sheet_digits out, again;
    int64_t cents;

    if (sheet_digits(in, &out)) {
        HOLDS(strlen(out.s) < sizeof(out.s) && sheet_digits(text_of(out.s), &again));
        HOLDS(strcmp(out.s, again.s) == 0);
    }
    if (sheet_hundredths(in, &cents) == 0)
        HOLDS(cents <= INT64_C(1000000000000000000) && cents >= -INT64_C(1000000000000000000));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    unsigned which = size ? data[0] & 7 : 0;
    struct arena *a = arena_new();
    struct text in = fuzz_text(a, data, size);
    struct sheet_column column = {.title = "a"};
    struct sheet_writer *w;
    uint32_t rows, rows_again;
    uint64_t first;
    int fd = which == 0 || which > 4 ? memory_file(in.ptr, in.len) : package(which, in),
        csv = memory_file("", 0);

    check_numbers(in);
    HOLDS(sheet_writer_new(SHEET_CSV, csv, NULL, "a", &column, 1, &w) == 0);
    first = read_all(fd, w, &rows);
    HOLDS(sheet_writer_end(w) == 0);
    HOLDS(first == read_all(fd, NULL, &rows_again) && rows == rows_again);
    close(fd);
    close(csv);
    arena_free(a);
    return 0;
}
