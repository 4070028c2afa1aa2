/* juxinctl restore */
#include <errno.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "ctl/archive.h"
#include "ctl/ask.h"
#include "ctl/commands.h"
#include "ctl/pgtool.h"

static const char count_tables[] = "SELECT count(*) FROM pg_class c JOIN pg_namespace n ON n.oid = "
                                   "c.relnamespace WHERE c.relkind IN ('r', 'p')"
                                   " AND n.nspname NOT LIKE 'pg\\_%' AND n.nspname <> 'information_schema'";
static const char drop_schemas[] =
    "DO $$DECLARE s name; BEGIN FOR s IN SELECT nspname FROM pg_namespace WHERE nspname NOT LIKE 'pg\\_%'"
    " AND nspname NOT IN ('information_schema', 'public')"
    " LOOP EXECUTE format('DROP SCHEMA %I CASCADE', s); END LOOP; END$$";

struct restore {
    const char *dir;
    json_t *manifest;
    char *conninfo;
    struct admin *admin;
};

static int read_manifest(struct ctl *c, struct restore *in)
{
    CLEANUP(mem_freep) char *path = str_printf("%s/%s", in->dir, ARCHIVE_MANIFEST);
    const json_t *entry;
    size_t i;
    int r = json_read_file(path, 64u << 20, &in->manifest, NULL);

    if (r == -ENOENT)
        return ctl_fail(c, CTL_NOT_FOUND, "%s is no backup: it has no %s", in->dir, ARCHIVE_MANIFEST);
    if (r < 0 || json_int_or(in->manifest, "format", 0) != ARCHIVE_FORMAT)
        return ctl_fail(c, CTL_FAILED, "%s is not in the format this juxinctl reads", path);
    json_array_foreach(json_object_get(in->manifest, "files"), i, entry)
    {
        r = archive_check(in->dir, entry);
        if (r < 0)
            return ctl_fail(c, CTL_FAILED, "%s/%s %s; nothing was changed", in->dir,
                json_str_or(entry, "file", "?"), r == -ENOENT ? "is missing" : "is not what was saved");
    }
    return CTL_OK;
}

static int open_target(struct ctl *c, struct restore *in)
{
    CLEANUP(mem_freep)
    char *database = c->config->database.owner ? pgtool_database(c->config->database.owner) : NULL;
    struct db_error error = {0};

    if (!database)
        return ctl_fail(c, CTL_USAGE, "make the database first: juxinctl database init --superuser …");
    in->conninfo = pgtool_conninfo(ctl_option(c, "superuser"), database);
    if (!in->conninfo)
        return ctl_fail(c, CTL_USAGE, "--superuser is no connection string");
    if (admin_open(in->conninfo, 3000, &in->admin, &error) < 0)
        return ctl_fail(c, CTL_NO_DATABASE, "the database does not answer: %s", error.message);
    return CTL_OK;
}

static int make_room(struct ctl *c, struct restore *in)
{
    CLEANUP(buf_done) struct buf body = BUF_INIT;
    CLEANUP(db_rows_freep) struct db_rows *rows = NULL;
    CLEANUP(mem_freep) char *question = NULL;
    int status;

    if (ask_server(c->config, "/livez", &status, &body) == 0)
        return ctl_fail(c, CTL_REFUSED, "a server runs with this configuration; stop it first");
    if (admin_query(in->admin, count_tables, NULL, &rows) < 0)
        return ctl_fail(c, CTL_FAILED, "looking into the database: %s", admin_error(in->admin)->message);
    question = str_printf(
        "The database has %s tables, which are dropped, and everything in them.", db_get(rows, 0, 0));
    if (db_get_int(rows, 0, 0) > 0 && !ctl_confirm(c, question))
        return CTL_REFUSED;
    if (admin_script(in->admin, drop_schemas) < 0)
        return ctl_fail(c, CTL_FAILED, "emptying the database: %s", admin_error(in->admin)->message);
    return CTL_OK;
}

static int load(struct ctl *c, struct restore *in)
{
    CLEANUP(mem_freep) char *file = str_printf("%s/%s", in->dir, ARCHIVE_DUMP);
    CLEANUP(mem_freep) char *database = pgtool_database(in->conninfo);
    CLEANUP(mem_freep) char *target = str_printf("--dbname=%s", database);
    int r;

    ctl_progress(c, "restoring the database …");
    r = pgtool_run("pg_restore", in->conninfo,
        (const char *const[]){
            "--exit-on-error", "--single-transaction", "--no-password", target, file, NULL});
    if (r == -ENOENT)
        return ctl_fail(c, CTL_FAILED, "pg_restore is not installed; on Debian it is in postgresql-client");
    return r < 0 ? ctl_fail(c, CTL_FAILED, "pg_restore failed; what it said stands above") : CTL_OK;
}

