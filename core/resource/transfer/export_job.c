/* Making an export: a page of the list a step, into a file beside the store, then into the store. A job that was broken off
 * begins anew: nothing of what it did counts before its last step. */
#include "resource/transfer/export_job.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/json.h"
#include "base/mem.h"
#include "loop/helper.h"
#include "resource/beside/file.h"
#include "resource/declare/edition.h"
#include "resource/declare/resource.h"
#include "resource/transfer/columns.h"
#include "resource/transfer/export.h"
#include "resource/transfer/scratch.h"

#define PAGE 1000 /* rows a step */

static const struct db_stmt find = {"export.input",
    "SELECT resource, format, language, query, fields FROM juxin.export WHERE tenant_id = $1 "
    "AND id = $2 AND sha256 IS NULL"};
static const struct db_stmt finish = {"export.finish",
    "UPDATE juxin.export SET rows = $3, left_out = $4, size = $5, sha256 = $6, units = $7 WHERE tenant_id = "
    "$1 AND id = "
    "$2 AND sha256 "
    "IS NULL"};

struct page_cell {
    enum sheet_kind kind;
    size_t at, len;
};

struct making {
    struct arena *arena; /* the job's */
    struct uuid id;
    const struct resource *res;
    bool is_gone; /* the export was removed meanwhile */
    enum sheet_format format;
    bool is_english;
    struct query_param *params; /* the cursor's place is the last */
    size_t param_count;
    struct column columns[COLUMNS_MAX];
    uint32_t column_count;
    /* A page: what a step read and a helper writes. */
    struct buf bytes;
    struct page_cell *cells;
    uint32_t rows, left_out;
    char *next; /* the cursor behind it; NULL: it was the last */
    /* All of it. */
    struct uuid *units; /* whose records are in it, sorted */
    uint32_t unit_count;
    int64_t all_rows, all_left_out;
    int fd;
    struct sheet_writer *writer;
    int result; /* of the helper's */
    struct sha256 digest;
    uint64_t size;
    struct blob_writer *blob;
};

/* ---- what is asked for ---- */

static int take_params(struct making *m, struct text json)
{
    json_t *list = NULL, *pair;
    size_t i;

    if (json_parse(json, JSON_LIMITS, &list, NULL) < 0)
        return -EIO;
    m->params = arena_array(m->arena, json_array_size(list) + 1, sizeof(*m->params));
    json_array_foreach(list, i, pair)
    {
        const char *name = json_string_value(json_array_get(pair, 0)),
                   *value = json_string_value(json_array_get(pair, 1));

        m->params[m->param_count++] = (struct query_param){
            text_of(arena_dup(m->arena, name ? name : "")), text_of(arena_dup(m->arena, value ? value : ""))};
    }
    json_decref(list);
    return 0;
}

static int take_input(struct call *c, struct job *j, void *arg)
{
    struct making *m = arg;
    struct db_args a;
    struct db_call call = {.stmt = find, .args = &a};
    struct text names;
    int r;

    m->param_count = m->column_count = 0;
    db_args_reset(&a);
    db_arg_int(&a, c->tenant->id);
    db_arg_uuid(&a, m->id);
    r = call_read(c, &call, 1);
    if (r < 0)
        return r;
    m->is_gone = db_rows_count(call.rows) == 0;
    if (m->is_gone)
        return 0;
    m->res = edition_keep(m->arena, c->tenant, resource_find(db_get(call.rows, 0, 0)));
    if (!m->res)
        return call_fail(
            c, 404, "not_found", "The plugin of these records is not there any more.", "相应插件已不存在。");
    m->format = strcmp(db_get(call.rows, 0, 1), "csv") == 0 ? SHEET_CSV : SHEET_XLSX;
    m->is_english = strcmp(db_get(call.rows, 0, 2), "en") == 0;
    names = text_of(arena_dup(m->arena, db_get(call.rows, 0, 4)));
    while (names.ptr && m->column_count < COLUMNS_MAX)
        m->column_count += column_find(m->res, text_split(&names, ','), &m->columns[m->column_count]) == 0;
    j->stage = "reading";
    return take_params(m, db_get_text(call.rows, 0, 3));
}

