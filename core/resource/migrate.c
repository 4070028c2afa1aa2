/* Bringing tables to their declarations, as owner, in one transaction per resource. */
#include <errno.h>

#include "base/json.h"
#include "db/admin.h"
#include "resource/ddl.h"
#include "resource/declaration_report.h"
#include "resource/resource.h"

/* Two servers started at once: the second waits, and then finds nothing left to do. */
#define MIGRATE_LOCK "SELECT pg_advisory_xact_lock(hashtext('juxin.resource_migrate'))"

static int run(struct admin *owner, const struct resource *res, struct declaration_report *report, const char *sql)
{
    int r = admin_script(owner, sql);

    if (r < 0)
        report_add(report, "", NULL, "%s: %s: %.150s", res->full_name, admin_error(owner)->message, sql);
    return r;
}

/* The declaration the tables were last made from; *ret NULL for none. */
static int stored(struct admin *owner, struct arena *a, const struct resource *res, struct resource **ret, char **ret_json)
{
    struct db_rows *rows CLEANUP(db_rows_freep) = NULL;
    struct declaration_report ignored;
    struct db_args args;
    json_t *json = NULL;
    int r;

    db_args_reset(&args);
    db_arg_str(&args, res->plugin);
    db_arg_str(&args, res->name);
    *ret = NULL;
    *ret_json = NULL;
    r = admin_query(owner, "SELECT json FROM juxin.declaration WHERE plugin = $1 AND resource = $2", &args, &rows);
    if (r < 0 || db_rows_count(rows) == 0)
        return r;
    *ret_json = arena_dup(a, db_get(rows, 0, 0));
    report_init(&ignored, a, (struct text){NULL, 0});
    r = json_parse(db_get_text(rows, 0, 0), (struct json_limits){32, 1000000}, &json, NULL);
    if (r == 0)
        r = declaration_parse(a, res->plugin, json, &ignored, ret);
    json_decref(json);
    return r;
}

static int remember(struct admin *owner, const struct resource *res, const char *json)
{
    struct db_args args;

    db_args_reset(&args);
    db_arg_str(&args, res->plugin);
    db_arg_str(&args, res->name);
    db_arg_str(&args, json);
    return admin_query(owner,
        "INSERT INTO juxin.declaration (plugin, resource, version, json) VALUES ($1, $2, '1', $3) "
        "ON CONFLICT (plugin, resource) DO UPDATE SET json = EXCLUDED.json, applied_at = now()",
        &args, NULL);
}

static int migrate_one(struct admin *owner, struct arena *a, const struct resource *res,
    struct declaration_report *report, struct ddl *plan)
{
    char *json = json_dumps(res->json, JSON_COMPACT), *before = NULL;
    struct resource *previous = NULL;
    int r = stored(owner, a, res, &previous, &before);

    if (r < 0) {
        report_add(report, "", NULL, "%s: the stored declaration cannot be read", res->full_name);
    } else if (before && strcmp(before, json) == 0) {
        *plan = (struct ddl){0};
    } else {
        r = ddl_plan(a, res, previous, report, plan);
        for (uint32_t i = 0; r == 0 && i < plan->count; i++)
            r = run(owner, res, report, plan->statements[i]);
        if (r == 0)
            r = remember(owner, res, json);
    }
    free(json);
    return r;
}

static int migrate_all(struct admin *owner, struct arena *a, struct declaration_report *report)
{
    struct ddl *plans = arena_array(a, resource_count() + 1, sizeof(*plans));
    int r = admin_script(owner, "SET LOCAL lock_timeout = '10s'");

    if (r == 0)
        r = admin_script(owner, MIGRATE_LOCK);
    for (uint32_t i = 0; r == 0 && i < resource_count(); i++)
        r = migrate_one(owner, a, resource_at(i), report, &plans[i]);
    for (uint32_t i = 0; r == 0 && i < resource_count(); i++)
        for (uint32_t k = 0; r == 0 && k < plans[i].late_count; k++)
            r = run(owner, resource_at(i), report, plans[i].late[k]);
    return r;
}

int resource_migrate(struct admin *owner, struct declaration_report *report)
{
    struct arena *a = arena_new();
    int r = admin_script(owner, "BEGIN"), end;

    if (r == 0)
        r = migrate_all(owner, a, report);
    end = admin_script(owner, r == 0 ? "COMMIT" : "ROLLBACK");
    arena_free(a);
    return r < 0 ? r : end;
}
