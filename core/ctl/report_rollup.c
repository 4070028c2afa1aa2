/* juxinctl report rollup */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/clock.h"
#include "ctl/commands.h"
#include "resource/report/indicator.h"
#include "sheet/writer.h"

/* All that the role for counts above tenants may read. */
static const struct db_stmt figures = {"ctl_report_rollup",
    "SELECT t.slug, t.name, f.indicator, f.label_zh, f.label_en, f.measure_zh, f.measure_en, f.number, "
    "f.version, "
    "f.frozen_at FROM juxin.tenant t JOIN juxin.report_figure f ON f.tenant_id = t.id WHERE f.period = $1 "
    "ORDER BY "
    "f.indicator, t.slug"};
static const struct db_stmt absent = {"ctl_report_absent",
    "SELECT count(*) FROM juxin.tenant t WHERE t.is_active AND NOT EXISTS (SELECT 1 FROM juxin.report_figure "
    "f WHERE "
    "f.tenant_id = t.id AND f.period = $1)"};

#define COLUMNS 8
static const char *const titles[COLUMNS + 1] = {
    "tenant", "name", "indicator", "label", "number", "unit_of_measure", "version", "frozen_at", NULL};

static void row_texts(struct ctl *c, const struct db_rows *rows, int i, const char *ret[COLUMNS])
{
    bool is_english = ctl_flag(c, "english");

    ret[0] = db_get(rows, i, 0);
    ret[1] = db_get(rows, i, 1);
    ret[2] = db_get(rows, i, 2);
    ret[3] = db_get(rows, i, is_english ? 4 : 3);
    ret[4] = db_get(rows, i, 7) ? db_get(rows, i, 7) : "hidden";
    ret[5] = db_get(rows, i, is_english ? 6 : 5);
    ret[6] = db_get(rows, i, 8);
    ret[7] = arena_dup(c->arena, clock_format(db_get_time(rows, i, 9)).s);
}

static void show(struct ctl *c, const struct db_rows *rows)
{
    struct ctl_table *table = ctl_table_new(c, titles);

    for (int i = 0; i < db_rows_count(rows); i++) {
        const char *texts[COLUMNS];

        row_texts(c, rows, i, texts);
        for (int k = 0; k < COLUMNS; k++)
            ctl_table_cell(table, texts[k]);
    }
    ctl_table_end(table);
}

static int write_rows(struct ctl *c, struct sheet_writer *w, const struct db_rows *rows)
{
    int r = 0;

    for (int i = 0; i < db_rows_count(rows) && r == 0; i++) {
        struct sheet_cell cells[COLUMNS];
        const char *texts[COLUMNS];

        row_texts(c, rows, i, texts);
        for (int k = 0; k < COLUMNS; k++)
            cells[k] = (struct sheet_cell){
                (k == 4 && db_get(rows, i, 7)) || k == 6 ? SHEET_NUMBER : SHEET_TEXT, text_of(texts[k])};
        r = sheet_writer_row(w, cells, COLUMNS);
    }
    return r;
}

static int write_file(struct ctl *c, const struct db_rows *rows, enum sheet_format format, int fd)
{
    struct sheet_column columns[COLUMNS] = {0};
    struct sheet_writer *w = NULL;
    int r;

    for (int k = 0; k < COLUMNS; k++)
        columns[k].title = titles[k];
    r = sheet_writer_new(format, fd, NULL, ctl_option(c, "period"), columns, COLUMNS, &w);
    if (r < 0)
        return r;
    r = write_rows(c, w, rows);
    if (r < 0)
        sheet_writer_drop(w);
    else
        r = sheet_writer_end(w);
    return r;
}

static int save(struct ctl *c, const struct db_rows *rows, const char *path)
{
    size_t len = strlen(path);
    bool is_xlsx = len > 5 && strcmp(path + len - 5, ".xlsx") == 0;
    int fd, r;

    if (!is_xlsx && (len <= 4 || strcmp(path + len - 4, ".csv") != 0))
        return ctl_fail(c, CTL_USAGE, "%s: a name that ends in .xlsx or .csv", path);
    fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0640);
    if (fd < 0)
        return ctl_fail_errno(c, -errno, path);
    r = write_file(c, rows, is_xlsx ? SHEET_XLSX : SHEET_CSV, fd);
    if (close(fd) < 0 && r == 0)
        r = -errno;
    if (r < 0)
        return ctl_fail_errno(c, r, path);
    ctl_say(c, "%s: %d numbers", path, db_rows_count(rows));
    return CTL_OK;
}

static int run(struct ctl *c)
{
    const char *name = ctl_option(c, "period"), *path = ctl_option(c, "out");
    struct db_args args;
    struct db_call calls[2] = {{.stmt = figures, .args = &args}, {.stmt = absent, .args = &args}};
    struct period period;
    int r, code = CTL_OK;

    if (period_parse(c->arena, text_of(name), &period) < 0)
        return ctl_fail(c, CTL_USAGE, "%s: a month, quarter or year: 2026-11, 2026-Q4, 2026", name);
    db_args_reset(&args);
    db_arg_str(&args, period.name);
    r = db_read(c->db, 0, calls, 2, NULL, NULL);
    if (r < 0)
        return ctl_fail_errno(c, r, "reading the tenants' figures");
    if (path)
        code = save(c, calls[0].rows, path);
    else
        show(c, calls[0].rows);
    if (code == CTL_OK && db_get_int(calls[1].rows, 0, 0) > 0)
        ctl_progress(c, "%lld active tenants have no frozen report of %s",
            (long long)db_get_int(calls[1].rows, 0, 0), period.name);
    db_calls_done(calls, 2);
    return code;
}

const struct ctl_command ctl_report_rollup = {
    .name = "report rollup",
    .summary = "what all tenants have reported for a period: counts, the small ones hidden",
    .help = "Counts of whole districts from reports that are frozen, one row for each tenant and indicator. "
            "Read as the\n"
            "database role `aggregate`, which can read nothing else.\n"
            "  juxinctl report rollup --period 2026-Q3 --out rollup.xlsx",
    .needs = CTL_AGGREGATE,
    .run = run,
    .options = {{"period", "PERIOD", "2026-11, 2026-Q4 or 2026", true},
        {"out", "FILE", "write a table, .xlsx or .csv", false},
        {"english", NULL, "labels in English", false}},
};
