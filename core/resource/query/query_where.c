/* The conditions of a list as SQL. A condition on what a record refers to holds only for what the reader may see of it, so
 * that nobody finds out by filtering. */
#include "resource/query/query.h"

#include "db/pgarray.h"
#include "resource/declare/custom_field.h"
#include "resource/record/gate.h"
#include "resource/record/reader.h"

struct where {
    struct call *c;
    const struct query *q;
    struct db_args *args;
    struct buf sql;
};

const char *query_arg(struct arena *a, struct db_args *args, const char *value, const char *type)
{
    db_arg_str(args, value);
    return arena_printf(a, "$%u%s", args->count, type);
}

const char *query_type(const struct field *f)
{
    static const char *const types[FIELD_TYPES] = {
        [FIELD_TEXT] = "::text",
        [FIELD_ENUM] = "::text",
        [FIELD_INTEGER] = "::bigint",
        [FIELD_MONEY] = "::bigint",
        [FIELD_BOOLEAN] = "::boolean",
        [FIELD_DATE] = "::date",
        [FIELD_DATETIME] = "::timestamptz",
        [FIELD_REFERENCE] = "::uuid",
        [FIELD_DEPARTMENT] = "::uuid",
        [FIELD_ACCOUNT] = "::uuid",
        [FIELD_UNIT] = "::uuid",
    };

    return types[f->type] ? types[f->type] : "::text";
}

static const char *arg(struct where *w, const char *value, const char *type)
{
    return query_arg(w->c->arena, w->args, value, type);
}

static const char *const ops[] = {"=", "<>", ">", ">=", "<", "<="};

/* Of a tenant's own field, whose values stand in a table of their own; its id is a parameter, so that the text is the same for
 * every tenant. */
static void add_custom(struct where *w, const struct query_filter *f)
{
    const struct field *field = f->column.field;
    const char *column = custom_value_column(field->type);
    const char *type = field->type == FIELD_BOOLEAN ? "::text" : query_type(field);

    buf_addf(&w->sql,
        "%sEXISTS (SELECT 1 FROM juxin.custom_value v WHERE v.tenant_id = $1 AND v.record_id = %s AND "
        "v.field_id = %s",
        f->op == OP_NULL ? "NOT " : "", f->column.sql,
        arg(w, arena_dup(w->c->arena, uuid_format(field->id).s), "::uuid"));
    if (f->op == OP_IN)
        buf_addf(&w->sql, " AND v.%s = ANY(%s%s[])", column, arg(w, f->value, ""), type);
    else if (f->op != OP_NULL && f->op != OP_NOT_NULL)
        buf_addf(&w->sql, " AND v.%s %s %s", column, ops[f->op], arg(w, f->value, type));
    buf_addc(&w->sql, ')');
}

static void add_comparison(struct where *w, const struct query_filter *f)
{
    const char *type = query_type(f->column.field);

    if (f->column.field->is_custom)
        add_custom(w, f);
    else if (f->op == OP_NULL || f->op == OP_NOT_NULL)
        buf_addf(&w->sql, "%s IS %sNULL", f->column.sql, f->op == OP_NULL ? "" : "NOT ");
    else if (f->op == OP_IN)
        buf_addf(&w->sql, "%s = ANY(%s%s[])", f->column.sql, arg(w, f->value, ""), type);
    else
        buf_addf(&w->sql, "%s %s %s", f->column.sql, ops[f->op], arg(w, f->value, type));
}

const char *query_sight(struct call *c, const struct resource *res, char alias, struct db_args *args)
{
    const char *holders;
    struct scope scope;

    reader_scope(c, res, &scope);
    if (scope.everywhere)
        return "";
    holders = reader_holders(c, res, false);
    if (!holders)
        return " AND false";
    holders = query_arg(c->arena, args, holders, "::uuid[]");
    return arena_printf(c->arena,
        " AND (%c.unit_id = ANY(%s) OR EXISTS (SELECT 1 FROM juxin.participant h WHERE h.tenant_id = $1 AND"
        " h.holder = ANY(%s) AND h.resource = '%s' AND h.record_id = %c.id))",
        alias, holders, holders, res->full_name, alias);
}

