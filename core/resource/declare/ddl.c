/* Tables, row security, keys and indexes of declared resources; only additive changes (design §5). */
#include "resource/declare/ddl.h"

#include <errno.h>

#include "base/buf.h"
#include "resource/declare/declaration_report.h"

struct plan {
    struct arena *a;
    const struct resource *res, *previous;
    struct declaration_report *report;
    struct ddl *out;
};

static const char *const column_types[FIELD_TYPES] = {
    [FIELD_TEXT] = "text",
    [FIELD_LONGTEXT] = "text",
    [FIELD_INTEGER] = "bigint",
    [FIELD_MONEY] = "bigint",
    [FIELD_BOOLEAN] = "boolean",
    [FIELD_DATE] = "date",
    [FIELD_DATETIME] = "timestamptz",
    [FIELD_ENUM] = "text",
    [FIELD_REFERENCE] = "uuid",
    [FIELD_JSON] = "jsonb",
    [FIELD_DEPARTMENT] = "uuid",
    [FIELD_DEPARTMENTS] = "text",
    [FIELD_ACCOUNT] = "uuid",
    [FIELD_UNIT] = "uuid",
};

const char *ddl_column_type(enum field_type t)
{
    return column_types[t];
}

static void push(struct arena *a, const char ***list, uint32_t *count, uint32_t *capacity, const char *sql)
{
    if (*count == *capacity) {
        const char **grown;

        *capacity = *capacity ? *capacity * 2 : 32;
        grown = arena_array(a, *capacity, sizeof(*grown));
        if (*count)
            memcpy(grown, *list, *count * sizeof(*grown));
        *list = grown;
    }
    (*list)[(*count)++] = sql;
}

#define ADD(p, ...)                                                                                          \
    push((p)->a, &(p)->out->statements, &(p)->out->count, &(p)->out->capacity,                               \
        arena_printf((p)->a, __VA_ARGS__))
#define ADD_LATE(p, ...)                                                                                     \
    push((p)->a, &(p)->out->late, &(p)->out->late_count, &(p)->out->late_capacity,                           \
        arena_printf((p)->a, __VA_ARGS__))

#define ADD_CONCURRENT(p, ...)                                                                               \
    push((p)->a, &(p)->out->concurrent, &(p)->out->concurrent_count, &(p)->out->concurrent_capacity,         \
        arena_printf((p)->a, __VA_ARGS__))

/* 'value', quoted for SQL. Values are names of a-z, 0-9 and _, checked by the declaration. */
static char *enum_check(struct arena *a, const struct field *f)
{
    char *list = arena_printf(a, "'%s'", f->values[0].value);

    for (uint32_t i = 1; i < f->value_count; i++)
        list = arena_printf(a, "%s, '%s'", list, f->values[i].value);
    return arena_printf(a, "CHECK (\"%s\" IN (%s))", f->name, list);
}

static void add_field_index(struct plan *p, const struct field *f)
{
    const char *name = p->res->name, *table = p->res->table;

    if (p->previous && (f->is_filterable || f->is_sortable))
        ADD_CONCURRENT(p,
            "CREATE INDEX CONCURRENTLY IF NOT EXISTS \"%s_%s_ix\" ON %s (tenant_id, \"%s\", id) WHERE "
            "deleted_at IS NULL",
            name, f->name, table, f->name);
    else if (f->is_filterable || f->is_sortable)
        ADD(p, "CREATE INDEX \"%s_%s_ix\" ON %s (tenant_id, \"%s\", id) WHERE deleted_at IS NULL", name,
            f->name, table, f->name);
    if (f->unique != UNIQUE_NO)
        ADD(p,
            "CREATE UNIQUE INDEX IF NOT EXISTS \"%s_%s_uq\" ON %s (tenant_id, %s\"%s\") WHERE deleted_at IS "
            "NULL",
            name, f->name, table, f->unique == UNIQUE_UNIT ? "unit_id, " : "", f->name);
}

