/* The schema, brought up to date. */
#include "master/schema.h"

#include "db/admin.h"
#include "db/migrate.h"
#include "master/assemble.h"
#include "resource/declare/declaration_report.h"
#include "resource/declare/resource.h"

struct tell {
    void (*fn)(void *arg, const char *what);
    void *arg;
};

static void tell(const struct tell *t, const char *format, const char *name, int64_t ms)
{
    char line[256];

    snprintf(line, sizeof(line), format, name, (long long)ms); /* format is one of ours, below */
    t->fn(t->arg, line);
}

static void step(void *arg, enum migrate_step what, const char *name, int64_t ms)
{
    static const char *const formats[] = {[MIGRATE_WAITING] = "waiting for another migration to end (%s)",
        [MIGRATE_BEGIN] = "%s …",
        [MIGRATE_RETRY] = "%s: waiting for a lock, trying again",
        [MIGRATE_DONE] = "%s done in %lld ms"};

    tell(arg, formats[what], name ? name : "", ms);
}

static int core(
    struct admin *admin, const struct config *c, bool check_only, struct tell *t, struct schema_result *ret)
{
    struct migrate m = {.scope = "core", .dir = c->migrations, .progress = step, .arg = t};
    int r = check_only ? migrate_pending(admin, &m, &ret->pending) : migrate_run(admin, &m);

    ret->applied += m.applied;
    if (r < 0)
        buf_addf(&ret->problem, "migrations in %s: %s", c->migrations,
            m.problem.len ? buf_str(&m.problem) : strerror(-r));
    buf_done(&m.problem);
    return r;
}

static int resources(struct admin *admin, struct tell *t, struct schema_result *ret)
{
    struct declaration_report report;
    struct arena *a = arena_new();
    int r;

    t->fn(t->arg, "tables of resources …");
    report_init(&report, a, (struct text){NULL, 0});
    r = resource_migrate(admin, &report);
    if (r < 0)
        buf_addf(&ret->problem, "tables of resources: %s", report.count ? "not changed" : strerror(-r));
    for (const struct declaration_fault *f = report.first; f; f = f->next)
        buf_addf(&ret->problem, "\n  %s: %s", f->pointer, f->message);
    arena_free(a);
    return r;
}

/* Every worker has its own connections, and one while there are event streams; two hold the dispatcher's, and somebody must
 * be able to look after it all. */
static void compare_connections(struct admin *admin, const struct config *c, const struct tell *t)
{
    struct db_rows *rows CLEANUP(db_rows_freep) = NULL;
    int64_t wanted = c->workers * (c->database.fast_connections + c->database.slow_connections + 1) + 4,
            allowed;

    if (admin_query(admin,
            "SELECT current_setting('max_connections')::int - "
            "current_setting('superuser_reserved_connections')::int",
            NULL, &rows) < 0)
        return;
    allowed = db_get_int(rows, 0, 0);
    if (wanted > allowed) {
        char line[200];

        snprintf(line, sizeof(line),
            "workers × connections come to %lld, but PostgreSQL allows %lld (max_connections): some will not "
            "be opened",
            (long long)wanted, (long long)allowed);
        t->fn(t->arg, line);
    }
}

int schema_update(const struct config *c, bool check_only, void (*progress)(void *arg, const char *what),
    void *arg, struct schema_result *ret)
{
    struct tell t = {progress, arg};
    struct db_error error = {0};
    struct admin *admin;
    int r;

    if (!c->database.owner || !c->migrations) {
        buf_addf(&ret->problem, "the configuration has no %s",
            c->migrations ? "/database/owner; `juxinctl database init` writes it" : "/migrations");
        return SCHEMA_FAILED;
    }
    r = admin_open(c->database.owner, 5000, &admin, &error);
    if (r < 0) {
        buf_addf(&ret->problem, "the database does not answer as the owner: %s",
            error.message[0] ? error.message : strerror(-r));
        return SCHEMA_NO_DATABASE;
    }
    r = core(admin, c, check_only, &t, ret);
    if (r == 0 && !check_only)
        r = resources(admin, &t, ret);
    if (r == 0)
        compare_connections(admin, c, &t);
    if (r < 0)
        r = admin_is_lost(admin) ? SCHEMA_NO_DATABASE : SCHEMA_FAILED; /* lost: to be tried again */
    admin_close(admin);
    return r;
}
