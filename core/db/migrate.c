/* Applying migrations. */
#include "db/migrate.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/digest.h"
#include "base/file.h"
#include "base/mem.h"

#define LOCK_KEY "7310868735422001" /* any number of our own */
#define LOCK_TRIES 20
#define FILE_MAX (4u << 20)

struct file {
    char *name;
    struct buf text;
    struct sha256_text checksum;
    bool is_applied;
};

struct files {
    struct file *file;
    size_t count;
};

static void files_done(struct files *f)
{
    for (size_t i = 0; i < f->count; i++) {
        free(f->file[i].name);
        buf_done(&f->file[i].text);
    }
    free(f->file);
}

static int refuse(struct migrate *m, const char *format, const char *name)
    __attribute__((format(printf, 2, 0)));

static int refuse(struct migrate *m, const char *format, const char *name)
{
    buf_clear(&m->problem);
    buf_addf(&m->problem, format, name);
    return -EINVAL;
}

static int fail(struct migrate *m, struct admin *a, const char *name, int r)
{
    const struct db_error *e = admin_error(a);

    buf_clear(&m->problem);
    buf_addf(&m->problem, "%s: %s", name, e->message);
    if (e->sqlstate[0])
        buf_addf(&m->problem, " (SQLSTATE %s)", e->sqlstate);
    if (admin_error_position(a) > 0)
        buf_addf(&m->problem, " at character %d", admin_error_position(a));
    return r;
}

static void tell(const struct migrate *m, enum migrate_step step, const char *name, int64_t ms)
{
    if (m->progress)
        m->progress(m->arg, step, name, ms);
}

bool migrate_is_name(const char *name)
{
    size_t len = strlen(name);

    if (len < 10 || strspn(name, "0123456789") != 4 || name[4] != '_')
        return false;
    return 5 + strspn(name + 5, "abcdefghijklmnopqrstuvwxyz0123456789_") == len - 4 &&
           strcmp(name + len - 4, ".sql") == 0;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct file *)a)->name, ((const struct file *)b)->name);
}

static int read_file(const char *dir, struct file *f)
{
    char *path = str_printf("%s/%s", dir, f->name);
    int fd = open(path, O_RDONLY | O_CLOEXEC), r;
    struct sha256 digest;

    free(path);
    if (fd < 0)
        return -errno;
    r = file_take(fd, FILE_MAX, &f->text);
    close(fd);
    digest = sha256_of(buf_text(&f->text));
    f->checksum = sha256_format(&digest);
    return r;
}

static int files_read(struct migrate *m, struct files *ret)
{
    DIR *dir = opendir(m->dir);
    struct dirent *entry;
    int r = 0;

    if (!dir) {
        r = -errno;
        buf_addf(&m->problem, "%s: %s", m->dir, strerror(-r));
        return r;
    }
    while (r == 0 && (entry = readdir(dir))) {
        size_t len = strlen(entry->d_name);

        if (len < 4 || strcmp(entry->d_name + len - 4, ".sql") != 0)
            continue;
        if (!migrate_is_name(entry->d_name)) {
            r = refuse(m, "%s: a migration is called NNNN_name.sql", entry->d_name);
            break;
        }
        ret->file = mem_resize(ret->file, ret->count + 1, sizeof(*ret->file));
        ret->file[ret->count] = (struct file){.name = str_dup(entry->d_name)};
        r = read_file(m->dir, &ret->file[ret->count++]);
        if (r < 0)
            buf_addf(&m->problem, "%s/%s: %s", m->dir, entry->d_name, strerror(-r));
    }
    closedir(dir);
    if (ret->count > 0)
        qsort(ret->file, ret->count, sizeof(*ret->file), by_name);
    for (size_t i = 1; r == 0 && i < ret->count; i++)
        if (strncmp(ret->file[i - 1].name, ret->file[i].name, 5) == 0)
            r = refuse(m, "%s: another migration has the same number", ret->file[i].name);
    return r;
}

