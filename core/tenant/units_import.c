/* Import of a tree: reading the file. */
#include "tenant/units_import.h"

#include <errno.h>

#include "base/buf.h"
#include "tenant/import_fault.h"

void units_import_init(struct units_import *im, struct arena *a)
{
    *im = (struct units_import){.arena = a};
    im->tail = &im->faults;
}

void import_fault(struct units_import *im, const char *pointer, const char *member, const char *code,
    const char *en, const char *zh)
{
    struct units_import_fault *f;

    if (im->fault_count++ >= UNITS_IMPORT_FAULTS_MAX)
        return;
    f = arena_alloc(im->arena, sizeof(*f));
    *f = (struct units_import_fault){
        .pointer = arena_printf(im->arena, "%s%s", pointer, member), .code = code, .en = en, .zh = zh};
    *im->tail = f;
    im->tail = &f->next;
}

static struct units_import_row *add_row(struct units_import *im)
{
    if (im->count == im->capacity) {
        uint32_t capacity = im->capacity ? im->capacity * 2 : 256;
        struct units_import_row *rows = arena_array(im->arena, capacity, sizeof(*rows));

        if (im->count)
            memcpy(rows, im->rows, im->count * sizeof(*rows));
        im->rows = rows;
        im->capacity = capacity;
    }
    return &im->rows[im->count++];
}

static bool too_many(struct units_import *im, const char *pointer)
{
    if (im->count < UNITS_MAX)
        return false;
    import_fault(im, pointer, "", "too_many", "A tenant has at most 20000 units.", "组织机构最多 20000 个。");
    return true;
}

/* The texts of one row, whatever the file was; NULL members are absent. */
static void take_row(struct units_import *im, const char *pointer, const char *code, const char *name,
    const char *level, const char *parent)
{
    const char *why_code = unit_code_objection(text_of(code)), *why_name = unit_name_objection(text_of(name));
    struct units_import_row *row = add_row(im);

    *row = (struct units_import_row){
        .code = code ? code : "", .name = name ? name : "", .parent = parent, .pointer = pointer};
    if (why_code)
        import_fault(im, pointer, "/code", why_code, "A code has 1 to 32 letters, digits, '-', '_' or '.'.",
            "编码为 1 至 32 位字母、数字、“-”、“_”或“.”。");
    if (why_name)
        import_fault(im, pointer, "/name", why_name,
            "A name has 1 to 100 characters and no control characters.",
            "名称为 1 至 100 个字符，不含控制字符。");
    row->has_level = level_parse(text_of(level), &row->level) == 0;
    if (!row->has_level)
        import_fault(im, pointer, "/level", level ? "unknown" : "required",
            "A level is county, street, community or park.", "级别为 county、street、community 或 park。");
}

/* ---- JSON ---- */

static const char *member(struct units_import *im, const json_t *object, const char *key, const char *pointer)
{
    const json_t *v = json_object_get(object, key);

    if (!v || json_is_null(v))
        return NULL;
    if (json_is_string(v))
        return json_string_value(v);
    import_fault(
        im, pointer, arena_printf(im->arena, "/%s", key), "type", "A string is expected.", "应为字符串。");
    return NULL;
}

static void json_row(struct units_import *im, const json_t *object, const char *pointer)
{
    const char *key;
    json_t *value;

    if (!json_is_object(object)) {
        import_fault(im, pointer, "", "type", "An object is expected.", "应为对象。");
        return;
    }
    json_object_foreach((json_t *)(uintptr_t)object, key, value)
    {
        if (strcmp(key, "code") && strcmp(key, "name") && strcmp(key, "level") && strcmp(key, "parent"))
            import_fault(im, pointer, arena_printf(im->arena, "/%s", key), "unknown_field",
                "Known are code, name, level and parent.", "只接受 code、name、level、parent。");
    }
    take_row(im, pointer, member(im, object, "code", pointer), member(im, object, "name", pointer),
        member(im, object, "level", pointer), member(im, object, "parent", pointer));
}

void units_import_json(struct units_import *im, const json_t *root)
{
    const json_t *units = json_object_get(root, "units"), *unit;
    size_t i;

    if (!json_is_array(units)) {
        import_fault(im, "/units", "", units ? "type" : "required", "An array of units is expected.",
            "应为机构数组。");
        return;
    }
    json_array_foreach(units, i, unit)
    {
        const char *pointer = arena_printf(im->arena, "/units/%zu", i);

        if (too_many(im, pointer))
            return;
        json_row(im, unit, pointer);
    }
}

