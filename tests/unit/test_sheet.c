/* Tables: what is read back is what was written, what other programs write, and what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>
#include <zip.h>

#include "base/buf.h"
#include "base/mem.h"
#include "sheet/parts.h"
#include "sheet/writer.h"

static int file_of(const void *data, size_t len)
{
    int fd = memfd_create("sheet", MFD_CLOEXEC);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, data, len), len);
    return fd;
}

/* "A|B/C" for two rows, kinds in front where they are not text: n:1, d:2026-…, b:true, e:#N/A; "-" for an empty cell. */
static char *read_all(int fd, struct sheet_limits limits, struct sheet_fault *fault)
{
    static const char *const prefix[] = {"-", "", "n:", "d:", "b:", "e:"};
    struct sheet *s = NULL;
    struct sheet_row row;
    struct buf b = BUF_INIT;
    int r = sheet_open(fd, limits, &s, fault);

    while (r >= 0 && (r = sheet_next(s, &row, fault)) == 1) {
        buf_addf(&b, "%s%u:", b.len ? "/" : "", row.number);
        for (uint32_t i = 0; i < row.count; i++) {
            buf_addf(&b, "%s%s", i ? "|" : "", prefix[row.cells[i].kind]);
            buf_add_text(&b, row.cells[i].text);
        }
    }
    sheet_close(s);
    close(fd);
    if (r == 0)
        return buf_take(&b);
    buf_done(&b);
    return NULL;
}

static void reads(int fd, const char *expected)
{
    struct sheet_fault fault = {0};
    char *got = read_all(fd, SHEET_LIMITS, &fault);

    if (!got)
        fail_msg("refused: %s in row %u", fault.code, fault.row);
    assert_string_equal(got, expected);
    free(got);
}

static void refuses(int fd, const char *code, uint32_t row)
{
    struct sheet_fault fault = {0};

    assert_null(read_all(fd, SHEET_LIMITS, &fault));
    assert_string_equal(fault.code, code);
    assert_int_equal(fault.row, row);
    assert_true(fault.en[0] && fault.zh[0]);
}

#define CSV(literal) file_of(literal, sizeof(literal) - 1)

/* ---- CSV ---- */

static void test_csv(void **state)
{
    reads(CSV("a,b\r\n1,\"x, \"\"y\"\"\nz\"\r\n"), "1:a|b/2:1|x, \"y\"\nz");
    reads(CSV("\xef\xbb\xbf姓名;电话\n张三;13800001111"), "1:姓名|电话/2:张三|13800001111");
    reads(CSV("a\tb\n\n,\n1\t2\n"), "1:a|b/3:,/4:1|2");
    reads(CSV("id\n110101199003071234\n"), "1:id/2:110101199003071234");
    reads(CSV("a,b\n1,\n"), "1:a|b/2:1|-");
    reads(CSV("a,b\n1,2\"3"), "1:a|b/2:1|2\"3");
    reads(CSV(""), "");
}

static void test_csv_encodings(void **state)
{
    /* 姓名,电话 / 张三,1 / 㐀 (four bytes) in GB 18030 */
    reads(CSV("\xd0\xd5\xc3\xfb,\xb5\xe7\xbb\xb0\n\xd5\xc5\xc8\xfd,1\n\x81\x39\xee\x39,2\n"),
        "1:姓名|电话/2:张三|1/3:㐀|2");
    refuses(CSV("\xd0\xd5\xc3\xfb,a\n\xd5\xff,1\n"), "sheet_encoding", 1);
    /* UTF-8 with a byte that does not belong there */
    refuses(CSV("姓名,电话,单位,地址\n张三李四王五赵六,\xff\n"), "sheet_encoding", 2);
    /* … and cut within its last character */
    refuses(CSV("姓名,电话\n张三,\xe5\xbc"), "sheet_damaged", 2);
    refuses(CSV("\xff\xfe"
                "a\0,\0"),
        "sheet_kind", 0);
    refuses(CSV("a,b\n\"x,1\ny,2\n"), "sheet_quote", 2);
    refuses(CSV("\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"), "sheet_old", 0);
}