static int compare(struct ctl *c, struct restore *in)
{
    CLEANUP(buf_done) struct buf lines = BUF_INIT;
    json_t *present;
    uint32_t differ;

    ctl_progress(c, "comparing every table with what was saved …");
    if (admin_script(in->admin, "SET timezone = 'UTC'; SET datestyle = 'ISO'; ANALYZE") < 0 ||
        archive_tables(in->admin, &present) < 0)
        return ctl_fail(c, CTL_FAILED, "reading the tables: %s", admin_error(in->admin)->message);
    differ = archive_compare(json_object_get(in->manifest, "tables"), present, &lines);
    json_decref(present);
    return differ
               ? ctl_fail(c, CTL_FAILED, "%u tables differ from what was saved:%s", differ, buf_str(&lines))
               : CTL_OK;
}

static bool is_same_json(const char *a, const char *b)
{
    json_t *left = NULL, *right = NULL;
    bool same = json_read_file(a, 1u << 20, &left, NULL) == 0 &&
                json_read_file(b, 1u << 20, &right, NULL) == 0 && json_equal(left, right);

    json_decref(left);
    json_decref(right);
    return same;
}

static int put_aside(struct ctl *c, const char *path)
{
    CLEANUP(mem_freep) char *aside = str_printf("%s.before-%s", path, clock_format(clock_wall_us()).s);

    if (rename(path, aside) < 0)
        return -errno;
    ctl_progress(c, "%s was another one and is now %s", path, aside);
    return 0;
}

/* The key ring belongs to the database: with another one (`database init` makes one) the audit cannot be verified. The
 * list of trusted plugins belongs to the machine and is only put where none is. */
static int restore_file(struct ctl *c, struct restore *in, const char *name, const char *to, bool replace)
{
    CLEANUP(mem_freep) char *from = str_printf("%s/%s", in->dir, name);
    int r = 0;

    if (!to || access(from, R_OK) < 0)
        return CTL_OK;
    if (access(to, F_OK) == 0) {
        if (is_same_json(from, to))
            return CTL_OK;
        if (!replace) {
            ctl_progress(c, "%s is there already and was left alone; the saved one is %s", to, from);
            return CTL_OK;
        }
        r = put_aside(c, to);
    }
    if (r == 0)
        r = archive_copy(from, to);
    return r < 0 ? ctl_fail(c, CTL_FAILED, "writing %s: %s", to, strerror(-r)) : CTL_OK;
}

static int restore(struct ctl *c, struct restore *in)
{
    int code = read_manifest(c, in);

    if (code == CTL_OK)
        code = open_target(c, in);
    if (code == CTL_OK)
        code = make_room(c, in);
    if (code == CTL_OK)
        code = load(c, in);
    if (code == CTL_OK)
        code = compare(c, in);
    if (code == CTL_OK)
        code = restore_file(c, in, "keys.json", c->config->keys_file, true);
    if (code == CTL_OK)
        code = restore_file(c, in, "trust.json", c->config->plugins_trust, false);
    return code;
}

static int run(struct ctl *c)
{
    struct restore in = {.dir = c->argument[0]};
    int code = restore(c, &in);
    size_t tables = json_array_size(json_object_get(in.manifest, "tables"));

    if (code == CTL_OK && c->json) {
        jsonw_object(&c->w);
        jsonw_kint(&c->w, "tables", (int64_t)tables);
        jsonw_kstr(&c->w, "saved_at", json_str(in.manifest, "created_at"));
        jsonw_object_end(&c->w);
    }
    if (code == CTL_OK)
        ctl_say(c, "%zu tables are as they were saved at %s", tables,
            json_str_or(in.manifest, "created_at", "?"));
    admin_close(in.admin);
    json_decref(in.manifest);
    free(in.conninfo);
    return code;
}

const struct ctl_command ctl_restore = {
    .name = "restore",
    .arguments = "DIRECTORY",
    .summary = "brings a backup back, and compares every table with what was saved",
    .help =
        "Into the database the configuration names (`juxinctl database init` makes one). Asks before it "
        "replaces "
        "anything.\nThe configuration itself is not replaced: passwords and addresses belong to the machine; "
        "the "
        "saved one is config.json. The key ring is: the one that was there stays beside it.\n"
        "  juxinctl restore /var/backups/juxin-2026-11-23 --superuser 'host=/run/postgresql user=postgres'",
    .arguments_min = 1,
    .arguments_max = 1,
    .needs = CTL_CONFIG,
    .run = run,
    .options = {{"superuser", "CONNINFO", "how to reach PostgreSQL as a superuser", true}},
};
