/* Templates and tables of bad rows. */
#include "resource/transfer/import_sheet.h"

#include <errno.h>
#include <unistd.h>

#include "base/mem.h"
#include "loop/helper.h"
#include "resource/transfer/import_batch.h"
#include "resource/transfer/scratch.h"

#define TEMPLATE_MAX (4u << 20)

/* ---- templates ---- */

struct template
{
    const struct resource *res;
    enum sheet_format format;
    bool is_english;
    struct sheet_column columns[ALL_FIELDS_MAX + 1];
    uint32_t count;
    struct buf *out;
    int result;
};

static const char *pick(const struct template *t, const char *zh, const char *en)
{
    return t->is_english ? en : zh;
}

/* What a program may offer: as long as one list may be there. */
static const char *const *choices_of(struct arena *a, const struct template *t, const struct field *f)
{
    static const char *const yes_no_zh[] = {"是", "否", NULL}, *const yes_no_en[] = {"Yes", "No", NULL};
    const char **list;
    size_t len = 0;

    if (f->type == FIELD_BOOLEAN)
        return t->is_english ? yes_no_en : yes_no_zh;
    if (f->type != FIELD_ENUM)
        return NULL;
    list = arena_array(a, f->value_count + 1, sizeof(*list));
    for (uint32_t i = 0; i < f->value_count; i++) {
        list[i] = pick(t, f->values[i].label.zh, f->values[i].label.en);
        len += text_chars(text_of(list[i])) + 1;
        if (strchr(list[i], ','))
            return NULL;
    }
    return len < 250 ? list : NULL;
}

static struct sheet_column column_for(struct call *c, const struct template *t, const struct field *f)
{
    static const char *const formats[FIELD_TYPES] = {[FIELD_DATE] = "yyyy-mm-dd",
        [FIELD_DATETIME] = "yyyy-mm-dd hh:mm",
        [FIELD_MONEY] = "0.00",
        [FIELD_INTEGER] = "0"};

    return (struct sheet_column){.title = pick(t, f->label.zh, f->label.en),
        .is_required = f->is_required,
        .is_text = !formats[f->type],
        .format = formats[f->type],
        .choices = choices_of(c->arena, t, f)};
}

static int make_template(struct template *t, int fd)
{
    struct sheet_writer *w;
    off_t size;
    int r = sheet_writer_new(t->format, fd, scratch_directory(), pick(t, t->res->label.zh, t->res->label.en),
        t->columns, t->count, &w);

    if (r == 0)
        r = sheet_writer_end(w);
    size = r == 0 ? lseek(fd, 0, SEEK_END) : -1;
    if (r == 0 && (size < 0 || size > TEMPLATE_MAX))
        r = -EIO;
    if (r == 0) {
        buf_reserve(t->out, (size_t)size + 1);
        t->out->len = (size_t)size;
        r = pread(fd, t->out->data, (size_t)size, 0) == size ? 0 : -EIO;
    }
    return r;
}

static void do_template(void *arg)
{
    struct template *t = arg;
    int fd = scratch_file();

    t->result = fd < 0 ? fd : make_template(t, fd);
    if (fd >= 0)
        close(fd);
}

int import_template(
    struct call *c, const struct resource *res, enum sheet_format format, bool is_english, struct buf *ret)
{
    struct template *t = arena_alloc(c->arena, sizeof(*t));
    int r;

    *t = (struct template){.res = res, .format = format, .is_english = is_english, .out = ret};
    t->columns[t->count++] =
        (struct sheet_column){.title = pick(t, "机构代码", "Unit code"), .is_text = true, .width = 16};
    for (uint32_t i = 0; i < res->field_count; i++)
        if (res->fields[i].set_by == SET_BY_USER)
            t->columns[t->count++] = column_for(c, t, &res->fields[i]);
    r = helper_run(HELPER_FILE, do_template, t);
    return r < 0 ? r : t->result;
}

/* ---- bad rows ---- */

static const struct db_stmt faults_of_rows = {"import.faults_of_rows",
    "SELECT row, string_agg(CASE WHEN header = '' THEN zh ELSE header || '：' || zh END, ' ' ORDER BY n) "
    "FROM "
    "juxin.import_fault WHERE tenant_id = $1 AND import_id = $2 AND row >= $3 AND row <= $4 GROUP BY row "
    "ORDER BY row"};

static const struct db_stmt any_fault = {
    "import.any_fault", "SELECT 1 FROM juxin.import_fault WHERE tenant_id = $1 AND import_id = $2 LIMIT 1"};

struct making {
    const struct import *im;
    int fd;
    struct sheet_writer *writer; /* NULL before the first bad row */
    struct import_reader reader;
    struct import_batch *batch;
    struct fault_line {
        uint32_t row;
        char *reason;
    } faults[IMPORT_BATCH]; /* of the rows in the batch */
    uint32_t count;
    struct arena *arena; /* of the reasons */
    int result;
};

static int read_faults(struct call *c, struct job *j, void *arg)
{
    struct making *m = arg;
    struct db_args a;
    struct db_call call = {.stmt = faults_of_rows, .args = &a};
    int r;

    j->stage = "errors";
    arena_reset(m->arena);
    db_args_reset(&a);
    db_arg_int(&a, c->tenant->id);
    db_arg_uuid(&a, m->im->id);
    db_arg_int(&a, m->batch->lines[0].number);
    db_arg_int(&a, m->batch->lines[m->batch->count - 1].number);
    r = call_read(c, &call, 1);
    m->count = r == 0 ? MIN((uint32_t)db_rows_count(call.rows), IMPORT_BATCH) : 0;
    for (uint32_t i = 0; i < m->count; i++)
        m->faults[i] = (struct fault_line){
            (uint32_t)db_get_int(call.rows, (int)i, 0), arena_dup(m->arena, db_get(call.rows, (int)i, 1))};
    return r;
}

