/* What lists are filtered and sorted by: fields and what every record has. */
#include <errno.h>

#include "resource/query/query_column.h"
#include "tenant/tree.h"

static const struct {
    const char *name;
    enum field_type type;
    bool is_nullable;
} standard[] = {
    {"id", FIELD_REFERENCE, false},
    {"state", FIELD_ENUM, false},
    {"due_at", FIELD_DATE, true},
    {"created_at", FIELD_DATETIME, false},
    {"number", FIELD_TEXT, true},
};

static struct field *field_made(struct arena *a, const char *name, enum field_type type)
{
    struct field *f = arena_alloc(a, sizeof(*f));

    f->name = name;
    f->type = type;
    f->max_length = 100;
    f->is_filterable = f->is_sortable = true;
    return f;
}

static const struct field *standard_field(struct arena *a, const struct resource *res, size_t i)
{
    struct field *f = field_made(a, standard[i].name, standard[i].type);

    if (f->type == FIELD_ENUM) {
        f->values = arena_array(a, res->state_count, sizeof(*f->values));
        f->value_count = res->state_count;
        for (uint32_t s = 0; s < res->state_count; s++)
            f->values[s].value = res->states[s].name;
    }
    return f;
}

int query_column_of(
    struct arena *a, const struct resource *res, struct text name, char alias, struct query_column *ret)
{
    const struct field *f = resource_field(res, name);

    for (size_t i = 0; i < ARRAY_LEN(standard); i++) {
        if (!text_is(name, standard[i].name))
            continue;
        *ret = (struct query_column){arena_printf(a, "%c.%s", alias, standard[i].name), standard[i].name,
            standard_field(a, res, i), standard[i].is_nullable};
        return 0;
    }
    if (!f)
        return -ENOENT;
    *ret = (struct query_column){
        f->is_custom ? arena_printf(a, "%c.id", alias) : arena_printf(a, "%c.\"%s\"", alias, f->name),
        f->name, f, true};
    return 0;
}

int query_column(struct arena *a, const struct resource *res, struct text name, struct query_column *ret)
{
    return query_column_of(a, res, name, 'r', ret);
}

int query_column_of_unit(struct arena *a, struct text name, struct query_column *ret)
{
    struct field *f;

    if (text_is(name, "code")) {
        *ret = (struct query_column){NULL, "code", field_made(a, "code", FIELD_TEXT), false};
        return 0;
    }
    if (!text_is(name, "level"))
        return -ENOENT;
    f = field_made(a, "level", FIELD_ENUM);
    f->values = arena_array(a, LEVELS, sizeof(*f->values));
    f->value_count = LEVELS;
    for (int l = 0; l < LEVELS; l++)
        f->values[l].value = level_name((enum level)l);
    *ret = (struct query_column){NULL, "level", f, false};
    return 0;
}

struct query_column query_unit_column(struct arena *a, const char *sql)
{
    return (struct query_column){sql, "unit", field_made(a, "unit", FIELD_UNIT), true};
}

bool query_is_indexed(const struct field *f)
{
    return !f->is_custom && (f->is_filterable || f->is_sortable); /* one index for both */
}