/* ---- a page ---- */

static void note_unit(struct making *m, struct uuid unit)
{
    uint32_t low = 0, high = m->unit_count;

    while (low < high) {
        uint32_t mid = (low + high) / 2;

        if (uuid_cmp(m->units[mid], unit) < 0)
            low = mid + 1;
        else
            high = mid;
    }
    if (low < m->unit_count && uuid_eq(m->units[low], unit))
        return;
    m->units = mem_resize(m->units, m->unit_count + 1, sizeof(*m->units));
    memmove(&m->units[low + 1], &m->units[low], (m->unit_count - low) * sizeof(*m->units));
    m->units[low] = unit;
    m->unit_count++;
}

static void add_record(struct call *c, struct making *m, const struct record *rec)
{
    struct page_cell *out = m->cells + (size_t)m->rows * m->column_count;

    if (rec->unit == TREE_NONE ||
        !subject_may(c->who, c->tenant, m->res->permissions[ACTION_EXPORT], rec->unit)) {
        m->left_out++;
        return;
    }
    for (uint32_t i = 0; i < m->column_count; i++) {
        struct sheet_cell cell = column_cell(c, rec, &m->columns[i], m->is_english);

        out[i] = (struct page_cell){cell.kind, m->bytes.len, cell.text.len};
        buf_add_text(&m->bytes, cell.text);
    }
    m->rows++;
    note_unit(m, rec->unit_id);
}

static int read_page(struct call *c, struct job *j, void *arg)
{
    struct making *m = arg;
    struct query_page page;
    struct query q;
    int r;

    buf_clear(&m->bytes);
    m->rows = m->left_out = 0;
    free(m->next);
    m->next = NULL;
    r = query_parse(c, m->res, m->params, m->param_count, &q);
    q.limit = PAGE;
    if (r == 0)
        r = query_run(c, &q, &page);
    if (r < 0)
        return r;
    for (uint32_t i = 0; i < page.count; i++)
        add_record(c, m, page.records[i]);
    m->next = str_dup(page.next);
    j->done = m->all_rows + m->rows;
    return 0;
}

/* On a helper thread. */
static void write_page(void *arg)
{
    struct making *m = arg;
    struct sheet_cell cells[COLUMNS_MAX];
    int r = 0;

    for (uint32_t row = 0; row < m->rows && r == 0; row++) {
        const struct page_cell *in = m->cells + (size_t)row * m->column_count;

        for (uint32_t i = 0; i < m->column_count; i++)
            cells[i] = (struct sheet_cell){in[i].kind, {buf_str(&m->bytes) + in[i].at, in[i].len}};
        r = sheet_writer_row(m->writer, cells, m->column_count);
    }
    m->result = r;
}

static int on_helper(struct making *m, void (*fn)(void *arg))
{
    int r = helper_run(HELPER_FILE, fn, m);

    return r < 0 ? r : m->result;
}

static int read_all(struct job *j, struct making *m)
{
    struct text cursor = {NULL, 0};
    size_t plain = m->param_count;
    int r;

    do {
        m->params[plain] = (struct query_param){TEXT("cursor"), cursor};
        m->param_count = plain + (cursor.ptr != NULL);
        r = job_step(j, read_page, m);
        if (r == 0)
            r = on_helper(m, write_page);
        m->all_rows += m->rows;
        m->all_left_out += m->left_out;
        cursor = text_of(arena_dup(m->arena, m->next));
    } while (r == 0 && cursor.ptr);
    m->param_count = plain;
    return r;
}

/* ---- the file ---- */

static void begin_file(void *arg)
{
    struct making *m = arg;
    struct sheet_column *titles = mem_zarray(m->column_count, sizeof(*titles));

    m->fd = scratch_file();
    for (uint32_t i = 0; i < m->column_count; i++) {
        const struct column *c = &m->columns[i];

        titles[i].title = m->is_english ? c->label.en : c->label.zh;
        titles[i].width = c->field && c->field->type == FIELD_LONGTEXT ? 40 : 0;
    }
    m->result = m->fd < 0 ? m->fd
                          : sheet_writer_new(m->format, m->fd, scratch_directory(),
                                m->is_english ? m->res->label.en : m->res->label.zh, titles, m->column_count,
                                &m->writer);
    free(titles);
}