/* On a helper thread. */
static void begin_errors(void *arg)
{
    struct making *m = arg;
    struct sheet_column *columns = mem_zarray(m->im->column_count + 2, sizeof(*columns));
    uint32_t n = m->im->column_count;

    columns[0] = (struct sheet_column){.title = "行号", .width = 8};
    columns[1] = (struct sheet_column){.title = "原因", .width = 60};
    for (uint32_t i = 0; i < n; i++)
        columns[i + 2] = (struct sheet_column){.title = m->im->columns[i].header, .is_text = true};
    m->fd = scratch_file();
    m->result = m->fd < 0 ? m->fd
                          : sheet_writer_new(
                                SHEET_XLSX, m->fd, scratch_directory(), "错误", columns, n + 2, &m->writer);
    free(columns);
}

static int write_line(struct making *m, const struct import_line *line, const char *reason)
{
    struct sheet_cell cells[IMPORT_COLUMNS_MAX + 2];
    char number[16];

    snprintf(number, sizeof(number), "%u", line->number);
    cells[0] = (struct sheet_cell){SHEET_NUMBER, text_of(number)};
    cells[1] = (struct sheet_cell){SHEET_TEXT, text_of(reason)};
    for (uint32_t i = 0; i < line->count; i++) {
        cells[i + 2] = line->cells[i];
        cells[i + 2].text = sheet_plain(line->cells[i].text); /* the writer puts its apostrophe again */
        if (line->cells[i].kind == SHEET_NUMBER)
            cells[i + 2].kind = SHEET_TEXT; /* the digits, as they stand in the file */
    }
    return sheet_writer_row(m->writer, cells, line->count + 2);
}

static void end_errors(void *arg)
{
    struct making *m = arg;
    struct sheet_writer *w = m->writer;

    m->writer = NULL;
    m->result = sheet_writer_end(w);
}

static void drop_errors(void *arg)
{
    struct making *m = arg;

    sheet_writer_drop(m->writer);
    if (m->fd >= 0)
        close(m->fd);
}

static int on_helper(struct making *m, void (*fn)(void *arg))
{
    int r = helper_run(HELPER_FILE, fn, m);

    return r < 0 ? r : m->result;
}

/* Faults and rows are both in order of the file. On a helper thread: some hundred rows. */
static void write_bad(void *arg)
{
    struct making *m = arg;
    uint32_t k = 0;

    m->result = 0;
    for (uint32_t i = 0; i < m->batch->count && m->result == 0; i++) {
        const struct import_line *line = &m->batch->lines[i];

        if (k < m->count && m->faults[k].row == line->number)
            m->result = write_line(m, line, m->faults[k++].reason);
    }
}

static int copy_batch(struct job *j, struct making *m)
{
    int r = job_step(j, read_faults, m);

    if (r < 0 || m->count == 0)
        return r;
    if (!m->writer)
        r = on_helper(m, begin_errors);
    return r < 0 ? r : on_helper(m, write_bad);
}

static int look_for_any(struct call *c, struct job *j, void *arg)
{
    struct making *m = arg;
    struct db_args a;
    struct db_call call = {.stmt = any_fault, .args = &a};
    int r;

    (void)j;
    db_args_reset(&a);
    db_arg_int(&a, c->tenant->id);
    db_arg_uuid(&a, m->im->id);
    r = call_read(c, &call, 1);
    m->count = r == 0 ? (uint32_t)db_rows_count(call.rows) : 0;
    return r;
}

static int make(struct job *j, struct making *m, struct import_errors *ret)
{
    int r = job_step(j, look_for_any, m);

    if (r < 0 || m->count == 0)
        return r;
    r = import_reader_open(&m->reader, j->tenant, &m->im->digest, 0);

    do {
        if (r == 0)
            r = import_reader_begin(&m->reader, m->batch);
        if (r == 0)
            r = import_reader_end(&m->reader);
        if (r == 0 && m->batch->count)
            r = copy_batch(j, m);
    } while (r == 0 && !m->batch->at_end);
    if (r < 0 || !m->writer)
        return r;
    r = on_helper(m, end_errors);
    return r < 0 ? r : scratch_store(j->tenant, m->fd, &ret->blob, &ret->digest, &ret->size);
}

int import_errors_make(struct job *j, const struct import *im, struct import_errors *ret)
{
    struct making *m = mem_zalloc(sizeof(*m));
    int r;

    m->im = im;
    m->arena = arena_new();
    m->fd = m->reader.fd = -1;
    m->batch = mem_zalloc(sizeof(*m->batch));
    *ret = (struct import_errors){0};
    r = make(j, m, ret);
    import_reader_close(&m->reader);
    if (helper_run(HELPER_FILE, drop_errors, m) < 0)
        drop_errors(m);
    arena_free(m->batch->arena);
    arena_free(m->arena);
    free(m->batch);
    free(m);
    return r;
}

void import_errors_done(struct import_errors *e)
{
    if (e->blob)
        blob_store()->end(e->blob);
    e->blob = NULL;
}
