/* The columns that a record is read by. */
#include "resource/declare/row.h"

#include "base/buf.h"

const char *row_columns(struct arena *a, const struct resource *res, const struct choice *choice)
{
    struct buf b = BUF_INIT;
    char *s;

    if (res->columns && !choice)
        return res->columns;
    buf_adds(&b, "r.id, r.unit_id, r.origin_unit_id, r.version, r.state, r.state_since, r.due_at, r.number, "
                 "r.created_at, "
                 "r.created_by, r.updated_at, r.updated_by");
    for (uint32_t i = 0; i < res->field_count; i++)
        if (choice_fetches(choice, &res->fields[i]))
            buf_addf(&b, ", r.\"%s\"", res->fields[i].name);
    s = arena_dup(a, buf_str(&b));
    buf_done(&b);
    return s;
}

int row_column_count(const struct resource *res, const struct choice *choice)
{
    int n = COL_FIELDS;

    for (uint32_t i = 0; i < res->field_count; i++)
        n += choice_fetches(choice, &res->fields[i]);
    return n;
}