static void end_file(void *arg)
{
    struct making *m = arg;
    struct sheet_writer *w = m->writer;

    m->writer = NULL;
    m->result = sheet_writer_end(w);
}

static void drop_file(void *arg)
{
    struct making *m = arg;

    sheet_writer_drop(m->writer);
    if (m->fd >= 0)
        close(m->fd);
}

static const char *units_text(struct arena *a, const struct making *m)
{
    struct buf b = BUF_INIT;
    const char *s;

    for (uint32_t i = 0; i < m->unit_count; i++)
        buf_addf(&b, "%s%s", i ? "," : "", uuid_format(m->units[i]).s);
    s = arena_dup(a, buf_str(&b));
    buf_done(&b);
    return s;
}

static int keep(struct call *c, struct job *j, void *arg)
{
    struct making *m = arg;
    struct db_args a;
    int r = file_keep(c, m->blob, &m->digest, m->size);

    if (r < 0)
        return r;
    db_args_reset(&a);
    db_arg_int(&a, c->tenant->id);
    db_arg_uuid(&a, m->id);
    db_arg_int(&a, m->all_rows);
    db_arg_int(&a, m->all_left_out);
    db_arg_int(&a, (int64_t)m->size);
    db_arg_str(&a, file_hex(c->arena, &m->digest));
    db_arg_str(&a, units_text(c->arena, m));
    r = db_exec_expect(c->tx, finish, &a, 1);
    if (r == -ESTALE)
        return call_fail(c, 409, "export_gone", "The export was removed meanwhile.", "该导出已被删除。");
    if (r == 0)
        r = call_audit(
            c, arena_printf(c->arena, "%s.export_made", m->res->full_name), "export", m->id, UUID_NIL, NULL);
    j->stage = "done";
    j->total = j->done = m->all_rows;
    j->result = arena_printf(c->arena, "{\"export\":\"%s\",\"rows\":%lld,\"left_out\":%lld}",
        uuid_format(m->id).s, (long long)m->all_rows, (long long)m->all_left_out);
    return r;
}

static int make(struct job *j, struct making *m)
{
    int r = on_helper(m, begin_file);

    if (r == 0)
        r = read_all(j, m);
    if (r == 0)
        r = on_helper(m, end_file);
    if (r == 0)
        r = scratch_store(j->tenant, m->fd, &m->blob, &m->digest, &m->size);
    if (r == 0)
        r = job_step(j, keep, m);
    if (r == -EFBIG)
        r = job_fail(j, "sheet_rows",
            "An XLSX file has no more than 1,048,576 rows. Export as CSV, or filter the list.",
            "XLSX 文件最多 1048576 行，请改用 CSV 或缩小筛选范围。");
    return r;
}

static int run(struct job *j)
{
    struct making m = {.arena = j->arena, .fd = -1};
    json_t *input = NULL;
    const char *id;
    int r = -EINVAL;

    if (json_parse(text_of(j->input), JSON_LIMITS, &input, NULL) == 0) {
        id = json_str(input, "export");
        r = id ? uuid_parse(text_of(id), &m.id) : -EINVAL;
        json_decref(input);
    }
    if (r < 0)
        return job_fail(j, "input", "The job's input is not one.", "任务输入无效。");
    r = job_step(j, take_input, &m);
    if (r < 0 || m.is_gone)
        return r;
    m.cells = mem_zarray((size_t)PAGE * m.column_count, sizeof(*m.cells));
    r = make(j, &m);
    if (m.blob)
        blob_store()->end(m.blob);
    if (helper_run(HELPER_FILE, drop_file, &m) < 0)
        drop_file(&m);
    free(m.cells);
    free(m.next);
    free(m.units);
    buf_done(&m.bytes);
    return r;
}

const struct job_kind export_job = {
    .name = "resource.export", .label_zh = "导出", .label_en = "Export", .as = JOB_AS_CREATOR, .run = run};