/* A character on the edge of every piece that is read. */
static void test_csv_edges(void **state)
{
    for (size_t pad = 65530; pad < 65540; pad++) {
        for (int gb = 0; gb < 2; gb++) {
            struct buf b = BUF_INIT, expected = BUF_INIT;

            while (b.len < pad)
                buf_addc(&b, 'x');
            buf_add(&expected, "1:", 2);
            buf_add_text(&expected, buf_text(&b));
            buf_adds(&expected, "张三/2:李");
            buf_adds(&b, gb ? "\xd5\xc5\xc8\xfd\n\xc0\xee" : "张三\n李");
            reads(file_of(b.data, b.len), buf_str(&expected));
            buf_done(&b);
            buf_done(&expected);
        }
    }
}

static void test_too_many_columns(void **state)
{
    struct sheet_fault fault = {0};
    struct buf b = BUF_INIT;
    char *got;

    for (int i = 0; i < 16384; i++)
        buf_adds(&b, "a,");
    refuses(file_of(b.data, b.len), "sheet_columns", 1);
    b.data[b.len - 1] = '\n';
    got = read_all(file_of(b.data, b.len), SHEET_LIMITS, &fault);
    assert_non_null(got);
    free(got);
    buf_done(&b);
}

/* ---- XLSX ---- */

struct part {
    const char *name, *text;
};

static int package(const struct part *parts)
{
    char path[] = "/tmp/test-sheet-XXXXXX";
    int fd = mkstemp(path), error;
    zip_t *z;

    assert_true(fd >= 0);
    z = zip_open(path, ZIP_CREATE | ZIP_TRUNCATE, &error);
    assert_non_null(z);
    for (; parts->name; parts++)
        assert_true(zip_file_add(z, parts->name, zip_source_buffer(z, parts->text, strlen(parts->text), 0),
                        ZIP_FL_OVERWRITE) >= 0);
    assert_int_equal(zip_close(z), 0);
    close(fd);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    unlink(path);
    return fd;
}

#define WORKBOOK(more)                                                                                       \
    "<?xml version='1.0'?><workbook xmlns:r='R'>" more                                                       \
    "<sheets><sheet name='隐藏' sheetId='1' state='hidden' r:id='rId9'/>"                                  \
    "<sheet name='a' sheetId='2' r:id='rId1'/></sheets></workbook>"
#define RELATION(id, type, target) "<Relationship Id='" id "' Type='http://x/" type "' Target='" target "'/>"
#define RELATIONS(more)                                                                                      \
    "<Relationships>" RELATION("rId1", "worksheet", "worksheets/one.xml") RELATION("rId2", "styles",         \
        "styles.xml") RELATION("rId3", "sharedStrings", "/xl/shared.xml") more "</Relationships>"
#define STYLES                                                                                               \
    "<styleSheet><numFmts><numFmt numFmtId='164' formatCode='yyyy&quot;年&quot;m&quot;月&quot;'/>"         \
    "<numFmt numFmtId='165' formatCode='0.00&quot;ymd&quot;'/></numFmts><cellStyleXfs><xf "                  \
    "numFmtId='14'/></cellStyleXfs>"                                                                         \
    "<cellXfs><xf numFmtId='0'/><xf numFmtId='14'/><xf numFmtId='164'/><xf numFmtId='165'/><xf "             \
    "numFmtId='22'/></cellXfs></styleSheet>"
#define SHARED                                                                                               \
    "<sst><si><t>姓名</t></si><si><r><t>张</t></r><r><t xml:space='preserve'>三 "                        \
    "</t></r><rPh><t>zhang</t></rPh></si><si><t/></si></sst>"

