/* The parts of a DOCX, and the package around them. */
#include "sheet/docx.h"

#include <errno.h>
#include <zip.h>

#include "base/mem.h"

#define HEAD "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\"?>\n"
#define WORD "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
#define OFFICE "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
#define PACKAGE "http://schemas.openxmlformats.org/package/2006/"

static const char content_types[] = HEAD
    "<Types xmlns=\"" PACKAGE "content-types\">"
    "<Default Extension=\"rels\" ContentType=\"application/vnd.openxmlformats-package.relationships+xml\"/>"
    "<Default Extension=\"xml\" ContentType=\"application/xml\"/>"
    "<Override PartName=\"/word/document.xml\" ContentType=\"application/"
    "vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml\"/>"
    "<Override PartName=\"/word/styles.xml\" ContentType=\"application/"
    "vnd.openxmlformats-officedocument.wordprocessingml.styles+xml\"/></Types>";
static const char package_rels[] =
    HEAD "<Relationships xmlns=\"" PACKAGE "relationships\"><Relationship Id=\"rId1\" Type=\"" OFFICE
         "/officeDocument\" Target=\"word/document.xml\"/></Relationships>";
static const char document_rels[] =
    HEAD "<Relationships xmlns=\"" PACKAGE "relationships\"><Relationship Id=\"rId1\" Type=\"" OFFICE
         "/styles\" Target=\"styles.xml\"/></Relationships>";

/* Half points, as the format counts: 10.5 pt text, 16 pt titles. */
static const char styles[] =
    "<w:docDefaults><w:rPrDefault><w:rPr><w:rFonts w:ascii=\"Times New Roman\" w:hAnsi=\"Times New Roman\" "
    "w:eastAsia=\"宋体\"/><w:sz w:val=\"21\"/><w:lang w:val=\"en-US\" w:eastAsia=\"zh-CN\"/></w:rPr>"
    "</w:rPrDefault></w:docDefaults>"
    "<w:style w:type=\"paragraph\" w:default=\"1\" w:styleId=\"Normal\"><w:name w:val=\"Normal\"/></w:style>"
    "<w:style w:type=\"paragraph\" w:styleId=\"Title\"><w:name w:val=\"Title\"/><w:basedOn w:val=\"Normal\"/>"
    "<w:pPr><w:spacing w:after=\"200\"/><w:jc w:val=\"center\"/></w:pPr><w:rPr><w:b/><w:sz w:val=\"32\"/>"
    "</w:rPr></w:style>"
    "<w:style w:type=\"table\" w:default=\"1\" w:styleId=\"TableNormal\"><w:name w:val=\"Normal "
    "Table\"/></w:style>"
    "<w:style w:type=\"table\" w:styleId=\"TableGrid\"><w:name w:val=\"Table Grid\"/><w:basedOn "
    "w:val=\"TableNormal\"/><w:tblPr><w:tblBorders><w:top w:val=\"single\" w:sz=\"4\"/><w:left "
    "w:val=\"single\" "
    "w:sz=\"4\"/><w:bottom w:val=\"single\" w:sz=\"4\"/><w:right w:val=\"single\" w:sz=\"4\"/><w:insideH "
    "w:val=\"single\" w:sz=\"4\"/><w:insideV w:val=\"single\" "
    "w:sz=\"4\"/></w:tblBorders></w:tblPr></w:style>";

/* Without what XML has no way to write. */
static void add_text(struct buf *b, const char *s)
{
    for (; *s; s++) {
        switch (*s) {
        case '&':
            buf_adds(b, "&amp;");
            break;
        case '<':
            buf_adds(b, "&lt;");
            break;
        case '>':
            buf_adds(b, "&gt;");
            break;
        default:
            if ((unsigned char)*s >= ' ' || *s == '\t')
                buf_addc(b, *s);
            else if (*s == '\n')
                buf_addc(b, ' ');
        }
    }
}

static void add_paragraph(struct buf *b, const char *style, bool is_bold, const char *text)
{
    buf_adds(b, "<w:p>");
    if (style)
        buf_addf(b, "<w:pPr><w:pStyle w:val=\"%s\"/></w:pPr>", style);
    buf_addf(b, "<w:r>%s<w:t xml:space=\"preserve\">", is_bold ? "<w:rPr><w:b/></w:rPr>" : "");
    add_text(b, text);
    buf_adds(b, "</w:t></w:r></w:p>");
}

