/* Both formats say the same, from one list of texts. */
#include "resource/report/report_document.h"

#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/clock.h"
#include "loop/helper.h"
#include "sheet/docx.h"
#include "sheet/writer.h"
#include "tenant/calendar.h"

#define COLUMNS 4
#define LINES_MAX 8

struct paper {
    const struct report_document *d;
    struct arena *arena;
    const char *title;
    const char *lines[LINES_MAX], *notes[LINES_MAX];
    uint32_t line_count, note_count;
    const char *heads[COLUMNS + 1];
    const char **cells;
    const char *directory; /* of temporary files; NULL: the system's */
    struct buf *out;
    int result;
};

static const char *pick(const struct paper *p, const char *zh, const char *en)
{
    return p->d->is_english ? en : zh;
}

static const char *label(const struct paper *p, struct label l)
{
    return pick(p, l.zh, l.en);
}

/* As clocks in China show it. */
static const char *when(struct arena *a, int64_t us)
{
    struct clock_text t = clock_format(us + INT64_C(60000000) * CALENDAR_OFFSET_MINUTES);

    return arena_printf(a, "%.10s %.5s", t.s, t.s + 11);
}

static const char *taken(const struct paper *p, const char *name, int64_t us)
{
    return us ? arena_printf(p->arena, "%s, %s", name ? name : "", when(p->arena, us))
              : pick(p, "未完成", "not yet");
}

static const char *number_text(const struct paper *p, const struct report_number *n)
{
    if (n->is_off)
        return pick(p, "未启用", "not running");
    if (n->is_hidden)
        return pick(p, "不显示", "hidden");
    if (strcmp(n->kind, "money") != 0)
        return arena_printf(p->arena, "%lld", (long long)n->number);
    return arena_printf(p->arena, "%s%lld.%02lld", n->number < 0 ? "-" : "", llabs(n->number / 100LL),
        llabs(n->number % 100LL));
}

static void add_lines(struct paper *p)
{
    const struct report *r = p->d->report;
    struct arena *a = p->arena;

    p->title = label(p, r->label);
    p->lines[p->line_count++] = arena_printf(
        a, pick(p, "机构：%s　期间：%s", "Unit: %s    Period: %s"), r->unit_name, r->period.name);
    p->lines[p->line_count++] =
        arena_printf(a, pick(p, "第 %lld 版　计算时间：%s", "Version %lld    Counted: %s"),
            (long long)r->version, r->computed_us ? when(a, r->computed_us) : "");
    if (*r->reason)
        p->lines[p->line_count++] =
            arena_printf(a, pick(p, "更正说明：%s", "Corrects the version before: %s"), r->reason);
    if (r->state != REPORT_FROZEN)
        p->lines[p->line_count++] =
            pick(p, "草稿：尚未冻结，数值可能变化", "Draft: not frozen yet, numbers may change");
    if (!r->is_latest)
        p->lines[p->line_count++] = pick(p, "此版本已被更正", "A later version corrects this one");
}

static void add_notes(struct paper *p)
{
    const struct report *r = p->d->report;
    struct arena *a = p->arena;
    bool hidden = false;

    p->notes[p->note_count++] =
        arena_printf(a, pick(p, "审核：%s", "Checked by: %s"), taken(p, r->checked_name, r->checked_us));
    p->notes[p->note_count++] =
        arena_printf(a, pick(p, "签发：%s", "Signed off by: %s"), taken(p, r->signed_name, r->signed_us));
    p->notes[p->note_count++] =
        arena_printf(a, pick(p, "冻结：%s", "Frozen by: %s"), taken(p, r->frozen_name, r->frozen_us));
    for (uint32_t i = 0; i < p->d->count; i++)
        hidden |= p->d->numbers[i].is_hidden;
    if (hidden)
        p->notes[p->note_count++] = pick(p, "少于 5 的数值，以及可据以推算出此类数值的，不予显示。",
            "Numbers below 5, and those from which such a number could be worked out, are not shown.");
}

