/* Workbook, relations, styles. */
#include "sheet/book.h"

#include <stdlib.h>

#include "base/mem.h"

#define STYLES_MAX 65536

struct reading {
    struct xml_part part;
    struct book *book;
    char *sheet_id;  /* the relation of the first sheet that is shown */
    char *workbook;  /* the part's name */
    char *directory; /* that relations are relative to: "xl/" */
    bool in_formats; /* cellXfs */
    struct format {
        uint32_t id;
        enum date_style style;
    } * formats; /* that the file defines */
    uint32_t format_count;
};

static bool is(const char *name, const char *what)
{
    return strcmp(name, what) == 0;
}

static void no_end(void *arg, const char *name)
{
    (void)arg, (void)name;
}

static bool ends_in(const char *s, const char *end)
{
    size_t n = s ? strlen(s) : 0, m = strlen(end);

    return n >= m && strcmp(s + n - m, end) == 0;
}

/* The part that a target names, seen from a directory: "/xl/a.xml", "worksheets/a.xml", "../xl/a.xml". */
static char *resolve(const char *directory, const char *target)
{
    if (target[0] == '/')
        return str_dup(target + 1);
    if (strncmp(target, "../", 3) == 0)
        return str_dup(target + 3); /* directories are one deep */
    return str_printf("%s%s", directory, target);
}

static void set(char **at, char *value)
{
    free(*at);
    *at = value;
}

/* ---- relations ---- */

static void package_relation(void *arg, const char *name, const char **a)
{
    struct reading *x = arg;
    const char *type = xml_attribute(a, "Type"), *target = xml_attribute(a, "Target");

    if (is(name, "Relationship") && ends_in(type, "/officeDocument") && target)
        set(&x->workbook, resolve("", target));
}

static void book_relation(void *arg, const char *name, const char **a)
{
    struct reading *x = arg;
    const char *type = xml_attribute(a, "Type"), *target = xml_attribute(a, "Target"),
               *id = xml_attribute(a, "Id");

    if (!is(name, "Relationship") || !type || !target)
        return;
    if (ends_in(type, "/externalLink") || ends_in(type, "/connections")) {
        xml_part_stop(&x->part, WRONG_EXTERNAL);
        return;
    }
    if (ends_in(type, "/vbaProject")) {
        xml_part_stop(&x->part, WRONG_MACROS);
        return;
    }
    if (id && x->sheet_id && is(id, x->sheet_id))
        set(&x->book->sheet, resolve(x->directory, target));
    if (ends_in(type, "/styles"))
        set(&x->book->styles, resolve(x->directory, target));
    if (ends_in(type, "/sharedStrings"))
        set(&x->book->shared, resolve(x->directory, target));
}

static void in_workbook(void *arg, const char *name, const char **a)
{
    struct reading *x = arg;
    const char *state, *id, *date;

    if (is(name, "workbookPr")) {
        date = xml_attribute(a, "date1904");
        x->book->from_1904 = date && (is(date, "1") || is(date, "true"));
    }
    if (!is(name, "sheet") || x->sheet_id)
        return;
    state = xml_attribute(a, "state");
    id = xml_attribute(a, "id");
    if (id && (!state || is(state, "visible")))
        x->sheet_id = str_dup(id);
}

static void in_types(void *arg, const char *name, const char **a)
{
    struct reading *x = arg;
    const char *type = xml_attribute(a, "ContentType");

    (void)name;
    if (type && (strcasestr(type, "macroEnabled") || strcasestr(type, "vbaProject")))
        xml_part_stop(&x->part, WRONG_MACROS);
}

/* ---- styles ---- */

static uint32_t number(const char *s)
{
    int64_t n;

    return s && text_to_i64(text_of(s), 0, UINT32_MAX, &n) == 0 ? (uint32_t)n : 0;
}

