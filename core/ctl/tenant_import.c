/* juxinctl tenant import */
#include <errno.h>
#include <sys/stat.h>

#include "base/json.h"
#include "base/mem.h"
#include "ctl/commands.h"
#include "ctl/progress.h"
#include "ctl/units_file.h"
#include "tenant/tenants.h"

#define LINE_MAX_BYTES (32u << 20)
#define CACHED_MAX 64 /* snapshots of tenants that were there already */

struct import {
    struct ctl *ctl;
    FILE *in;
    const char *path;
    char *line; /* getline's */
    size_t line_size;
    uint64_t line_number, bytes;
    struct progress progress;
    bool dry_run;
    uint32_t tenants, created, changed, unchanged, failed;
    uint64_t units;
};

/* One line of the file. */
struct row {
    struct import *im;
    const char *slug, *name;
    json_t *root;
    struct units_file file;
    const char *what; /* "line 7, cn-330102" */
};

static int refuse(struct row *row, const char *why)
{
    progress_clear(&row->im->progress);
    return ctl_fail(row->im->ctl, CTL_REFUSED, "%s: %s", row->what, why);
}

static int read_row(struct row *row, struct text line)
{
    static const struct json_limits limits = {8, 2000000};
    struct arena *a = row->im->ctl->arena;
    struct json_fault why;
    const char *key;
    json_t *value;

    if (json_parse(line, limits, &row->root, &why) < 0)
        return refuse(row, arena_printf(a, "column %u: %s", why.column, why.message));
    row->slug = json_str(row->root, "slug");
    row->name = json_str(row->root, "name");
    if (!row->slug || !row->name || !json_is_array(json_object_get(row->root, "units")))
        return refuse(row, "an object {\"slug\": …, \"name\": …, \"units\": […]} is expected");
    row->what = arena_printf(a, "%s, %s", row->what, row->slug);
    if (!tenant_slug_is_valid(text_of(row->slug)))
        return refuse(
            row, "a slug has 2 to 63 lower-case letters, digits and dashes that begin with a letter");
    if (!tenant_name_is_valid(text_of(row->name)))
        return refuse(row, "a name has 1 to 100 characters");
    json_object_foreach(row->root, key, value)
    {
        if (strcmp(key, "slug") && strcmp(key, "name") && strcmp(key, "units"))
            return refuse(row, arena_printf(a, "\"%s\" is unknown; known are slug, name and units", key));
    }
    row->file = (struct units_file){.root = row->root, .dry_run = row->im->dry_run};
    return CTL_OK;
}

/* ---- a tenant that is new ---- */

static int fill(struct db_tx *tx, int32_t id, int64_t now_us, void *arg)
{
    struct row *row = arg;
    struct ctl *c = row->im->ctl;
    struct tenant t = {.id = id};
    struct tenant_change change = {.tx = tx, .t = &t, .arena = c->arena, .now_us = now_us};
    int r = units_import_write(&change, &row->file.plan);

    if (r == 0)
        r = ctl_audit(c, tx, "tenant.create", "tenant", "slug,name");
    return r < 0 ? r : ctl_audit(c, tx, "unit.import", "tenant", "units");
}

static int make(struct row *row)
{
    struct ctl *c = row->im->ctl;
    struct call call;
    struct tree *empty;
    int32_t id;
    int r = tree_build(NULL, 0, &empty, NULL, NULL);

    call_init(&call, c->db, c->arena);
    if (r == 0 && units_file_check(&row->file, c->arena, empty) < 0)
        r = units_file_faults(&row->file, &call);
    tree_free(empty);
    if (r == 0 && !row->im->dry_run)
        r = tenant_create(c->db, row->slug, row->name, fill, row, &id);
    if (r == 0) {
        row->im->created++;
        return CTL_OK;
    }
    progress_clear(&row->im->progress);
    return ctl_fail_call(c, &call, r, row->what);
}

/* ---- one that is there ---- */

static int complete(struct row *row)
{
    int code;

    progress_clear(&row->im->progress);
    code = ctl_in_tenant(row->im->ctl, row->slug, units_file_import, &row->file, row->what);
    if (code == CTL_OK)
        *(row->file.plan.created ? &row->im->changed : &row->im->unchanged) += 1;
    return code;
}

static int bring_in(struct row *row)
{
    struct ctl *c = row->im->ctl;
    struct tenant *t;
    int r = tenant_get(c->db, text_of(row->slug), &t);

    if (r == -ENOENT)
        return make(row);
    if (r < 0)
        return ctl_fail_errno(c, r, row->what);
    tenant_unref(t);
    return complete(row);
}