static int book(const char *workbook, const char *relations, const char *rows)
{
    char *sheet = str_printf("<x:worksheet xmlns:x='X'><x:sheetData>%s</x:sheetData></x:worksheet>", rows);
    const struct part parts[] = {{"[Content_Types].xml", "<Types/>"},
        {"_rels/.rels",
            "<Relationships>" RELATION("rId1", "officeDocument", "xl/workbook.xml") "</Relationships>"},
        {"xl/workbook.xml", workbook}, {"xl/_rels/workbook.xml.rels", relations}, {"xl/styles.xml", STYLES},
        {"xl/shared.xml", SHARED}, {"xl/worksheets/one.xml", sheet}, {NULL, NULL}};
    int fd = package(parts);

    free(sheet);
    return fd;
}

static int rows(const char *rows)
{
    return book(WORKBOOK(""), RELATIONS(""), rows);
}

static void test_xlsx(void **state)
{
    reads(rows("<x:row r='1'><x:c r='A1' t='s'><x:v>0</x:v></x:c><x:c r='C1' "
               "t='inlineStr'><x:is><x:t>电话</x:t></x:is></x:c></x:row>"
               "<x:row r='3'><x:c r='A3' t='s'><x:v>1</x:v></x:c><x:c r='B3' t='s'><x:v>2</x:v></x:c><x:c "
               "r='C3'><x:v>13800001111</x:v></x:c></x:row>"),
        "1:姓名|-|电话/3:张三 |-|n:13800001111");
    reads(rows("<row><c><v>1</v></c><c t='b'><v>1</v></c><c t='e'><v>#N/A</v></c><c "
               "t='str'><f>1+1</f><v>a_x000D_b</v></c></row>"
               "<row/><row r='5'><c s='1'/></row><row><c t='d'><v>2026-11-25T00:00:00Z</v></c></row>"),
        "1:n:1|b:true|e:#N/A|a\rb/6:d:2026-11-25");
}

static void test_xlsx_dates(void **state)
{
    static const char cells[] =
        "<row><c s='1'><v>46351</v></c><c s='2'><v>46351.5</v></c><c s='3'><v>46351</v></c>"
        "<c s='4'><v>0.25</v></c><c s='1'><v>60</v></c><c s='1'><v>59</v></c></row>";

    reads(rows(cells), "1:d:2026-11-25|d:2026-11-25T12:00:00|n:46351|n:0.25|n:60|d:1900-02-28");
    reads(book(WORKBOOK("<workbookPr date1904='1'/>"), RELATIONS(""), cells),
        "1:d:2030-11-26|d:2030-11-26T12:00:00|n:46351|d:1904-01-01T06:00:00|d:1904-03-01|d:1904-02-29");
}

static void test_xlsx_refused(void **state)
{
    const struct part macro[] = {{"xl/workbook.xml", WORKBOOK("")}, {"xl/vbaProject.bin", "x"}, {NULL, NULL}};
    const struct part named[] = {
        {"[Content_Types].xml",
            "<Types><Override ContentType='application/vnd.ms-excel.sheet.macroEnabled.main+xml'/></Types>"},
        {"xl/workbook.xml", WORKBOOK("")}, {NULL, NULL}};
    const struct part linked[] = {{"xl/externalLinks/externalLink1.xml", "x"}, {NULL, NULL}};
    const struct part other[] = {{"a.txt", "x"}, {NULL, NULL}};

    refuses(package(macro), "sheet_macros", 0);
    refuses(package(named), "sheet_macros", 0);
    refuses(package(linked), "sheet_external", 0);
    refuses(package(other), "sheet_kind", 0);
    refuses(book(WORKBOOK(""), RELATIONS(RELATION("rId7", "externalLink", "http://a/b")), ""),
        "sheet_external", 0);
    refuses(rows("<row r='2'><c r='A2'><v>1</v></c></row><row r='2'><c r='A2'><v>1</v></c></row>"),
        "sheet_order", 2);
    refuses(rows("<row r='2'><c r='B2'><v>1</v></c><c r='A2'><v>1</v></c></row>"), "sheet_order", 2);
    refuses(rows("<row r='1'><c r='XFE1'><v>1</v></c></row>"), "sheet_columns", 1);
    reads(rows("<row r='1048576'><c r='A1048576'><v>1</v></c></row>"), "1048576:n:1");
    refuses(rows("<row r='1048577'/>"), "sheet_order", 0);
    refuses(rows("<row><c t='s'><v>3</v></c></row>"), "sheet_damaged", 1);
    refuses(rows("<row><c><v>1</v></row>"), "sheet_damaged", 1);
    refuses(book("<!DOCTYPE a [<!ENTITY b 'c'>]><workbook/>", RELATIONS(""), ""), "sheet_doctype", 0);
    refuses(book("<workbook/>", RELATIONS(""), ""), "sheet_empty", 0);
}

