/* Making an export of own data: a page of a section a step, into a file beside the store, then into the store. A job that was
 * broken off begins anew. The sheet has a row for each value: section, record, field, value, what for, how long. */
#include "resource/own/own_export_job.h"

#include <errno.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "loop/helper.h"
#include "resource/beside/file.h"
#include "resource/own/own.h"
#include "resource/transfer/columns.h"
#include "resource/transfer/scratch.h"
#include "sheet/writer.h"

#define PAGE 200 /* items a step */
#define CELLS 6  /* of a row */

static const struct db_stmt find = {"own_export.input",
    "SELECT format, language FROM juxin.export WHERE tenant_id = $1 AND id = $2 AND sha256 IS NULL"};
static const struct db_stmt finish = {"own_export.finish",
    "UPDATE juxin.export SET rows = $3, left_out = 0, size = $4, sha256 = $5, units = '' WHERE tenant_id = "
    "$1 AND id = $2 AND "
    "sha256 IS NULL"};

struct making {
    struct uuid id;
    bool is_gone, is_json, is_english;
    uint32_t section, section_count;
    struct uuid after, next; /* of the page */
    /* A page: what a step read and a helper writes. JSON as it goes into the file; else the cells, CELLS to a row. */
    struct buf bytes;
    size_t *cells; /* where each begins in bytes */
    uint32_t rows, row_max;
    uint32_t items; /* of the page; the number of the first is all_items + 1 */
    /* All of it. */
    int64_t all_items, all_rows;
    int fd, result;
    struct sheet_writer *writer;
    struct sha256 digest;
    uint64_t size;
    struct blob_writer *blob;
};

static int take_input(struct call *c, struct job *j, void *arg)
{
    struct making *m = arg;
    struct db_args a;
    struct db_call call = {.stmt = find, .args = &a};
    int r;

    db_args_reset(&a);
    db_arg_int(&a, c->tenant->id);
    db_arg_uuid(&a, m->id);
    r = call_read(c, &call, 1);
    if (r < 0)
        return r;
    m->is_gone = db_rows_count(call.rows) == 0;
    if (m->is_gone)
        return 0;
    m->is_json = strcmp(db_get(call.rows, 0, 0), "json") == 0;
    m->is_english = strcmp(db_get(call.rows, 0, 1), "en") == 0;
    (void)own_sections(c, &m->section_count);
    j->stage = "reading";
    return 0;
}

/* ---- a page ---- */

static void add_row(struct making *m, const char *const cells[CELLS])
{
    if (m->rows == m->row_max) {
        m->row_max = m->row_max ? 2 * m->row_max : 256;
        m->cells = mem_resize(m->cells, (size_t)m->row_max * CELLS, sizeof(*m->cells));
    }
    for (size_t i = 0; i < CELLS; i++) {
        m->cells[(size_t)m->rows * CELLS + i] = m->bytes.len;
        buf_adds(&m->bytes, cells[i] ? cells[i] : "");
        buf_addc(&m->bytes, '\0');
    }
    m->rows++;
}

static const char *in_words(const struct making *m, const struct label *label)
{
    return m->is_english ? label->en : label->zh;
}

static void add_record(struct call *c, struct making *m, const struct own_section *s,
    const struct record *rec, const char *number)
{
    struct column columns[COLUMNS_MAX];
    uint32_t count = columns_of(s->res, columns);

    for (uint32_t i = 0; i < count; i++) {
        struct sheet_cell cell = column_cell(c, rec, &columns[i], m->is_english);
        const struct field *f = columns[i].field;

        if (cell.text.len > 0)
            add_row(m, (const char *[CELLS]){in_words(m, &s->label), number, in_words(m, &columns[i].label),
                           arena_ndup(c->arena, cell.text.ptr, cell.text.len), f ? f->purpose : NULL,
                           f ? f->retention : NULL});
    }
}

static void add_core(
    struct call *c, struct making *m, const struct own_page *p, uint32_t item, const char *number)
{
    const struct own_section *s = p->section;

    for (int k = 0; s->columns[k].name; k++) {
        const char *v = db_get(p->rows, (int)item, k + 1);

        if (v && s->columns[k].kind == OWN_TIME)
            v = arena_dup(c->arena, clock_format(db_get_time(p->rows, (int)item, k + 1)).s);
        if (v)
            add_row(m,
                (const char *[CELLS]){in_words(m, &s->label), number, in_words(m, &s->columns[k].label), v});
    }
}

static void add_sheet(struct call *c, struct making *m, const struct own_page *p)
{
    for (uint32_t i = 0; i < p->count; i++) {
        const char *number = arena_printf(c->arena, "%lld", (long long)m->all_items + 1 + i);

        if (p->records)
            add_record(c, m, p->section, p->records[i], number);
        else
            add_core(c, m, p, i, number);
    }
}

/* {"account": …, "made_at": …, "sections": [{"name", "label", "fields", "items": […]}, …]}, a piece a page. */
static void add_json(struct call *c, struct making *m, const struct own_page *p)
{
    bool is_first = uuid_is_nil(m->after), is_last = uuid_is_nil(p->next);
    struct jsonw w;

    jsonw_init(&w, &m->bytes);
    if (is_first && m->section == 0)
        buf_addf(&m->bytes, "{\"account\":\"%s\",\"made_at\":\"%s\",\"sections\":[\n",
            uuid_format(c->who->account).s, clock_format(c->now_us).s);
    if (is_first) {
        buf_adds(&m->bytes, m->section ? ",\n" : "");
        jsonw_object(&w);
        jsonw_kstr(&w, "name", p->section->name);
        jsonw_kstr(&w, "label", in_words(m, &p->section->label));
        own_fields_write(&w, p->section);
        jsonw_key(&w, "items");
        jsonw_array(&w);
    }
    for (uint32_t i = 0; i < p->count; i++) {
        if (!is_first || i > 0)
            buf_addc(&m->bytes, ',');
        w.need_comma = false;
        own_item_write(c, p, i, &w);
    }
    if (is_last)
        buf_adds(&m->bytes, "]}");
    if (is_last && m->section + 1 == m->section_count)
        buf_adds(&m->bytes, "\n]}\n");
}