static void add_cells(struct paper *p)
{
    static const struct label heads[COLUMNS] = {
        {"指标", "Indicator"}, {"数值", "Number"}, {"计量单位", "Unit"}, {"口径", "Definition"}};

    p->cells = arena_array(p->arena, (size_t)p->d->count * COLUMNS + 1, sizeof(*p->cells));
    for (int i = 0; i < COLUMNS; i++)
        p->heads[i] = label(p, heads[i]);
    for (uint32_t i = 0; i < p->d->count; i++) {
        const struct report_number *n = &p->d->numbers[i];
        const char **cells = p->cells + (size_t)i * COLUMNS;

        cells[0] = label(p, n->label);
        cells[1] = number_text(p, n);
        cells[2] = label(p, n->measure);
        cells[3] = label(p, n->definition);
    }
}

/* ---- XLSX ---- */

static int write_row(struct sheet_writer *w, const char *const *texts, uint32_t count, bool has_number)
{
    struct sheet_cell cells[COLUMNS];

    for (uint32_t i = 0; i < count; i++)
        cells[i] = (struct sheet_cell){i == 1 && has_number ? SHEET_NUMBER : SHEET_TEXT, text_of(texts[i])};
    return sheet_writer_row(w, cells, count);
}

static int write_rows(const struct paper *p, struct sheet_writer *w)
{
    static const char *const blank[] = {""};
    int r = 0;

    for (uint32_t i = 0; i < p->line_count && r == 0; i++)
        r = write_row(w, &p->lines[i], 1, false);
    if (r == 0)
        r = write_row(w, blank, 1, false);
    if (r == 0)
        r = write_row(w, p->heads, COLUMNS, false);
    for (uint32_t i = 0; i < p->d->count && r == 0; i++)
        r = write_row(w, p->cells + (size_t)i * COLUMNS, COLUMNS,
            !p->d->numbers[i].is_off && !p->d->numbers[i].is_hidden);
    if (r == 0)
        r = write_row(w, blank, 1, false);
    for (uint32_t i = 0; i < p->note_count && r == 0; i++)
        r = write_row(w, &p->notes[i], 1, false);
    return r;
}

static int take_file(int fd, struct buf *out)
{
    char piece[8192];
    ssize_t n;
    off_t at = 0;

    while ((n = pread(fd, piece, sizeof(piece), at)) > 0) {
        buf_add(out, piece, (size_t)n);
        at += n;
    }
    return n < 0 ? -errno : 0;
}

static int write_xlsx(const struct paper *p)
{
    const struct sheet_column columns[COLUMNS] = {{.title = p->title, .width = 32},
        {.title = "", .width = 14}, {.title = "", .width = 12}, {.title = "", .width = 60}};
    struct sheet_writer *w = NULL;
    int fd = memfd_create("report", MFD_CLOEXEC), r;

    if (fd < 0)
        return -errno;
    r = sheet_writer_new(SHEET_XLSX, fd, p->directory, p->d->report->period.name, columns, COLUMNS, &w);
    if (r == 0) {
        r = write_rows(p, w);
        if (r == 0)
            r = sheet_writer_end(w);
        else
            sheet_writer_drop(w);
    }
    if (r == 0)
        r = take_file(fd, p->out);
    close(fd);
    return r;
}

/* ---- DOCX ---- */

static int write_docx(const struct paper *p)
{
    static const uint32_t widths[COLUMNS] = {2600, 1400, 1200, 4438};
    const struct docx d = {.title = p->title,
        .lines = p->lines,
        .heads = p->heads,
        .widths = widths,
        .cells = p->cells,
        .rows = p->d->count,
        .notes = p->notes};

    return docx_write(&d, p->out);
}

static void write_paper(void *arg)
{
    struct paper *p = arg;

    p->result = p->d->format == REPORT_DOCX ? write_docx(p) : write_xlsx(p);
}

int report_document(struct call *c, const struct report_document *d, struct buf *out)
{
    struct paper p = {.d = d, .arena = c->arena, .out = out};
    int r;

    add_lines(&p);
    add_notes(&p);
    add_cells(&p);
    r = helper_run(HELPER_FILE, write_paper, &p);
    return r < 0 ? r : p.result;
}

const char *report_document_name(struct arena *a, const struct report_document *d)
{
    const struct report *r = d->report;
    const char *version =
        r->version > 1 ? arena_printf(a, d->is_english ? " v%lld" : " 第%lld版", (long long)r->version) : "";

    return arena_printf(a, "%s %s %s%s.%s", d->is_english ? r->label.en : r->label.zh, r->unit_name,
        r->period.name, version, d->format == REPORT_DOCX ? "docx" : "xlsx");
}
