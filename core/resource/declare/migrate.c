/* Bringing tables to their declarations, as owner. */
#include <errno.h>

#include "base/json.h"
#include "db/admin.h"
#include "db/migrate.h"
#include "plugin/package/plugin.h"
#include "resource/declare/ddl.h"
#include "resource/declare/declaration_report.h"
#include "resource/declare/resource.h"

struct plan {
    struct ddl ddl;
    char *json; /* to be remembered; NULL: nothing changed */
    bool is_new;
};

static int run(
    struct admin *owner, const struct resource *res, struct declaration_report *report, const char *sql)
{
    int r = admin_script(owner, sql);

    if (r < 0)
        report_add(report, "", NULL, "%s: %s: %.150s", res->full_name, admin_error(owner)->message, sql);
    return r;
}

/* What the tables of a resource were last made from. */
struct stored {
    struct resource *res; /* NULL: there are none yet */
    const char *json, *version;
};

static const char *version_of(const struct resource *res)
{
    const struct plugin *p = plugin_find(res->plugin);

    return p && p->version ? p->version : "1";
}

/* The next of a version's numbers. */
static int64_t take_number(struct text *rest)
{
    int64_t n = 0;

    return rest->ptr && text_to_i64(text_split(rest, '.'), 0, INT64_MAX, &n) == 0 ? n : 0;
}

static bool is_newer(const char *version, const char *than)
{
    struct text a = text_of(version), b = text_of(than);

    while (a.ptr || b.ptr) {
        int64_t x = take_number(&a), y = take_number(&b);

        if (x != y)
            return x > y;
    }
    return false;
}

static int stored(struct admin *owner, struct arena *a, const struct resource *res, struct stored *ret)
{
    struct db_rows *rows CLEANUP(db_rows_freep) = NULL;
    struct declaration_report ignored;
    struct db_args args;
    json_t *json = NULL;
    int r;

    db_args_reset(&args);
    db_arg_str(&args, res->plugin);
    db_arg_str(&args, res->name);
    *ret = (struct stored){0};
    r = admin_query(owner, "SELECT json, version FROM juxin.declaration WHERE plugin = $1 AND resource = $2",
        &args, &rows);
    if (r < 0 || db_rows_count(rows) == 0)
        return r;
    ret->json = arena_dup(a, db_get(rows, 0, 0));
    ret->version = arena_dup(a, db_get(rows, 0, 1));
    report_init(&ignored, a, (struct text){NULL, 0});
    r = json_parse(db_get_text(rows, 0, 0), (struct json_limits){32, 1000000}, &json, NULL);
    if (r == 0)
        r = declaration_parse(a, res->plugin, json, &ignored, &ret->res);
    json_decref(json);
    return r;
}

static int remember(struct admin *owner, const struct resource *res, const char *json)
{
    struct db_args args;

    db_args_reset(&args);
    db_arg_str(&args, res->plugin);
    db_arg_str(&args, res->name);
    db_arg_str(&args, version_of(res));
    db_arg_str(&args, json);
    return admin_query(owner,
        "INSERT INTO juxin.declaration (plugin, resource, version, json) VALUES ($1, $2, $3, $4) "
        "ON CONFLICT (plugin, resource) DO UPDATE SET version = EXCLUDED.version, json = EXCLUDED.json, "
        "applied_at = now()",
        &args, NULL);
}

/* Another server has brought a newer version of the plugin, and what it added to the tables does not hurt this one: while
 * servers are renewed one by one, the old ones may start again. */
static bool is_ahead(struct arena *a, const struct resource *res, const struct stored *s)
{
    struct declaration_report ignored;
    struct ddl unused;

    report_init(&ignored, a, (struct text){NULL, 0});
    return s->res && is_newer(s->version, version_of(res)) &&
           ddl_plan(a, s->res, res, &ignored, &unused) == 0;
}

static int plan_one(struct admin *owner, struct arena *a, const struct resource *res,
    struct declaration_report *report, struct plan *plan)
{
    char *json = json_dumps(res->json, JSON_COMPACT);
    struct stored before;
    int r = stored(owner, a, res, &before);

    plan->is_new = !before.json;
    if (r < 0) {
        report_add(report, "", NULL, "%s: the stored declaration cannot be read", res->full_name);
    } else if (plan->is_new || (strcmp(before.json, json) != 0 && !is_ahead(a, res, &before))) {
        r = ddl_plan(a, res, before.res, report, &plan->ddl);
        plan->json = arena_dup(a, json);
    }
    free(json);
    return r;
}

/* Tables, columns, keys: one transaction for all resources. */
static int apply(struct admin *owner, const struct plan *plans, struct declaration_report *report)
{
    int r = admin_script(owner, "BEGIN; SET LOCAL lock_timeout = '10s'"), end;

    for (uint32_t i = 0; r == 0 && i < resource_count(); i++)
        for (uint32_t k = 0; r == 0 && k < plans[i].ddl.count; k++)
            r = run(owner, resource_at(i), report, plans[i].ddl.statements[k]);
    for (uint32_t i = 0; r == 0 && i < resource_count(); i++)
        for (uint32_t k = 0; r == 0 && k < plans[i].ddl.late_count; k++)
            r = run(owner, resource_at(i), report, plans[i].ddl.late[k]);
    for (uint32_t i = 0; r == 0 && i < resource_count(); i++)
        if (plans[i].json && plans[i].is_new)
            r = remember(owner, resource_at(i), plans[i].json);
    end = admin_script(owner, r == 0 ? "COMMIT" : "ROLLBACK");
    return r < 0 ? r : end;
}

/* Indexes of tables in use, then the note that all is done: broken off before, everything is done again. */
static int apply_concurrent(struct admin *owner, const struct plan *plans, struct declaration_report *report)
{
    int r = 0;

    migrate_drop_invalid_indexes(owner);
    for (uint32_t i = 0; r == 0 && i < resource_count(); i++) {
        for (uint32_t k = 0; r == 0 && k < plans[i].ddl.concurrent_count; k++)
            r = run(owner, resource_at(i), report, plans[i].ddl.concurrent[k]);
        if (r == 0 && plans[i].json && !plans[i].is_new)
            r = remember(owner, resource_at(i), plans[i].json);
    }
    return r;
}

int resource_migrate(struct admin *owner, struct declaration_report *report)
{
    const struct migrate lock = {.scope = "resources"};
    struct arena *a = arena_new();
    struct plan *plans = arena_array(a, resource_count() + 1, sizeof(*plans));
    int r = migrate_lock(owner, &lock), end;

    if (r < 0) {
        arena_free(a);
        return r;
    }
    for (uint32_t i = 0; i < resource_count(); i++) {
        int one = plan_one(owner, a, resource_at(i), report, &plans[i]);

        r = r < 0 ? r : one; /* all refusals are told, not the first one only */
    }
    if (r == 0)
        r = apply(owner, plans, report);
    if (r == 0)
        r = apply_concurrent(owner, plans, report);
    end = migrate_unlock(owner);
    arena_free(a);
    return r < 0 ? r : end;
}
