/* The headers of a file that somebody sent: read, refused, understood. */
#include "resource/transfer/import_headers.h"

#include "resource/declare/subjects.h"
#include "sheet/writer.h"

/* Without blanks and the mark of what is required. */
static struct text plain_header(struct text t)
{
    return text_trim(sheet_plain(t), " \t\r\n*");
}

void import_read_headers(int fd, struct import_headers *ret)
{
    size_t at[IMPORT_COLUMNS_MAX];
    struct sheet *s = NULL;
    struct sheet_row row;
    int r;

    *ret = (struct import_headers){0};
    r = sheet_open(fd, SHEET_LIMITS, &s, &ret->fault);
    if (r == 0)
        r = sheet_next(s, &row, &ret->fault);
    if (r == 0)
        ret->fault = (struct sheet_fault){
            "sheet_empty", "There is nothing in the first sheet.", "第一个工作表没有内容。", 0};
    if (r == 1 && row.count > IMPORT_COLUMNS_MAX)
        ret->fault = (struct sheet_fault){
            "too_many_columns", "At most 200 columns are brought in.", "最多导入 200 列。", row.number};
    if (r == 1 && !ret->fault.code) {
        ret->count = row.count;
        for (uint32_t i = 0; i < row.count; i++) {
            at[i] = ret->bytes.len;
            buf_add_text(&ret->bytes, plain_header(row.cells[i].text));
            buf_addc(&ret->bytes, '\0');
        }
        for (uint32_t i = 0; i < row.count; i++)
            ret->names[i] = ret->bytes.data + at[i];
    }
    sheet_close(s);
}

/* Every column is told by its header, mapped to a field or not; nobody sends what nobody may record. */
int import_headers_check(struct call *c, const struct resource *res, const struct import_headers *h)
{
    const struct subject_refused *s;
    uint32_t named = 0;

    for (uint32_t i = 0; i < h->count; i++) {
        if (!*h->names[i])
            continue;
        named++;
        if (text_chars(text_of(h->names[i])) > 100 || !text_is_utf8(text_of(h->names[i])))
            return call_fail(c, 422, "header_too_long",
                "A header has at most 100 characters. Is the first row the one with "
                "headers?",
                "表头不超过 100 个字，请确认第一行是表头。");
        s = subject_of(text_of(h->names[i]), res->is_about_person);
        if (s)
            return call_fail(c, 422, "refused_subject",
                arena_printf(c->arena,
                    "The column \"%s\" is about %s, which is not recorded here. Take it out of the file.",
                    h->names[i], s->en),
                arena_printf(
                    c->arena, "“%s”列涉及%s，平台不予记录，请从文件中删除该列。", h->names[i], s->zh));
        for (uint32_t k = 0; k < i; k++)
            if (strcmp(h->names[i], h->names[k]) == 0)
                return call_fail(c, 422, "duplicate_header",
                    arena_printf(c->arena, "Two columns have the header \"%s\".", h->names[i]),
                    arena_printf(c->arena, "有两列的表头都是“%s”。", h->names[i]));
    }
    return named ? 0 : call_fail(c, 422, "no_headers", "The first row has no headers.", "第一行没有表头。");
}

/* The field that a header means by itself: by its label or its name. "" for none. */
static const char *guess(const struct resource *res, const char *header)
{
    if (strcmp(header, "组织机构") == 0 || strcmp(header, "机构代码") == 0 ||
        strcasecmp(header, "unit") == 0 || strcasecmp(header, "unit code") == 0)
        return "unit";
    for (uint32_t i = 0; i < res->field_count; i++) {
        const struct field *f = &res->fields[i];

        if (f->set_by == SET_BY_USER &&
            (strcmp(header, f->label.zh) == 0 || strcasecmp(header, f->label.en) == 0 ||
                strcmp(header, f->name) == 0))
            return f->name;
    }
    return "";
}

/* A field is filled by one column at most; the first one that means it. */
void import_headers_guess(const struct resource *res, const struct import_headers *h, const char **out)
{
    for (uint32_t i = 0; i < h->count; i++) {
        out[i] = guess(res, h->names[i]);
        for (uint32_t k = 0; k < i; k++)
            if (*out[i] && strcmp(out[k], out[i]) == 0)
                out[i] = "";
    }
}