static int read_page(struct call *c, struct job *j, void *arg)
{
    struct making *m = arg;
    uint32_t count;
    const struct own_section *all = own_sections(c, &count);
    struct own_page page;
    int r;

    buf_clear(&m->bytes);
    m->rows = 0;
    r = own_read(c, c->who->account, &all[m->section], m->after, PAGE, &page);
    if (r < 0)
        return r;
    if (m->is_json)
        add_json(c, m, &page);
    else
        add_sheet(c, m, &page);
    m->items = page.count;
    m->next = page.next;
    j->done = m->all_items + page.count;
    return 0;
}

static int write_bytes(struct making *m)
{
    for (size_t at = 0; at < m->bytes.len;) {
        ssize_t n = write(m->fd, m->bytes.data + at, m->bytes.len - at);

        if (n < 0 && errno != EINTR)
            return -errno;
        at += n > 0 ? (size_t)n : 0;
    }
    return 0;
}

/* On a helper thread. */
static void write_page(void *arg)
{
    struct making *m = arg;
    struct sheet_cell cells[CELLS];

    m->result = m->is_json ? write_bytes(m) : 0;
    for (uint32_t row = 0; row < m->rows && m->result == 0; row++) {
        for (size_t i = 0; i < CELLS; i++) {
            struct text t = text_of(m->bytes.data + m->cells[(size_t)row * CELLS + i]);

            cells[i] = (struct sheet_cell){t.len ? SHEET_TEXT : SHEET_EMPTY, t};
        }
        m->result = sheet_writer_row(m->writer, cells, CELLS);
    }
}

static int on_helper(struct making *m, void (*fn)(void *arg))
{
    int r = helper_run(HELPER_FILE, fn, m);

    return r < 0 ? r : m->result;
}

static int read_all(struct job *j, struct making *m)
{
    int r = 0;

    for (m->section = 0; m->section < m->section_count && r == 0; m->section++) {
        m->after = UUID_NIL;
        do {
            r = job_step(j, read_page, m);
            if (r == 0)
                r = on_helper(m, write_page);
            m->all_items += m->items;
            m->all_rows += m->rows;
            m->after = m->next;
        } while (r == 0 && !uuid_is_nil(m->after));
    }
    return r;
}

/* ---- the file ---- */

static void begin_file(void *arg)
{
    static const char *const zh[CELLS] = {"类别", "序号", "项目", "内容", "用途", "保存期限"};
    static const char *const en[CELLS] = {"Section", "No.", "Field", "Value", "Purpose", "Kept for"};
    struct sheet_column titles[CELLS] = {0};
    struct making *m = arg;

    m->fd = scratch_file();
    m->result = m->fd < 0 ? m->fd : 0;
    for (size_t i = 0; i < CELLS; i++)
        titles[i] = (struct sheet_column){.title = m->is_english ? en[i] : zh[i], .width = i == 3 ? 50 : 18};
    if (m->result == 0 && !m->is_json)
        m->result = sheet_writer_new(SHEET_XLSX, m->fd, scratch_directory(),
            m->is_english ? "My data" : "本人信息", titles, CELLS, &m->writer);
}

static void end_file(void *arg)
{
    struct making *m = arg;
    struct sheet_writer *w = m->writer;

    m->writer = NULL;
    m->result = w ? sheet_writer_end(w) : 0;
}

static void drop_file(void *arg)
{
    struct making *m = arg;

    sheet_writer_drop(m->writer);
    if (m->fd >= 0)
        close(m->fd);
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
    db_arg_int(&a, m->all_items);
    db_arg_int(&a, (int64_t)m->size);
    db_arg_str(&a, file_hex(c->arena, &m->digest));
    r = db_exec_expect(c->tx, finish, &a, 1);
    if (r == -ESTALE)
        return call_fail(c, 409, "export_gone", "The export was removed meanwhile.", "该导出已被删除。");
    if (r == 0)
        r = call_audit(c, "own_data.export_made", "export", m->id, UUID_NIL, NULL);
    j->stage = "done";
    j->total = j->done = m->all_items;
    j->result = arena_printf(
        c->arena, "{\"export\":\"%s\",\"items\":%lld}", uuid_format(m->id).s, (long long)m->all_items);
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
        r = job_fail(j, "sheet_rows", "An XLSX file has no more than 1,048,576 rows. Export as JSON.",
            "XLSX 文件最多 1048576 行，请改用 JSON。");
    return r;
}

static int run(struct job *j)
{
    struct making m = {.fd = -1};
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
    r = make(j, &m);
    if (m.blob)
        blob_store()->end(m.blob);
    if (helper_run(HELPER_FILE, drop_file, &m) < 0)
        drop_file(&m);
    free(m.cells);
    buf_done(&m.bytes);
    return r;
}

const struct job_kind own_export_job = {.name = "own.export",
    .label_zh = "导出本人信息",
    .label_en = "Export of own data",
    .as = JOB_AS_CREATOR,
    .run = run};
