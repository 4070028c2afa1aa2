/* Who was affected: the account's rows of the audit trail, and whose the records are that they name. */
#include "resource/own/breach.h"

#include "access/core_permissions.h"
#include "base/clock.h"
#include "resource/declare/resource.h"
#include "resource/record/person.h"

#define PERSONS_MAX 10000
#define EXPORTS_MAX 1000

/* $1 tenant, $2 account, $3 to $4. */
static const struct db_stmt exports = {"breach.exports",
    "SELECT d.at, d.action, d.object_id, d.fields FROM juxin.audit d WHERE d.tenant_id = $1 AND d.actor_id = "
    "$2 AND d.at >= $3 AND "
    "d.at < $4 AND d.object_kind = 'export' ORDER BY d.id LIMIT 1001"};

/* All resources in one question, so that a person is told of once. */
static struct db_stmt persons(struct call *c)
{
    const char *parts = "";

    for (uint32_t i = 0; i < resource_count(); i++) {
        const struct resource *res = resource_at(i);

        if (!person_is_known(res))
            continue;
        parts = arena_printf(c->arena,
            "%s%sSELECT %s AS person, t.object_id, t.shown FROM touched t JOIN %s r ON r.tenant_id = $1 "
            "AND r.id = t.object_id%s WHERE t.object_kind = '%s'",
            parts, *parts ? " UNION ALL " : "", person_value(c->arena, res), res->table,
            person_join(c->arena, res), res->full_name);
    }
    if (!*parts)
        parts = "SELECT NULL::uuid AS person, t.object_id, t.shown FROM touched t WHERE false";
    return db_stmt_built(
        c->arena, arena_printf(c->arena,
                      "WITH touched AS MATERIALIZED (SELECT d.object_kind, d.object_id, bool_or(d.action "
                      "LIKE '%%.reveal') AS shown FROM juxin.audit d "
                      "WHERE d.tenant_id = $1 AND d.actor_id = $2 AND d.at >= $3 AND d.at < $4 AND "
                      "d.object_id IS NOT NULL GROUP BY 1, 2), whose "
                      "AS (%s) SELECT w.person, a.display_name, count(*), count(*) FILTER (WHERE w.shown) "
                      "FROM whose w JOIN juxin.account a ON "
                      "a.tenant_id = $1 AND a.id = w.person GROUP BY 1, 2 ORDER BY 1 LIMIT %d",
                      parts, PERSONS_MAX + 1));
}

static void write_persons(struct jsonw *w, const struct breach_answer *answer)
{
    const struct db_rows *rows = answer->persons;

    jsonw_key(w, "persons");
    jsonw_array(w);
    for (int i = 0; i < answer->person_count; i++) {
        jsonw_object(w);
        jsonw_kstr(w, "account", db_get(rows, i, 0));
        jsonw_kstr(w, "name", db_get(rows, i, 1));
        jsonw_kint(w, "records", db_get_int(rows, i, 2));
        jsonw_kint(w, "shown", db_get_int(rows, i, 3));
        jsonw_object_end(w);
    }
    jsonw_array_end(w);
}

static void write_exports(struct jsonw *w, const struct breach_answer *answer)
{
    const struct db_rows *rows = answer->exports;

    jsonw_key(w, "exports");
    jsonw_array(w);
    for (int i = 0; i < answer->export_count; i++) {
        jsonw_object(w);
        jsonw_kstr(w, "at", clock_format(db_get_time(rows, i, 0)).s);
        jsonw_kstr(w, "action", db_get(rows, i, 1));
        jsonw_kstr(w, "export", db_get(rows, i, 2));
        jsonw_kstr(w, "fields", db_get(rows, i, 3));
        jsonw_object_end(w);
    }
    jsonw_array_end(w);
}

int breach_read(struct call *c, const struct breach_question *q, struct breach_answer *ret)
{
    struct db_args *a = arena_alloc(c->arena, sizeof(*a));
    struct db_call *calls = arena_array(c->arena, 2, sizeof(*calls));
    int r;

    if (!subject_may(c->who, c->tenant, core_permission(CORE_AUDIT_READ), 0))
        return call_forbidden(c, core_permission_name(CORE_AUDIT_READ));
    calls[0] = (struct db_call){.stmt = persons(c), .args = a};
    calls[1] = (struct db_call){.stmt = exports, .args = a};
    db_args_reset(a);
    db_arg_int(a, c->tenant->id);
    db_arg_uuid(a, q->account);
    db_arg_time(a, q->from_us);
    db_arg_time(a, q->until_us);
    r = call_read(c, calls, 2);
    if (r == 0)
        r = call_audit(c, "breach.affected", "account", q->account, UUID_NIL, NULL);
    if (r < 0)
        return r;
    *ret = (struct breach_answer){.persons = calls[0].rows,
        .exports = calls[1].rows,
        .person_count = MIN(db_rows_count(calls[0].rows), PERSONS_MAX),
        .export_count = MIN(db_rows_count(calls[1].rows), EXPORTS_MAX)};
    ret->is_complete =
        ret->person_count == db_rows_count(ret->persons) && ret->export_count == db_rows_count(ret->exports);
    return 0;
}

int breach_write(struct call *c, const struct breach_question *q, struct jsonw *w)
{
    struct breach_answer answer;
    int r = breach_read(c, q, &answer);

    if (r < 0)
        return r;
    jsonw_object(w);
    write_persons(w, &answer);
    write_exports(w, &answer);
    jsonw_kbool(w, "complete", answer.is_complete);
    jsonw_object_end(w);
    return 0;
}