/* ---- CSV (RFC 4180) ---- */

struct csv {
    struct text in;
    size_t at;
    uint32_t line;
};

#define CSV_COLUMNS_MAX 16

/* One field into *ret; 1 when another follows on the line, 0 at the end of the line, -EINVAL for a stray quote. */
static int csv_field(struct csv *c, struct buf *out)
{
    bool quoted = c->at < c->in.len && c->in.ptr[c->at] == '"';

    buf_clear(out);
    if (quoted)
        c->at++;
    for (;; c->at++) {
        char ch = c->at < c->in.len ? c->in.ptr[c->at] : '\n';

        if (quoted && c->at >= c->in.len)
            return -EINVAL;
        if (quoted && ch == '"') {
            if (c->at + 1 < c->in.len && c->in.ptr[c->at + 1] == '"') {
                buf_addc(out, '"');
                c->at++;
                continue;
            }
            quoted = false;
            if (c->at + 1 < c->in.len && !strchr(",\r\n", c->in.ptr[c->at + 1]))
                return -EINVAL;
            continue;
        }
        if (!quoted && (ch == ',' || ch == '\n' ||
                           (ch == '\r' && (c->at + 1 >= c->in.len || c->in.ptr[c->at + 1] == '\n')))) {
            c->at += ch == '\r' ? 2 : 1;
            return ch == ',';
        }
        buf_addc(out, ch);
    }
}

/* The fields of one line, blank-trimmed; their number, or -EINVAL. */
static int csv_line(struct csv *c, struct arena *a, const char *fields[CSV_COLUMNS_MAX])
{
    struct buf b = BUF_INIT;
    int n = 0, r = 1;

    c->line++;
    while (r == 1) {
        r = csv_field(c, &b);
        if (r < 0 || n == CSV_COLUMNS_MAX) {
            r = -EINVAL;
            break;
        }
        {
            struct text t = text_trim(buf_text(&b), " \t");

            fields[n++] = arena_ndup(a, t.ptr ? t.ptr : "", t.len);
        }
    }
    buf_done(&b);
    return r < 0 ? r : n;
}

static const char *const csv_names[] = {"code", "name", "level", "parent"};

static int csv_header(struct units_import *im, struct csv *c, int column[4])
{
    const char *fields[CSV_COLUMNS_MAX];
    int n = csv_line(c, im->arena, fields), r = 0;

    for (int k = 0; k < 4; k++) {
        column[k] = -1;
        for (int i = 0; i < n; i++) {
            if (text_is_nocase(text_of(fields[i]), csv_names[k]))
                column[k] = i;
        }
        if (column[k] < 0) {
            import_fault(im, "/rows/1", arena_printf(im->arena, "/%s", csv_names[k]), "required",
                "The first line names the columns: code,name,level,parent.",
                "首行应为列名：code,name,level,parent。");
            r = -EINVAL;
        }
    }
    return r;
}

static const char *csv_value(const char **fields, int n, int column)
{
    return column < n && *fields[column] ? fields[column] : NULL;
}

void units_import_csv(struct units_import *im, struct text in)
{
    struct csv c = {.in = in};
    const char *fields[CSV_COLUMNS_MAX];
    int column[4], n;

    if (text_has_prefix(in, "\xef\xbb\xbf"))
        c.at = 3;
    if (!text_is_utf8(in) || memchr(in.ptr ? in.ptr : "", 0, in.len)) {
        import_fault(im, "/rows/1", "", "encoding", "UTF-8 is expected.", "文件须为 UTF-8 编码。");
        return;
    }
    if (csv_header(im, &c, column) < 0)
        return;
    while (c.at < in.len) {
        const char *pointer = arena_printf(im->arena, "/rows/%u", c.line + 1);

        n = csv_line(&c, im->arena, fields);
        if (n == 1 && !*fields[0])
            continue; /* an empty line */
        if (n < 0) {
            import_fault(im, pointer, "", "csv",
                "This line is not CSV (a quote that does not end, or too many fields).",
                "该行不是有效的 CSV（引号未闭合或列数过多）。");
            return;
        }
        if (too_many(im, pointer))
            return;
        take_row(im, pointer, csv_value(fields, n, column[0]), csv_value(fields, n, column[1]),
            csv_value(fields, n, column[2]), csv_value(fields, n, column[3]));
    }
}