static void add_field_key(struct plan *p, const struct field *f)
{
    const char *target = f->type == FIELD_DEPARTMENT ? "juxin.department"
                         : f->type == FIELD_ACCOUNT  ? "juxin.account"
                         : f->type == FIELD_UNIT     ? "juxin.unit"
                                                     : NULL;

    if (f->type == FIELD_REFERENCE) {
        const char *dot = strchr(f->reference, '.');

        target = arena_printf(p->a, "px_%.*s.\"%s\"", (int)(dot - f->reference), f->reference, dot + 1);
    }
    if (target && p->previous)
        ADD_LATE(
            p, "ALTER TABLE %s DROP CONSTRAINT IF EXISTS \"%s_%s_fk\"", p->res->table, p->res->name, f->name);
    if (target)
        ADD_LATE(p,
            "ALTER TABLE %s ADD CONSTRAINT \"%s_%s_fk\" FOREIGN KEY (tenant_id, \"%s\") REFERENCES %s "
            "(tenant_id, id)",
            p->res->table, p->res->name, f->name, f->name, target);
}

static void create_table(struct plan *p)
{
    const struct resource *res = p->res;
    struct buf sql = BUF_INIT;

    buf_addf(&sql,
        "CREATE TABLE %s (tenant_id int NOT NULL, id uuid NOT NULL, unit_id uuid NOT NULL, a1 uuid, a2 uuid, "
        "a3 uuid, "
        "a4 uuid, origin_unit_id uuid NOT NULL, version bigint NOT NULL, state text NOT NULL, "
        "state_since timestamptz NOT NULL, due_at date, auto_at date, number text, created_at timestamptz "
        "NOT NULL, "
        "created_by uuid, updated_at timestamptz NOT NULL, updated_by uuid, deleted_at timestamptz, batch_id "
        "uuid",
        res->table);
    for (uint32_t i = 0; i < res->field_count; i++) {
        const struct field *f = &res->fields[i];

        buf_addf(&sql, ", \"%s\" %s", f->name, column_types[f->type]);
        if (f->value_count)
            buf_addf(&sql, " CONSTRAINT \"%s_%s_ck\" %s", res->name, f->name, enum_check(p->a, f));
    }
    buf_addf(&sql, ", PRIMARY KEY (tenant_id, id), FOREIGN KEY (tenant_id, unit_id) REFERENCES juxin.unit "
                   "(tenant_id, id), "
                   "FOREIGN KEY (tenant_id, origin_unit_id) REFERENCES juxin.unit (tenant_id, id))");
    ADD(p, "%s", buf_str(&sql));
    buf_done(&sql);
}

static void secure_table(struct plan *p)
{
    ADD(p, "SELECT juxin.protect('%s')", p->res->table);
    ADD(p, "GRANT SELECT, INSERT, UPDATE ON %s TO juxin_app", p->res->table);
}

static void standard_indexes(struct plan *p)
{
    static const struct {
        const char *suffix, *columns, *where;
    } indexes[] = {
        {"all", "id DESC", ""},
        {"unit", "unit_id, id DESC", ""},
        {"a1", "a1, id DESC", " AND a1 IS NOT NULL"},
        {"a2", "a2, id DESC", " AND a2 IS NOT NULL"},
        {"a3", "a3, id DESC", " AND a3 IS NOT NULL"},
        {"a4", "a4, id DESC", " AND a4 IS NOT NULL"},
        {"state", "state, id", ""},
        {"due", "due_at, id", ""},
        {"created", "created_at, id", ""},
        {"auto", "auto_at, id", " AND auto_at IS NOT NULL"},
    };

    for (size_t i = 0; i < ARRAY_LEN(indexes); i++)
        ADD(p, "CREATE INDEX \"%s_%s__ix\" ON %s (tenant_id, %s) WHERE deleted_at IS NULL%s", p->res->name,
            indexes[i].suffix, p->res->table, indexes[i].columns, indexes[i].where);
    ADD(p, "CREATE UNIQUE INDEX \"%s_number__uq\" ON %s (tenant_id, number)", p->res->name, p->res->table);
}