static void test_xlsx_cut(void **state)
{
    int fd = rows("<row><c><v>1</v></c></row>");
    off_t size = lseek(fd, 0, SEEK_END);
    char *all = mem_alloc((size_t)size);

    assert_int_equal(pread(fd, all, (size_t)size, 0), size);
    for (off_t cut = size - 1; cut > 8; cut -= 37)
        refuses(file_of(all, (size_t)cut), "sheet_damaged", 0);
    free(all);
    close(fd);
}

/* Ten kilobytes that would be tens of megabytes, by the sizes that are told and, with the ratio, by what comes. */
static void test_xlsx_bomb(void **state)
{
    struct sheet_limits small = SHEET_LIMITS;
    struct sheet_fault fault = {0};
    struct buf b = BUF_INIT;

    buf_adds(&b, "<row><c t='str'><v>1</v></c></row>");
    while (b.len < 40u << 20)
        buf_adds(&b, "                                                                                       "
                     "             ");
    refuses(rows(buf_str(&b)), "sheet_expands", 1);
    buf_done(&b);
    small.expanded = 1000;
    assert_null(read_all(rows("<row><c><v>1</v></c></row>"), small, &fault));
    assert_string_equal(fault.code, "sheet_expands");
    small = SHEET_LIMITS;
    small.shared = 20;
    assert_null(read_all(rows("<row><c><v>1</v></c></row>"), small, &fault));
    assert_string_equal(fault.code, "sheet_texts");
    small = SHEET_LIMITS;
    small.rows = 1;
    assert_null(read_all(rows("<row><c><v>1</v></c></row><row><c><v>1</v></c></row>"), small, &fault));
    assert_string_equal(fault.code, "sheet_rows");
}

/* ---- numbers ---- */

static void digits(const char *in, const char *expected)
{
    struct sheet_digits out;

    if (!sheet_digits(text_of(in), &out))
        snprintf(out.s, sizeof(out.s), "lost");
    assert_string_equal(out.s, expected);
}

static void hundredths(const char *in, int64_t expected)
{
    int64_t got = INT64_MIN;

    if (sheet_hundredths(text_of(in), &got) < 0)
        got = INT64_MIN;
    assert_int_equal(got, expected);
}

static void test_numbers(void **state)
{
    digits("13800001111", "13800001111");
    digits("1.3800001111E+10", "13800001111");
    digits("110101199003071234", "110101199003071234");
    digits("1.1010119900307101E+17", "lost");
    digits("1.10101E17", "lost");
    digits("-12.50", "-12.5");
    digits("0.05", "0.05");
    digits("5E-2", "0.05");
    digits("-0", "0");
    digits("0E2", "0");
    digits("1e9999", "lost");
    digits("", "lost");
    digits("1.2.3", "lost");
    digits(".", "lost");
    hundredths("12.5", 1250);
    hundredths("0.30000000000000004", 30);
    hundredths("-0.07", -7);
    hundredths("5E-2", 5);
    hundredths("1.005", INT64_MIN);
    hundredths("9007199254740.99", 900719925474099);
    hundredths("x", INT64_MIN);
    assert_int_equal(date_style_of_code("General"), STYLE_PLAIN);
    assert_int_equal(date_style_of_code("#,##0.00;[Red]-#,##0.00"), STYLE_PLAIN);
    assert_int_equal(date_style_of_code("[$-804]yyyy\"年\"m\"月\"d\"日\";@"), STYLE_DATE);
    assert_int_equal(date_style_of_code("[h]:mm"), STYLE_TIME);
    assert_int_equal(date_style_of_code("0.00\\d"), STYLE_PLAIN);
}