static int match_one(struct migrate *m, struct files *f, const char *name, const char *checksum)
{
    for (size_t i = 0; i < f->count; i++) {
        if (strcmp(f->file[i].name, name) != 0)
            continue;
        f->file[i].is_applied = true;
        if (strcmp(f->file[i].checksum.s, checksum) != 0)
            return refuse(
                m, "%s was changed after it had been applied; undo the change and add a new migration", name);
        return 0;
    }
    return refuse(
        m, "%s was applied to this database, but the file is missing; is this an older release?", name);
}

static bool is_alone(const struct file *f)
{
    return text_has_prefix(buf_text(&f->text), "-- juxin:no-transaction");
}

static bool may_run_again(const struct file *f)
{
    return strcasestr(buf_str(&f->text), "IF NOT EXISTS") || strcasestr(buf_str(&f->text), "IF EXISTS");
}

static int match(struct admin *a, struct migrate *m, struct files *f)
{
    struct db_rows *rows CLEANUP(db_rows_freep) = NULL;
    struct db_args args;
    int r;

    db_args_reset(&args);
    db_arg_str(&args, m->scope);
    r = admin_query(
        a, "SELECT name, checksum FROM juxin.migration WHERE scope = $1 ORDER BY name", &args, &rows);
    if (r < 0)
        return fail(m, a, "juxin.migration", r);
    for (int i = 0; r == 0 && i < db_rows_count(rows); i++)
        r = match_one(m, f, db_get(rows, i, 0), db_get(rows, i, 1));
    for (size_t i = 1; r == 0 && i < f->count; i++)
        if (f->file[i].is_applied && !f->file[i - 1].is_applied)
            r = refuse(m, "%s is numbered below a migration that was applied already", f->file[i - 1].name);
    for (size_t i = 0; r == 0 && i < f->count; i++)
        if (!f->file[i].is_applied && is_alone(&f->file[i]) && !may_run_again(&f->file[i]))
            r = refuse(m,
                "%s runs outside a transaction and may be broken off: it has to say IF NOT EXISTS or IF "
                "EXISTS",
                f->file[i].name);
    return r;
}

static int ensure_table(struct admin *a, struct migrate *m)
{
    static const char sql[] =
        "CREATE SCHEMA IF NOT EXISTS juxin;"
        "GRANT USAGE ON SCHEMA juxin TO juxin_app, juxin_dispatch, juxin_aggregate;"
        "CREATE TABLE IF NOT EXISTS juxin.migration (scope text NOT NULL, name text NOT NULL, checksum text "
        "NOT NULL,"
        " ms bigint NOT NULL, applied_at timestamptz NOT NULL DEFAULT now(), PRIMARY KEY (scope, name));"
        "GRANT SELECT ON juxin.migration TO juxin_app";
    int r = admin_script(a, sql);

    return r < 0 ? fail(m, a, "juxin.migration", r) : 0;
}

int migrate_lock(struct admin *a, const struct migrate *m)
{
    bool told = false;

    for (;;) {
        struct timespec pause = {.tv_nsec = 100000000};
        struct db_rows *rows CLEANUP(db_rows_freep) = NULL;
        int r = admin_query(a, "SELECT pg_try_advisory_lock(" LOCK_KEY ")", NULL, &rows);

        if (r < 0 || db_get_bool(rows, 0, 0))
            return r;
        if (!told)
            tell(m, MIGRATE_WAITING, "", 0);
        told = true;
        nanosleep(&pause, NULL);
    }
}

int migrate_unlock(struct admin *a)
{
    return admin_query(a, "SELECT pg_advisory_unlock(" LOCK_KEY ")", NULL, NULL);
}

static int record(struct admin *a, const struct migrate *m, const struct file *f, int64_t ms)
{
    struct db_args args;

    db_args_reset(&args);
    db_arg_str(&args, m->scope);
    db_arg_str(&args, f->name);
    db_arg_str(&args, f->checksum.s);
    db_arg_int(&args, ms);
    return admin_query(
        a, "INSERT INTO juxin.migration (scope, name, checksum, ms) VALUES ($1, $2, $3, $4)", &args, NULL);
}