/* ---- all of them ---- */

static int one(struct import *im, struct text line)
{
    struct ctl *c = im->ctl;
    struct arena *whole = c->arena;
    struct row row = {.im = im};
    int code;

    c->arena = arena_new(); /* for this line */
    row.what = arena_printf(c->arena, "line %llu", (unsigned long long)im->line_number);
    code = read_row(&row, line);
    if (code == CTL_OK)
        code = bring_in(&row);
    im->tenants++;
    if (code == CTL_OK)
        im->units += row.file.plan.created;
    else
        im->failed++;
    json_decref(row.root);
    arena_free(c->arena);
    c->arena = whole;
    if (im->tenants % CACHED_MAX == 0)
        tenant_cache_clear();
    return code;
}

/* A tenant that is refused holds up nobody; without a database there is no going on. */
static int each_line(struct import *im)
{
    int worst = CTL_OK;
    ssize_t n;

    while ((n = getline(&im->line, &im->line_size, im->in)) >= 0) {
        struct text line = text_trim((struct text){im->line, (size_t)n}, " \t\r\n");
        int code;

        im->line_number++;
        im->bytes += (uint64_t)n;
        if (line.len > LINE_MAX_BYTES)
            return ctl_fail(im->ctl, CTL_REFUSED, "%s:%llu: a line has at most %u bytes", im->path,
                (unsigned long long)im->line_number, LINE_MAX_BYTES);
        if (line.len == 0)
            continue;
        code = one(im, line);
        if (code == CTL_NO_DATABASE)
            return code;
        worst = worst == CTL_OK ? code : worst;
        progress_at(
            &im->progress, im->bytes, "%u tenants, %llu units", im->tenants, (unsigned long long)im->units);
    }
    if (ferror(im->in))
        return ctl_fail(im->ctl, CTL_FAILED, "%s: %s", im->path, strerror(errno));
    return worst;
}

static void say(struct import *im)
{
    struct jsonw *w = &im->ctl->w;

    if (im->ctl->json) {
        jsonw_object(w);
        jsonw_kint(w, "tenants", im->tenants);
        jsonw_kint(w, "created", im->created);
        jsonw_kint(w, "changed", im->changed);
        jsonw_kint(w, "unchanged", im->unchanged);
        jsonw_kint(w, "failed", im->failed);
        jsonw_kint(w, "units", (int64_t)im->units);
        jsonw_object_end(w);
    }
    ctl_say(im->ctl, "%s%u created, %u changed, %u unchanged, %u failed; %llu units are new",
        im->dry_run ? "would be: " : "", im->created, im->changed, im->unchanged, im->failed,
        (unsigned long long)im->units);
}

static int run(struct ctl *c)
{
    struct import im = {.ctl = c, .path = c->argument[0], .in = stdin, .dry_run = ctl_flag(c, "dry-run")};
    struct stat st;
    int code;

    if (strcmp(im.path, "-") != 0)
        im.in = fopen(im.path, "re");
    if (!im.in)
        return ctl_fail(c, errno == ENOENT ? CTL_NOT_FOUND : CTL_FAILED, "%s: %s", im.path, strerror(errno));
    progress_begin(
        &im.progress, c, fstat(fileno(im.in), &st) == 0 && S_ISREG(st.st_mode) ? (uint64_t)st.st_size : 0);
    code = each_line(&im);
    progress_end(&im.progress, im.bytes, "%u tenants, %llu units", im.tenants, (unsigned long long)im.units);
    say(&im);
    free(im.line);
    if (im.in != stdin)
        fclose(im.in);
    return code;
}

const struct ctl_command ctl_tenant_import = {
    .name = "tenant import",
    .arguments = "FILE",
    .summary = "makes many tenants with their units, one a line",
    .help = "Each line is a tenant, made whole in one unit of work or not at all; one that is there already "
            "gets the "
            "units it\nlacks. What is wrong is said with line and slug and holds up no other. Doing it again "
            "changes "
            "nothing, so that\nan import that was interrupted is taken up by running it again.\n"
            "  {\"slug\": \"cn-330102\", \"name\": \"上城区\", \"units\": [{\"code\": \"330102\", \"name\": "
            "\"上城区\", \"level\": \"county\", \"parent\": null}, …]}\n"
            "  juxinctl tenant import districts.jsonl      (- is standard input)",
    .arguments_min = 1,
    .arguments_max = 1,
    .needs = CTL_DATABASE,
    .run = run,
    .options = {{"dry-run", NULL, "checks and counts, writes nothing", false}},
};
