/* Tables on the terminal: columns as wide as their widest cell, where a Chinese character takes two places. */
#include "base/mem.h"
#include "ctl/ctl.h"

struct ctl_table {
    struct ctl *ctl;
    const char *const *titles;
    size_t columns, count, capacity;
    char **cells;
};

struct ctl_table *ctl_table_new(struct ctl *c, const char *const *titles)
{
    struct ctl_table *t = mem_zalloc(sizeof(*t));

    t->ctl = c;
    t->titles = titles;
    while (titles[t->columns])
        t->columns++;
    return t;
}

void ctl_table_cell(struct ctl_table *t, const char *value)
{
    if (t->count == t->capacity) {
        t->capacity = MAX(64, t->capacity * 2);
        t->cells = mem_resize(t->cells, t->capacity, sizeof(*t->cells));
    }
    t->cells[t->count++] = str_dup(value);
}

static size_t width_of(const char *s)
{
    size_t width = 0;

    for (; s && *s; s++) {
        uint8_t c = (uint8_t)*s;

        /* Lead bytes E1 84 and up are mostly wide scripts; continuation bytes count nothing. */
        if ((c & 0xc0) != 0x80)
            width += c >= 0xe3 ? 2 : 1;
    }
    return width;
}

static void write_json(struct ctl_table *t)
{
    struct jsonw *w = &t->ctl->w;

    jsonw_array(w);
    for (size_t i = 0; i < t->count; i++) {
        if (i % t->columns == 0)
            jsonw_object(w);
        jsonw_kstr(w, t->titles[i % t->columns], t->cells[i]);
        if (i % t->columns == t->columns - 1)
            jsonw_object_end(w);
    }
    jsonw_array_end(w);
}

static void write_row(const char *const *cells, const size_t *widths, size_t columns)
{
    for (size_t i = 0; i < columns; i++) {
        const char *s = cells[i] ? cells[i] : "";

        if (i + 1 == columns)
            printf("%s\n", s);
        else
            printf("%s%*s", s, (int)(widths[i] - width_of(s) + 2), "");
    }
}

static void write_text(struct ctl_table *t)
{
    size_t *widths = mem_zarray(t->columns, sizeof(*widths));

    for (size_t i = 0; i < t->columns; i++)
        widths[i] = width_of(t->titles[i]);
    for (size_t i = 0; i < t->count; i++)
        widths[i % t->columns] = MAX(widths[i % t->columns], width_of(t->cells[i]));
    write_row(t->titles, widths, t->columns);
    for (size_t i = 0; i + t->columns <= t->count; i += t->columns)
        write_row((const char *const *)t->cells + i, widths, t->columns);
    free(widths);
}

void ctl_table_end(struct ctl_table *t)
{
    if (t->ctl->json)
        write_json(t);
    else
        write_text(t);
    ctl_table_free(t);
}

void ctl_table_free(struct ctl_table *t)
{
    for (size_t i = 0; i < t->count; i++)
        free(t->cells[i]);
    free(t->cells);
    free(t);
}

int ctl_table_read(struct ctl *c, struct call *call, struct db_call *read, const char *const *titles)
{
    struct ctl_table *t;
    int r = call_read(call, read, 1);

    if (r < 0)
        return r;
    t = ctl_table_new(c, titles);
    for (int i = 0; i < db_rows_count(read->rows); i++)
        for (size_t k = 0; k < t->columns; k++)
            ctl_table_cell(t, db_get(read->rows, i, (int)k));
    ctl_table_end(t);
    return 0;
}