#define STATISTICS_FIELDS 6

/* What records are mostly counted by. Without the id many rows share an entry, so that the index is small. */
static const char *statistics_columns(struct arena *a, const struct resource *res)
{
    const char *columns = "unit_id, state";
    uint32_t count = 0;

    for (uint32_t i = 0; i < res->field_count && count < STATISTICS_FIELDS; i++) {
        const struct field *f = &res->fields[i];

        if ((f->type != FIELD_ENUM && f->type != FIELD_BOOLEAN) || f->is_hidden_submitter)
            continue;
        columns = arena_printf(a, "%s, \"%s\"", columns, f->name);
        count++;
    }
    return columns;
}

/* One index for statistics, which are read from it alone. Tables made before there was such an index get it with the next
 * change of their declaration. */
static void add_statistics_index(struct plan *p)
{
    const struct resource *res = p->res;
    const char *columns = statistics_columns(p->a, res);
    const char *made =
        arena_printf(p->a, "IF NOT EXISTS \"%s_stat__ix\" ON %s (tenant_id, %s) WHERE deleted_at IS NULL",
            res->name, res->table, columns);

    if (p->previous && json_equal(p->previous->json, res->json))
        return;
    if (p->previous && strcmp(columns, statistics_columns(p->a, p->previous)) != 0)
        ADD_CONCURRENT(p, "DROP INDEX CONCURRENTLY IF EXISTS px_%s.\"%s_stat__ix\"", res->plugin, res->name);
    if (p->previous)
        ADD_CONCURRENT(p, "CREATE INDEX CONCURRENTLY %s", made);
    else
        ADD(p, "CREATE INDEX %s", made);
}

static void plan_new(struct plan *p)
{
    const struct resource *res = p->res;

    ADD(p, "CREATE SCHEMA IF NOT EXISTS px_%s", res->plugin);
    ADD(p, "GRANT USAGE ON SCHEMA px_%s TO juxin_app", res->plugin);
    create_table(p);
    secure_table(p);
    standard_indexes(p);
    add_statistics_index(p);
    for (uint32_t i = 0; i < res->field_count; i++) {
        add_field_index(p, &res->fields[i]);
        add_field_key(p, &res->fields[i]);
    }
}

static bool has_value(const struct field *f, const char *value)
{
    for (uint32_t i = 0; i < f->value_count; i++)
        if (strcmp(f->values[i].value, value) == 0)
            return true;
    return false;
}

#define NEEDS_MIGRATION                                                                                      \
    "keep what was declared, or write a migration in the plugin's migrations/ and raise its version"

static void refuse(struct plan *p, const char *pointer, const char *what)
{
    report_add(p->report, pointer, NEEDS_MIGRATION, "%s: %s", p->res->full_name, what);
}

static void diff_enum(struct plan *p, const struct field *was, const struct field *f)
{
    const char *at = arena_printf(p->a, "/fields/%s/values", f->name);
    bool wider = false;

    if (strcmp(was->dictionary ? was->dictionary : "", f->dictionary ? f->dictionary : "") != 0) {
        refuse(p, arena_printf(p->a, "/fields/%s/dictionary", f->name),
            "its values come from elsewhere now; records may hold others");
        return;
    }
    for (uint32_t i = 0; i < was->value_count; i++)
        if (!has_value(f, was->values[i].value))
            refuse(p, at,
                arena_printf(
                    p->a, "the value \"%s\" was removed; records may hold it", was->values[i].value));
    for (uint32_t i = 0; i < f->value_count; i++)
        wider |= !has_value(was, f->values[i].value);
    if (!wider)
        return;
    ADD(p, "ALTER TABLE %s DROP CONSTRAINT IF EXISTS \"%s_%s_ck\"", p->res->table, p->res->name, f->name);
    ADD(p, "ALTER TABLE %s ADD CONSTRAINT \"%s_%s_ck\" %s NOT VALID", p->res->table, p->res->name, f->name,
        enum_check(p->a, f));
}