static void add_format(struct reading *x, const char **a)
{
    const char *code = xml_attribute(a, "formatCode");

    if (!code || x->format_count == STYLES_MAX)
        return;
    x->formats = mem_resize(x->formats, x->format_count + 1, sizeof(*x->formats));
    x->formats[x->format_count++] =
        (struct format){number(xml_attribute(a, "numFmtId")), date_style_of_code(code)};
}

static void add_style(struct reading *x, const char **a)
{
    uint32_t id = number(xml_attribute(a, "numFmtId"));
    enum date_style style = date_style_of_id(id);
    struct book *b = x->book;

    for (uint32_t i = 0; i < x->format_count; i++)
        if (x->formats[i].id == id)
            style = x->formats[i].style;
    if (b->style_count == STYLES_MAX)
        return;
    b->style = mem_resize(b->style, b->style_count + 1, sizeof(*b->style));
    b->style[b->style_count++] = style;
}

static void in_styles(void *arg, const char *name, const char **a)
{
    struct reading *x = arg;

    if (is(name, "numFmt"))
        add_format(x, a);
    else if (is(name, "cellXfs"))
        x->in_formats = true;
    else if (is(name, "xf") && x->in_formats)
        add_style(x, a);
}

static void styles_end(void *arg, const char *name)
{
    struct reading *x = arg;

    if (is(name, "cellXfs"))
        x->in_formats = false;
}

/* ---- all of it ---- */

static int read_part(struct package *p, struct reading *x, const char *name, xml_part_start_fn *start,
    xml_part_end_fn *end, struct sheet_fault *fault)
{
    struct xml_part_handlers h = {start, end, NULL, x};

    return xml_part_read(p, name, &h, &x->part, fault);
}

static char *directory_of(const char *name)
{
    const char *slash = strrchr(name, '/');

    return str_ndup(name, slash ? (size_t)(slash - name) + 1 : 0);
}

static int read_workbook(struct package *p, struct reading *x, struct sheet_fault *fault)
{
    CLEANUP(mem_freep) char *relations = NULL;
    int r = 0;

    if (package_has(p, "[Content_Types].xml"))
        r = read_part(p, x, "[Content_Types].xml", in_types, no_end, fault);
    if (r == 0 && package_has(p, "_rels/.rels"))
        r = read_part(p, x, "_rels/.rels", package_relation, no_end, fault);
    if (r < 0)
        return r;
    if (!x->workbook)
        x->workbook = str_dup("xl/workbook.xml");
    if (!package_has(p, x->workbook))
        return sheet_wrong(fault, WRONG_KIND, 0);
    x->directory = directory_of(x->workbook);
    relations = str_printf("%s_rels/%s.rels", x->directory, x->workbook + strlen(x->directory));
    r = read_part(p, x, x->workbook, in_workbook, no_end, fault);
    if (r == 0)
        r = read_part(p, x, relations, book_relation, no_end, fault);
    if (r == 0 && x->book->styles && package_has(p, x->book->styles))
        r = read_part(p, x, x->book->styles, in_styles, styles_end, fault);
    return r;
}

/* ---- shared texts ---- */

struct shared {
    struct xml_part part;
    struct book *book;
    struct buf text;
    bool in_text, in_phonetic;
    uint64_t max;
};

static void shared_start(void *arg, const char *name, const char **a)
{
    struct shared *x = arg;

    (void)a;
    if (is(name, "si"))
        buf_clear(&x->text);
    else if (is(name, "rPh"))
        x->in_phonetic = true;
    else if (is(name, "t"))
        x->in_text = !x->in_phonetic;
}

