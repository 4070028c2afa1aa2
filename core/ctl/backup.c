/* juxinctl backup */
#include <errno.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/mem.h"
#include "ctl/archive.h"
#include "ctl/commands.h"
#include "ctl/pgtool.h"

struct backup {
    const char *dir;
    char *conninfo;
    struct admin *admin;
    json_t *tables;
    json_t *files;
};

static int query_failed(struct ctl *c, struct admin *a, const char *what)
{
    return ctl_fail(c, CTL_FAILED, "%s: %s", what, admin_error(a)->message);
}

/* One snapshot for the dump and for the digests, so that the server may keep working. */
static int dump(struct ctl *c, struct backup *b)
{
    CLEANUP(db_rows_freep) struct db_rows *rows = NULL;
    CLEANUP(mem_freep) char *file = str_printf("--file=%s/%s", b->dir, ARCHIVE_DUMP);
    CLEANUP(mem_freep) char *snapshot = NULL;
    int r = admin_script(b->admin, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET LOCAL timezone = "
                                   "'UTC'; SET LOCAL datestyle = 'ISO'");

    if (r == 0)
        r = admin_query(b->admin, "SELECT pg_export_snapshot()", NULL, &rows);
    if (r < 0)
        return query_failed(c, b->admin, "taking a snapshot");
    snapshot = str_printf("--snapshot=%s", db_get(rows, 0, 0));
    ctl_progress(c, "dumping the database …");
    r = pgtool_run("pg_dump", b->conninfo,
        (const char *const[]){"--format=custom", "--no-password", snapshot, file, NULL});
    if (r == -ENOENT)
        return ctl_fail(c, CTL_FAILED, "pg_dump is not installed; on Debian it is in postgresql-client");
    if (r < 0)
        return ctl_fail(c, CTL_FAILED, "pg_dump failed; what it said stands above");
    ctl_progress(c, "taking digests of the tables …");
    r = archive_tables(b->admin, &b->tables);
    if (r < 0)
        return query_failed(c, b->admin, "reading the tables");
    return admin_script(b->admin, "ROLLBACK") < 0 ? CTL_FAILED : CTL_OK;
}

static int add_file(struct ctl *c, struct backup *b, const char *from, const char *name)
{
    CLEANUP(mem_freep) char *to = str_printf("%s/%s", b->dir, name);
    int r = from ? archive_copy(from, to) : 0;
    json_t *entry;

    if (r == -ENOENT)
        return CTL_OK; /* not every deployment has one */
    entry = r == 0 ? archive_file(b->dir, name) : NULL;
    if (!entry)
        return ctl_fail(c, CTL_FAILED, "copying %s: %s", from ? from : name, strerror(r < 0 ? -r : EIO));
    json_array_append_new(b->files, entry);
    return CTL_OK;
}

static int write_manifest(struct ctl *c, struct backup *b)
{
    CLEANUP(mem_freep) char *path = str_printf("%s/%s", b->dir, ARCHIVE_MANIFEST);
    CLEANUP(mem_freep) char *database = pgtool_database(b->conninfo);
    json_t *root = json_pack("{s:i, s:s, s:s, s:s, s:O, s:O}", "format", ARCHIVE_FORMAT, "version",
        JUXIN_VERSION, "created_at", clock_format(clock_wall_us()).s, "database", database ? database : "",
        "files", b->files, "tables", b->tables);
    int r = json_dump_file(root, path, JSON_INDENT(2));

    json_decref(root);
    return r < 0 ? ctl_fail(c, CTL_FAILED, "writing %s failed", path) : CTL_OK;
}

static int fill(struct ctl *c, struct backup *b)
{
    int code = dump(c, b);

    if (code == CTL_OK)
        code = add_file(c, b, NULL, ARCHIVE_DUMP);
    if (code == CTL_OK)
        code = add_file(c, b, c->config->file, "config.json");
    if (code == CTL_OK && c->config->keys_file)
        code = add_file(c, b, c->config->keys_file, "keys.json");
    if (code == CTL_OK && c->config->plugins_trust)
        code = add_file(c, b, c->config->plugins_trust, "trust.json");
    return code == CTL_OK ? write_manifest(c, b) : code;
}

static int open_backup(struct ctl *c, struct backup *b)
{
    CLEANUP(mem_freep)
    char *database = c->config->database.owner ? pgtool_database(c->config->database.owner) : NULL;
    struct db_error error = {0};

    if (!database)
        return ctl_fail(
            c, CTL_USAGE, "the configuration has no /database/owner: there is nothing to save yet");
    b->conninfo = pgtool_conninfo(ctl_option(c, "superuser"), database);
    if (!b->conninfo)
        return ctl_fail(c, CTL_USAGE, "--superuser is no connection string");
    if (admin_open(b->conninfo, 3000, &b->admin, &error) < 0)
        return ctl_fail(c, CTL_NO_DATABASE, "the database does not answer: %s", error.message);
    if (mkdir(b->dir, 0700) < 0)
        return ctl_fail(c, errno == EEXIST ? CTL_REFUSED : CTL_FAILED,
            "%s: %s; name a directory that is not there yet", b->dir, strerror(errno));
    return CTL_OK;
}

static int run(struct ctl *c)
{
    struct backup b = {.dir = c->argument[0], .files = json_array()};
    int code;

    umask(077); /* the dump holds everybody's data */
    code = open_backup(c, &b);

    if (code == CTL_OK)
        code = fill(c, &b);
    if (code == CTL_OK && c->json) {
        jsonw_object(&c->w);
        jsonw_kstr(&c->w, "directory", b.dir);
        jsonw_kint(&c->w, "tables", (int64_t)json_array_size(b.tables));
        jsonw_object_end(&c->w);
    }
    if (code == CTL_OK)
        ctl_say(c,
            "%s holds everything but the contents of attachments, %zu tables; it also holds secrets: keep it "
            "where "
            "only you can read it. Copy %s as well, after this: a content that is there is never changed",
            b.dir, json_array_size(b.tables), c->config->files_directory);
    admin_close(b.admin);
    json_decref(b.tables);
    json_decref(b.files);
    free(b.conninfo);
    return code;
}

const struct ctl_command ctl_backup = {
    .name = "backup",
    .arguments = "DIRECTORY",
    .summary = "saves the deployment: database, configuration, keys",
    .help =
        "The server may keep running: everything is read in one snapshot. Needs a superuser, since row-level "
        "security\n"
        "keeps every other role from seeing all tenants at once.\n"
        "  juxinctl backup /var/backups/juxin-2026-11-23 --superuser 'host=/run/postgresql user=postgres'",
    .arguments_min = 1,
    .arguments_max = 1,
    .needs = CTL_CONFIG,
    .run = run,
    .options = {{"superuser", "CONNINFO", "how to reach PostgreSQL as a superuser", true}},
};
