/* Writing values of tenants' own fields. */
#include "resource/record/custom_value.h"

#include "db/pgarray.h"
#include "resource/declare/custom_field.h"

static const struct db_stmt put = {"custom_value.put",
    "INSERT INTO juxin.custom_value (tenant_id, record_id, field_id, text_value, number_value, date_value, "
    "long_value) "
    "SELECT $1, x.* FROM unnest($2::uuid[], $3::uuid[], $4::text[], $5::bigint[], $6::date[], $7::text[]) AS "
    "x(record_id, field_id, t, n, d, l) ON CONFLICT (tenant_id, record_id, field_id) DO UPDATE SET "
    "text_value = "
    "EXCLUDED.text_value, number_value = EXCLUDED.number_value, date_value = EXCLUDED.date_value, long_value "
    "= "
    "EXCLUDED.long_value"};
static const struct db_stmt drop = {"custom_value.drop",
    "DELETE FROM juxin.custom_value v USING unnest($2::uuid[], $3::uuid[]) AS x(record_id, field_id) WHERE "
    "v.tenant_id "
    "= $1 AND v.record_id = x.record_id AND v.field_id = x.field_id"};

enum list { RECORD, FIELD, TEXTS, NUMBERS, DATES, LONGS, LISTS };

static enum list list_of(enum field_type t)
{
    switch (t) {
    case FIELD_INTEGER:
    case FIELD_MONEY:
        return NUMBERS;
    case FIELD_DATE:
        return DATES;
    default:
        return t == FIELD_LONGTEXT ? LONGS : TEXTS;
    }
}

struct values {
    struct pgarray lists[LISTS];
    uint32_t count;
};

static void add(struct values *v, const struct record *rec, const struct field *f)
{
    pgarray_uuid(&v->lists[RECORD], rec->id);
    pgarray_uuid(&v->lists[FIELD], f->id);
    for (int i = TEXTS; i < LISTS; i++)
        pgarray_str(&v->lists[i], list_of(f->type) == (enum list)i ? rec->values[f->index] : NULL);
    v->count++;
}

static int send(struct call *c, struct values *v, struct db_stmt stmt, int lists)
{
    struct db_args a;

    if (v->count == 0)
        return 0;
    db_args_reset(&a);
    db_arg_int(&a, c->tenant->id);
    for (int i = 0; i < lists; i++)
        db_arg_str(&a, pgarray_end(&v->lists[i]));
    return db_exec(c->tx, stmt, &a, NULL);
}

int custom_value_write(struct call *c, struct record *const *records, uint32_t count)
{
    struct values put_these = {0}, drop_these = {0};
    int r;

    for (uint32_t i = 0; i < count; i++) {
        const struct resource *res = records[i]->res;

        for (uint32_t k = res->column_count; k < res->field_count; k++)
            if (record_is_changed(records[i], &res->fields[k]))
                add(records[i]->values[k] ? &put_these : &drop_these, records[i], &res->fields[k]);
    }
    r = send(c, &put_these, put, LISTS);
    if (r == 0)
        r = send(c, &drop_these, drop, TEXTS);
    for (int i = 0; i < LISTS; i++) {
        pgarray_done(&put_these.lists[i]);
        pgarray_done(&drop_these.lists[i]);
    }
    return r;
}