static void diff_field(struct plan *p, const struct field *was, const struct field *f)
{
    const char *at = arena_printf(p->a, "/fields/%s", f->name);
    struct field index = *f;

    if (was->type != f->type && !(was->type == FIELD_TEXT && f->type == FIELD_LONGTEXT)) {
        refuse(p, at,
            arena_printf(p->a, "the type changed from %s to %s", field_type_name(was->type),
                field_type_name(f->type)));
        return;
    }
    if (f->type == FIELD_REFERENCE && strcmp(was->reference, f->reference) != 0)
        refuse(p, at, "it refers to another resource now");
    if (f->is_sensitive != was->is_sensitive)
        refuse(p, at, "\"sensitive\" changed; the values there are as they were written");
    if (f->max_length < was->max_length)
        refuse(p, at,
            arena_printf(p->a, "max_length fell from %u to %u; records may be longer", was->max_length,
                f->max_length));
    if (f->unique != UNIQUE_NO && f->unique != was->unique)
        refuse(p, at, "unique was added; records may hold doubles");
    if (f->unique == UNIQUE_NO && was->unique != UNIQUE_NO)
        ADD(p, "DROP INDEX IF EXISTS px_%s.\"%s_%s_uq\"", p->res->plugin, p->res->name, f->name);
    if (f->type == FIELD_ENUM)
        diff_enum(p, was, f);
    index.is_filterable = f->is_filterable && !was->is_filterable && !was->is_sortable;
    index.is_sortable = f->is_sortable && !was->is_filterable && !was->is_sortable;
    index.unique = UNIQUE_NO;
    add_field_index(p, &index);
}

static void plan_change(struct plan *p)
{
    const struct resource *res = p->res, *previous = p->previous;

    for (uint32_t i = 0; i < previous->field_count; i++)
        if (!resource_field(res, text_of(previous->fields[i].name)))
            refuse(p, "/fields",
                arena_printf(p->a, "the field \"%s\" was removed; its data would be out of reach",
                    previous->fields[i].name));
    for (uint32_t s = 0; s < previous->state_count; s++) {
        bool found = false;

        for (uint32_t k = 0; k < res->state_count; k++)
            found |= strcmp(previous->states[s].name, res->states[k].name) == 0;
        if (!found)
            refuse(p, "/states",
                arena_printf(
                    p->a, "the state \"%s\" was removed; records may be in it", previous->states[s].name));
    }
    for (uint32_t i = 0; i < res->field_count; i++) {
        const struct field *f = &res->fields[i], *was = resource_field(previous, text_of(f->name));

        if (was) {
            diff_field(p, was, f);
            continue;
        }
        ADD(p, "ALTER TABLE %s ADD COLUMN IF NOT EXISTS \"%s\" %s", res->table, f->name,
            column_types[f->type]);
        if (f->value_count) {
            ADD(p, "ALTER TABLE %s DROP CONSTRAINT IF EXISTS \"%s_%s_ck\"", p->res->table, p->res->name,
                f->name);
            ADD(p, "ALTER TABLE %s ADD CONSTRAINT \"%s_%s_ck\" %s", p->res->table, p->res->name, f->name,
                enum_check(p->a, f));
        }
        add_field_index(p, f);
        add_field_key(p, f);
    }
    add_statistics_index(p);
}

int ddl_plan(struct arena *a, const struct resource *res, const struct resource *previous,
    struct declaration_report *report, struct ddl *ret)
{
    struct ddl out = {0};
    struct plan p = {a, res, previous, report, &out};
    uint32_t faults = report->count;

    if (previous)
        plan_change(&p);
    else
        plan_new(&p);
    if (report->count != faults)
        return -EINVAL;
    *ret = out;
    return 0;
}