static void add_row(
    struct buf *b, const struct docx *d, const char *const *cells, uint32_t columns, bool is_head)
{
    buf_adds(b, "<w:tr>");
    if (is_head) /* again on each page */
        buf_adds(b, "<w:trPr><w:tblHeader/></w:trPr>");
    for (uint32_t i = 0; i < columns; i++) {
        buf_addf(b, "<w:tc><w:tcPr><w:tcW w:w=\"%u\" w:type=\"dxa\"/></w:tcPr>", d->widths[i]);
        add_paragraph(b, NULL, is_head, cells[i] ? cells[i] : "");
        buf_adds(b, "</w:tc>");
    }
    buf_adds(b, "</w:tr>");
}

static void add_table(struct buf *b, const struct docx *d)
{
    uint32_t columns = 0;

    while (d->heads[columns])
        columns++;
    buf_adds(b,
        "<w:tbl><w:tblPr><w:tblStyle w:val=\"TableGrid\"/><w:tblW w:w=\"0\" w:type=\"auto\"/></w:tblPr>"
        "<w:tblGrid>");
    for (uint32_t i = 0; i < columns; i++)
        buf_addf(b, "<w:gridCol w:w=\"%u\"/>", d->widths[i]);
    buf_adds(b, "</w:tblGrid>");
    add_row(b, d, d->heads, columns, true);
    for (uint32_t row = 0; row < d->rows; row++)
        add_row(b, d, d->cells + (size_t)row * columns, columns, false);
    buf_adds(b, "</w:tbl>");
}

static void add_document(struct buf *b, const struct docx *d)
{
    buf_adds(b, HEAD "<w:document xmlns:w=\"" WORD "\"><w:body>");
    add_paragraph(b, "Title", false, d->title);
    for (const char *const *line = d->lines; *line; line++)
        add_paragraph(b, NULL, false, *line);
    add_table(b, d);
    for (const char *const *note = d->notes; *note; note++)
        add_paragraph(b, NULL, false, *note);
    buf_adds(b,
        "<w:sectPr><w:pgSz w:w=\"11906\" w:h=\"16838\"/><w:pgMar w:top=\"1440\" w:right=\"1134\" "
        "w:bottom=\"1440\" w:left=\"1134\" w:header=\"720\" w:footer=\"720\" w:gutter=\"0\"/></w:sectPr>"
        "</w:body></w:document>");
}

/* ---- the package ---- */

static int add_part(zip_t *zip, const char *name, struct text content)
{
    zip_source_t *source = zip_source_buffer(zip, content.ptr, content.len, 0); /* borrowed until the close */
    zip_int64_t at = source ? zip_file_add(zip, name, source, ZIP_FL_ENC_UTF_8) : -1;

    if (at < 0 && source)
        zip_source_free(source);
    /* Alike each time it is made: the earliest day the format has. */
    return at < 0 || zip_file_set_dostime(zip, (zip_uint64_t)at, 0, 0x21, 0) < 0 ? -EIO : 0;
}

/* What the closed archive left in its source. */
static int take_all(zip_source_t *source, struct buf *out)
{
    zip_int64_t n = 1;
    char piece[8192];

    if (zip_source_open(source) < 0)
        return -EIO;
    while ((n = zip_source_read(source, piece, sizeof(piece))) > 0)
        buf_add(out, piece, (size_t)n);
    zip_source_close(source);
    return n < 0 ? -EIO : 0;
}

static int write_package(zip_source_t *source, struct text document, struct text style, struct buf *out)
{
    zip_t *zip = zip_open_from_source(source, ZIP_TRUNCATE, NULL);
    int r;

    if (!zip)
        return -EIO;
    zip_source_keep(source); /* its content is read after the close */
    r = add_part(zip, "[Content_Types].xml", text_of(content_types));
    if (r == 0)
        r = add_part(zip, "_rels/.rels", text_of(package_rels));
    if (r == 0)
        r = add_part(zip, "word/document.xml", document);
    if (r == 0)
        r = add_part(zip, "word/styles.xml", style);
    if (r == 0)
        r = add_part(zip, "word/_rels/document.xml.rels", text_of(document_rels));
    if (r < 0 || zip_close(zip) < 0) {
        zip_discard(zip);
        return -EIO;
    }
    return take_all(source, out);
}

int docx_write(const struct docx *d, struct buf *out)
{
    struct buf document CLEANUP(buf_done) = BUF_INIT, style CLEANUP(buf_done) = BUF_INIT;
    zip_source_t *source = zip_source_buffer_create(NULL, 0, 0, NULL);
    int r;

    if (!source)
        return -EIO;
    add_document(&document, d);
    buf_addf(&style, HEAD "<w:styles xmlns:w=\"" WORD "\">%s</w:styles>", styles);
    r = write_package(source, buf_text(&document), buf_text(&style), out);
    zip_source_free(source);
    return r;
}