/* Of another resource: as in its own lists, where its plugin runs. */
static void add_sight(struct where *w, const struct resource *res)
{
    const char *off = gate_off_units(w->c, res->plugin);

    if (off)
        buf_addf(&w->sql, " AND t.unit_id <> ALL(%s)", arg(w, off, "::uuid[]"));
    buf_adds(&w->sql, query_sight(w->c, res, 't', w->args));
}

static void add_filter(struct where *w, const struct query_filter *f)
{
    if (!f->via) {
        add_comparison(w, f);
        return;
    }
    buf_addf(&w->sql, "EXISTS (SELECT 1 FROM %s t WHERE t.tenant_id = $1 AND t.id = %s AND ",
        f->target->table, f->via);
    add_comparison(w, f);
    buf_adds(&w->sql, " AND t.deleted_at IS NULL");
    add_sight(w, f->target);
    buf_addc(&w->sql, ')');
}

static void add_group(struct where *w, uint32_t group)
{
    const char *between = w->q->groups[group].is_any ? " OR " : " AND ";
    const char *next = group == 0 ? between : "";

    for (uint32_t i = 0; i < w->q->filter_count; i++) {
        if (w->q->filters[i].group != group)
            continue;
        buf_adds(&w->sql, next);
        add_filter(w, &w->q->filters[i]);
        next = between;
    }
    for (uint32_t g = group + 1; g < w->q->group_count; g++) {
        if (w->q->groups[g].parent != group)
            continue;
        buf_addf(&w->sql, "%s(", next);
        add_group(w, g);
        buf_addc(&w->sql, ')');
        next = between;
    }
}

const char *query_has_token(
    struct call *c, const struct query *q, uint32_t i, const char *id, struct db_args *args)
{
    return arena_printf(c->arena,
        " AND EXISTS (SELECT 1 FROM juxin.search s WHERE s.tenant_id = $1 AND s.resource = '%s' AND s.token "
        "= %s"
        " AND s.record_id = %s OFFSET 0)",
        q->res->full_name, query_arg(c->arena, args, q->tokens[i], "::text"), id);
}

static void add_words(struct where *w)
{
    for (uint32_t i = 0; i < w->q->token_count && w->q->words == WORDS_LOOKED_AT; i++)
        buf_adds(&w->sql, query_has_token(w->c, w->q, i, "r.id", w->args));
}

static void add_own_parts(struct where *w)
{
    const struct subject *who = w->c->who;
    struct uuid *ids = arena_array(w->c->arena, who->department_count + 1, sizeof(*ids));
    uint32_t n = 0;

    for (; n < who->department_count; n++)
        ids[n] = who->departments[n];
    if (!uuid_is_nil(who->account))
        ids[n++] = who->account;
    buf_addf(&w->sql,
        " AND r.id IN (SELECT t.record_id FROM juxin.part t WHERE t.tenant_id = $1 AND t.holder = ANY(%s) AND"
        " t.resource = '%s' AND t.state = 'open')",
        arg(w, pgarray_of_uuids(w->c->arena, ids, n), "::uuid[]"), w->q->res->full_name);
}

const char *query_where(struct call *c, const struct query *q, struct db_args *args)
{
    struct where w = {.c = c, .q = q, .args = args, .sql = BUF_INIT};
    const char *off = q->frozen ? NULL : gate_off_units(c, q->res->plugin), *s;

    add_group(&w, 0);
    add_words(&w);
    if (q->own_parts)
        add_own_parts(&w);
    if (q->frozen)
        buf_addf(&w.sql, " AND r.unit_id = ANY(%s)", arg(&w, q->frozen, "::uuid[]"));
    if (off)
        buf_addf(&w.sql, " AND r.unit_id <> ALL(%s)", arg(&w, off, "::uuid[]"));
    s = arena_dup(c->arena, buf_str(&w.sql));
    buf_done(&w.sql);
    return s;
}
