/* What only the database knows of values: does what they refer to exist, are unique ones free. */
#include <errno.h>

#include "resource/declare/resource.h"
#include "resource/record/reader.h"
#include "resource/record/take.h"
#include "tenant/tree.h"

static const struct db_stmt has_department = {"value.has_department",
    "SELECT 1 FROM juxin.department WHERE tenant_id = $1 AND id = $2 AND closed_at IS NULL"};
static const struct db_stmt has_departments = {"value.has_departments",
    "SELECT 1 FROM juxin.department d WHERE d.tenant_id = $1 AND d.closed_at IS NULL AND d.id IN"
    " (SELECT e::uuid FROM jsonb_array_elements_text($2::jsonb) AS j(e))"};
static const struct db_stmt has_account = {
    "value.has_account", "SELECT 1 FROM juxin.account WHERE tenant_id = $1 AND id = $2 AND is_active"};

struct check {
    const struct field *field;
    bool is_unique;
};

static void report(struct call *c, const struct check *check, const struct db_rows *rows, const char *value)
{
    const char *at = arena_printf(c->arena, "/%s", check->field->name);
    int expected = 1;

    if (check->is_unique) {
        if (db_rows_count(rows) > 0)
            (void)call_fail_at(c, at, "taken", "This value exists already.", "该值已存在。");
        return;
    }
    if (check->field->type == FIELD_DEPARTMENTS) { /* ids are 36 characters, two quotes and a comma each */
        size_t len = strlen(value);

        expected = len <= 2 ? 0 : (int)((len - 1) / 39);
    }
    if (db_rows_count(rows) < expected)
        (void)call_fail_at(
            c, at, "unknown_reference", "The id of something that exists.", "所引用的对象不存在。");
}

/* A record of another resource must be visible to the one who refers to it: an id must not be a way to find out. */
static int check_reference(struct call *c, const struct record *rec, const struct field *f)
{
    const struct resource *target = resource_find(f->reference);
    struct call_fault before = c->fault;
    struct record *found;
    struct uuid id;
    int r = target && uuid_parse(text_of(rec->values[f->index]), &id) == 0 ? 0 : -EINVAL;

    if (r == 0)
        r = record_fetch(c, target, id, false, &found);
    if (r != -EINVAL)
        return r;
    c->fault = before;
    if (before.status)
        c->fault.tail = before.errors ? before.tail : &c->fault.errors;
    (void)call_fail_at(c, arena_printf(c->arena, "/%s", f->name), "unknown_reference",
        "The id of a record that you can see.", "应为您可见的记录编号。");
    return 0;
}

static bool plan_check(
    struct call *c, const struct record *rec, const struct field *f, bool unique, struct db_call *out)
{
    struct db_args *a = arena_alloc(c->arena, sizeof(*a));

    db_args_reset(a);
    db_arg_int(a, c->tenant->id);
    db_arg_str(a, rec->values[f->index]);
    out->args = a;
    if (unique) {
        db_arg_uuid(a, rec->id);
        if (f->unique == UNIQUE_UNIT)
            db_arg_uuid(a, rec->unit_id);
        out->stmt = db_stmt_built(
            c->arena, arena_printf(c->arena,
                          "SELECT 1 FROM %s r WHERE r.tenant_id = $1 AND r.\"%s\" = $2 AND r.id <> $3%s AND "
                          "r.deleted_at IS NULL LIMIT 1",
                          rec->res->table, f->name, f->unique == UNIQUE_UNIT ? " AND r.unit_id = $4" : ""));
        return true;
    }
    out->stmt = f->type == FIELD_DEPARTMENT    ? has_department
                : f->type == FIELD_DEPARTMENTS ? has_departments
                                               : has_account;
    return f->type == FIELD_DEPARTMENT || f->type == FIELD_DEPARTMENTS || f->type == FIELD_ACCOUNT;
}

static void check_unit(struct call *c, const struct record *rec, const struct field *f)
{
    struct uuid id;

    if (uuid_parse(text_of(rec->values[f->index]), &id) < 0 || tree_find(c->tenant->tree, id) == TREE_NONE)
        (void)call_fail_at(c, arena_printf(c->arena, "/%s", f->name), "unknown_unit", "The id of a unit.",
            "应为组织机构编号。");
}

int take_check_stored(struct call *c, const struct record *rec)
{
    struct db_call calls[ALL_FIELDS_MAX * 2] = {0};
    struct check checks[ALL_FIELDS_MAX * 2];
    size_t n = 0;
    int r = 0;

    for (uint32_t i = 0; i < rec->res->field_count && r == 0; i++) {
        const struct field *f = &rec->res->fields[i];

        if (!rec->values[i] || !record_is_changed(rec, f))
            continue;
        if (f->type == FIELD_REFERENCE)
            r = check_reference(c, rec, f);
        else if (f->type == FIELD_UNIT)
            check_unit(c, rec, f);
        else if (plan_check(c, rec, f, false, &calls[n]))
            checks[n++] = (struct check){f, false};
        if (f->unique != UNIQUE_NO && plan_check(c, rec, f, true, &calls[n]))
            checks[n++] = (struct check){f, true};
    }
    if (r == 0 && n > 0)
        r = call_read(c, calls, n);
    for (size_t i = 0; i < n && r == 0; i++)
        report(c, &checks[i], calls[i].rows, calls[i].args->value[1]);
    return r < 0 ? r : c->fault.status ? -EINVAL : 0;
}
