/* The columns that a record is read by. */
#include "resource/declare/row.h"

#include "base/buf.h"

/* All of a record's values of the tenant's own fields: the same text for every tenant that has some. */
const char row_custom_values[] =
    ", (SELECT jsonb_object_agg(v.field_id, coalesce(v.text_value, v.long_value, v.number_value::text, "
    "v.date_value::text))::text FROM juxin.custom_value v WHERE v.tenant_id = $1 AND v.record_id = r.id)";

bool row_has_custom(const struct resource *res, const struct choice *choice)
{
    bool any = false;

    for (uint32_t i = res->column_count; i < res->field_count && !any; i++)
        any = choice_fetches(choice, &res->fields[i]);
    return any;
}

const char *row_own_columns(struct arena *a, const struct resource *res, const struct choice *choice)
{
    struct buf b = BUF_INIT;
    char *s;

    if (res->columns && !choice)
        return res->columns;
    buf_adds(&b, "r.id, r.unit_id, r.origin_unit_id, r.version, r.state, r.state_since, r.due_at, r.number, "
                 "r.created_at, "
                 "r.created_by, r.updated_at, r.updated_by");
    for (uint32_t i = 0; i < res->column_count; i++)
        if (choice_fetches(choice, &res->fields[i]))
            buf_addf(&b, ", r.\"%s\"", res->fields[i].name);
    s = arena_dup(a, buf_str(&b));
    buf_done(&b);
    return s;
}

const char *row_columns(struct arena *a, const struct resource *res, const struct choice *choice)
{
    const char *own = row_own_columns(a, res, choice);

    return row_has_custom(res, choice) ? arena_printf(a, "%s%s", own, row_custom_values) : own;
}

int row_column_count(const struct resource *res, const struct choice *choice)
{
    int n = COL_FIELDS;

    for (uint32_t i = 0; i < res->column_count; i++)
        n += choice_fetches(choice, &res->fields[i]);
    return n + row_has_custom(res, choice);
}