static int apply_in_transaction(struct admin *a, struct migrate *m, const struct file *f, int64_t start)
{
    int r = admin_script(a, "BEGIN; SET LOCAL lock_timeout = '3s'");

    if (r == 0)
        r = admin_script(a, buf_str(&f->text));
    if (r == 0)
        r = record(a, m, f, clock_mono_ms() - start);
    if (r == 0)
        r = admin_script(a, "COMMIT");
    if (r < 0) {
        r = fail(m, a, f->name, r);
        (void)!admin_script(a, "ROLLBACK");
    }
    return r;
}

void migrate_drop_invalid_indexes(struct admin *a)
{
    struct db_rows *rows CLEANUP(db_rows_freep) = NULL;

    if (admin_query(a,
            "SELECT 'DROP INDEX CONCURRENTLY ' || i.indexrelid::regclass FROM pg_index i JOIN pg_class c ON "
            "c.oid = "
            "i.indexrelid JOIN pg_namespace n ON n.oid = c.relnamespace WHERE NOT i.indisvalid AND "
            "(n.nspname = 'juxin' "
            "OR starts_with(n.nspname, 'px_')) AND pg_has_role(c.relowner, 'USAGE')",
            NULL, &rows) < 0)
        return;
    for (int i = 0; i < db_rows_count(rows); i++)
        (void)!admin_script(a, db_get(rows, i, 0));
}

static int apply_alone(struct admin *a, struct migrate *m, const struct file *f, int64_t start)
{
    int r;

    migrate_drop_invalid_indexes(a);
    r = admin_script(a, "SET lock_timeout = '3s'");
    if (r == 0)
        r = admin_script(a, buf_str(&f->text));
    if (r == 0)
        r = record(a, m, f, clock_mono_ms() - start);
    if (r < 0)
        r = fail(m, a, f->name, r);
    (void)!admin_script(a, "RESET lock_timeout");
    return r;
}

static int apply(struct admin *a, struct migrate *m, const struct file *f)
{
    int64_t start = clock_mono_ms();
    int r = -ETIMEDOUT;

    tell(m, MIGRATE_BEGIN, f->name, 0);
    for (int tries = 0; r == -ETIMEDOUT && tries < LOCK_TRIES; tries++) {
        struct timespec pause = {.tv_nsec = 500000000};

        if (tries > 0) {
            tell(m, MIGRATE_RETRY, f->name, clock_mono_ms() - start);
            nanosleep(&pause, NULL);
        }
        r = is_alone(f) ? apply_alone(a, m, f, start) : apply_in_transaction(a, m, f, start);
    }
    if (r == 0) {
        buf_clear(&m->problem);
        tell(m, MIGRATE_DONE, f->name, clock_mono_ms() - start);
    }
    return r;
}

int migrate_run(struct admin *a, struct migrate *m)
{
    struct files f CLEANUP(files_done) = {0};
    int r = files_read(m, &f);

    m->applied = 0;
    m->total = (uint32_t)f.count;
    if (r < 0)
        return r;
    r = migrate_lock(a, m);
    if (r < 0)
        return fail(m, a, "lock", r);
    r = ensure_table(a, m);
    if (r == 0)
        r = match(a, m, &f);
    for (size_t i = 0; r == 0 && i < f.count; i++) {
        if (f.file[i].is_applied)
            continue;
        r = apply(a, m, &f.file[i]);
        m->applied += r == 0;
    }
    if (migrate_unlock(a) < 0 && r == 0)
        r = fail(m, a, "unlock", -EIO);
    return r;
}

int migrate_pending(struct admin *a, struct migrate *m, uint32_t *ret)
{
    struct files f CLEANUP(files_done) = {0};
    struct db_rows *rows CLEANUP(db_rows_freep) = NULL;
    uint32_t pending = 0;
    int r = files_read(m, &f);

    if (r < 0)
        return r;
    r = admin_query(a, "SELECT to_regclass('juxin.migration') IS NOT NULL", NULL, &rows);
    if (r < 0)
        return fail(m, a, "juxin.migration", r);
    if (db_get_bool(rows, 0, 0))
        r = match(a, m, &f);
    for (size_t i = 0; i < f.count; i++)
        pending += !f.file[i].is_applied;
    m->total = (uint32_t)f.count;
    if (r == 0)
        *ret = pending;
    return r;
}