/* ---- writing ---- */

#define CELL(k, literal)                                                                                     \
    {                                                                                                        \
        k, TEXT(literal)                                                                                     \
    }

static void test_written(void **state)
{
    static const struct sheet_column columns[] = {{.title = "姓名", .is_required = true},
        {.title = "=身份证号"}, {.title = "生日"}, {.title = "人数"}, {.title = "金额"}, {.title = "备注"},
        {.title = "时间"}};
    static const struct sheet_cell cells[] = {CELL(SHEET_TEXT, "张三"),
        CELL(SHEET_TEXT, "110101199003071234"), CELL(SHEET_DATE, "2026-11-25"), CELL(SHEET_NUMBER, "-5"),
        CELL(SHEET_NUMBER, "0.30"), CELL(SHEET_TEXT, "=cmd|' /C calc'!A0, \"x\""),
        CELL(SHEET_DATE, "2026-11-25T08:30:00")};
    static const char *const expected[] = {
        "1:姓名|'=身份证号|生日|人数|金额|备注|时间/2:张三|110101199003071234|d:2026-11-25|n:-5|n:0.3|"
        "'=cmd|' /C calc'!A0, \"x\"|d:2026-11-25T08:30:00",
        "1:姓名|'=身份证号|生日|人数|金额|备注|时间/2:张三|110101199003071234|2026-11-25|-5|0.30|"
        "'=cmd|' /C calc'!A0, \"x\"|2026-11-25T08:30:00"};

    for (int format = SHEET_XLSX; format <= SHEET_CSV; format++) {
        struct sheet_writer *w;
        int fd = file_of("", 0);

        assert_int_equal(
            sheet_writer_new((enum sheet_format)format, fd, NULL, "人员", columns, ARRAY_LEN(columns), &w),
            0);
        assert_int_equal(sheet_writer_row(w, cells, ARRAY_LEN(cells)), 0);
        assert_int_equal(sheet_writer_end(w), 0);
        reads(fd, expected[format]);
    }
    assert_true(text_is(sheet_plain(TEXT("'=1")), "=1"));
    assert_true(text_is(sheet_plain(TEXT("'quoted'")), "'quoted'"));
    assert_true(sheet_is_active(TEXT("＝1")) && !sheet_is_active(TEXT("a=1")) && !sheet_is_active(TEXT("")));
}

static void test_dropped(void **state)
{
    static const char *const choices[] = {"是", "否", NULL};
    const struct sheet_column column = {.title = "a", .note = "x", .choices = choices};
    struct sheet_writer *w;
    int fd = file_of("", 0);

    assert_int_equal(sheet_writer_new(SHEET_XLSX, fd, NULL, "[]", &column, 1, &w), 0);
    sheet_writer_drop(w);
    assert_int_equal(lseek(fd, 0, SEEK_END), 0);
    sheet_writer_drop(NULL);
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_csv), cmocka_unit_test(test_csv_encodings),
        cmocka_unit_test(test_csv_edges), cmocka_unit_test(test_too_many_columns),
        cmocka_unit_test(test_xlsx), cmocka_unit_test(test_xlsx_dates), cmocka_unit_test(test_xlsx_refused),
        cmocka_unit_test(test_xlsx_cut), cmocka_unit_test(test_xlsx_bomb), cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_written), cmocka_unit_test(test_dropped)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