static void shared_add(struct shared *x)
{
    struct strings *s = &x->book->strings;

    book_unescape(&x->text, 0);
    if (s->len + x->text.len + (s->count + 1ull) * sizeof(*s->end) > x->max) {
        xml_part_stop(&x->part, WRONG_SHARED);
        return;
    }
    if (s->count == s->room) {
        s->room = s->room ? s->room * 2 : 1024;
        s->end = mem_resize(s->end, s->room, sizeof(*s->end));
    }
    if (s->len + x->text.len > s->capacity) {
        s->capacity = MAX(s->capacity + s->capacity / 2, s->len + x->text.len + 4096);
        s->bytes = mem_resize(s->bytes, s->capacity, 1);
    }
    if (x->text.len)
        memcpy(s->bytes + s->len, x->text.data, x->text.len);
    s->len += x->text.len;
    s->end[s->count++] = (uint32_t)s->len;
}

static void shared_end(void *arg, const char *name)
{
    struct shared *x = arg;

    if (is(name, "si"))
        shared_add(x);
    else if (is(name, "rPh"))
        x->in_phonetic = false;
    else if (is(name, "t"))
        x->in_text = false;
}

static void shared_text(void *arg, const char *s, int len)
{
    struct shared *x = arg;

    if (!x->in_text)
        return;
    buf_add(&x->text, s, (size_t)len);
    if (x->text.len > SHEET_CELL_MAX)
        xml_part_stop(&x->part, WRONG_CELL);
}

static int read_shared(struct package *p, struct book *b, uint64_t max, struct sheet_fault *fault)
{
    struct shared x = {.book = b, .max = max};
    struct xml_part_handlers h = {shared_start, shared_end, shared_text, &x};
    int r = xml_part_read(p, b->shared, &h, &x.part, fault);

    buf_done(&x.text);
    return r;
}

struct text book_string(const struct book *b, uint32_t n)
{
    const struct strings *s = &b->strings;
    uint32_t from = n > 0 && n < s->count ? s->end[n - 1] : 0;

    if (n >= s->count || s->end[n] == from) /* where all are empty there are no bytes */
        return (struct text){"", 0};
    return (struct text){s->bytes + from, s->end[n] - from};
}

static int hex4(const char *p)
{
    int v = 0;

    for (int i = 0; i < 4; i++) {
        int d = p[i] >= '0' && p[i] <= '9'   ? p[i] - '0'
                : p[i] >= 'A' && p[i] <= 'F' ? p[i] - 'A' + 10
                : p[i] >= 'a' && p[i] <= 'f' ? p[i] - 'a' + 10
                                             : -1;

        if (d < 0)
            return -1;
        v = v * 16 + d;
    }
    return v;
}

void book_unescape(struct buf *b, size_t at)
{
    size_t to = at;

    if (b->len < at + 7 || !memmem(b->data + at, b->len - at, "_x", 2))
        return;
    for (size_t i = at; i < b->len;) {
        int c = i + 7 <= b->len && b->data[i] == '_' && b->data[i + 1] == 'x' && b->data[i + 6] == '_'
                    ? hex4(b->data + i + 2)
                    : -1;

        if (c > 0 && c < 0x80) { /* what programs write that way: control characters and '_' */
            b->data[to++] = (char)c;
            i += 7;
        } else {
            b->data[to++] = b->data[i++];
        }
    }
    b->len = to;
    b->data[to] = '\0';
}

int book_read(struct package *p, uint64_t shared_max, struct book *ret, struct sheet_fault *fault)
{
    struct reading x = {.book = ret};
    int r;

    *ret = (struct book){0};
    r = read_workbook(p, &x, fault);
    if (r == 0 && (!ret->sheet || !package_has(p, ret->sheet)))
        r = sheet_wrong(fault, WRONG_NOTHING, 0);
    if (r == 0 && ret->shared && package_has(p, ret->shared))
        r = read_shared(p, ret, shared_max, fault);
    free(x.sheet_id);
    free(x.workbook);
    free(x.directory);
    free(x.formats);
    if (r < 0)
        book_done(ret);
    return r;
}

void book_done(struct book *b)
{
    free(b->sheet);
    free(b->styles);
    free(b->shared);
    free(b->style);
    free(b->strings.bytes);
    free(b->strings.end);
    *b = (struct book){0};
}
